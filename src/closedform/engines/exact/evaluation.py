"""An expression and its inputs' values in, its value in ball arithmetic out: numbers, or power series in t.

The calculus has rules of its own here. The user's operations run as they are: NumPy's functions on arrays of
Balls, the formula `ball` of an elementwise primitive, and flint's linear algebra.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from closedform.engines.exact import tensors
from closedform.engines.exact.balls import Ball, UndecidedError, working
from closedform.engines.exact.tensors import contract, contraction_path, elementwise, lift
from closedform.errors import InvalidArgumentError, UnsupportedError
from closedform.expression.calculus import Number, exact, factors_of, label_sizes, spec_of
from closedform.expression.expr import Expr, toposort
from closedform.primitives import PRIMITIVES
from closedform.primitives.structure import DENSE, dense

# Seconds at 128 bits, as measured on one core of a small machine, of one multiplication inside a matrix
# product, one step of an elimination, one entry that an operation reads, and one that it makes.
PRODUCT_SECONDS, ELIMINATION_SECONDS, READ_SECONDS, MADE_SECONDS = 2e-8, 5e-8, 1e-6, 8e-6
# An array of Balls takes about 400 bytes an entry.
LARGEST_ARRAY = 2_000_000


def evaluate(expr: Expr, values: Mapping[str, Any], bits: int) -> np.ndarray:
    """The value of an expression at exact inputs, as an object array of flint's `arb`.

    values  input name -> float64 array, or object array of `arb`
    bits    precision of the arithmetic; each entry's own error bound tells what came of it

    >>> from closedform.expression.expr import input_
    >>> third = evaluate(input_("x", ()) ** -1, {"x": 3.0}, 64).item()
    >>> float(third), float(third.rad()) < 1e-18
    (0.3333333333333333, True)

    Raises UndecidedError where more bits may help, UnsupportedError where an operation has no exact rule.
    """
    with working(bits):
        return _coefficient(_values([expr], values)[0], 0)


def evaluate_all(exprs: Sequence[Expr], values: Mapping[str, Any], bits: int) -> list[np.ndarray]:
    """Several expressions as `evaluate` does, their common parts once."""
    with working(bits):
        return [_coefficient(array, 0) for array in _values(exprs, values)]


def taylor(
    root: Expr, values: Mapping[str, Any], directions: Mapping[str, np.ndarray], order: int, bits: int
) -> list[np.ndarray]:
    """The Taylor coefficients 0 to `order` of t -> f(x + t v), as object arrays of `arb`.

    values      input name -> x, an array of float64
    directions  input name -> v, of the same shape, floats or `arb`; other inputs stay as they are

    >>> from closedform.expression.expr import input_
    >>> x = input_("x", ())
    >>> [float(c) for c in taylor(x**3, {"x": 2.0}, {"x": 1.0}, 2, 64)]
    [8.0, 12.0, 6.0]

    Raises as `evaluate` does.
    """
    from flint import arb_series

    moving: dict[str, Any] = dict(values)
    with working(bits, order):
        for name, direction in directions.items():
            start = _exact(np.asarray(values[name]), f"the input {name!r}").astype(object)
            line = np.frompyfunc(lambda x, v: Ball(arb_series([x, v])), 2, 1)(
                start, np.asarray(direction, object)
            )
            moving[name] = np.asarray(line, dtype=object)
        (array,) = _values([root], moving)
        return [_coefficient(array, k) for k in range(order + 1)]


def _coefficient(array: np.ndarray, power: int) -> np.ndarray:
    flat = [ball.series[power] for ball in lift(array).ravel().tolist()]
    if not all(entry.is_finite() for entry in flat):
        raise UndecidedError("the result is not finite")
    return np.fromiter(flat, object, len(flat)).reshape(array.shape)


def _values(roots: Sequence[Expr], values: Mapping[str, Any]) -> list[np.ndarray]:
    known: dict[Expr, np.ndarray] = {}
    for node in toposort(*roots):
        try:
            known[node] = _value(node, [known[a] for a in node.args], values)
        except ZeroDivisionError:
            raise UndecidedError(f"{node.op} divides by zero, or by something very near to it") from None
    return [known[root] for root in roots]


def _value(node: Expr, operands: list[np.ndarray], values: Mapping[str, Any]) -> np.ndarray:
    if node.op == "input":
        return _input(node, values)
    if not node.args and node.op in DENSE:
        return dense(node)
    rule = _CALCULUS.get(node.op)
    if rule is not None:
        return rule(node, operands)
    primitive = PRIMITIVES[node.op]
    parameters = dict(node.params)
    if primitive.ball is not None:
        ball = primitive.ball
        return elementwise(lambda *balls: ball(*balls, **parameters), *map(lift, operands))
    if node.op not in _ARRAYS and primitive.call is None:
        raise UnsupportedError(f"{node.op} has no rule in exact arithmetic")
    try:
        if node.op in _ARRAYS:
            return _ARRAYS[node.op](*operands, **parameters)
        return lift(np.asarray(primitive.call(*map(lift, operands), **parameters)))  # type: ignore[misc]
    except (TypeError, AttributeError, ValueError) as error:
        raise UnsupportedError(f"{node.op} has no rule in exact arithmetic: {error}") from error


def _input(node: Expr, values: Mapping[str, Any]) -> np.ndarray:
    name = node.params[0]
    if name not in values:
        raise InvalidArgumentError(f"there is no value for the input {name!r}")
    array = np.asarray(values[name])
    shape = tuple(size.value for size in node.shape)
    if array.shape != shape:
        raise InvalidArgumentError(f"the input {name!r} has the shape {array.shape}, expected {shape}")
    return _exact(array, f"the input {name!r}")


def _exact(array: np.ndarray, what: str) -> np.ndarray:
    """The array with its entries taken as exact real numbers."""
    if array.dtype == object:
        return array
    if array.dtype.kind not in "fiub":
        raise UnsupportedError(f"no exact reference: {what} has the data type {array.dtype}")
    if not np.all(np.isfinite(array)):
        raise UnsupportedError(f"no exact reference: {what} holds nan or infinity")
    return array.astype(np.float64)


def _number(value: float) -> np.ndarray:
    """A number as the calculus reads it: 0.1 is 1/10."""
    one = _exact(np.asarray(1.0), "one")
    return scaled(one, exact(value)) if math.isfinite(value) else _exact(np.asarray(value), "a number")


def scaled(array: np.ndarray, factor: Number) -> np.ndarray:
    """The array times a rational number."""
    if factor == 1:
        return array
    top, bottom = Fraction(factor).numerator, Fraction(factor).denominator
    return elementwise(lambda ball: ball * top / bottom, lift(array))


def _contract(node: Expr, operands: list[np.ndarray]) -> np.ndarray:
    spec = spec_of(node)
    factors = [
        (array if p == 1 else elementwise(lambda ball, p=p: ball**p, lift(array)), labels)
        for array, labels, p in zip(operands, spec.labels, spec.exponents, strict=True)
    ]
    sizes = {label: size.value for label, size in label_sizes(node).items()}
    return scaled(contract(factors, spec.out, sizes), spec.coefficient)


def _linear(node: Expr, operands: list[np.ndarray]) -> np.ndarray:
    terms = [lift(scaled(array, c)) for c, array in zip(node.params, operands, strict=True)]
    total = terms[0]
    for term in terms[1:]:
        total = np.add(total, term)
    return np.asarray(total, dtype=object)


def _matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.ndim > 2 or b.ndim > 2:
        return lift(np.matmul(lift(a), lift(b)))
    labels = ("i", "k")[2 - a.ndim :], ("k", "j")[: b.ndim]
    return _product([a, b], labels, tuple(label for term in labels for label in term if label != "k"))


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return lift(np.multiply(lift(a), lift(b))) if a.ndim == 0 or b.ndim == 0 else _matmul(a, b)


def _einsum(*operands: np.ndarray, subscripts: str) -> np.ndarray:
    if "." in subscripts:
        return lift(np.einsum(subscripts, *map(lift, operands)))
    terms, arrow, out = subscripts.partition("->")
    if not arrow:
        out = "".join(sorted(c for c in set(terms) - {","} if terms.count(c) == 1))
    return _product(operands, terms.split(","), out)


def _product(
    operands: Sequence[np.ndarray], labels: Sequence[Sequence[str]], out: Sequence[str]
) -> np.ndarray:
    sizes: dict[Any, int] = {}
    for array, term in zip(operands, labels, strict=True):
        sizes.update(zip(term, array.shape, strict=True))
    return contract([(a, tuple(term)) for a, term in zip(operands, labels, strict=True)], tuple(out), sizes)


def _logsumexp(v: np.ndarray, axis: Any = None, keepdims: bool = False) -> np.ndarray:
    total = np.sum(elementwise(Ball.exp, lift(v)), axis=axis, keepdims=keepdims)
    return elementwise(Ball.log, lift(total))


def _softmax(v: np.ndarray, axis: Any = None) -> np.ndarray:
    powers = elementwise(Ball.exp, lift(v))
    return lift(np.divide(powers, np.sum(powers, axis=axis, keepdims=True)))


def _log_softmax(v: np.ndarray, axis: Any = None) -> np.ndarray:
    return lift(np.subtract(lift(v), _logsumexp(v, axis, True)))


def _take_along(values: np.ndarray, order: np.ndarray, axis: int = -1) -> np.ndarray:
    positions = [int(ball.series[0].unique_fmpz()) for ball in lift(order).ravel().tolist()]
    index = np.array(positions, dtype=int).reshape(order.shape)
    return lift(np.asarray(PRIMITIVES["take_along"].call(lift(values), index, axis)))  # type: ignore[misc]


_CALCULUS: dict[str, Callable[[Expr, list[np.ndarray]], np.ndarray]] = {
    "constant": lambda node, _: _exact(node.params[0].array, "a captured array"),
    "number": lambda node, _: _number(node.params[0]),
    "size": lambda node, _: np.asarray(float(node.params[0].value)),
    "contract": _contract,
    "linear": _linear,
}


def _one_plus_products(v: Any, order: int) -> np.ndarray:
    """Exact numbers need no wider type for 1 + v."""
    return lift(np.asarray(PRIMITIVES["products_without"].call(lift(1 + lift(v)), order)))  # type: ignore[misc]


def _residuals(a: np.ndarray, b: np.ndarray, rcond: Any = None) -> np.ndarray:
    apart = lift(_matmul(a, tensors.lstsq(a, b))) - lift(b)
    return np.sum(apart * apart, axis=0, keepdims=b.ndim == 1)


def _reciprocal_gaps(v: np.ndarray) -> np.ndarray:
    """Exact gaps are right however small they are."""
    same = np.eye(v.shape[-1], dtype=int)
    return (1 - same) / (lift(v)[..., None, :] - lift(v)[..., None] + same)


def _divided_differences(h: np.ndarray, slope: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Exact gaps are right however small they are; between values that are not told apart there is none."""
    same = np.eye(v.shape[-1], dtype=int)
    rise, gaps = (lift(a)[..., None, :] - lift(a)[..., None] for a in (h, v))
    return np.where(same == 1, lift(slope)[..., None], rise / (gaps + same))


# Functions of whole arrays that NumPy cannot do on objects, or not fast.
_ARRAYS: dict[str, Callable[..., np.ndarray]] = {
    "matmul": _matmul,
    "dot": _dot,
    "einsum": _einsum,
    "inv": tensors.per_matrix(tensors.inv),
    "solve": tensors.solve,
    "det": tensors.per_matrix(tensors.det),
    "logdet": tensors.per_matrix(tensors.logdet),
    "sign_det": tensors.per_matrix(tensors.sign_det),
    "solve_transposed": lambda a, b: tensors.solve(np.swapaxes(a, -1, -2), b),
    "solve_symmetric": lambda a, b: tensors.solve((lift(a) + np.swapaxes(lift(a), -1, -2)) / 2, b),
    "pinv": lambda a, rtol=None: tensors.per_matrix(tensors.pinv)(a),
    "lstsq": lambda a, b, rcond=None: tensors.lstsq(a, b),
    "residuals": _residuals,
    "reciprocal_gaps": _reciprocal_gaps,
    "reciprocal_square_gaps": lambda s: _reciprocal_gaps(lift(s) * lift(s)),
    "reciprocals": lambda s: 1 / lift(s),
    "divided_differences": _divided_differences,
    "solve_triangular": tensors.solve_triangular,
    "cho_solve": tensors.cho_solve,
    "cholesky": tensors.per_matrix(tensors.cholesky),
    "upper_cholesky": lambda a: np.swapaxes(tensors.per_matrix(tensors.cholesky)(a), -1, -2),
    "sylvester": tensors.sylvester,
    "lyapunov": lambda a, q: tensors.sylvester(a, a.T, q),
    "cofactor": tensors.per_matrix(tensors.cofactor),
    "expm": tensors.per_matrix(tensors.expm),
    "expm_frechet": tensors.expm_frechet,
    "matrix_power": tensors.matrix_power,
    "logsumexp": _logsumexp,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "take_along": _take_along,
    "rearranged": _take_along,
    "one_plus_products": _one_plus_products,
}


# --- what it takes --------------------------------------------------------------------------------


def seconds(roots: Sequence[Expr], order: int = 0) -> float:
    """About how long one evaluation takes, in seconds: infinite where an array would be too large.

    order  of the Taylor arithmetic
    """
    total = 0.0
    for node in toposort(*roots):
        if _entries(node) > LARGEST_ARRAY:
            return math.inf
        made = MADE_SECONDS * _entries(node) if node.args else 0.0
        total += (made + READ_SECONDS * sum(map(_entries, node.args))) * (order + 1)
        if node.op in _ELIMINATIONS:
            size = node.args[0].shape[-1].value
            stack = _entries(node) / size**2 if node.op == "expm_frechet" else 1
            total += ELIMINATION_SECONDS * _ELIMINATIONS[node.op] * stack * size**3 * (order + 1) ** 3
        elif node.op in {"contract", "matmul", "dot", "einsum"}:
            total += _contraction_seconds(node) * (order + 1) ** 2
    return total


# Eliminations that one of these takes; the exponential is a series of products.
_ELIMINATIONS = {
    "inv": 1,
    "solve": 1,
    "det": 2,
    "logdet": 2,
    "sign_det": 1,
    "pinv": 3,
    "lstsq": 3,
    "residuals": 3,
    "solve_transposed": 1,
    "solve_symmetric": 1,
    "solve_triangular": 1,
    "cho_solve": 2,
    "cholesky": 1,
    "upper_cholesky": 1,
    "cofactor": 2,
    "expm": 12,
    "expm_frechet": 96,
}


def _entries(node: Expr) -> int:
    return int(np.prod([size.value for size in node.shape], dtype=float))


def _contraction_seconds(node: Expr) -> float:
    if node.op != "contract":
        inner = node.args[0].shape[-1].value if node.args[0].shape else 1
        return PRODUCT_SECONDS * _entries(node) * inner
    factors = factors_of(node)
    shapes = [tuple(size.value for size in f.base.shape) for f in factors]
    _, operations, largest = contraction_path([f.labels for f in factors], shapes, spec_of(node).out)
    return math.inf if largest > LARGEST_ARRAY else PRODUCT_SECONDS * operations + MADE_SECONDS * largest
