"""A notation tree and the values of its names go in, its value comes out: what it means, by NumPy alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from closedform.expression.expr import Expr
from closedform.primitives import PRIMITIVES


class Entries:
    """A scalar with letters: an axis for each letter."""

    def __init__(self, array: Any, letters: tuple[str, ...] = ()) -> None:
        self.array, self.letters = np.asarray(array, dtype=float), letters

    def along(self, letters: tuple[str, ...]) -> np.ndarray:
        """The array with these axes; letters it does not hold have size 1."""
        held = [letter for letter in letters if letter in self.letters]
        array = np.transpose(self.array, [self.letters.index(letter) for letter in held])
        return array.reshape([array.shape[held.index(l)] if l in held else 1 for l in letters])


def together(function: Callable[..., Any], *operands: Entries) -> Entries:
    letters = tuple(dict.fromkeys(letter for o in operands for letter in o.letters))
    return Entries(function(*(o.along(letters) for o in operands)), letters)


def meaning(
    form: Expr,
    values: Mapping[str, np.ndarray],
    differentials: Mapping[Expr, np.ndarray] = MappingProxyType({}),
) -> np.ndarray:
    """The value of a form: columns have the shape (n, 1), rows (1, n), scalars ().

    differentials  the values of d(u), by the form of u
    """
    value = _Meaning(values, differentials).of(form)
    return value.array if isinstance(value, Entries) else value


class _Meaning:
    def __init__(self, values: Mapping[str, np.ndarray], differentials: Mapping[Expr, np.ndarray]) -> None:
        self.values, self.differentials = values, differentials
        self.sizes: dict[str, int] = {}

    def of(self, form: Expr) -> Any:
        rule: Callable[[Expr], Any] = getattr(self, form.op)
        return rule(form)

    def all(self, form: Expr) -> list[Any]:
        return [self.of(arg) for arg in form.args]

    def column(self, array: np.ndarray) -> Any:
        if array.ndim == 0:
            return Entries(array)
        return array[:, None] if array.ndim == 1 else array

    def pointwise(self, function: Callable[..., Any], operands: list[Any]) -> Any:
        """Of scalars with letters, or of arrays and plain scalars."""
        if all(isinstance(o, Entries) for o in operands):
            return together(function, *operands)
        return function(*(o.array if isinstance(o, Entries) else o for o in operands))

    # leaves
    def symbol(self, form: Expr) -> Any:
        return self.column(self.values[form.params[0]])

    def literal(self, form: Expr) -> Any:
        return self.column(np.full([s.value for s in form.shape], float(form.params[0])))

    def ones(self, form: Expr) -> Any:
        return np.ones((form.shape[0].value, 1))

    def identity(self, form: Expr) -> Any:
        return np.eye(form.shape[0].value)

    def commutation(self, form: Expr) -> Any:
        m, n = (size.value for size in form.params)
        return np.array([np.eye(m * n)[:, k].reshape(n, m).T.ravel() for k in range(m * n)]).T

    def basis(self, form: Expr) -> Any:
        return np.eye(form.shape[0].value)[form.params[0]][:, None]

    def selection(self, form: Expr) -> Any:
        return np.eye(form.shape[1].value)[self.item(form.params[0])]

    def triangle(self, form: Expr) -> Any:
        return np.tril(np.ones([s.value for s in form.shape]), form.params[0])

    def reshaping(self, form: Expr) -> Any:
        return np.eye(form.shape[0].value).reshape([s.value for s in form.shape])

    # sums, products, powers
    def sum(self, form: Expr) -> Any:
        terms = self.all(form)
        return self.pointwise(lambda *t: sum(s * u for s, u in zip(form.params, t, strict=True)), terms)

    def negative(self, form: Expr) -> Any:
        return self.pointwise(np.negative, self.all(form))

    def product(self, form: Expr) -> Any:
        assert all(not arg.shape for arg in form.args[:-1])
        return self.pointwise(lambda *t: np.prod(np.broadcast_arrays(*t), axis=0), self.all(form))

    def fraction(self, form: Expr) -> Any:
        assert not form.args[1].shape
        return self.pointwise(np.divide, self.all(form))

    def power(self, form: Expr) -> Any:
        return self.pointwise(lambda b: b ** float(form.params[0]), self.all(form))

    elementwise_power = power

    def hadamard(self, form: Expr) -> Any:
        arrays = self.all(form)
        assert len({array.shape for array in arrays}) == 1
        return np.prod(arrays, axis=0)

    def quotient(self, form: Expr) -> Any:
        above, below = self.all(form)
        assert above.shape == below.shape
        return above / below

    def norm(self, form: Expr) -> Any:
        return Entries(np.sqrt(np.sum(self.of(form.args[0]) ** 2)))

    def blocks(self, form: Expr) -> Any:
        (columns,) = form.params
        shown = [part.array.reshape(1, 1) if isinstance(part, Entries) else part for part in self.all(form)]
        rows = [shown[n : n + columns] for n in range(0, len(shown), columns)]
        return np.block(rows)

    # matrices
    def matmul(self, form: Expr) -> Any:
        value = self.all(form)[0]
        for factor in self.all(form)[1:]:
            value = value @ factor
        return value if form.shape else Entries(value.item())

    def differential(self, form: Expr) -> Any:
        return self.column(self.differentials[form.args[0]])

    def transpose(self, form: Expr) -> Any:
        return self.of(form.args[0]).T

    def inverse(self, form: Expr) -> Any:
        return np.linalg.inv(self.of(form.args[0]))

    def trace(self, form: Expr) -> Any:
        return Entries(np.trace(self.of(form.args[0])))

    def diag(self, form: Expr) -> Any:
        vector = self.of(form.args[0])[:, 0]
        tensor = np.zeros((len(vector),) * form.ndim)
        tensor[(np.arange(len(vector)),) * form.ndim] = vector
        return tensor

    def diagonal(self, form: Expr) -> Any:
        return np.diagonal(self.of(form.args[0]))[:, None]

    def kron(self, form: Expr) -> Any:
        return np.kron(*self.all(form))

    def vec(self, form: Expr) -> Any:
        return self.of(form.args[0]).reshape(-1, 1)

    ravel = vec

    def roll(self, form: Expr) -> Any:
        by, axis = form.params
        return np.roll(self.of(form.args[0]), by, axis)

    def reshape(self, form: Expr) -> Any:
        return self.of(form.args[0]).reshape([s.value for s in form.shape])

    def lower(self, form: Expr) -> Any:
        return np.tril(self.of(form.args[0]), form.params[0])

    def part(self, form: Expr) -> Any:
        whole = self.of(form.args[0])
        array = whole[:, 0] if form.args[0].ndim == 1 else whole
        for axis in reversed(range(array.ndim)):
            if form.params[axis] is not None:
                array = (
                    np.moveaxis(np.moveaxis(array, axis, 0)[self.item(form.params[axis])], 0, axis)
                    if (form.params[axis][0] != "at")
                    else np.take(array, form.params[axis][1], axis)
                )
        return self.column(array)

    def item(self, item: tuple[str, Any]) -> Any:
        kind, value = item
        if kind == "slice":
            return slice(*(int(p) if p else None for p in value.split(":")))
        return value.array if kind == "gather" else value

    # functions
    def call(self, form: Expr) -> Any:
        name, *params = form.params
        function = PRIMITIVES[name].call
        value = self.pointwise(lambda *operands: function(*operands, **dict(params)), self.all(form))
        return value if form.shape or isinstance(value, Entries) else Entries(value)

    def where(self, form: Expr) -> Any:
        for name, part in list(zip(form.params, form.args[1:], strict=True)):
            value = _Meaning(self.values, self.differentials).of(part)
            array = value.array if isinstance(value, Entries) else value
            self.values = {**self.values, name: array[:, 0] if part.ndim == 1 else array}
        return self.of(form.args[0])

    # indices
    def index(self, form: Expr) -> Any:
        outer = self.sizes
        self.sizes = {**outer, **dict(zip(form.params, (s.value for s in form.shape), strict=True))}
        body = self.of(form.args[0])
        self.sizes = outer
        array = np.broadcast_to(body.along(form.params), [s.value for s in form.shape])
        return self.column(np.array(array))

    def entry(self, form: Expr) -> Any:
        array = self.of(form.args[0])
        array = array[:, 0] if form.args[0].ndim == 1 else array
        letters = tuple(dict.fromkeys(form.params))
        positions = [letters.index(letter) for letter in form.params]
        self.sizes = {**self.sizes, **dict(zip(form.params, array.shape, strict=True))}
        return Entries(np.einsum(array, positions, list(range(len(letters)))), letters)

    def delta(self, form: Expr) -> Any:
        size = next(self.sizes[letter] for letter in form.params if letter in self.sizes)
        return Entries(np.eye(size), form.params)

    def different(self, form: Expr) -> Any:
        return Entries(1 - np.eye(self.sizes[form.params[0]]), form.params)

    def summation(self, form: Expr) -> Any:
        body = self.of(form.args[0])
        assert set(form.params) <= set(body.letters)
        kept = tuple(letter for letter in body.letters if letter not in form.params)
        axes = tuple(body.letters.index(letter) for letter in form.params)
        return Entries(body.array.sum(axis=axes), kept)

    def running_product(self, form: Expr) -> Any:
        body = self.of(form.args[0])
        label, *without = form.params
        if label not in body.letters:
            raise AssertionError("the product's letter does not stand in it")
        array = body.along((*(l for l in body.letters if l != label), label))
        kept = tuple(l for l in body.letters if l != label)
        size = array.shape[-1]
        mask = np.ones((size,) * len(without) + (size,))
        for n in range(len(without)):
            shape = [1] * (len(without) + 1)
            shape[n] = shape[-1] = size
            mask = mask * (1 - np.eye(size)).reshape(shape)
        spread = array.reshape(*array.shape[:-1], *(1,) * len(without), size)
        return Entries(np.prod(np.where(mask == 1, spread, 1.0), axis=-1), (*kept, *without))
