"""Rewrites that hold because of what is known of an expression's values: declared, or found by rules."""

from __future__ import annotations

from closedform.expression.calculus import (
    Factor,
    contract,
    factors_of,
    identity,
    is_integer,
    label_sizes,
    linear,
    multiply,
    number,
    power,
    spec_of,
    terms_of,
    transpose,
    zeros,
)
from closedform.expression.expr import Expr, toposort
from closedform.expression.facts import bounds, holds
from closedform.primitives.reductions import products_without
from closedform.simplify.rules import fn, rule, with_factors

DECLARED_SIGNS = "y was declared as signs"

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


# --- signs ----------------------------------------------------------------------------------------


def is_constant(node: Expr) -> bool:
    """Whether the node is a number, of any shape."""
    return node.op == "contract" and not node.args


ODD = frozenset(
    {"sign", "sin", "tan", "sinh", "tanh", "arcsin", "arctan", "arcsinh", "arctanh", "erf", "cbrt"}
)
EVEN = frozenset({"abs", "cos", "cosh", "sech"})


@rule("square of sign", "y^2 = 1, (y u)^p = y^p u^p for y in {-1, 1}", "contract", condition=DECLARED_SIGNS)
def square_of_sign(node: Expr) -> Expr | None:
    factors = factors_of(node)
    changed = []
    for f in factors:
        signs, rest = _without_signs(f.base) if is_integer(f.exponent) and f.exponent != 1 else ([], f.base)
        if f.exponent % 2:
            changed += [Factor(y, tuple(f.labels[a] for a in axes)) for y, axes in signs]
        changed.append(f._replace(base=rest) if signs else f)
    return with_factors(node, changed) if changed != factors else None


def _without_signs(v: Expr) -> tuple[list[tuple[Expr, tuple[int, ...]]], Expr]:
    """The signs that are factors of every entry, each with the axes it has, and what is left."""
    every = tuple(range(v.ndim))
    if holds(v, "sign"):
        return [(v, every)], number(1, v.shape)
    if v.op != "contract":
        return [], v
    spec = spec_of(v)
    factors = factors_of(v)
    taken = [
        f for f in factors if holds(f.base, "sign") and f.exponent == 1 and set(f.labels) <= set(spec.out)
    ]
    if not taken:
        return [], v
    rest = contract([f for f in factors if f not in taken], spec.out, label_sizes(v), spec.coefficient)
    return [(f.base, tuple(spec.out.index(label) for label in f.labels)) for f in taken], rest


@rule(
    "function of signs",
    "f(y u) = y f(u) for odd f, f(y u) = f(u) for even f and y in {-1, 1}",
    *ODD,
    *EVEN,
    condition=DECLARED_SIGNS,
)
def function_of_signs(node: Expr) -> Expr | None:
    signs, rest = _without_signs(node.args[0])
    if not signs or (is_constant(rest) and node.op not in ("abs", "sign")):
        return None
    every = tuple(range(node.ndim))
    outside = [Factor(y, axes) for y, axes in signs] if node.op in ODD else []
    return contract([*outside, Factor(fn(node.op, rest), every)], every)


@rule(
    "factors of known sign",
    "|−2u| = 2|u|, sign(−2u) = −sign u, |c u| = c |u| for c >= 0, sign(c u) = sign u for c > 0",
    "abs",
    "sign",
    condition="numbers, even powers and what is known to have the sign",
)
def factors_of_known_sign(node: Expr) -> Expr | None:
    (v,) = node.args
    if v.op != "contract" or not v.args:
        return None
    spec = spec_of(v)
    if len(set(spec.out)) < v.ndim:
        return None
    fact = "nonnegative" if node.op == "abs" else "positive"
    known = [f for f in factors_of(v) if set(f.labels) <= set(spec.out) and holds(_alone(f), fact)]
    if not known and spec.coefficient == 1:
        return None
    rest = contract([f for f in factors_of(v) if f not in known], spec.out, label_sizes(v))
    if node.op == "abs":
        size = contract([*known, Factor(fn("abs", rest), spec.out)], spec.out)
        return multiply(abs(spec.coefficient), size)
    return fn("sign", rest) if spec.coefficient > 0 else -fn("sign", rest)


def _alone(f: Factor) -> Expr:
    """A factor as a node of its own: the diagonal, if both axes of a matrix are one."""
    return power(contract([f._replace(exponent=1)], tuple(dict.fromkeys(f.labels))), f.exponent)


@rule(
    "signs through a sum",
    "y (a + y b)^p = (y a + b)^p for odd p, (a + y b)^p = (y a + b)^p for even p, y in {-1, 1}",
    "contract",
    condition=DECLARED_SIGNS,
)
def signs_through_sum(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "linear" or not is_integer(f.exponent):
            continue
        for y, axes in {pair: None for term in f.base.args for pair in _without_signs(term)[0]}:
            outside = Factor(y, tuple(f.labels[a] for a in axes))
            if f.exponent % 2 and outside not in factors:
                continue
            every = tuple(range(f.base.ndim))
            terms = [(c, contract([Factor(t, every), Factor(y, axes)], every)) for c, t in terms_of(f.base)]
            squared = [(c, (square_of_sign(t) if t.op == "contract" else None) or t) for c, t in terms]
            turned = linear(squared, f.base.shape)
            if turned.weight < f.base.weight + f.exponent % 2:
                rest = [g for j, g in enumerate(factors) if j != i and (g != outside or f.exponent % 2 == 0)]
                return with_factors(node, [*rest, f._replace(base=turned)])
    return None


@rule(
    "variance of a probability",
    "σ(y z) (1 − σ(y z)) = σ(z) (1 − σ(z)) for y in {-1, 1}",
    "contract",
    condition="y is -1, or was declared as signs",
)
def variance_of_probability(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "expit" or not is_integer(f.exponent):
            continue
        _, z = _without_signs(f.base.args[0])
        z = -z if z.op == "contract" and spec_of(z).coefficient < 0 else z
        other = Factor(1 - f.base, f.labels, f.exponent)
        if z is f.base.args[0] or is_constant(z) or other not in factors:
            continue
        rest = [g for j, g in enumerate(factors) if j != i and g != other]
        if any(f.base in toposort(g.base) for g in rest):
            continue  # the probability itself stands beside it
        p = fn("expit", z)
        return with_factors(node, [*rest, f._replace(base=p), other._replace(base=1 - p)])
    return None


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


@rule("norm through orthogonal", "|Q x|^2 = |x|^2", "contract", condition="Q is known to be orthogonal")
def norm_through_orthogonal(node: Expr) -> Expr | None:
    factors = factors_of(node)
    labels = [label for f in factors for label in f.labels] + list(spec_of(node).out)
    for i, f in enumerate(factors):
        if f.exponent != 2 or f.base.op != "contract":
            continue
        inner, out = factors_of(f.base), spec_of(f.base).out
        for axis, label in enumerate(f.labels):
            at = [k for k, g in enumerate(inner) if out[axis] in g.labels]
            if labels.count(label) > 1 or out.count(out[axis]) > 1 or len(at) != 1:
                continue
            q = inner[at[0]]
            if q.exponent != 1 or not holds(q.base, "orthogonal") or len(set(q.labels)) < 2:
                continue
            other = q.labels[1 - q.labels.index(out[axis])]
            if other in out:
                continue
            kept = [g for k, g in enumerate(inner) if k != at[0]]
            turned = (*out[:axis], other, *out[axis + 1 :])
            rest = contract(kept, turned, label_sizes(f.base), spec_of(f.base).coefficient)
            return with_factors(node, [*factors[:i], f._replace(base=rest), *factors[i + 1 :]])
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
