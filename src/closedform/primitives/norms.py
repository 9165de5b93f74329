"""Norms of vectors and matrices, and condition numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import scipy.linalg

from closedform.expression.calculus import Factor, contract, exact, power, transpose
from closedform.expression.expr import Expr
from closedform.primitives.contraction import Bound
from closedform.primitives.factorisations import singular_values
from closedform.primitives.linalg import inv, matrices, rectangular, well_conditioned
from closedform.primitives.record import Primitive, register
from closedform.primitives.reductions import Axis, axes_of, axis_parameter, keep_axes, reduction, sum_over
from closedform.primitives.structure import unit


def norm(x: Expr, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Expr:
    """The norm of a vector or a matrix, or of those along the axes.

    The gradients are the textbooks': x/||x||, U V' for the nuclear norm, u v' of the largest singular value
    for the spectral norm. At ties of a maximum the derivative is shared, as in JAX.
    """
    axes = axes_of(x, axis)
    if ord is None:
        return power(sum_over(x**2, axes, keepdims), exact(0.5))
    if len(axes) == 1:
        return _vector_norm(x, ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise NotImplementedError(f"ord={ord!r} for {len(axes)} axes: choose one or two with axis=")


def _vector_norm(x: Expr, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Expr:
    """(sum |x|^p)^(1/p), and its limits for p = inf, -inf."""
    magnitude = Expr("abs", (x,), (), x.shape)
    if ord in (np.inf, -np.inf):
        return reduction("max" if ord > 0 else "min", magnitude, axes, keepdims)
    if isinstance(ord, str) or ord == 0:
        raise NotImplementedError(f"ord={ord!r} of a vector")
    p = exact(ord)
    powers = x if p % 2 == 0 else magnitude
    return power(sum_over(powers**p, axes, keepdims), exact(1 / Fraction(p)))


def _matrix_norm(x: Expr, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Expr:
    """Norms of matrices: of all entries, of rows or columns, of the singular values."""
    rows, columns = axes
    if ord == "fro":
        return power(sum_over(x**2, axes, keepdims), exact(0.5))
    if ord in (1, -1, np.inf, -np.inf) and not isinstance(ord, str):
        summed, chosen = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = sum_over(Expr("abs", (x,), (), x.shape), (summed,))
        result = reduction("max" if ord > 0 else "min", sums, (chosen - (chosen > summed),), False)
        return keep_axes(result, x, axes, keepdims)
    if ord not in ("nuc", 2, -2):
        raise NotImplementedError(f"ord={ord!r} of a matrix")
    stack = [axis for axis in range(x.ndim) if axis not in axes]
    values = singular_values(transpose(x, (*stack, rows, columns)))
    weights = [] if ord == "nuc" else [Factor(unit(values.shape[-1], 0 if ord == 2 else -1), ("i",))]
    return keep_axes(contract([Factor(values, (*stack, "i")), *weights], stack), x, axes, keepdims)


def _lower_cond(x: Expr, p: Any = None) -> Expr:
    """The norm of a matrix times that of its inverse; s_max / s_min for p = 2."""
    axes = (-2, -1)
    if p in (None, 2, -2):
        largest, smallest = norm(matrices(x), 2, axes), norm(x, -2, axes)
        return smallest / largest if p == -2 else largest / smallest
    return norm(x, p, axes) * norm(inv(x), p, axes)


def _bind_norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Bound:
    return (x,), {"ord": ord, "axis": axis_parameter(axis), "keepdims": bool(keepdims)}


def _norm_sample(rng: np.random.Generator) -> Bound:
    """A vector or a matrix with any of its norms."""
    if rng.integers(2):
        order = [None, 1, 2, 3, 2.5, -1.5, np.inf, -np.inf][rng.integers(8)]
        return (rng.standard_normal(4),), {"ord": order, "axis": 0, "keepdims": True}
    return (rectangular(rng),), {"ord": [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf][rng.integers(9)]}


register(
    Primitive(
        "norm",
        (np.linalg.norm, scipy.linalg.norm),
        _bind_norm,
        norm,
        latex=r"\lVert {0} \rVert",
        text="‖{0}‖",
        source="np.linalg.norm({0}{params})",
        samples=_norm_sample,
    )
)
register(
    Primitive(
        "cond",
        (np.linalg.cond,),
        lambda x, p=None: ((x,), {"p": p}),
        _lower_cond,
        latex=r"\kappa({0})",
        text="κ({0})",
        source="np.linalg.cond({0}{params})",
        sources={"autograd": None},
        samples=lambda rng: (
            (well_conditioned(rng),),
            {"p": [None, 1, 2, "fro", "nuc", np.inf][rng.integers(6)]},
        ),
    )
)
