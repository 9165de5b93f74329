"""A derivative as a linear map: H[V] = ..., what it does to a direction, without its tensor being formed.

A Hessian or Jacobian in a matrix is a tensor of order 3 or 4; its contraction with a direction V of the
variable's shape is a matrix again and has a formula in matrices. The same holds for D^n f[u, v, ...], the
derivative of order n of a function of an array along n - 1 directions, which has the variable's shape.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property

from closedform.derivative.forward import applied, differential
from closedform.expression.expr import Expr, input_, inputs
from closedform.notation.latex import latex
from closedform.notation.matrix import needs_indices
from closedform.notation.text import text
from closedform.simplify.simplify import simplify


@dataclass(frozen=True)
class LinearMap:
    """A derivative along directions, which it is linear in.

    letter      "H" for a Hessian, "J" for a Jacobian, "D" for a derivative of order `order`
    directions  the inputs that stand for the directions
    variable    the input that it is a derivative in
    expr        the result: the contraction of the derivative's tensor with the directions
    """

    letter: str
    order: int
    directions: tuple[Expr, ...]
    variable: Expr
    expr: Expr

    @cached_property
    def text(self) -> str:
        """The formula in Unicode, as H[V] = ..."""
        names = ", ".join(text(v) for v in self.directions)
        head = self.letter if self.letter != "D" else f"D{str(self.order).translate(_RAISED)}f"
        return f"{head}[{names}] = {text(self.expr, [self.variable])}"

    @cached_property
    def latex(self) -> str:
        """The formula in LaTeX."""
        names = ", ".join(latex(v) for v in self.directions)
        head = self.letter if self.letter != "D" else f"D^{{{self.order}}} f"
        return f"{head}[{names}] = {latex(self.expr, [self.variable])}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"

    def __repr__(self) -> str:
        return self.text


_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def linear_map(
    letter: str,
    order: int,
    result: Expr,
    variable: Expr,
    tensor: Expr,
    count: int = 1,
    finish: Callable[[Expr], Expr] = simplify,
) -> LinearMap:
    """The derivative of a result (a gradient, for a Hessian) along `count` directions.

    tensor  the derivative of that order itself; contracted with the directions it is the same, and the
            shorter formula of both is taken
    finish  simplifies with what is known of the variable

    >>> from closedform.derivative.reverse import jacobian
    >>> from closedform.expression.calculus import dot
    >>> x = input_("x", (3,))
    >>> linear_map("J", 1, dot(x, x) * x, x, jacobian(dot(x, x) * x, x))
    J[v] = 2(vᵀx)x + (xᵀx)v
    """
    taken = {str(node.params[0]) for node in inputs(result, variable)}
    directions = tuple(input_(name, variable.shape) for name in _names(variable.ndim, count, taken))
    for direction in directions:
        result = simplify(differential(result, {variable: direction}))
        tensor = simplify(applied(tensor, direction))
    return LinearMap(letter, order, directions, variable, min((finish(result), tensor), key=_length))


def _length(expr: Expr) -> tuple[bool, int]:
    return needs_indices(expr), len(text(expr))


def _names(axes: int, count: int, taken: Collection[str]) -> list[str]:
    """Names for directions that no input has: V for a matrix, v for a vector; u, v, ... for several."""
    wanted = "vuwz" if count == 1 else "uvw"[:count] if count <= 3 else ""
    supply = itertools.chain(wanted, (f"v_{n}" for n in itertools.count(1)))
    cased = (name.upper() if axes > 1 else name for name in supply)
    return list(itertools.islice((name for name in cased if name not in taken), count))
