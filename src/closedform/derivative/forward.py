"""Forward accumulation: an expression and the differentials of its inputs go in, its differential comes out.

The differential is linear in those of the inputs: df = <gradient, dx>, and D f(x)[v] for dx = v, without the
Jacobian ever being formed. It comes from the same records as the reverse pass.
"""

from __future__ import annotations

from collections.abc import Mapping

from closedform.expression.calculus import (
    Factor,
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
    terms_of,
    zeros,
)
from closedform.expression.expr import Expr, toposort
from closedform.primitives import PRIMITIVES


def differential(result: Expr, tangents: Mapping[Expr, Expr]) -> Expr:
    """D result [tangents], of the shape of the result; `tangents` gives each variable's own.

    Raises NotImplementedError where the derivative of an operation is not known.

    >>> from closedform.expression.expr import input_
    >>> x = input_("x", (3,))
    >>> v = input_("v", x.shape)
    >>> differential(dot(x, x), {x: v}) is 2 * dot(x, v)
    True
    """
    found = {node: tangent for node, tangent in tangents.items() if not is_zero(tangent)}
    for node in toposort(result):
        if node not in tangents and any(arg in found for arg in node.args):
            tangent = _pushed_forward(node, found)
            if not is_zero(tangent):
                found[node] = tangent
    return found.get(result, zeros(result.shape))


def _pushed_forward(node: Expr, tangents: Mapping[Expr, Expr]) -> Expr:
    terms = [
        pushed_forward(node, position, tangents[arg])
        for position, arg in enumerate(node.args)
        if arg in tangents
    ]
    return linear(terms, node.shape)


def pushed_forward(node: Expr, position: int, tangent: Expr) -> tuple[Number, Expr]:
    """The share of a node's differential that comes from one operand's, as (coefficient, expression)."""
    if node.op == "linear":
        return node.params[position], tangent
    if node.op == "contract":
        return 1, _through_contraction(node, position, tangent)
    primitive = PRIMITIVES[node.op]
    if primitive.partials:
        return 1, operand(primitive.partials[position](*node.args, node)) * tangent
    if primitive.pushforward is not None:
        return 1, primitive.pushforward(node, position, tangent)
    if primitive.jacobian is not None:
        return 1, applied(primitive.jacobian(node, position), tangent)
    if primitive.pullback is not None:
        return 1, applied(primitive.pullback(node, position, identity(node.shape)), tangent)
    raise NotImplementedError(f"the derivative of {node.op}")


def applied(jacobian: Expr, tangent: Expr) -> Expr:
    """The Jacobian along the tangent, term by term: a sum of tensors is not formed."""
    terms = [(c, dot(term, tangent, tangent.ndim)) for c, term in terms_of(jacobian)]
    return linear(terms, jacobian.shape[: jacobian.ndim - tangent.ndim])


def _through_contraction(node: Expr, position: int, tangent: Expr) -> Expr:
    """The product with the operand's differential in its place: p u^(p - 1) du for a power of it."""
    spec = spec_of(node)
    factors = factors_of(node)
    base, labels, exponent = factors.pop(position)
    factors.append(Factor(tangent, labels))
    if exponent != 1:
        factors.append(Factor(base, labels, exponent - 1))
    return contract(factors, spec.out, label_sizes(node), spec.coefficient * exponent)
