"""Rewrites that hold because of what is known of an expression's values: declared, or found by rules."""

from __future__ import annotations

from closedform.expression.calculus import (
    Factor,
    contract,
    factors_of,
    identity,
    is_integer,
    label_sizes,
    multiply,
    number,
    spec_of,
    transpose,
    zeros,
)
from closedform.expression.expr import Expr
from closedform.expression.facts import bounds, holds
from closedform.primitives.reductions import products_without
from closedform.simplify.rules import fn, rule, with_factors

# --- entries --------------------------------------------------------------------------------------


@rule("abs of nonpositive", "|x| = -x for x <= 0", "abs", condition="x is known to be at most 0")
def abs_of_nonpositive(node: Expr) -> Expr | None:
    (v,) = node.args
    return -v if bounds(v).high.at <= 0 else None


@rule(
    "sign of a known sign", "sign x = 1 for x > 0, -1 for x < 0", "sign", condition="x is known not to be 0"
)
def sign_of_known(node: Expr) -> Expr | None:
    (v,) = node.args
    for fact, value in (("positive", 1), ("negative", -1)):
        if holds(v, fact):
            return number(value, v.shape)
    return None


@rule("larger of ordered", "max(x, y) = x for x > y", "maximum", condition="x is known to be above y")
def maximum_of_ordered(node: Expr) -> Expr | None:
    for larger, smaller in (node.args, node.args[::-1]):
        if bounds(larger) > bounds(smaller):
            return larger
    return None


@rule("smaller of ordered", "min(x, y) = x for x < y", "minimum", condition="x is known to be below y")
def minimum_of_ordered(node: Expr) -> Expr | None:
    for larger, smaller in (node.args, node.args[::-1]):
        if bounds(larger) > bounds(smaller):
            return smaller
    return None


@rule("log of power", "ln x^p = p ln x for x > 0", "log", condition="x >= 0 is known, or p is no integer")
def log_of_power(node: Expr) -> Expr | None:
    (v,) = node.args
    if v.op != "contract" or len(v.args) != 1:
        return None
    (f,) = factors_of(v)
    spec = spec_of(v)
    whole = f.labels == spec.out and len(set(spec.out)) == len(spec.out) and spec.coefficient == 1
    if not whole or (is_integer(f.exponent) and not holds(f.base, "nonnegative")):
        return None
    return multiply(f.exponent, fn("log", f.base))


@rule("sum of a simplex", "1'p = 1", "contract", condition="p was declared as a simplex")
def sum_of_simplex(node: Expr) -> Expr | None:
    factors = factors_of(node)
    labels = [label for f in factors for label in f.labels] + list(spec_of(node).out)
    kept = [
        f
        for f in factors
        if not (holds(f.base, "simplex") and f.exponent == 1 and labels.count(f.labels[0]) == 1)
    ]
    return with_factors(node, kept) if len(kept) < len(factors) else None


# --- matrices -------------------------------------------------------------------------------------


@rule("inverse of orthogonal", "Q^-1 = Q'", "inv", condition="Q is known to be orthogonal")
def inverse_of_orthogonal(node: Expr) -> Expr | None:
    (x,) = node.args
    return transpose(x, (1, 0)) if holds(x, "orthogonal") else None


@rule("orthogonal", "Q'Q = I = Q Q'", "contract", condition="Q is known to be orthogonal")
def product_with_transpose(node: Expr) -> Expr | None:
    factors = factors_of(node)
    out = spec_of(node).out
    for i, f in enumerate(factors):
        if len(f.labels) != 2 or f.exponent != 1 or not holds(f.base, "orthogonal"):
            continue
        for j in range(i + 1, len(factors)):
            g = factors[j]
            if g.base is not f.base or g.exponent != 1:
                continue
            for axis in (0, 1):
                shared = f.labels[axis]
                uses = sum(h.labels.count(shared) for h in factors)
                if g.labels[axis] == shared and shared not in out and uses == 2:
                    ends = (f.labels[1 - axis], g.labels[1 - axis])
                    same = Factor(identity((label_sizes(node)[ends[0]],)), ends)
                    rest = [h for k, h in enumerate(factors) if k not in (i, j)]
                    return with_factors(node, [*rest, same])
    return None


@rule("log det of orthogonal", "ln |det Q| = 0", "logdet", condition="Q is known to be orthogonal")
def logdet_of_orthogonal(node: Expr) -> Expr | None:
    return zeros(()) if holds(node.args[0], "orthogonal") else None


def diagonal_of(node: Expr) -> Expr | None:
    """v where the node is diag(v)."""
    if node.op != "contract" or node.ndim != 2 or len(set(spec_of(node).out)) != 1:
        return None
    spec = spec_of(node)
    return contract(factors_of(node), spec.out[:1], label_sizes(node), spec.coefficient)


@rule("inverse of diagonal", "diag(v)^-1 = diag(1/v)", "inv")
def inverse_of_diagonal(node: Expr) -> Expr | None:
    v = diagonal_of(node.args[0])
    return None if v is None else contract([Factor(v, (0,), -1)], (0, 0))


@rule("log det of diagonal", "ln |det diag(v)| = sum ln v", "logdet", condition="v is known to be positive")
def logdet_of_diagonal(node: Expr) -> Expr | None:
    v = diagonal_of(node.args[0])
    if v is None or not holds(v, "positive"):
        return None
    return contract([Factor(fn("log", v), (0,))], ())


@rule("determinant of diagonal", "det diag(v) = product of v", "det")
def determinant_of_diagonal(node: Expr) -> Expr | None:
    v = diagonal_of(node.args[0])
    return None if v is None else products_without(v, 0)
