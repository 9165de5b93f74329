"""Reverse accumulation with tensor-valued cotangents: an expression in, its Jacobian's expression out.

Method: S. Laue, M. Mitterreiter, J. Giesen, "Computing higher order derivatives of matrix and tensor
expressions", NeurIPS 2018. A cotangent has the shape of the result followed by the shape of its node.
"""

from __future__ import annotations

from collections.abc import Sequence

from closedform.expression.calculus import (
    Factor,
    Label,
    Number,
    contract,
    dot,
    factors_of,
    identity,
    is_zero,
    label_sizes,
    linear,
    operand,
    spec_of,
    zeros,
)
from closedform.expression.expr import Expr, toposort
from closedform.primitives import PRIMITIVES

Terms = list[tuple[Number, Expr]]


def jacobian(result: Expr, variable: Expr) -> Expr:
    """d result / d variable, of shape result.shape + variable.shape.

    >>> from closedform.expression.expr import input_
    >>> from closedform.expression.calculus import dot
    >>> x = input_("x", (3,))
    >>> jacobian(dot(x, x), x) is 2 * x
    True
    """
    return jacobians(result, [variable])[0]


def jacobians(result: Expr, variables: Sequence[Expr]) -> list[Expr]:
    """d result / d variable for each variable, in one backward pass."""
    found = cotangents(result, variables)
    return [found.get(v, zeros((*result.shape, *v.shape))) for v in variables]


def cotangents(result: Expr, variables: Sequence[Expr]) -> dict[Expr, Expr]:
    """The cotangent of every node between the variables and the result."""
    order = toposort(result)
    active = set(variables)
    for node in order:
        if any(arg in active for arg in node.args):
            active.add(node)
    lead = result.ndim
    pending: dict[Expr, Terms] = {result: [(1, identity(result.shape))]} if result in active else {}
    found: dict[Expr, Expr] = {}
    for node in reversed(order):
        if node not in pending:
            continue
        cotangent = linear(pending.pop(node), (*result.shape, *node.shape))
        if is_zero(cotangent):
            continue
        assert cotangent.shape == (*result.shape, *node.shape), node.op
        found[node] = cotangent
        if node in variables:
            continue
        for position, arg in enumerate(node.args):
            if arg in active:
                pending.setdefault(arg, []).append(pulled_back(node, position, cotangent, lead))
    return found


def pulled_back(node: Expr, position: int, cotangent: Expr, lead: int) -> tuple[Number, Expr]:
    """The share of an operand's cotangent that comes through one node."""
    if node.op == "linear":
        return node.params[position], cotangent
    if node.op == "contract":
        return 1, _through_contraction(node, position, cotangent, lead)
    primitive = PRIMITIVES[node.op]
    if primitive.partials:
        partial = operand(primitive.partials[position](*node.args, node))
        axes = tuple(range(cotangent.ndim))
        labels = axes[lead:] if partial.shape else ()
        return 1, contract([Factor(cotangent, axes), Factor(partial, labels)], axes)
    if primitive.pullback is not None:
        return 1, primitive.pullback(node, position, cotangent)
    if primitive.jacobian is not None:
        return 1, dot(cotangent, primitive.jacobian(node, position), node.ndim)
    raise NotImplementedError(f"the derivative of {node.op}")


def _through_contraction(node: Expr, position: int, cotangent: Expr, lead: int) -> Expr:
    """The other factors, contracted with the cotangent: sum over all labels that the operand lacks."""
    spec = spec_of(node)
    factors = factors_of(node)
    base, labels, exponent = factors.pop(position)
    kept: tuple[Label, ...] = tuple(("lead", i) for i in range(lead))
    factors.append(Factor(cotangent, (*kept, *spec.out)))
    coefficient = spec.coefficient
    if exponent != 1:
        factors.append(Factor(base, labels, exponent - 1))
        coefficient *= exponent
    return contract(factors, (*kept, *labels), label_sizes(node), coefficient)
