"""Captured data that changes between calls is noticed, whatever way it is held."""

import functools
from collections import UserDict, deque
from types import ModuleType

import numpy as np
import pytest
import scipy.sparse

import closedform as cf

weights = np.ones(3)
exponent = 2
inner_scale = [1.0]


def helper(x):
    return inner_scale[0] * x


def other(x):
    return 2 * x


function = np.positive
config = ModuleType("config")


class Layer:
    def __init__(self):
        self.w = np.full(3, 2.0)


class Slotted:
    __slots__ = ("w",)


class Model:
    scale = 1.0

    def __init__(self):
        self.k = 3.0
        self.layers = [Layer(), Layer()]

    def by_method(self, x):
        return np.sum(self.scaled(x))

    def scaled(self, x):
        return inner_scale[0] * x

    def by_class(self, x):
        return np.sum(self.scale * x)

    def by_layers(self, x):
        return np.sum(self.layers[0].w * x)

    def __call__(self, x):
        return np.sum(self.k * x)

    def method(self, x):
        return np.sum(self.k * x**2)


def changes(kind):
    """(function, change, value before, value after) at x = (1, 1, 1)."""
    global exponent, function, other
    data, numbers, model, slotted = np.ones(3), [2.0], Model(), Slotted()
    exponent, inner_scale[0], weights[:] = 2, 1.0, 1.0
    Model.scale, slotted.w, config.scale, function = 1.0, 1.0, 2.0, np.positive
    deep = [[[[[data]]]]]

    def other(x):
        return 2 * x

    def set_other():
        global other
        other = lambda x: 7 * x  # noqa: E731

    def set_function():
        global function
        function = np.exp

    def default(x, w=data):
        return np.sum(w * x)

    def set_exponent():
        global exponent
        exponent = 3

    return {
        "closure array": (lambda x: np.sum(data * x), lambda: data.__imul__(2), 1, 2),
        "global array": (lambda x: np.sum(weights * x), lambda: weights.__imul__(2), 1, 2),
        "global number": (lambda x: np.sum(x**exponent), set_exponent, 2, 3),
        "list": (lambda x: np.sum(numbers[0] * x), lambda: numbers.__setitem__(0, 5.0), 2, 5),
        "default": (default, lambda: data.__imul__(9), 1, 9),
        "attribute": (model, lambda: setattr(model, "k", 5.0), 3, 5),
        "method": (model.method, lambda: setattr(model, "k", 5.0), 6, 10),
        "helper": (lambda x: np.sum(helper(x)), lambda: inner_scale.__setitem__(0, 4.0), 1, 4),
        "helper itself": (lambda x: np.sum(other(x)), set_other, 2, 7),
        "ufunc": (lambda x: np.sum(function(x)), set_function, 1, np.exp(1)),
        "method's helper": (model.by_method, lambda: inner_scale.__setitem__(0, 4.0), 1, 4),
        "method of a captured object": (
            lambda x: model.by_method(x),
            lambda: inner_scale.__setitem__(0, 4.0),
            1,
            4,
        ),
        "class constant": (lambda x: np.sum(Model.scale * x), lambda: setattr(Model, "scale", 4.0), 1, 4),
        "class constant by self": (model.by_class, lambda: setattr(Model, "scale", 4.0), 1, 4),
        "layers": (model.by_layers, lambda: setattr(model.layers[0], "w", np.full(3, 6.0)), 2, 6),
        "layers in place": (model.by_layers, lambda: model.layers[0].w.__imul__(3), 2, 6),
        "slots": (lambda x: np.sum(slotted.w * x), lambda: setattr(slotted, "w", 3.0), 1, 3),
        "deep": (lambda x: np.sum(deep[0][0][0][0][0] * x), lambda: data.__imul__(3), 1, 3),
        "module": (lambda x: np.sum(config.scale * x), lambda: setattr(config, "scale", 5.0), 2, 5),
        "partial": (functools.partial(lambda w, x: np.sum(w * x), data), lambda: data.__imul__(3), 1, 3),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "closure array",
        "global array",
        "global number",
        "list",
        "default",
        "attribute",
        "method",
        "helper",
        "helper itself",
        "ufunc",
        "method's helper",
        "method of a captured object",
        "class constant",
        "class constant by self",
        "layers",
        "layers in place",
        "slots",
        "deep",
        "module",
        "partial",
    ],
)
def test_changed_data_is_derived_anew(kind):
    f, change, before, after = changes(kind)
    gradient = cf.grad(f)
    np.testing.assert_allclose(gradient(np.ones(3)), np.full(3, before))
    change()
    np.testing.assert_allclose(gradient(np.ones(3)), np.full(3, after))
    np.testing.assert_allclose(gradient(np.ones(3)), np.full(3, after))


def test_data_that_is_too_much_to_look_into_is_taken_as_changed():
    many = [[float(i)] for i in range(30_000)]
    gradient = cf.grad(lambda x: np.sum(many[-1][0] * x))
    np.testing.assert_allclose(gradient(np.ones(2)), [29_999.0] * 2)
    many[-1][0] = 2.0
    np.testing.assert_allclose(gradient(np.ones(2)), [2.0] * 2)


def test_data_that_holds_itself_is_looked_into_once():
    loop = {"scale": 2.0}
    loop["self"] = loop
    gradient = cf.grad(lambda x: np.sum(loop["scale"] * x))
    np.testing.assert_allclose(gradient(np.ones(2)), [2.0] * 2)
    assert len(gradient._known) == 1
    gradient(np.ones(2))
    loop["scale"] = 3.0
    np.testing.assert_allclose(gradient(np.ones(2)), [3.0] * 2)


class Base:
    rate = np.ones(1)

    def __call__(self, x):
        return self.rate[0] * np.sum(x)


class Inherited(Base):
    def __call__(self, x):
        return super().__call__(x)

    def __mul__(self, x):
        return inner_scale[0] * x


class Number(float):
    pass


def with_attribute(x):
    return with_attribute.k * np.sum(x)


def times_scale(f):
    @functools.wraps(f)
    def wrapper(x):
        return inner_scale[0] * f(x)

    return wrapper


def held_elsewhere(kind):
    """(function, change) as the derivative goes from 1 to 4."""
    inner_scale[0] = 1.0
    Base.rate[0] = 1.0
    with_attribute.k = 1.0
    config.scale = 1.0
    queue, wrapped, number = deque([1.0]), UserDict(k=1.0), Number(1)
    number.k = 1.0
    sparse = scipy.sparse.csr_array(np.eye(3))
    masked, inherited = np.ma.masked_array([1.0, 3.0], [False, True]), Inherited()
    items = np.array([[1.0], [2.0]], dtype=object)
    items[0, 0] = [1.0]
    return {
        "function attribute": (with_attribute, lambda: setattr(with_attribute, "k", 4.0)),
        "wrapper": (times_scale(np.sum), lambda: inner_scale.__setitem__(0, 4.0)),
        "super": (Inherited(), lambda: Base.rate.__setitem__(0, 4.0)),
        "operator": (lambda x, by=inherited: np.sum(by * x), lambda: inner_scale.__setitem__(0, 4.0)),
        "queue": (lambda x: queue[0] * np.sum(x), lambda: queue.__setitem__(0, 4.0)),
        "mapping": (lambda x: wrapped["k"] * np.sum(x), lambda: wrapped.__setitem__("k", 4.0)),
        "number": (lambda x: number.k * np.sum(x), lambda: setattr(number, "k", 4.0)),
        "sparse": (lambda x: sparse.data[0] * np.sum(x), lambda: sparse.data.__setitem__(0, 4.0)),
        "mask": (lambda x: float(masked.sum()) * np.sum(x), lambda: setattr(masked, "mask", False)),
        "objects": (lambda x: items[0, 0][0] * np.sum(x), lambda: items[0, 0].__setitem__(0, 4.0)),
        "by text": (lambda x: getattr(config, "scale") * np.sum(x), lambda: setattr(config, "scale", 4.0)),  # noqa: B009
        "helper in a dict": (
            lambda x, by={"f": helper}: np.sum(by["f"](x)),
            lambda: inner_scale.__setitem__(0, 4.0),
        ),
    }[kind]


WAYS = ["function attribute", "wrapper", "super", "operator", "queue", "mapping", "number", "sparse", "mask"]


@pytest.mark.parametrize("kind", [*WAYS, "objects", "by text", "helper in a dict"])
def test_data_is_found_wherever_it_is_held(kind):
    f, change = held_elsewhere(kind)
    gradient = cf.grad(f)
    np.testing.assert_allclose(gradient(np.ones(3)), np.ones(3))
    change()
    np.testing.assert_allclose(gradient(np.ones(3)), np.full(3, 4.0))
