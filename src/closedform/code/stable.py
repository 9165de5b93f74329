"""Numerically stable forms: equal expressions that lose no digits and do not overflow, used in code only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from closedform.code.squares import (
    difference_of_squares,
    outer_difference,
    powers_apart,
    projection_on_direction,
    root,
    root_minus_number,
    without_overflow,
)
from closedform.expression.calculus import (
    Factor,
    Number,
    contract,
    exact,
    factors_of,
    identity,
    label_sizes,
    linear,
    multiply,
    number,
    power,
    spec_of,
    terms_of,
)
from closedform.expression.expr import Expr


@dataclass(frozen=True)
class StableForm:
    """A rewrite: its name and equation, the interval of z where it holds, the operation it looks at."""

    name: str
    equation: str
    domain: tuple[float, float]
    op: str
    rewrite: Callable[[Expr], Expr | None]


STABLE_FORMS: list[StableForm] = []
EVERYWHERE = (-800.0, 800.0)


def stable(node: Expr) -> Expr:
    """The node in stable form; its operands are left as they are.

    >>> from closedform.expression.expr import Expr, input_
    >>> z = input_("z", ())
    >>> stable(1 - Expr("tanh", (z,), (), ()) ** 2) is Expr("sech", (z,), (), ()) ** 2
    True
    """
    changed: Expr | None = node
    while changed is not None:
        node = changed
        changed = next((new for f in STABLE_FORMS if f.op == node.op and (new := f.rewrite(node))), None)
    return node


def polynomial_of(node: Expr) -> tuple[Expr, dict[int, Number]] | None:
    """(x, {power: coefficient}) where the node is a polynomial in one expression x, entry by entry.

    >>> from closedform.expression.expr import input_
    >>> polynomial_of(3 * input_("t", ()) ** 2 - 1)
    (t, {2: 3, 0: -1})
    """
    base: Expr | None = None
    coefficients: dict[int, Number] = {}
    for c, term in terms_of(node):
        exponent, atom = 1, term
        if term.op == "contract":
            spec = spec_of(term)
            if len(set(spec.out)) != len(spec.out):
                return None
            if not term.args:
                coefficients[0] = exact(c * spec.coefficient)
                continue
            if len(term.args) > 1 or spec.labels[0] != spec.out or not isinstance(spec.exponents[0], int):
                return None
            atom, exponent, c = term.args[0], spec.exponents[0], exact(c * spec.coefficient)
        if exponent < 1 or (base is not None and base is not atom):
            return None
        base = atom
        coefficients[exponent] = exact(coefficients.get(exponent, 0) + c)
    return None if base is None else (base, coefficients)


# --- divisors of polynomials in one function ------------------------------------------------------


def _quotient(dividend: dict[int, Number], divisor: dict[int, Number]) -> dict[int, Number] | None:
    """The quotient of two polynomials, if nothing is left over."""
    rest = {k: Fraction(c) for k, c in dividend.items() if c}
    degree = max(divisor)
    quotient: dict[int, Number] = {}
    while rest and max(rest) >= degree:
        top = max(rest)
        c = rest[top] / Fraction(divisor[degree])
        quotient[top - degree] = exact(c)
        for k, d in divisor.items():
            value = rest.get(top - degree + k, Fraction(0)) - c * Fraction(d)
            rest[top - degree + k] = value
            if not value:
                del rest[top - degree + k]
    return None if rest else quotient


def _divisor(
    name: str, equation: str, op: str, divisor: dict[int, Number], replacement: Callable[[Expr], Expr]
) -> None:
    """Register a factor of polynomials in op(z), `divisor`, which `replacement` computes from z."""

    def rewrite(node: Expr) -> Expr | None:
        found = polynomial_of(node)
        if found is None or found[0].op != op:
            return None
        atom, rest = found
        count = 0
        while (quotient := _quotient(rest, divisor)) is not None:
            rest, count = quotient, count + 1
        if not count:
            return None
        terms = [(c, power(atom, k) if k else number(1, node.shape)) for k, c in rest.items()]
        return multiply(power(replacement(atom.args[0]), count), linear(terms, node.shape))

    STABLE_FORMS.append(StableForm(name, equation, EVERYWHERE, "linear", rewrite))


def fn(op: str, v: Expr) -> Expr:
    """A function of one array, entry by entry."""
    return Expr(op, (v,), (), v.shape)


def even(op: str, v: Expr) -> Expr:
    """An even function: the sign of its operand does not matter."""
    return fn(op, -v if any(c < 0 for c, _ in terms_of(v)[:1]) else v)


_divisor("tanh of expit", "1 - 2 σ(z) = -tanh(z/2)", "expit", {0: 1, 1: -2}, lambda z: -fn("tanh", 0.5 * z))
_divisor("opposite of expit", "1 - σ(z) = σ(-z)", "expit", {0: 1, 1: -1}, lambda z: fn("expit", -z))
_divisor("sech from tanh", "1 - tanh²(z) = sech²(z)", "tanh", {0: 1, 2: -1}, lambda z: even("sech", z) ** 2)
_divisor("1 - tanh", "1 - tanh(z) = 2 σ(-2 z)", "tanh", {0: 1, 1: -1}, lambda z: 2 * fn("expit", -2 * z))
_divisor("1 + tanh", "1 + tanh(z) = 2 σ(2 z)", "tanh", {0: 1, 1: 1}, lambda z: 2 * fn("expit", 2 * z))
_divisor("cos from sin", "1 - sin²(z) = cos²(z)", "sin", {0: 1, 2: -1}, lambda z: fn("cos", z) ** 2)
_divisor("sin from cos", "1 - cos²(z) = sin²(z)", "cos", {0: 1, 2: -1}, lambda z: fn("sin", z) ** 2)
_divisor(
    "half angle", "1 - cos(z) = 2 sin²(z/2)", "cos", {0: 1, 1: -1}, lambda z: 2 * fn("sin", 0.5 * z) ** 2
)
_divisor("expm1", "e^z - 1 = expm1(z)", "exp", {0: -1, 1: 1}, lambda z: fn("expm1", z))


# 1 + f(z)^k and 1 - f(z)^k for functions f that tend to 1 and -1, or to 1 and 0.
COMPLEMENTS: dict[tuple[str, int, int], Callable[[Expr], Expr]] = {
    ("erf", 1, 1): lambda z: fn("erfc", -z),
    ("erf", 1, -1): lambda z: fn("erfc", z),
    ("tanh", 1, 1): lambda z: 2 * fn("expit", 2 * z),
    ("tanh", 1, -1): lambda z: 2 * fn("expit", -2 * z),
    ("tanh", 2, -1): lambda z: even("sech", z) ** 2,
    ("expit", 1, -1): lambda z: fn("expit", -z),
}
TENDING = frozenset(op for op, _, _ in COMPLEMENTS)


def _complement(node: Expr) -> Expr | None:
    totals = {term: c for c, term in terms_of(node)}
    for term, c in totals.items():
        if term.op == "contract":
            out, sizes, factors = spec_of(term).out, label_sizes(term), factors_of(term)
        else:
            out, sizes = tuple(range(term.ndim)), dict(enumerate(term.shape))
            factors = [Factor(term, out)]
        for i, f in enumerate(factors):
            for k in (1, 2) if f.base.op in TENDING and set(f.labels) <= set(out) else ():
                others = [*factors[:i], f._replace(exponent=f.exponent - k), *factors[i + 1 :]]
                rest = contract(others, out, sizes)
                d = totals.get(rest, 0)
                complement = COMPLEMENTS.get((f.base.op, k, int(c / d))) if c in (d, -d) else None
                if complement is not None:
                    product = contract([*others, Factor(complement(f.base.args[0]), f.labels)], out, sizes)
                    left = [(total, t) for t, total in totals.items() if t not in (rest, term)]
                    return linear([*left, (d, product)], node.shape)
    return None


def _log_of_softmax(node: Expr) -> Expr | None:
    terms = {t: c for c, t in terms_of(node)}
    for term, c in terms.items():
        largest = term.args[0] if term.op == "contract" and len(term.args) == 1 else term
        if largest.op != "logsumexp" or len(axes := dict(largest.params)["axis"]) != 1:
            continue
        (z,) = largest.args
        kept = tuple(a for a in range(z.ndim) if a not in axes)
        if z.shape != node.shape or term is not contract(
            [Factor(largest, kept)], range(z.ndim), dict(enumerate(z.shape))
        ):
            continue
        if all(terms.get(t) == exact(-c * k) for k, t in terms_of(z)):
            used = {term, *(t for _, t in terms_of(z))}
            found = Expr("log_of_softmax", (z,), (("axis", axes[0]),), z.shape)
            return linear([(-c, found), *((k, t) for t, k in terms.items() if t not in used)], node.shape)
    return None


def _others(node: Expr) -> Expr | None:
    """I - 1 p' for p = softmax(z)."""
    if node.op != "linear" or node.ndim != 2 or sorted(node.params) != [-1, 1]:
        return None
    for (sign, one), (_, rows) in (terms_of(node), terms_of(node)[::-1]):
        p = rows.args[0] if rows.op == "contract" and len(rows.args) == 1 else node
        if p.op != "softmax" or p.ndim != 1 or one is not identity(p.shape):
            continue
        if rows is contract([Factor(p, (1,))], (0, 1), dict(enumerate(node.shape))):
            return sign * Expr("others", (p,), (), node.shape)
    return None


# --- functions and products -----------------------------------------------------------------------


def _log_cosh(node: Expr) -> Expr | None:
    (v,) = node.args
    if v.op == "cosh":
        return fn("log_cosh", v.args[0])
    if (
        v.op == "contract" and v is 2 * fn("cosh", v.args[0].args[0])
        if v.args and v.args[0].op == "cosh"
        else False
    ):
        return Expr("logaddexp", (v.args[0].args[0], -v.args[0].args[0]), (), v.shape)
    return None


def _log1mexp(node: Expr) -> Expr | None:
    rest = _without_one(node.args[0])
    return fn("log1mexp", (-rest).args[0]) if rest is not None and (-rest).op == "exp" else None


def _log1p_square(node: Expr) -> Expr | None:
    rest = _without_one(node.args[0])
    w = None if rest is None else root(rest)
    return None if w is None else fn("log1p_square", w)


def _without_one(v: Expr) -> Expr | None:
    """w where v = 1 + w, for a sum."""
    terms = terms_of(v)
    one = number(1, v.shape)
    if len(terms) < 2 or (1, one) not in terms:
        return None
    return linear([(c, t) for c, t in terms if t is not one], v.shape)


def _log1p(node: Expr) -> Expr | None:
    rest = _without_one(node.args[0])
    return None if rest is None else fn("log1p", rest)


def _one_plus_products(node: Expr) -> Expr | None:
    rest = _without_one(node.args[0])
    parameters = dict(node.params)
    order, last = parameters.get("order", 0), node.args[0].ndim - 1
    if parameters.get("axis", last) != last:
        return None
    return None if rest is None else Expr("one_plus_products", (rest,), (("order", order),), node.shape)


def _expit_slope(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "expit" or not isinstance(f.exponent, int) or f.exponent < 1:
            continue
        rest = 1 - f.base
        for j, g in enumerate(factors):
            if g.base is rest and g.labels == f.labels and isinstance(g.exponent, int) and g.exponent > 0:
                both = min(f.exponent, g.exponent)
                kept = [h for k, h in enumerate(factors) if k not in (i, j)]
                kept += [Factor(even("expit_slope", f.base.args[0]), f.labels, both)]
                kept += [h._replace(exponent=h.exponent - both) for h in (f, g) if h.exponent > both]
                return _with_factors(node, kept)
    return None


def _sech(node: Expr) -> Expr | None:
    factors = factors_of(node)
    changed = [
        Factor(even("sech", f.base.args[0]), f.labels, -f.exponent)
        if f.base.op == "cosh" and f.exponent < 0
        else f
        for f in factors
    ]
    return _with_factors(node, changed) if changed != factors else None


def _with_factors(node: Expr, factors: list[Factor]) -> Expr:
    spec = spec_of(node)
    return contract(factors, spec.out, label_sizes(node), spec.coefficient)


STABLE_FORMS += [
    StableForm(
        "complement",
        "c ± c erf(z) = c erfc(∓z), c ± c tanh(z) = 2 c σ(±2 z), c - c tanh²(z) = c sech²(z)",
        EVERYWHERE,
        "linear",
        _complement,
    ),
    StableForm(
        "log of softmax", "z - ln Σ e^z where an entry is nearly that", EVERYWHERE, "linear", _log_of_softmax
    ),
    StableForm("other probabilities", "I - 1 p' for p = softmax(z)", EVERYWHERE, "linear", _others),
    StableForm("log cosh", "ln cosh(z), ln(2 cosh(z)) = logaddexp(z, -z)", EVERYWHERE, "log", _log_cosh),
    StableForm("log(1 - exp)", "ln(1 - e^z) without cancellation", (-800, -1e-300), "log", _log1mexp),
    StableForm("log(1 + square)", "ln(1 + z^2) where z^2 overflows", EVERYWHERE, "log", _log1p_square),
    StableForm("log1p", "ln(1 + z) = log1p(z)", (-0.99, 1e300), "log", _log1p),
    StableForm("product", "∏(1 + z) without rounding 1 + z", (-4.0, 4.0), "prod", _one_plus_products),
    StableForm(
        "products", "∏(1 + z) without some entries", (-4.0, 4.0), "products_without", _one_plus_products
    ),
    StableForm(
        "slope of expit", "σ(z) (1 - σ(z)) without cancellation", EVERYWHERE, "contract", _expit_slope
    ),
    StableForm("sech", "1 / cosh(z) = sech(z)", EVERYWHERE, "contract", _sech),
    StableForm(
        "projection", "((x'x) I - x x') / ‖x‖³ from x / ‖x‖", EVERYWHERE, "contract", projection_on_direction
    ),
    StableForm("outer difference", "(x'x) I - x x', diag(p) - p p'", EVERYWHERE, "linear", outer_difference),
    StableForm("powers apart", "x / (u^p v^q) = x / u^p / v^q", EVERYWHERE, "contract", powers_apart),
    StableForm("squares", "(a² + b²)^(1/2) where a² overflows", EVERYWHERE, "contract", without_overflow),
    StableForm(
        "difference of squares", "a² - b² = (a - b) (a + b)", EVERYWHERE, "linear", difference_of_squares
    ),
    StableForm(
        "root minus number",
        "(1 + z²)^(1/2) - 1 = z² / ((1 + z²)^(1/2) + 1)",
        EVERYWHERE,
        "linear",
        root_minus_number,
    ),
]
