"""Derivatives of any order in one variable."""

from __future__ import annotations

from collections.abc import Callable

from closedform.derivative.reverse import jacobian
from closedform.errors import InvalidArgumentError, InvalidFunctionError
from closedform.expression.calculus import Factor, contract
from closedform.expression.expr import Expr


def nth_derivative(result: Expr, variable: Expr, order: int, simplify: Callable[[Expr], Expr]) -> Expr:
    """The derivative of an order: a number for a function of a number, entry by entry for an elementwise
    function, and a tensor of shape variable.shape * order for a function of an array to a number.

    >>> from closedform.expression.expr import input_
    >>> x = input_("x", ())
    >>> nth_derivative(x**3, x, 2, lambda e: e) is 6 * x
    True
    """
    if not isinstance(order, int) or order < 1:
        raise InvalidArgumentError(f"the order of a derivative is a whole number from 1 on, not {order!r}")
    entrywise = result.shape == variable.shape
    if result.shape and not entrywise:
        raise InvalidFunctionError(
            "derivative needs a function that returns a number, or that acts on each entry alone; "
            f"it takes an array of shape {_numbers(variable)} and returns one of shape {_numbers(result)}. "
            "Use cf.jacobian, or cf.hessian for its derivative"
        )
    for _ in range(order):
        result = simplify(jacobian(result, variable))
        if entrywise:
            result = _diagonal(result, variable.ndim)
    return result


def _numbers(node: Expr) -> tuple[int, ...]:
    return tuple(s.value for s in node.shape)


def _diagonal(jacobian_: Expr, axes: int) -> Expr:
    """The entries of a Jacobian that is zero off its diagonal."""
    labels = tuple(range(axes))
    entries = contract([Factor(jacobian_, labels + labels)], labels)
    if contract([Factor(entries, labels)], labels + labels) is not jacobian_:
        raise InvalidFunctionError(
            "derivative of a function of an array needs one that acts on each entry alone; use cf.jacobian, "
            "or cf.hessian for its derivative"
        )
    return entries
