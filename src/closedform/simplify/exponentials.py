"""Rewrites of exponentials into the functions that have names for them: logaddexp, tanh, arsinh, ..."""

from __future__ import annotations

from fractions import Fraction

from closedform.expression.calculus import (
    Factor,
    Label,
    Number,
    contract,
    exact,
    factors_of,
    is_integer,
    is_zero,
    label_sizes,
    linear,
    multiply,
    number,
    power,
    spec_of,
    terms_of,
)
from closedform.expression.expr import Expr
from closedform.expression.facts import holds
from closedform.simplify.rules import fn, is_one, one_plus, rule, with_factors


def pointwise(node: Expr) -> list[Factor]:
    """The factors of a product entry by entry; none if a label is summed or stands twice in the result."""
    if node.op != "contract":
        return []
    out = spec_of(node).out
    factors = factors_of(node)
    plain = len(set(out)) == len(out) and all(set(f.labels) <= set(out) for f in factors)
    return factors if plain else []


def _two_exponentials(node: Expr) -> tuple[Number, Expr, Expr] | None:
    """(c, u, v) where node = e^u + c e^v."""
    if node.op != "linear" or len(node.args) != 2 or any(arg.op != "exp" for arg in node.args):
        return None
    (c, d), (u, v) = node.params, (arg.args[0] for arg in node.args)
    return (d, u, v) if c == 1 else (c, v, u) if d == 1 else None


@rule("logaddexp", "ln(e^u + e^v) = logaddexp(u, v)", "log")
def log_to_logaddexp(node: Expr) -> Expr | None:
    found = _two_exponentials(node.args[0])
    if found is None or found[0] != 1:
        return None
    return Expr("logaddexp", found[1:], (), node.shape)


@rule("variable power of exp", "(e^x)^y = e^(x y)", "power")
def variable_power_of_exp(node: Expr) -> Expr | None:
    base, exponent = node.args
    if base.op != "exp" or base.shape != exponent.shape:
        return None
    every = tuple(range(base.ndim))
    return fn("exp", contract([Factor(base.args[0], every), Factor(exponent, every)], every))


@rule("power times its base", "(x^p)^k x^l = x^(k p + l), (x^p)^k (x^q)^l = x^(k p + l q)", "contract")
def power_times_base(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "power" or not is_integer(f.exponent):
            continue
        x, p = f.base.args
        for j, g in enumerate(factors):
            if i == j or g.labels != f.labels:
                continue
            q: Expr | None = number(g.exponent, x.shape) if g.base is x else None
            if g.base.op == "power" and is_integer(g.exponent) and g.base.args[0] is x:
                q = g.exponent * g.base.args[1]
            if q is not None:
                rest = [h for k, h in enumerate(factors) if k not in (i, j)]
                whole = Factor(power_of(x, f.exponent * p + q), f.labels)
                return with_factors(node, [*rest, whole])
    return None


@rule("power times its factors", "x y (s x y)^p = (s x y)^(p + 1) / s for a scalar s", "contract")
def power_times_factors(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        variable = f.base.op == "power" and f.exponent == 1
        if not variable and is_integer(f.exponent):
            continue
        base = f.base.args[0] if variable else f.base
        scalars = [g for g in pointwise(base) if not g.labels]
        arrays = [g for g in pointwise(base) if g.labels]
        if not arrays:
            continue
        at: dict[Label, Label] = dict(zip(spec_of(base).out, f.labels, strict=True))
        wanted = [g._replace(labels=tuple(at[label] for label in g.labels)) for g in arrays]
        if len(set(wanted)) < len(wanted) or any(g not in factors for g in wanted):
            continue
        rest = [g for k, g in enumerate(factors) if k != i and g not in wanted]
        above = {g.base: g.exponent for g in rest if not g.labels}
        if any(g.exponent > max(0, above.get(g.base, 0)) and not holds(g.base, "positive") for g in scalars):
            continue  # a scalar below the line may be zero
        below = [g._replace(exponent=exact(-g.exponent)) for g in scalars]
        spec = spec_of(node)
        coefficient = Fraction(spec.coefficient) / Fraction(spec_of(base).coefficient)
        whole = f._replace(exponent=exact(f.exponent + 1))
        if variable:
            whole = f._replace(base=power_of(base, f.base.args[1] + 1))
        return contract([*rest, *below, whole], spec.out, label_sizes(node), coefficient)
    return None


def power_of(x: Expr, exponent: Expr) -> Expr:
    """x to a power, entry by entry."""
    constant = exponent.op == "contract" and exponent is number(spec_of(exponent).coefficient, x.shape)
    return power(x, spec_of(exponent).coefficient) if constant else Expr("power", (x, exponent), (), x.shape)


@rule("ratio of exponentials", "e^u / (e^u + e^v) = σ(u - v)", "contract")
def ratio_of_exponentials(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        found = _two_exponentials(f.base) if f.exponent == -1 else None
        if found is None or found[0] != 1:
            continue
        for u, v in (found[1:], found[:0:-1]):
            for j, g in enumerate(factors):
                if g == Factor(fn("exp", u), f.labels):
                    rest = [h for k, h in enumerate(factors) if k not in (i, j)]
                    return with_factors(node, [*rest, Factor(fn("expit", u - v), f.labels)])
    return None


@rule("hyperbolic functions", "e^z + e^-z = 2 cosh z, e^z - e^-z = 2 sinh z", "linear")
def hyperbolic(node: Expr) -> Expr | None:
    found = _two_exponentials(node)
    if found is None or found[1] is not -found[2] or found[0] not in (1, -1):
        return None
    c, u, v = found
    if terms_of(u)[0][0] < 0:
        return 2 * fn("cosh", v) if c == 1 else -2 * fn("sinh", v)
    return 2 * fn("cosh" if c == 1 else "sinh", u)


@rule("tanh of expit", "(e^z - 1) / (e^z + 1) = tanh(z/2)", "contract")
def expit_to_tanh(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        v = one_plus(f.base)
        if v is None or f.exponent != 1 or (-v).op != "exp":
            continue
        z = (-v).args[0]
        for j, g in enumerate(factors):
            if g == Factor(fn("expit", -z), f.labels):
                rest = [h for k, h in enumerate(factors) if k not in (i, j)]
                return with_factors(node, [*rest, Factor(fn("tanh", -z / 2), f.labels)])
    return None


@rule("arsinh", "ln(z + (1 + z^2)^(1/2)) = arsinh z", "log")
def log_to_arcsinh(node: Expr) -> Expr | None:
    (v,) = node.args
    terms = terms_of(v)
    for c, z in terms:
        z = z if c == 1 else c * z
        if len(terms) == 2 and v is z + power(1 + z**2, 0.5):
            return fn("arcsinh", z)
    return None


@rule("artanh", "ln((1 + z) / (1 - z)) = 2 artanh z", "log")
def log_to_arctanh(node: Expr) -> Expr | None:
    (v,) = node.args
    exponents = {f.exponent: f for f in pointwise(v)}
    if len(factors_of(v) if exponents else ()) != 2 or set(exponents) != {1, -1}:
        return None
    above, below = (with_factors(v, [exponents[p]._replace(exponent=1)]) for p in (1, -1))
    below = below / spec_of(v).coefficient
    whole, difference = above + below, above - below
    if whole.args or is_zero(whole) or any(is_one(t) for _, t in terms_of(difference)):
        return None
    return 2 * fn("arctanh", difference / whole)


@rule("denominator multiplied out", "x^m (v + u x^-m) = x^m v + u", "contract")
def denominator_multiplied_out(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "linear" or f.exponent != 1 or len(f.base.args) != 2:
            continue
        for term in f.base.args:
            for g in pointwise(term):
                if not is_integer(g.exponent) or g.exponent >= 0 or g.labels != spec_of(term).out:
                    continue
                for j, h in enumerate(factors):
                    left = h.exponent + g.exponent
                    if h.base is g.base and h.labels == f.labels and is_integer(left) and left >= 0:
                        terms = [(c, multiply(t, power(g.base, -g.exponent))) for c, t in terms_of(f.base)]
                        rest = [k for n, k in enumerate(factors) if n not in (i, j)]
                        rest += [f._replace(base=linear(terms, f.base.shape)), h._replace(exponent=left)]
                        return with_factors(node, [k for k in rest if k.exponent != 0])
    return None


@rule("common denominator", "x^m (1 + u x^-m) = x^m + u", "contract")
def common_denominator(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "linear" or not is_integer(f.exponent) or f.exponent >= 0:
            continue
        for term in f.base.args:
            for g in pointwise(term):
                if not is_integer(g.exponent) or g.exponent >= 0 or g.labels != spec_of(term).out:
                    continue
                raised = Factor(g.base, f.labels, f.exponent * g.exponent)
                for j, h in enumerate(factors):
                    if h.base is g.base and h.labels == f.labels and h.exponent < 0:
                        rest = [h for k, h in enumerate(factors) if k not in (i, j)]
                        cleared = linear(
                            [(c, multiply(t, power(g.base, -g.exponent))) for c, t in terms_of(f.base)],
                            f.base.shape,
                        )
                        rest += [h._replace(exponent=h.exponent + raised.exponent)]
                        return with_factors(node, [*rest, f._replace(base=cleared)])
    return None
