"""Layouts of matrix calculus: which of a derivation's results are written transposed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from closedform.errors import InvalidArgumentError
from closedform.expression.expr import Expr

LAYOUTS = ("numerator", "denominator")
# Results that have the shape of the variable, and those that are the same in all layouts.
GRADIENTS = frozenset({"grad", "hvp", "vjp"})
SYMMETRIC = frozenset({"value", "hessian", "jvp"})


@dataclass(frozen=True)
class Printed:
    """A formula in two notations."""

    text: str
    latex: str

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"

    def __repr__(self) -> str:
        return self.text


def turned_in(layout: str, operator: str, orders: Sequence[int], result: Any) -> list[bool]:
    """For each formula of a result, one for each variable of these orders, whether it is transposed.

    >>> from closedform.expression.expr import input_
    >>> turned_in("denominator", "jacobian", [1], input_("J", (3, 2)))
    [True]
    """
    if layout not in LAYOUTS:
        raise InvalidArgumentError(f"layout={layout!r}: write one of {', '.join(map(repr, LAYOUTS))}")
    formulas = _flat(result)
    blocks = zip(formulas, itertools.product(orders, orders), strict=False)
    tensors = [h for h, pair in blocks if h.ndim > sum(pair)]
    if operator == "hessian" and tensors:
        raise _without_layout(operator, tensors[0])
    if operator in SYMMETRIC:
        return [False] * len(formulas)
    if operator == "value_and_grad":
        return [False, *turned_in(layout, "grad", orders, tuple(formulas[1:]))]
    turned = []
    for formula, order in zip(formulas, orders, strict=True):
        own = 0 if operator in GRADIENTS else formula.ndim - order
        if formula.ndim > 2 or (own and order and not own == order == 1) or operator == "derivative":
            raise _without_layout(operator, formula)
        turned.append(own == 0 if layout == "numerator" else own > 0)
    return turned


def _without_layout(operator: str, formula: Expr) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"the {operator} of shape {tuple(size.value for size in formula.shape)} has no layout: there is one "
        "for derivatives of order 1 that are scalars, vectors or matrices, and for Hessians of numbers"
    )


def _flat(result: Any) -> list[Expr]:
    return [leaf for item in result for leaf in _flat(item)] if isinstance(result, tuple) else [result]
