"""Rewrites of sums over pairs of eigenvalues: functions of all of them are smooth where some coincide."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from fractions import Fraction

from closedform.expression.calculus import (
    Factor,
    Label,
    Number,
    broadcast_axes,
    contract,
    exact,
    expand_product,
    factors_of,
    is_zero,
    label_sizes,
    linear,
    multiply,
    number,
    operand,
    power,
    spec_of,
    terms_of,
    zeros,
)
from closedform.expression.expr import Expr, toposort
from closedform.expression.facts import bounds
from closedform.expression.size import Size
from closedform.primitives import PRIMITIVES
from closedform.primitives.factorisations import divided_differences
from closedform.simplify.rules import rule

# Sums are not multiplied out into more terms than this.
MOST_TERMS = 64

Totals = dict[Expr, Number]


@rule(
    "divided differences",
    "(h(λ_j) − h(λ_i)) / (λ_j − λ_i) = h[λ_i, λ_j] for i ≠ j, which is h'(λ_i) for i = j",
    "linear",
    "contract",
)
def differences_of_functions(node: Expr) -> Expr | None:
    totals = _multiplied_out(node) if _holds_gaps(node) else None
    if totals is None:
        return None
    new: Totals = {}
    left = dict(totals)
    for term in totals:
        if term in left:
            for c, other in _paired(term, left) or [(left.pop(term), term)]:
                new[other] = exact(new.get(other, 0) + c)
    return None if new == totals else linear([(c, term) for term, c in new.items()], node.shape)


def _holds_gaps(node: Expr) -> bool:
    """Whether reciprocal gaps stand in a term of a sum of products."""
    stack, seen = [node], set()
    while stack:
        inner = stack.pop()
        if inner.op == "reciprocal_gaps":
            return True
        if inner.op in {"linear", "contract"} and inner not in _WITHOUT_GAPS and inner not in seen:
            seen.add(inner)
            stack += inner.args
    _WITHOUT_GAPS.update(seen)
    return False


_WITHOUT_GAPS: weakref.WeakSet[Expr] = weakref.WeakSet()


def _multiplied_out(node: Expr) -> Totals | None:
    """The terms of a sum of products, with no sums of matrices in them; None where they are too many."""
    totals: Totals = {}
    pending = terms_of(node)
    while pending:
        c, term = pending.pop()
        factors = factors_of(term) if term.op == "contract" else []
        at = next((i for i, f in enumerate(factors) if _is_multiplied(f)), None)
        if at is None:
            totals[term] = exact(totals.get(term, 0) + c)
        else:
            pending += [(exact(c * k), part) for k, part in expand_product(term, [at])]
        if len(totals) + len(pending) > MOST_TERMS:
            return None
    return {term: c for term, c in totals.items() if c != 0}


def _is_multiplied(f: Factor) -> bool:
    return f.base.op == "linear" and f.exponent == 1 and f.base.ndim > 1


def _paired(term: Expr, left: Totals) -> list[tuple[Number, Expr]] | None:
    """What stands for a term R h(λ_j) / (λ_j - λ_i) and the one with -h(λ_i), which are taken out of the sum.
    A term that is its own opposite counts as the halves of two."""
    if term.op != "contract":
        return None
    factors, out, sizes = factors_of(term), spec_of(term).out, label_sizes(term)
    for gap in factors:
        if gap.base.op != "reciprocal_gaps" or gap.exponent != 1:
            continue
        (values,) = gap.base.args
        beside = [f for f in factors if f is not gap]
        *lead, first, second = gap.labels
        for sign, here, there in ((1, second, first), (-1, first, second)):
            split = _function_at((*lead, here), (*lead, there), beside, values)
            if split is None:
                continue
            h, rest = split
            c = left[term]
            opposite = terms_of(contract([gap, Factor(h, (*lead, there)), *rest], out, sizes, -c))
            if len(opposite) != 1 or left.get(opposite[0][1]) != opposite[0][0]:
                continue
            scale = sign * (exact(Fraction(c) / 2) if opposite[0][1] is term else c)
            for taken in {term, opposite[0][1]}:
                del left[taken]
            slopes = _simplified(slope(h, values) or zeros(h.shape))
            differences = Factor(_differences(h, slopes, values), (*lead, there, here))
            joined = [f._replace(labels=_renamed(f.labels, here, there)) for f in rest]
            diagonal = [Factor(slopes, (*lead, there)), *joined]
            return [
                *terms_of(contract([differences, *rest], out, sizes, scale)),
                *terms_of(contract(diagonal, _renamed(out, here, there), sizes, -scale)),
            ]
    return None


def _renamed(labels: Sequence[Label], old: Label, new: Label) -> tuple[Label, ...]:
    return tuple(new if label == old else label for label in labels)


def _function_at(
    here: tuple[Label, ...], there: tuple[Label, ...], factors: Sequence[Factor], values: Expr
) -> tuple[Expr, list[Factor]] | None:
    """The function of eigenvalues that stands at one end of a gap and not at the other, and all the rest."""
    powers: dict[Expr, list[Number]] = {}
    rest = []
    for f in factors:
        if f.labels in (here, there) and slope(f.base, values) is not None:
            powers.setdefault(f.base, [0, 0])[f.labels == there] = f.exponent
        else:
            rest.append(f)
    own = []
    for base, (p, q) in powers.items():
        shared = min(p, q) if p and q else 0
        if q != shared:
            return None
        if p != shared:
            own.append(Factor(base, here, exact(p - shared)))
        if shared:
            rest += [Factor(base, here, shared), Factor(base, there, shared)]
    return (contract(own, here), rest) if own else None


def _simplified(node: Expr) -> Expr:
    """The expression simplified, as that is with which it is to cancel."""
    from closedform.simplify.simplify import simplify  # which applies the rules that are registered here

    return simplify(node)


def _differences(h: Expr, slopes: Expr, values: Expr) -> Expr:
    """The divided differences of h: u' for u that is affine in the values, -u' / (u_i u_j) for 1 / u.

    What is constant in h is left out, unless h vanishes with it: for large x there are more digits in
    1 - tanh(x)^2 than in tanh(x)^2.
    """
    if _has_jumps(h, values):
        return divided_differences(h, slopes, values)
    reciprocal = power(h, -1)
    for affine, sign in ((h, 1), (reciprocal, -1)):
        rate = slope(affine, values)
        if rate is not None and values.ndim - 1 in broadcast_axes(rate):
            pair = [(*range(values.ndim - 1), label) for label in ("i", "j")]
            ends = [Factor(h, labels) for labels in pair] if sign < 0 else []
            sizes: dict[Label, Size] = {
                label: size for labels in pair for label, size in zip(labels, values.shape, strict=True)
            }
            return contract([Factor(rate, pair[0]), *ends], (*pair[0], "j"), sizes, sign)
    known = bounds(h)
    if 0 not in (known.low.at, known.high.at):
        h = linear([(c, t) for c, t in terms_of(h) if not _is_constant(t, values)], h.shape)
    scale = spec_of(h).coefficient if h.op == "contract" else 1
    return scale * divided_differences(h / scale, slopes / scale, values)


def _has_jumps(h: Expr, values: Expr) -> bool:
    """Whether a function in h has the slope 0 everywhere but is not constant, as sign: it is not left out."""
    above = {values}
    for node, rate in _slopes(h, values).items():
        if node is not values and not above.isdisjoint(node.args):
            above.add(node)
            if rate is not None and is_zero(rate):
                return True
    return False


def _is_constant(term: Expr, values: Expr) -> bool:
    rate = slope(term, values)
    return rate is not None and is_zero(rate)


def slope(node: Expr, values: Expr) -> Expr | None:
    """The derivative of a function of each eigenvalue in that eigenvalue; None if it is no such function.

    Scalars are parameters of the function, those that are made of eigenvalues too.
    """
    return _slopes(node, values)[node]


def _slopes(root: Expr, values: Expr) -> dict[Expr, Expr | None]:
    """The derivatives of a node and of all below it, these first."""
    rates: dict[Expr, Expr | None] = {}
    for node in toposort(root):
        rates[node] = _rate(node, rates, values)
    return rates


def _rate(node: Expr, rates: Mapping[Expr, Expr | None], values: Expr) -> Expr | None:
    """The slope of a node, from those of its operands."""
    if node is values or node.shape != values.shape:
        return number(1, node.shape) if node is values else None
    factors = factors_of(node) if node.op == "contract" else [Factor(arg) for arg in node.args]
    if node.op == "contract":
        out = spec_of(node).out
        if any(f.labels not in (out, ()) for f in factors) or len(set(out)) < node.ndim:
            return None
        factors = [f for f in factors if f.labels]
    inner = [rate for f in factors if (rate := rates[f.base]) is not None]
    if len(inner) < len(factors):
        return None
    record = PRIMITIVES.get(node.op)
    if node.op == "contract":
        weights = [f.exponent * (node / f.base) for f in factors]
    elif node.op == "linear":
        weights = [operand(c) for c in node.params]
    elif node.op == "softmax" and dict(node.params)["axis"] == (node.ndim - 1,):
        weights = [node]
    elif record and record.partials:
        weights = [operand(partial(*node.args, node)) for partial in record.partials]
    else:
        return None
    return linear([(1, multiply(w, rate)) for w, rate in zip(weights, inner, strict=True)], node.shape)
