"""Factors that cancel with others: beside a product they are part of, and in the terms of a sum."""

from __future__ import annotations

from closedform.expression.calculus import (
    Factor,
    Number,
    contract,
    exact,
    factors_of,
    label_sizes,
    linear,
    spec_of,
    terms_of,
)
from closedform.expression.expr import Expr
from closedform.simplify.exponentials import power_times_base, power_times_factors
from closedform.simplify.inverses import inverse_number, matched, product_with_inverse, stands_alone
from closedform.simplify.rules import Rewrite, merge_exponentials, rule, with_factors

# Sums of more terms are not multiplied out to see what goes, nor more sums than so many at once.
MOST_TERMS, MOST_NESTED = 6, 2


@rule("quotient of products", "u^-1 (A w) = 1 for u = A w, entry by entry", "contract")
def quotient_of_products(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.exponent > -1 or f.base.op != "contract":
            continue
        pattern, out = factors_of(f.base), spec_of(f.base).out
        inner = {label for p in pattern for label in p.labels}.difference(out)
        if not inner or len(set(out)) < len(out):
            continue
        rest = factors[:i] + factors[i + 1 :]
        for places, labels in matched(pattern, rest, set(), dict(zip(out, f.labels, strict=True))):
            others = [g for k, g in enumerate(rest) if k not in places]
            if stands_alone([labels[label] for label in inner], others, node):
                left = Factor(f.base, f.labels, exact(f.exponent + 1))
                return with_factors(node, [*others, left, *inverse_number(f.base)])
    return None


_REDUCTIONS: tuple[Rewrite, ...] = (
    product_with_inverse,
    quotient_of_products,
    merge_exponentials,
    power_times_base,
    power_times_factors,
)


def _reduced(product: Expr, depth: int) -> Expr:
    """A product without the factors that cancel in it."""
    while product.op == "contract":
        new = next((new for rewrite in _REDUCTIONS if (new := rewrite(product)) is not None), None)
        new = new or _without_a_sum(product, depth)
        if new is None:
            break
        product = new
    return product


def _meets(f: Factor, rest: list[Factor]) -> bool:
    """Whether factors in the terms of a sum may cancel with those beside it."""
    inside = {base.op for term in f.base.args for base in (term, *term.args)}
    beside = {g.base.op for g in rest}
    return "inv" in inside | beside or "exp" in inside & beside


def _multiplied_out(node: Expr, depth: int) -> list[tuple[Number, Expr]] | None:
    """The terms of a product with one of its sums, if in some of them factors cancel."""
    factors = factors_of(node)
    spec = spec_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "linear" or f.exponent not in (1, 2) or len(f.base.args) > MOST_TERMS:
            continue
        rest = factors[:i] + factors[i + 1 :] + [f._replace(exponent=1)] * (f.exponent == 2)
        if not _meets(f, rest):
            continue
        products = [
            (c, contract([*rest, Factor(term, f.labels)], spec.out, label_sizes(node), spec.coefficient))
            for c, term in terms_of(f.base)
        ]
        reduced = [(c, _reduced(product, depth)) for c, product in products]
        if reduced != products:
            return reduced
    return None


def _without_a_sum(node: Expr, depth: int = MOST_NESTED) -> Expr | None:
    """A product with one of its sums multiplied out, if shorter; to see that, so many others are."""
    terms = _multiplied_out(node, depth - 1) if depth else None
    if terms is None:
        return None
    total = linear(terms, node.shape)
    return total if total.weight < node.weight else None


@rule(
    "factors cancel in a sum", "X (X^-1 + Y) = I + X Y, e^-z (e^z + u) = 1 + e^-z u, if shorter", "contract"
)
def factors_cancel_in_a_sum(node: Expr) -> Expr | None:
    return _without_a_sum(node)


@rule("terms cancel in a sum", "u - e^-z (e^z u + v) = -e^-z v", "linear")
def terms_cancel_in_a_sum(node: Expr) -> Expr | None:
    terms = terms_of(node)
    for i, (c, term) in enumerate(terms):
        products = _multiplied_out(term, MOST_NESTED - 1) if term.op == "contract" else None
        if products is not None:
            rest = terms[:i] + terms[i + 1 :]
            total = linear([*rest, *((exact(c * k), product) for k, product in products)], node.shape)
            if len(terms_of(total)) < len(terms) and total.weight < node.weight:
                return total
    return None
