"""Captured data that changes between calls is noticed, whatever way it is held."""

import functools

import numpy as np
import pytest

import closedform as cf

weights = np.ones(3)
exponent = 2
inner_scale = [1.0]


def helper(x):
    return inner_scale[0] * x


class Model:
    def __init__(self):
        self.k = 3.0

    def __call__(self, x):
        return np.sum(self.k * x)

    def method(self, x):
        return np.sum(self.k * x**2)


def changes(kind):
    """(function, change, value before, value after) at x = (1, 1, 1)."""
    global exponent
    data, numbers, model = np.ones(3), [2.0], Model()
    exponent, inner_scale[0], weights[:] = 2, 1.0, 1.0

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
