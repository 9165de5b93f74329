"""Named rewrites of the calculus: each states its equation, and where it holds.

A rule takes a node in normal form and returns an equal one, or None where it does not apply. A rule
may extend the domain of a formula, never change a value it had.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from closedform.expression.calculus import (
    Factor,
    Label,
    Number,
    contract,
    dot,
    exact,
    factors_of,
    identity,
    is_integer,
    is_zero,
    label_sizes,
    linear,
    multiply,
    number,
    spec_of,
    terms_of,
    transpose,
    zeros,
)
from closedform.expression.expr import Expr
from closedform.expression.facts import TRANSPOSING, holds
from closedform.primitives.matrix_functions import frechet, matrix_function
from closedform.primitives.reductions import logsumexp, softmax
from closedform.primitives.structure import roll

Rewrite = Callable[[Expr], Expr | None]


@dataclass(frozen=True)
class Rule:
    """One rewrite: its name, the equation it applies, its condition, and the operations it looks at."""

    name: str
    equation: str
    condition: str
    ops: tuple[str, ...]
    rewrite: Rewrite


RULES: list[Rule] = []


def rule(name: str, equation: str, *ops: str, condition: str = "") -> Callable[[Rewrite], Rewrite]:
    """Register a rewrite under its name and equation."""

    def register(rewrite: Rewrite) -> Rewrite:
        RULES.append(Rule(name, equation, condition, ops, rewrite))
        return rewrite

    return register


def fn(op: str, v: Expr) -> Expr:
    """A function of one array, entry by entry."""
    return Expr(op, (v,), (), v.shape)


def with_factors(node: Expr, factors: Iterable[Factor]) -> Expr:
    """A contraction with other factors in place of its own."""
    spec = spec_of(node)
    return contract(factors, spec.out, label_sizes(node), spec.coefficient)


def is_one(node: Expr) -> bool:
    """Whether the node is the number one, of any shape without deltas."""
    return node.op == "contract" and not node.args and spec_of(node) == (1, (), (), tuple(range(node.ndim)))


def one_plus(node: Expr) -> Expr | None:
    """v where node = 1 + v."""
    terms = terms_of(node)
    ones = [i for i, (c, t) in enumerate(terms) if is_one(t) and c == 1]
    if len(terms) != 2 or len(ones) != 1:
        return None
    c, term = terms[1 - ones[0]]
    return multiply(c, term)


def one_plus_exp(node: Expr) -> Expr | None:
    """z where node = 1 + exp(z)."""
    if node.op != "linear" or not any(term.op == "exp" for term in node.args):
        return None
    v = one_plus(node)
    return v.args[0] if v is not None and v.op == "exp" else None


# --- exponentials and logarithms ------------------------------------------------------------------


@rule("log of exp", "ln e^z = z", "log")
def log_of_exp(node: Expr) -> Expr | None:
    (v,) = node.args
    return v.args[0] if v.op == "exp" else None


@rule("exp of log", "e^(ln x) = x", "exp")
def exp_of_log(node: Expr) -> Expr | None:
    (v,) = node.args
    return v.args[0] if v.op == "log" else None


@rule("softplus", "ln(1 + e^z) = softplus(z)", "log")
def log_to_softplus(node: Expr) -> Expr | None:
    z = one_plus_exp(node.args[0])
    return None if z is None else fn("softplus", z)


@rule("softplus of log1p", "log1p(e^z) = softplus(z)", "log1p")
def log1p_to_softplus(node: Expr) -> Expr | None:
    (v,) = node.args
    return fn("softplus", v.args[0]) if v.op == "exp" else None


@rule("softplus of logaddexp", "ln(e^0 + e^z) = softplus(z)", "logaddexp")
def logaddexp_to_softplus(node: Expr) -> Expr | None:
    for zero, z in (node.args, node.args[::-1]):
        if is_zero(zero):
            return fn("softplus", z)
    return None


@rule("power of exp", "(e^u)^p = e^(p u), e^u e^v = e^(u + v)", "contract")
def merge_exponentials(node: Expr) -> Expr | None:
    groups: dict[tuple[Label, ...], list[Factor]] = {}
    rest = []
    for f in factors_of(node):
        if f.base.op == "exp":
            groups.setdefault(f.labels, []).append(f)
        else:
            rest.append(f)
    if all(len(g) == 1 and g[0].exponent == 1 for g in groups.values()):
        return None
    for labels, group in groups.items():
        total = linear([(f.exponent, f.base.args[0]) for f in group], group[0].base.shape)
        rest.append(Factor(number(1, total.shape) if is_zero(total) else fn("exp", total), labels))
    return with_factors(node, rest)


@rule("expit", "1/(1 + e^z) = σ(-z), e^z/(1 + e^z) = σ(z)", "contract")
def ratio_to_expit(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        z = one_plus_exp(f.base)
        if z is None or not is_integer(f.exponent) or f.exponent >= 0:
            continue
        count = -f.exponent
        rest = factors[:i] + factors[i + 1 :]
        exponential = fn("exp", z)
        for j, g in enumerate(rest):
            if g.base is exponential and g.labels == f.labels and g.exponent == count:
                return with_factors(
                    node, [*rest[:j], *rest[j + 1 :], Factor(fn("expit", z), f.labels, count)]
                )
        return with_factors(node, [*rest, Factor(fn("expit", -z), f.labels, count)])
    return None


@rule("expit of opposite", "e^u with u a multiple of z: e^z σ(-z) = σ(z)", "contract")
def exp_times_expit(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "expit" or f.exponent < 1:
            continue
        z = -f.base.args[0]
        for j, g in enumerate(factors):
            if g.base.op == "exp" and g.labels == f.labels and g.exponent == 1 and g.base.args[0] is z:
                rest = [h for k, h in enumerate(factors) if k not in (i, j)]
                rest += [Factor(f.base, f.labels, f.exponent - 1)] if f.exponent != 1 else []
                return with_factors(node, [*rest, Factor(fn("expit", z), f.labels)])
    return None


def sum_of_exponentials(node: Expr) -> tuple[Expr, tuple[int, ...], tuple[int, ...]] | None:
    """(z, its labels, labels of the result) where node is a sum of e^z over some of its axes."""
    if node.op != "contract" or len(node.args) != 1 or node.args[0].op != "exp":
        return None
    spec = spec_of(node)
    labels = spec.labels[0]
    distinct = len(set(labels)) == len(labels) and len(set(spec.out)) == len(spec.out)
    if spec.coefficient != 1 or spec.exponents != (1,) or not distinct or not set(spec.out) < set(labels):
        return None
    return node.args[0].args[0], labels, spec.out


@rule("logsumexp", "ln Σ e^z = logsumexp(z)", "log")
def log_to_logsumexp(node: Expr) -> Expr | None:
    found = sum_of_exponentials(node.args[0])
    if found is None:
        return None
    z, labels, out = found
    reduced = logsumexp(z, tuple(a for a, label in enumerate(labels) if label not in out))
    return contract([Factor(reduced, tuple(label for label in labels if label in out))], out)


@rule("softmax", "e^z / Σ e^z = softmax(z)", "contract")
def ratio_to_softmax(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        found = sum_of_exponentials(f.base) if f.exponent == -1 else None
        if found is None:
            continue
        z, labels, out = found
        names = dict(zip(out, f.labels, strict=True))
        for j, g in enumerate(factors):
            if g.base.op != "exp" or g.base.args[0] is not z or g.exponent != 1:
                continue
            if all(names.get(label, there) == there for label, there in zip(labels, g.labels, strict=True)):
                axes = tuple(a for a, label in enumerate(labels) if label not in out)
                rest = [h for k, h in enumerate(factors) if k not in (i, j)]
                return with_factors(node, [*rest, Factor(softmax(z, axes), g.labels)])
    return None


# Values of functions that are exact at the point before them.
_SPECIAL_VALUES: dict[str, tuple[Number, Number]] = {
    **dict.fromkeys(("exp", "cos", "cosh"), (0, 1)),
    **dict.fromkeys(("sin", "tan", "sinh", "tanh", "arcsin", "arctan", "arcsinh", "arctanh"), (0, 0)),
    **dict.fromkeys(("expm1", "log1p", "erf", "abs", "sign"), (0, 0)),
    "log": (1, 0),
    "expit": (0, Fraction(1, 2)),
}


@rule("special values", "e^0 = 1, ln 1 = 0, sin 0 = 0, σ(0) = 1/2, ...", *_SPECIAL_VALUES)
def special_value(node: Expr) -> Expr | None:
    at, value = _SPECIAL_VALUES[node.op]
    return number(value, node.shape) if node.args[0] is number(at, node.shape) else None


# --- powers and signs -----------------------------------------------------------------------------


@rule(
    "root of square",
    "(c x^2 y^2 q)^(1/2) = |x y| (c q)^(1/2)",
    "contract",
    condition="c q is known to be nonnegative",
)
def root_of_square(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "contract" or is_integer(f.exponent):
            continue
        inner, sizes = spec_of(f.base), label_sizes(f.base)
        within = factors_of(f.base)
        squares = [g for g in within if _is_square_of_entries(g, inner.out)]
        rest = [g for g in within if g not in squares]
        left = contract(rest, inner.out, sizes, inner.coefficient)
        if not squares or len(set(inner.out)) < len(inner.out) or not holds(left, "nonnegative"):
            continue
        least = math.gcd(*(int(g.exponent) for g in squares))
        roots = [g._replace(exponent=exact(Fraction(g.exponent) / least)) for g in squares]
        absolute = Factor(fn("abs", contract(roots, inner.out, sizes)), f.labels, exact(least * f.exponent))
        return with_factors(
            node, [*factors[:i], absolute, Factor(left, f.labels, f.exponent), *factors[i + 1 :]]
        )
    return None


def _is_square_of_entries(g: Factor, out: Sequence[Label]) -> bool:
    """Whether a factor of a product's entries is an even power, broadcast: nothing in it is summed."""
    even = is_integer(g.exponent) and g.exponent % 2 == 0
    return even and len(set(g.labels)) == len(g.labels) and set(g.labels) <= set(out)


@rule("square of abs", "|x|^2 = x^2", "contract")
def square_of_abs(node: Expr) -> Expr | None:
    factors = factors_of(node)
    changed = [
        Factor(f.base.args[0], f.labels, f.exponent)
        if f.base.op == "abs" and is_integer(f.exponent) and f.exponent % 2 == 0
        else f
        for f in factors
    ]
    return with_factors(node, changed) if changed != factors else None


@rule("abs of nonnegative", "|x| = x for x >= 0", "abs", condition="x is known to be nonnegative")
def abs_of_nonnegative(node: Expr) -> Expr | None:
    (v,) = node.args
    return v if holds(v, "nonnegative") else None


@rule("Pythagoras", "sin^2 z + cos^2 z = 1", "linear")
def sine_and_cosine(node: Expr) -> Expr | None:
    terms = {t: c for c, t in terms_of(node)}
    for term, c in terms.items():
        if term.op != "contract":
            continue
        factors = factors_of(term)
        for i, f in enumerate(factors):
            if f.base.op != "sin" or f.exponent != 2:
                continue
            rest = factors[:i] + factors[i + 1 :]
            cosine = Factor(fn("cos", f.base.args[0]), f.labels, 2)
            partner = with_factors(term, [*rest, cosine])
            if terms.get(partner) == c:
                kept = [(k, t) for t, k in terms.items() if t not in (term, partner)]
                return linear([*kept, (c, with_factors(term, rest))], node.shape)
    return None


# --- structured constants -------------------------------------------------------------------------

ZERO_ONE = frozenset({"unit", "select", "gather", "shift", "triangle", "reshape"})


@rule("power of zeros and ones", "s^p = s for s in {0, 1}", "contract")
def power_of_zeros_and_ones(node: Expr) -> Expr | None:
    factors = factors_of(node)
    changed = [f._replace(exponent=1) if f.base.op in ZERO_ONE and f.exponent > 1 else f for f in factors]
    return with_factors(node, changed) if changed != factors else None


@rule("product of unit vectors", "e_k' e_l = 0 for k != l", "contract")
def product_of_units(node: Expr) -> Expr | None:
    seen: dict[Label, Expr] = {}
    for f in factors_of(node):
        if f.base.op != "unit":
            continue
        other = seen.setdefault(f.labels[0], f.base)
        first, second = (dict(u.params)["index"] for u in (f.base, other))
        if other is not f.base and (f.base.shape[0].is_literal or (first < 0) == (second < 0)):
            return zeros(node.shape)
    return None


@rule("sum of a unit vector", "1' e_k = 1", "contract")
def sum_of_unit(node: Expr) -> Expr | None:
    factors = factors_of(node)
    labels = [label for f in factors for label in f.labels] + list(spec_of(node).out)
    kept = [f for f in factors if f.base.op != "unit" or labels.count(f.labels[0]) > 1]
    if len(kept) == len(factors):
        return None
    spec = spec_of(node)
    return contract(kept, spec.out, label_sizes(node), spec.coefficient)


@rule("product of cyclic shifts", "R^s R^t = R^(s + t), R' = R^-1, 1'R = 1'", "contract")
def product_of_shifts(node: Expr) -> Expr | None:
    factors = factors_of(node)
    out = spec_of(node).out
    for i, f in enumerate(factors):
        if f.base.op != "shift" or f.labels[0] == f.labels[1]:
            continue
        by = dict(f.base.params)["by"]
        for a in (0, 1):
            shared, kept = f.labels[a], f.labels[1 - a]
            uses = [j for j, g in enumerate(factors) for label in g.labels if label == shared and j != i]
            if shared in out or len(uses) > 1:
                continue
            rest = [g for j, g in enumerate(factors) if j not in (i, *uses)]
            if not uses:
                if kept in out or any(kept in g.labels for g in rest):
                    return with_factors(node, rest)
                continue
            g = factors[uses[0]]
            if g.base.op != "shift" or g.base.shape != f.base.shape:
                continue
            b = g.labels.index(shared)
            # f moves kept to shared by `by` if a is 1, back if it is 0; so g from shared on
            total = (by if a else -by) + (dict(g.base.params)["by"] if b == 0 else -dict(g.base.params)["by"])
            combined = Factor(roll(f.base.shape[0], total), (kept, g.labels[1 - b]))
            return with_factors(node, [*rest, combined])
    return None


# --- matrices -------------------------------------------------------------------------------------


def _transposed(node: Expr) -> Expr | None:
    """X where node = X' for a multiple X of an array, if that is simpler."""
    if node.op != "contract" or node.ndim != 2:
        return None
    arrays = [f for f in factors_of(node) if f.labels]
    if len(arrays) != 1 or arrays[0].exponent != 1 or arrays[0].labels != spec_of(node).out[::-1]:
        return None
    return transpose(node, (1, 0)) if len(set(arrays[0].labels)) == 2 else None


@rule(
    "function of transpose",
    "f(X') = f(X)' for inv, pinv, cofactor, functions of a matrix",
    *(TRANSPOSING | {"pinv"}),
)
def function_of_transpose(node: Expr) -> Expr | None:
    x = _transposed(node.args[0])
    return None if x is None else transpose(Expr(node.op, (x,), (), node.shape[::-1]), (1, 0))


@rule(
    "invariant of transpose",
    "f(X') = f(X) for det, ln |det|, sign det, singular values, eigenvalues of the symmetric part",
    *("det", "logdet", "sign_det", "singular_values", "eigvalsh"),
)
def invariant_of_transpose(node: Expr) -> Expr | None:
    x = _transposed(node.args[0])
    return None if x is None else Expr(node.op, (x,), (), node.shape)


# Functions f of a matrix with the coefficient and the name of f'.
_DERIVED_FUNCTION = {
    "expm": (1, "expm"),
    "sinm": (1, "cosm"),
    "cosm": (-1, "sinm"),
    "sinhm": (1, "coshm"),
    "coshm": (1, "sinhm"),
}


@rule(
    "Frechet derivative along the identity",
    "D^k f(A)[E, ..., s I] = s D^(k-1) f'(A)[E, ...] for f = exp, sin, cos, sinh, cosh",
    *(f"{name}_frechet" for name in _DERIVED_FUNCTION),
)
def frechet_along_identity(node: Expr) -> Expr | None:
    a, *directions = node.args
    coefficient, name = _DERIVED_FUNCTION[node.op.removesuffix("_frechet")]
    for i, direction in enumerate(directions):
        scale = _scale_of_identity(direction)
        if scale is None:
            continue
        others = directions[:i] + directions[i + 1 :]
        rest = frechet(name, a, *others) if others else matrix_function(name, a)
        axes = tuple(range(node.ndim))
        first = axes[node.ndim - 2 - scale.ndim : node.ndim - 2]
        second = axes[node.ndim - rest.ndim :]
        return contract([Factor(scale, first), Factor(rest, second)], axes, coefficient=coefficient)
    return None


@rule(
    "Frechet derivative along the matrix",
    "Df(A)[s A] = s A f'(A) for f = exp, log, sin, cos, sinh, cosh",
    *(f"{name}_frechet" for name in (*_DERIVED_FUNCTION, "logm")),
)
def frechet_along_itself(node: Expr) -> Expr | None:
    a, *directions = node.args
    if len(directions) != 1 or len(terms_of(a)) != 1 or len(terms_of(directions[0])) != 1:
        return None
    ((c, whole),), ((k, direction),) = terms_of(a), terms_of(directions[0])
    if direction is not whole:
        return None
    scale = exact(Fraction(k) / Fraction(c))
    if node.op == "logm_frechet":
        return multiply(scale, identity(a.shape[:1]))
    coefficient, name = _DERIVED_FUNCTION[node.op.removesuffix("_frechet")]
    return multiply(scale * coefficient, dot(a, matrix_function(name, a)))


@rule("Sylvester equation of the identity", "A X + X A = s I for X = s A^-1 / 2", "sylvester")
def sylvester_of_identity(node: Expr) -> Expr | None:
    a, b, q = node.args
    scale = _scale_of_identity(q) if a is b else None
    if scale is None:
        return None
    axes = tuple(range(node.ndim))
    return contract([Factor(scale, axes[:-2]), Factor(fn("inv", a), axes[-2:])], axes, {}, Fraction(1, 2))


def _scale_of_identity(node: Expr) -> Expr | None:
    """s where every matrix of a stack is s times the identity."""
    if node.op != "contract":
        return None
    spec = spec_of(node)
    *lead, row, column = spec.out
    if row != column or row in lead or any(row in f.labels for f in factors_of(node)):
        return None
    return contract(factors_of(node), lead, label_sizes(node), spec.coefficient)


@rule(
    "Frechet derivative along a commuting matrix",
    "tr(B' Df(X)[E]) = tr((B f'(X'))' E) for X a multiple of B or of B'",
    "contract",
)
def frechet_against_commuting(node: Expr) -> Expr | None:
    factors, spec = factors_of(node), spec_of(node)
    for i, f in enumerate(factors):
        name = f.base.op.removesuffix("_frechet")
        if name == f.base.op or name not in _DERIVED_FUNCTION or len(f.base.args) != 2 or f.exponent != 1:
            continue
        x, direction = f.base.args
        pair = set(f.labels[-2:])
        met = [j for j, g in enumerate(factors) if j != i and pair & set(g.labels)]
        g = factors[met[0]] if len(met) == 1 and not pair & {*spec.out, *f.labels[:-2]} else None
        if g is None or g.exponent != 1 or len(g.labels) != 2 or set(g.labels) != pair:
            continue
        if not _is_multiple(x, g.base):
            continue
        lead, (row, column) = f.labels[:-2], (("row", i), ("column", i))
        inner = ("inner", i)
        coefficient, derived = _DERIVED_FUNCTION[name]
        first = (row, inner) if g.labels == f.labels[-2:] else (inner, row)
        new = [
            Factor(g.base, first),
            Factor(matrix_function(derived, x), (column, inner)),
            Factor(direction, (*lead, row, column)),
        ]
        rest = [h for k, h in enumerate(factors) if k not in (i, met[0])]
        return contract([*rest, *new], spec.out, label_sizes(node), coefficient * spec.coefficient)
    return None


def _is_multiple(x: Expr, b: Expr) -> bool:
    """Whether one matrix is a number times another one, or times its transpose."""
    arrays = [f for f in factors_of(x) if f.labels] if x.op == "contract" else []
    return x is b or (
        len(arrays) == 1
        and arrays[0].base is b
        and arrays[0].exponent == 1
        and set(arrays[0].labels) == set(spec_of(x).out)
        and len(set(arrays[0].labels)) == 2
    )


@rule("derivative of the matrix logarithm along the identity", "D log(A)[s I] = s A^-1", "logm_frechet")
def logarithm_along_identity(node: Expr) -> Expr | None:
    a, *directions = node.args
    scale = _scale_of_identity(directions[0]) if len(directions) == 1 else None
    if scale is None:
        return None
    axes = tuple(range(node.ndim))
    return contract([Factor(scale, axes[:-2]), Factor(fn("inv", a), axes[-2:])], axes)


@rule("logarithm and exponential of a matrix", "e^(log A) = A", "expm")
def exponential_of_logarithm(node: Expr) -> Expr | None:
    (x,) = node.args
    return x.args[0] if x.op == "logm" else None


def symmetric_part(node: Expr) -> Expr:
    """(A + A')/2: what a Cholesky factor is a function of."""
    return linear([(Fraction(1, 2), node), (Fraction(1, 2), transpose(node, (1, 0)))], node.shape)


@rule("Cholesky factors", "L L' = A, L^-T L^-1 = A^-1 for A = L L'", "contract")
def cholesky_factors(node: Expr) -> Expr | None:
    factors = factors_of(node)
    spec = spec_of(node)
    for i, f in enumerate(factors):
        inverse = f.base.op == "inv"
        factor = f.base.args[0] if inverse else f.base
        single = factor.op == "cholesky" and factor.ndim == 2
        shared = f.labels[0 if inverse else 1] if single else None
        if f.exponent != 1 or shared is None or shared in spec.out:
            continue
        for j, g in enumerate(factors[i + 1 :], start=i + 1):
            if g.base is not f.base or g.exponent != 1 or g.labels[0 if inverse else 1] != shared:
                continue
            if sum(h.labels.count(shared) for h in factors) != 2:
                continue
            kept = 1 if inverse else 0
            a = symmetric_part(factor.args[0])
            whole = fn("inv", a) if inverse else a
            rest = [h for k, h in enumerate(factors) if k not in (i, j)]
            return with_factors(node, [*rest, Factor(whole, (f.labels[kept], g.labels[kept]))])
    return None


@rule("determinant by the Cholesky factor", "Σ ln L_ii = ln det(A) / 2 for A = L L'", "contract")
def logdet_by_cholesky(node: Expr) -> Expr | None:
    factors = factors_of(node)
    spec = spec_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "log" or f.exponent != 1 or f.base.ndim != 1:
            continue
        (diagonal,) = f.base.args
        summed = f.labels[0] not in spec.out and sum(g.labels.count(f.labels[0]) for g in factors) == 1
        if not summed or diagonal.op != "contract" or len(diagonal.args) != 1:
            continue
        (factor,) = diagonal.args
        inner = spec_of(diagonal)
        if factor.op == "cholesky" and inner == (1, ((0, 0),), (1,), (0,)):
            half = Fraction(1, 2) * Fraction(spec.coefficient)
            rest = [g for k, g in enumerate(factors) if k != i]
            determinant = Factor(Expr("logdet", (symmetric_part(factor.args[0]),), (), ()))
            return contract([*rest, determinant], spec.out, label_sizes(node), half)
    return None
