"""Arrays of balls: contractions by way of flint's matrix product, and the linear algebra of power series.

An array holds float64 numbers taken as exact, or Python objects: all `arb` (plain numbers) or all `Ball`
(power series). Float and `arb` arrays come from inputs and constants; every result holds Balls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import opt_einsum

from closedform.engines.exact.balls import Ball, UndecidedError

Label = Hashable
Operand = tuple[np.ndarray, tuple[Label, ...]]
Coefficients = list[Any]  # matrices, one for each power of t

# The elimination without divisions takes n^4 steps: used for singular matrices up to this size.
LARGEST_SINGULAR = 16


def lift(array: Any) -> np.ndarray:
    """An array of any numbers as an array of Balls.

    >>> lift(np.array([1, 2]))[1] == 2
    True
    """
    from flint import arb_series

    entries = np.asarray(array)
    if entries.dtype != object:
        entries = entries.astype(np.float64)

    def ball(entry: Any) -> Ball:
        return entry if isinstance(entry, Ball) else Ball(arb_series([_number(entry)]))

    flat = entries.ravel().tolist()
    return np.fromiter((ball(e) for e in flat), object, len(flat)).reshape(entries.shape)


def _number(entry: Any) -> Any:
    return entry.item() if isinstance(entry, np.generic) else int(entry) if isinstance(entry, bool) else entry


def elementwise(function: Callable[..., Any], *arrays: np.ndarray) -> np.ndarray:
    """A function of Balls applied to every entry, with broadcasting."""
    return lift(np.frompyfunc(function, len(arrays), 1)(*arrays))


# --- matrices of power series ---------------------------------------------------------------------


def coefficients(array: np.ndarray) -> Coefficients:
    """A two-dimensional array as flint's matrices, one for each power of t; at least one."""
    from flint import arb_mat

    rows, columns = array.shape
    flat = array.ravel().tolist()
    if not flat or not isinstance(flat[0], Ball):
        return [arb_mat(rows, columns, flat)]
    series = [ball.series for ball in flat]
    terms = max(1, *map(len, series))
    return [arb_mat(rows, columns, [s[k] for s in series]) for k in range(terms)]


def joined(matrices: Coefficients, shape: Sequence[int]) -> np.ndarray:
    """An array of Balls from matrices, one for each power of t."""
    from flint import arb_series

    entries = list(zip(*(m.entries() for m in matrices), strict=True))
    return np.fromiter((Ball(arb_series(list(e))) for e in entries), object, len(entries)).reshape(shape)


def _terms() -> int:
    from flint import ctx

    return int(ctx.cap)


def _product(left: Coefficients, right: Coefficients) -> Coefficients:
    """The product of two matrices of power series, truncated."""
    result: Coefficients = []
    for k in range(min(_terms(), len(left) + len(right) - 1)):
        parts = [left[j] * right[k - j] for j in range(len(left)) if 0 <= k - j < len(right)]
        result.append(_total(parts))
    return result


def _total(parts: Sequence[Any]) -> Any:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def matmul(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The product of two matrices, of whatever the arrays hold."""
    shape = (left.shape[0], right.shape[1])
    if 0 in left.shape or 0 in right.shape:
        return lift(np.zeros(shape))
    return joined(_product(coefficients(left), coefficients(right)), shape)


def _inverse(x: Coefficients) -> Coefficients:
    """Y with X Y = 1: Y_0 = X_0^-1 and Y_k = -Y_0 sum over j >= 1 of X_j Y_(k-j)."""
    try:
        first = x[0].inv()
    except ZeroDivisionError:
        raise UndecidedError("there is a singular matrix, or one very near to it") from None
    y = [first]
    for k in range(1, _terms() if len(x) > 1 else 1):
        y.append(-first * _total([x[j] * y[k - j] for j in range(1, min(k, len(x) - 1) + 1)]))
    return y


def inv(x: np.ndarray) -> np.ndarray:
    """The inverse matrix."""
    return joined(_inverse(coefficients(x)), x.shape)


def solve(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The solution y of A y = b, for a vector or a matrix b."""
    right = coefficients(b.reshape(len(b), -1))
    return joined(_product(_inverse(coefficients(a)), right), b.shape)


def _log_growth(x: Coefficients) -> Any:
    """ln det X - ln det X_0 as a series, from its derivative tr(X^-1 X')."""
    from flint import arb_series

    inverse = _inverse(x)
    rates = [0]
    for k in range(1, _terms() if len(x) > 1 else 1):
        traces = [(inverse[k - j] * x[j]).trace() * j for j in range(1, min(k, len(x) - 1) + 1)]
        rates.append(_total(traces) / k)
    return arb_series(rates)


def logdet(x: np.ndarray) -> np.ndarray:
    """ln |det X|."""
    from flint import arb_series

    matrices = coefficients(x)
    value = abs(Ball(arb_series([matrices[0].det()]))).log()
    return lift(np.asarray(value + Ball(_log_growth(matrices)), dtype=object))


def sign_det(x: np.ndarray) -> np.ndarray:
    """The sign of det X."""
    from flint import arb_series

    return lift(Ball(arb_series([coefficients(x)[0].det()])).sign())


def det(x: np.ndarray) -> np.ndarray:
    """det X, also of a singular matrix."""
    matrices = coefficients(x)
    if len(matrices) == 1:
        return lift(np.asarray(matrices[0].det(), dtype=object))
    try:
        return lift(np.asarray(Ball(_log_growth(matrices).exp() * matrices[0].det()), dtype=object))
    except UndecidedError:
        if len(x) > LARGEST_SINGULAR:
            raise
        return _det_without_division(x)


def _det_without_division(x: np.ndarray) -> np.ndarray:
    """det X by n - 1 products. Method: R. S. Bird, "A simple division-free algorithm for computing
    determinants", Information Processing Letters 111 (2011)."""
    n = len(x)
    entries = lift(x)
    product = entries
    for _ in range(n - 1):
        cut = np.triu(product, 1)
        for i in range(n):
            cut[i, i] = -sum((product[j, j] for j in range(i + 1, n)), start=0 * entries[0, 0])
        product = matmul(lift(cut), entries)
    return lift(np.asarray(product[0, 0] if n % 2 else -product[0, 0], dtype=object))


def cofactor(x: np.ndarray) -> np.ndarray:
    """The cofactor matrix det(X) X^-T; of a singular matrix of plain numbers by the Cayley-Hamilton theorem,
    adj(X) = (-1)^(n-1) (p(X) - p(0)) / X where p is the characteristic polynomial."""
    from flint import arb_mat

    matrices = coefficients(x)
    try:
        return lift(det(x) * inv(x).T)
    except UndecidedError:
        if len(matrices) > 1:
            raise
    n = len(x)
    identity = arb_mat(n, n, np.eye(n).ravel().tolist())
    adjugate = identity * 0
    for coefficient in matrices[0].charpoly().coeffs()[:0:-1]:
        adjugate = adjugate * matrices[0] + identity * coefficient
    return joined([(adjugate * (-1) ** (n - 1)).transpose()], x.shape)


def _exponential(x: Coefficients, terms: int) -> Coefficients:
    """exp of a matrix of power series: exp(X(N)) where N, a nilpotent shift, stands for t.

    Method: N. J. Higham, "Functions of Matrices", section 3.2 (SIAM 2008).
    """
    from flint import arb_mat

    n = x[0].nrows()
    big = np.zeros((n * terms, n * terms), dtype=object)
    for k, matrix in enumerate(x[:terms]):
        block = np.fromiter(matrix.entries(), object, n * n).reshape(n, n)
        for i in range(terms - k):
            big[i * n : (i + 1) * n, (i + k) * n : (i + k + 1) * n] = block
    whole = arb_mat(n * terms, n * terms, big.ravel().tolist()).exp()
    table = np.fromiter(whole.entries(), object, (n * terms) ** 2).reshape(n * terms, -1)
    return [arb_mat(n, n, table[:n, k * n : (k + 1) * n].ravel().tolist()) for k in range(terms)]


def expm(x: np.ndarray) -> np.ndarray:
    """The matrix exponential."""
    matrices = coefficients(x)
    return joined(_exponential(matrices, _terms() if len(matrices) > 1 else 1), x.shape)


def expm_frechet(x: np.ndarray, *directions: np.ndarray) -> np.ndarray:
    """The derivative of the matrix exponential at a matrix of plain numbers, along each matrix of a stack."""
    if len(directions) > 1:
        raise TypeError("the derivative of order 2 or more")
    (stack,) = (e.reshape(-1, *x.shape) for e in directions)
    first = coefficients(x)
    found = [joined([_exponential([*first, *coefficients(e)], 2)[1]], x.shape) for e in stack]
    return np.array(found, dtype=object).reshape(directions[0].shape)


def pinv(x: np.ndarray) -> np.ndarray:
    """The Moore-Penrose inverse of a matrix of full rank, (X'X)^-1 X' or X' (X X')^-1."""
    wide = x.shape[0] < x.shape[1]
    gram = matmul(x, x.T) if wide else matmul(x.T, x)
    return matmul(x.T, inv(gram)) if wide else matmul(inv(gram), x.T)


def lstsq(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The solution of least squares."""
    return matmul(pinv(a), b.reshape(len(b), -1)).reshape(a.shape[1:] + b.shape[1:])


def solve_triangular(
    a: np.ndarray, b: np.ndarray, trans: int, lower: bool, unit_diagonal: bool
) -> np.ndarray:
    """The solution for the triangle of a matrix that is meant."""
    if a.ndim != 2:
        raise TypeError("a stack of matrices")
    kept = (np.tril if lower else np.triu)(lift(a))
    if unit_diagonal:
        np.fill_diagonal(kept, 1)
    return solve(lift(kept.T if trans else kept), b)


def cho_solve(c: np.ndarray, b: np.ndarray, lower: bool) -> np.ndarray:
    """The solution by a Cholesky factor."""
    half = solve_triangular(c, b, int(not lower), lower, False)
    return solve_triangular(c, half, int(lower), lower, False)


def cholesky(a: np.ndarray) -> np.ndarray:
    """The lower triangular Cholesky factor of the symmetric part, column by column."""
    rest = lift(a) + lift(a).T
    factor = lift(np.zeros(a.shape))
    for k in range(len(a)):
        column = rest[k:, k] / 2
        factor[k:, k] = column / column[0].sqrt()
        rest[k:, k:] = rest[k:, k:] - 2 * np.multiply.outer(factor[k:, k], factor[k:, k])
    return factor


def sylvester(a: np.ndarray, b: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The X with A X + X B = Q for every matrix of a stack, from the linear system of all entries."""
    m, n = q.shape[-2:]
    system = np.kron(lift(a), np.eye(n, dtype=int)) + np.kron(np.eye(m, dtype=int), lift(b).T)
    return solve(lift(system), q.reshape(-1, m * n).T).T.reshape(q.shape)


def per_matrix(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """A function of a matrix, applied to every matrix of a stack."""

    def apply(x: np.ndarray) -> np.ndarray:
        if x.ndim == 2:
            return function(x)
        parts = [lift(function(matrix)) for matrix in x.reshape(-1, *x.shape[-2:])]
        return np.array(parts, dtype=object).reshape(x.shape[:-2] + parts[0].shape)

    return apply


def matrix_power(a: np.ndarray, n: int) -> np.ndarray:
    """The product of n equal matrices; of inverses for negative n."""
    if n == 0:
        return lift(np.broadcast_to(np.eye(a.shape[-1]), a.shape))
    base = a if n > 0 else inv(a)
    result = base
    for _ in range(abs(n) - 1):
        result = matmul(result, base)
    return lift(result)


# --- contractions ---------------------------------------------------------------------------------


def contract(operands: Iterable[Operand], out: Sequence[Label], sizes: Mapping[Label, int]) -> np.ndarray:
    """The sum over all labels that are not in `out` of the product of the operands.

    A label may stand several times in an operand (its diagonal is meant) and in `out` (the result is zero off
    that diagonal), and in `out` alone (the result is constant along it).
    """
    distinct = tuple(dict.fromkeys(out))
    pending = [_diagonal(*operand) for operand in operands]
    path, _, _ = contraction_path([labels for _, labels in pending], [a.shape for a, _ in pending], distinct)
    for pair in path:
        chosen = [pending.pop(i) for i in sorted(pair, reverse=True)]
        needed = set(distinct).union(*(labels for _, labels in pending))
        pending.append(_pair(chosen[0], chosen[1], needed))
    array, labels = _summed(*pending[0], set(distinct)) if pending else (lift(1.0), ())
    order = [labels.index(label) for label in distinct if label in labels]
    array = array.transpose(order)[tuple(slice(None) if label in labels else None for label in distinct)]
    full = lift(np.broadcast_to(array, [sizes[label] for label in distinct]))
    return full if len(distinct) == len(out) else _spread(full, distinct, out)


def contraction_path(
    labels: Sequence[Sequence[Label]], shapes: Sequence[tuple[int, ...]], out: Iterable[Label]
) -> tuple[list[tuple[int, ...]], float, float]:
    """The order in which to multiply operands in pairs, by their positions; the operations that it takes; and
    the entries of the largest array on the way.

    >>> contraction_path([("i", "k"), ("k", "j")], [(2, 3), (3, 4)], ("i", "j"))
    ([(0, 1)], 48.0, 8.0)
    """
    if len(labels) < 2:
        return [], 0.0, 0.0
    distinct = dict.fromkeys(label for term in labels for label in term)
    names = {label: opt_einsum.get_symbol(i) for i, label in enumerate(distinct)}
    terms = ["".join(names[label] for label in term) for term in labels]
    result = "".join(names[label] for label in dict.fromkeys(out) if label in names)
    text = f"{','.join(terms)}->{result}"
    path, info = opt_einsum.contract_path(text, *shapes, shapes=True, optimize="greedy")
    return path, float(info.opt_cost), float(info.largest_intermediate)


def _diagonal(array: np.ndarray, labels: tuple[Label, ...]) -> Operand:
    """The operand with each label once."""
    for label in labels:
        while labels.count(label) > 1:
            i = labels.index(label)
            j = labels.index(label, i + 1)
            array = np.diagonal(array, axis1=i, axis2=j)
            labels = (*labels[:i], *labels[i + 1 : j], *labels[j + 1 :], label)
    return array, labels


def _summed(array: np.ndarray, labels: tuple[Label, ...], needed: set[Label]) -> Operand:
    """The operand summed over the labels that nobody needs."""
    axes = tuple(i for i, label in enumerate(labels) if label not in needed)
    if not axes:
        return array, labels
    return lift(np.sum(lift(array), axis=axes)), tuple(label for label in labels if label in needed)


def _pair(first: Operand, second: Operand, needed: set[Label]) -> Operand:
    """The product of two operands, summed over what nobody else needs: as matrix products where it can be."""
    a, left = _summed(*first, needed | set(second[1]))
    b, right = _summed(*second, needed | set(first[1]))
    batch = [label for label in left if label in right and label in needed]
    inner = [label for label in left if label in right and label not in needed]
    rows = [label for label in left if label not in right]
    columns = [label for label in right if label not in left]
    a = a.transpose([left.index(label) for label in (*batch, *rows, *inner)])
    b = b.transpose([right.index(label) for label in (*batch, *inner, *columns)])
    labels = (*batch, *rows, *columns)
    lead, height = a.shape[: len(batch)], a.shape[len(batch) : len(batch) + len(rows)]
    depth, width = b.shape[len(batch) : len(batch) + len(inner)], b.shape[len(batch) + len(inner) :]
    blocks = math.prod(lead)
    a = a.reshape(blocks, math.prod(height), math.prod(depth))
    b = b.reshape(blocks, math.prod(depth), math.prod(width))
    if inner and (blocks == 1 or a.shape[1] * b.shape[2] > 1):
        product = np.array([matmul(a[i], b[i]) for i in range(blocks)], dtype=object)
    else:
        product = lift(np.sum(lift(a)[:, :, :, None] * lift(b)[:, None, :, :], axis=2))
    return product.reshape(lead + height + width), labels


def _spread(array: np.ndarray, distinct: Sequence[Label], out: Sequence[Label]) -> np.ndarray:
    """The array put on a diagonal: zero where the indices of a repeated label differ."""
    sizes = dict(zip(distinct, array.shape, strict=True))
    whole = lift(np.zeros([sizes[label] for label in out]))
    grid = np.indices(array.shape, sparse=True)
    whole[tuple(grid[distinct.index(label)] for label in out)] = array
    return whole
