"""Named rewrites of sums: distributed only where terms cancel, and functions of arrays that are constant
along an axis."""

from __future__ import annotations

from fractions import Fraction

from closedform.expression.calculus import (
    Factor,
    Label,
    Number,
    contract,
    exact,
    expand_product,
    factors_of,
    identity,
    is_zero,
    label_sizes,
    linear,
    spec_of,
    terms_of,
    transpose,
    without_axes,
    zeros,
)
from closedform.expression.expr import Expr
from closedform.expression.facts import holds
from closedform.primitives import PRIMITIVES
from closedform.primitives.reductions import products_without
from closedform.simplify.logarithms import sum_of_softmax
from closedform.simplify.rules import rule, with_factors

# Sums of more terms are not distributed in a number.
MOST_DISTRIBUTED = 4
# Sums within sums that are distributed to see whether terms cancel: in a sum of entries, and in any other
# product, where x'(y - m 1) = x'y for 1'x = 0 would lose what y - m 1 has in all its digits.
MOST_NESTED, MOST_NESTED_BESIDE = 2, 1
MAPS = tuple(name for name, record in PRIMITIVES.items() if len(record.partials) == 1)


@rule("function of a broadcast array", "f(x 1') = f(x) 1' for functions of one entry", *MAPS)
def function_of_broadcast(node: Expr) -> Expr | None:
    (v,) = node.args
    if v.op != "contract" or not v.shape:
        return None
    spec = spec_of(v)
    used = {label for labels in spec.labels for label in labels}
    constant = {a for a, label in enumerate(spec.out) if label not in used and spec.out.count(label) == 1}
    if not constant:
        return None
    inner = without_axes(v, constant)
    kept = tuple(a for a in range(v.ndim) if a not in constant)
    value = Expr(node.op, (inner,), node.params, inner.shape)
    return contract([Factor(value, kept)], tuple(range(v.ndim)), dict(enumerate(v.shape)))


@rule("sum distributed", "Σ_i a_i (b_i + c) = Σ_i a_i b_i + c Σ_i a_i, where terms cancel", "contract")
def sum_distributed(node: Expr) -> Expr | None:
    return _distributed(node, MOST_NESTED)


def _distributed(node: Expr, depth: int) -> Expr | None:
    """A product with one of its sums distributed; to see what cancels, so many others within are too."""
    spec = spec_of(node)
    factors = factors_of(node)
    sizes = label_sizes(node)
    for i, f in enumerate(factors):
        if f.base.op != "linear" or f.exponent != 1:
            continue
        rest = factors[:i] + factors[i + 1 :]
        elsewhere = {label for g in rest for label in g.labels}.union(spec.out)
        alone = any(label not in elsewhere for label in f.labels)
        if any(g.base is f.base and set(g.labels) & set(f.labels) - set(spec.out) for g in rest):
            kept = tuple(label for label in f.labels if label in elsewhere)
            if alone and is_zero(_settled(contract([f], kept), depth)):
                return zeros(node.shape)
            continue  # P P' stays
        summed = [a for a, label in enumerate(f.labels) if label not in spec.out]
        summed = [a for a in summed if _meets_a_sum(rest, f.labels[a])]
        constant = [t for _, t in terms_of(f.base) if _constant_along(t, summed)]
        closed = len(f.labels) == 2 and not spec.out and len(f.base.args) <= MOST_DISTRIBUTED
        if not (alone or constant or closed):
            continue
        products = {
            term: _settled(
                contract([*rest, Factor(term, f.labels)], spec.out, sizes, spec.coefficient),
                depth if alone else min(depth, MOST_NESTED_BESIDE),
            )
            for term in (f.base.args if alone or closed else constant)
        }
        left = [(c, t) for c, t in terms_of(f.base) if t not in products or not is_zero(products[t])]
        if len(left) < len(f.base.args):
            return with_factors(node, [*rest, f._replace(base=linear(left, f.base.shape))])
        terms = [
            (c, products.get(t) or contract([*rest, Factor(t, f.labels)], spec.out, sizes, spec.coefficient))
            for c, t in terms_of(f.base)
        ]
        distributed = linear(terms, node.shape)
        if len(terms_of(distributed)) < len(terms) and distributed.weight < node.weight:
            return distributed
    return None


def _meets_a_sum(factors: list[Factor], label: Label) -> bool:
    """Whether only one factor holds the label, and one whose sum along it may be known."""
    holders = [f for f in factors if label in f.labels]
    return len(holders) == 1 and holders[0].base.op in ("linear", "softmax")


def _settled(product: Expr, depth: int) -> Expr:
    """A product with the sums in it that are known."""
    if product.op != "contract" or not depth:
        return product
    factors = factors_of(product)
    if any(not f.labels and f.base.op == "contract" for f in factors) and len(factors) > 1:
        settled = [f if f.labels else f._replace(base=_settled(f.base, depth - 1)) for f in factors]
        product = with_factors(product, settled)
        if product.op != "contract":
            return product
    return sum_of_softmax(product) or _distributed(product, depth - 1) or product


def _constant_along(term: Expr, axes: list[int]) -> bool:
    """Whether a term is constant along one of the axes."""
    if term.op != "contract":
        return False
    spec = spec_of(term)
    used = {label for labels in spec.labels for label in labels}
    return any(spec.out[a] not in used for a in axes)


@rule("constants cancel in a sum", "Σ_i (b_i + c) - n c = Σ_i b_i, where that is shorter", "linear")
def constants_cancel_in_a_sum(node: Expr) -> Expr | None:
    terms = terms_of(node)
    for i, (c, term) in enumerate(terms):
        parts = _without_constants(term)
        if parts is not None:
            rest = terms[:i] + terms[i + 1 :]
            total = linear([*rest, *((exact(c * k), part) for k, part in parts)], node.shape)
            if total.weight < node.weight:
                return total
    return None


def _without_constants(term: Expr) -> list[tuple[Number, Expr]] | None:
    """The sum over entries of a sum, less what is the same in all entries, and the terms of that."""
    if term.op != "contract":
        return None
    spec = spec_of(term)
    factors = factors_of(term)
    for i, f in enumerate(factors):
        rest = factors[:i] + factors[i + 1 :]
        elsewhere = {label for g in rest for label in g.labels}.union(spec.out)
        summed = [a for a, label in enumerate(f.labels) if label not in elsewhere]
        if f.base.op != "linear" or f.exponent != 1 or not summed:
            continue
        constant = [(c, t) for c, t in terms_of(f.base) if _constant_along(t, summed)]
        varying = [(c, t) for c, t in terms_of(f.base) if not _constant_along(t, summed)]
        if constant and varying:
            inner = linear(varying, f.base.shape)
            parts: list[tuple[Number, Expr]] = [(1, with_factors(term, [*rest, f._replace(base=inner)]))]
            for c, t in constant:
                product = contract(
                    [*rest, Factor(t, f.labels)], spec.out, label_sizes(term), spec.coefficient
                )
                parts += [(exact(c * k), p) for k, p in _opened(product)]
            return parts
    return None


def _opened(product: Expr) -> list[tuple[Number, Expr]]:
    """The terms of a product with a sum of numbers."""
    factors = factors_of(product) if product.op == "contract" else []
    sums = [i for i, f in enumerate(factors) if f.base.op == "linear" and f.exponent == 1 and not f.labels]
    return expand_product(product, sums[:1]) if sums else [(1, product)]


@rule("sum taken out", "Q + Q M = Q (I + M) for a sum Q of matrices, where that is shorter", "linear")
def sum_taken_out(node: Expr) -> Expr | None:
    if node.ndim != 2 or node.shape[0] != node.shape[1]:
        return None
    terms = {term: c for c, term in terms_of(node)}
    for term, coefficient in terms.items():
        out = spec_of(term).out if term.op == "contract" else (0, 0)
        for i, f in enumerate(factors_of(term) if out[0] != out[1] else []):
            if f.base.op != "linear" or f.base.ndim != 2 or f.exponent != 1 or len({*out, *f.labels}) != 3:
                continue
            axis = int(out[1] in f.labels)
            others = [g for k, g in enumerate(factors_of(term)) if k != i]
            if any(out[axis] in g.labels for g in others):
                continue
            q, labels = f.base, f.labels
            if labels[axis] != out[axis]:
                q, labels = transpose(q, (1, 0)), labels[::-1]
            parts = [(1, q)] if q in terms else terms_of(q)
            ratios = {exact(Fraction(terms.get(part, 0)) / Fraction(c)) for c, part in parts}
            if len(ratios) != 1 or 0 in ratios or any(part is term for _, part in parts):
                continue
            ends = (labels[1], out[1]) if axis == 0 else (out[0], labels[0])
            rest = contract(others, ends, label_sizes(term), spec_of(term).coefficient)
            sum_ = linear([(coefficient, rest), (ratios.pop(), identity(rest.shape[:1]))], rest.shape)
            product = contract([Factor(q, labels), Factor(sum_, ends)], out)
            left = [(c, t) for t, c in terms.items() if t is not term and all(t is not p for _, p in parts)]
            total = linear([*left, (1, product)], node.shape)
            if total.weight < node.weight:
                return total
    return None


@rule(
    "product of the others",
    "Π_(k ≠ i) x_k = (Π x) / x_i, Π_(k ≠ i, j) x_k = (1 − δ_ij) (Π x) / (x_i x_j) for x > 0",
    "products_without",
    condition="x is known to be positive",
)
def products_of_positive(node: Expr) -> Expr | None:
    (x,) = node.args
    order = dict(node.params)["order"]
    if order > 2 or not holds(x, "positive"):
        return None
    lead: tuple[Label, ...] = tuple(range(x.ndim - 1))
    total = Factor(products_without(x, 0), lead)
    if order == 1:
        return contract([total, Factor(x, (*lead, "i"), -1)], (*lead, "i"))
    pair = contract([total, Factor(x, (*lead, "i"), -1), Factor(x, (*lead, "j"), -1)], (*lead, "i", "j"))
    return pair - contract([total, Factor(x, (*lead, "i"), -2)], (*lead, "i", "i"))
