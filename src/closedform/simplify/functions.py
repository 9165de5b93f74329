"""Named rewrites of functions of single entries: hyperbolic ratios, signs and absolute values."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction

from closedform.expression.calculus import (
    Factor,
    Number,
    contract,
    exact,
    factors_of,
    identity,
    is_integer,
    is_zero,
    label_sizes,
    linear,
    number,
    spec_of,
    terms_of,
    transpose,
)
from closedform.expression.expr import Expr
from closedform.simplify.rules import fn, is_one, rule, with_factors

RATIOS = {("sinh", "cosh"): "tanh", ("sin", "cos"): "tan"}


@rule("tangent", "sinh z / cosh z = tanh z, sin z / cos z = tan z", "contract")
def ratio_to_tangent(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        for j, g in enumerate(factors):
            tangent = RATIOS.get((f.base.op, g.base.op))
            if tangent is None or f.base.args != g.base.args or f.labels != g.labels:
                continue
            if f.exponent * g.exponent > 0 or not is_integer(f.exponent) or not is_integer(g.exponent):
                continue
            least = min(abs(int(f.exponent)), abs(int(g.exponent)))
            count = least if f.exponent > 0 else -least
            rest = [h for k, h in enumerate(factors) if k not in (i, j)]
            parts = [
                Factor(fn(tangent, f.base.args[0]), f.labels, count),
                f._replace(exponent=f.exponent - count),
                g._replace(exponent=g.exponent + count),
            ]
            return with_factors(node, [*rest, *(p for p in parts if p.exponent != 0)])
    return None


def _beside(factors: Sequence[Factor], i: int) -> Iterator[tuple[Factor, list[Factor]]]:
    """Each factor but one, and those that are neither."""
    for j, g in enumerate(factors):
        if j != i:
            yield g, [h for k, h in enumerate(factors) if k not in (i, j)]


@rule("variable times abs", "x |x|^p = sign(x) |x|^(p + 1) for −1 < p < 0", "contract")
def variable_times_abs(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "abs" or not -1 < f.exponent < 0:
            continue
        for g, rest in _beside(factors, i):
            if g.base is f.base.args[0] and g.labels == f.labels and g.exponent == 1:
                sign = Factor(fn("sign", g.base), f.labels)
                return with_factors(node, [*rest, sign, f._replace(exponent=exact(f.exponent + 1))])
    return None


@rule("sign times abs", "sign(x) |x|^p = x |x|^(p − 1) for p >= 1", "contract")
def sign_times_abs(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "sign" or not is_integer(f.exponent) or f.exponent < 1:
            continue
        for g, rest in _beside(factors, i):
            if g.base.op != "abs" or g.exponent < 1:
                continue
            if g.base.args == f.base.args and g.labels == f.labels:
                odd = f.exponent % 2
                parts = [
                    Factor(f.base.args[0], f.labels, odd),
                    g._replace(exponent=g.exponent - odd),
                ]
                return with_factors(node, [*rest, *(p for p in parts if p.exponent != 0)])
    return None


@rule(
    "sign times variable",
    "x^p sign(x) = |x|^p for odd p, x |x|^(p - 1) for even p > 0, x^p sign(x)^2 = x^p, sign(x)/|x| = 1/x",
    "contract",
)
def sign_times_variable(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "sign" or not is_integer(f.exponent) or f.exponent < 1:
            continue
        (x,) = f.base.args
        for g, rest in _beside(factors, i):
            is_abs = g.base.op == "abs" and g.base.args[0] is x
            if g.labels != f.labels or not is_integer(g.exponent) or not (g.base is x or is_abs):
                continue
            if f.exponent % 2 == 0:
                parts = [g]
            elif g.exponent % 2:
                parts = [g._replace(base=x if is_abs else fn("abs", x))]
            elif g.exponent > 0 and not is_abs:
                parts = [g._replace(exponent=1), Factor(fn("abs", x), g.labels, exact(g.exponent - 1))]
            else:
                continue
            return with_factors(node, [*rest, *parts])
    return None


@rule("cube root beside its cube", "x ∛x^-2 = ∛x, x ∛x^-3 = 1", "contract")
def cube_root_beside_cube(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "cbrt" or not is_integer(f.exponent):
            continue
        for g, rest in _beside(factors, i):
            cubed = g.base is f.base.args[0] and g.labels == f.labels and is_integer(g.exponent)
            if cubed and f.exponent * g.exponent < 0:
                thirds = exact(f.exponent + 3 * g.exponent)
                whole = int(Fraction(thirds, 3))  # towards zero
                parts = [f._replace(exponent=thirds - 3 * whole), g._replace(exponent=whole)]
                return with_factors(node, [*rest, *(p for p in parts if p.exponent != 0)])
    return None


@rule("ramp times step", "max(x, 0) (1 + sign x) = 2 max(x, 0)", "contract")
def ramp_times_step(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for f in factors:
        if f.base.op != "maximum" or not is_integer(f.exponent) or f.exponent < 1:
            continue
        x = next((a for a, b in (f.base.args, f.base.args[::-1]) if is_zero(b)), None)
        for j, g in enumerate(factors):
            if g.labels == f.labels and g.exponent == 1 and x is not None and _is_step(g.base, x):
                rest = [h for k, h in enumerate(factors) if k != j]
                doubled = with_factors(node, rest)
                return doubled + doubled
    return None


def _is_step(node: Expr, x: Expr) -> bool:
    """Whether the node is 1 + sign(x)."""
    terms = terms_of(node)
    return (
        len(terms) == 2
        and any(is_one(t) and c == 1 for c, t in terms)
        and any(t.op == "sign" and x is (t.args[0] if c == 1 else -t.args[0]) for c, t in terms if c * c == 1)
    )


@rule("choice", "[c] v + [not c] w = where(c, v, w)", "linear")
def choice(node: Expr) -> Expr | None:
    one, zero = number(1, node.shape), number(0, node.shape)
    terms = [(c, term, _indicator(term, one, zero)) for c, term in terms_of(node)]
    conditions = {found[0] for _, _, found in terms if found is not None}
    for condition in sorted(conditions, key=lambda e: (e.weight, e.key)):
        chosen: dict[bool, list[tuple[Number, Expr]]] = {True: [], False: []}
        rest = []
        for c, term, found in terms:
            if found is not None and found[0] is condition:
                chosen[found[1]].append((c, found[2]))
            else:
                rest.append((c, term))
        if chosen[True] and chosen[False]:
            branches = [linear(chosen[taken], node.shape) for taken in (True, False)]
            return linear([*rest, (1, Expr("where", (condition, *branches), (), node.shape))], node.shape)
    return None


@rule("either choice", "[c]'v + [not c]'v = 1'v", "linear")
def either_choice(node: Expr) -> Expr | None:
    terms = {term: c for c, term in terms_of(node)}
    for term, c in terms.items():
        for i, f in enumerate(factors_of(term) if term.op == "contract" else []):
            one, zero = number(1, f.base.shape), number(0, f.base.shape)
            if f.base.op != "where" or f.exponent != 1 or f.base.args[1:] != (one, zero):
                continue
            opposite = Expr("where", (f.base.args[0], zero, one), (), f.base.shape)
            others = factors_of(term)[:i], factors_of(term)[i + 1 :]
            other = with_factors(term, [*others[0], f._replace(base=opposite), *others[1]])
            if terms.get(other) == c:
                both = with_factors(term, [*others[0], f._replace(base=one), *others[1]])
                rest = [(k, t) for t, k in terms.items() if t is not term and t is not other]
                return linear([*rest, (c, both)], node.shape)
    return None


def _indicator(term: Expr, one: Expr, zero: Expr) -> tuple[Expr, bool, Expr] | None:
    """Of a term with a factor where(c, 1, 0) or where(c, 0, 1): c, whether it holds, and what is left."""
    every = tuple(range(term.ndim))
    factors = factors_of(term) if term.op == "contract" else [Factor(term, every)]
    out = spec_of(term).out if term.op == "contract" else every
    for i, f in enumerate(factors):
        if f.base.op != "where" or f.exponent != 1 or f.labels != out or len(set(out)) < len(out):
            continue
        condition, *branches = f.base.args
        if branches in ([one, zero], [zero, one]):
            rest = factors[:i] + factors[i + 1 :]
            sizes = dict(zip(out, term.shape, strict=True)) | (
                label_sizes(term) if term.op == "contract" else {}
            )
            return condition, branches[0] is one, contract(rest, out, sizes)
    return None


@rule("choices by one condition", "where(c, 1, 0) where(c, v, w) = where(c, v, 0)", "contract")
def product_of_choices(node: Expr) -> Expr | None:
    factors = factors_of(node)
    choices = [i for i, f in enumerate(factors) if f.base.op == "where" and f.exponent == 1]
    for i, j in itertools.permutations(choices, 2):
        f, g = factors[i], factors[j]
        if f.labels != g.labels or f.base.args[0] is not g.base.args[0]:
            continue
        one, zero = number(1, f.base.shape), number(0, f.base.shape)
        condition, *kept = f.base.args
        if kept not in ([one, zero], [zero, one]):
            continue
        branches = [
            branch if keep is one else zero for keep, branch in zip(kept, g.base.args[1:], strict=True)
        ]
        rest = [h for k, h in enumerate(factors) if k not in (i, j)]
        chosen = Expr("where", (condition, *branches), (), f.base.shape)
        return with_factors(node, [*rest, f._replace(base=chosen)])
    return None


# [i > j] + [i < j] stays: 1 − δ_ij would lose what is beside a large diagonal.
@rule("triangles on both sides", "[i > j] + [i ≤ j] = 1, [i ≥ j] + [i ≤ j] = 1 + δ_ij", "linear")
def triangles_on_both_sides(node: Expr) -> Expr | None:
    lower = [(c, t) for c, t in terms_of(node) if t.op == "triangle" and t.shape[0] == t.shape[1]]
    for (c, below), (d, term) in itertools.product(lower, terms_of(node)):
        above = transpose(term, (1, 0))
        if d != c or term.op != "contract" or above.op != "triangle":
            continue
        k, other = (dict(t.params)["k"] for t in (below, above))
        if k + other == -1 or k == other == 0:
            rest = [(e, t) for e, t in terms_of(node) if t not in (below, term)]
            both = [(c, identity(below.shape[:1]))] if k == other else []
            return linear([*rest, (c, number(1, node.shape)), *both], node.shape)
    return None
