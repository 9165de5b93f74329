"""Sums of squares, their roots and quotients by them, such that no square overflows or vanishes on the way.

The value of x / (1 + x^2) is a normal number up to x = 1e307, and x^2 is one up to 1e154 only: with
h = hypot(1, x) it is x / h / h. What is here looks at powers of x in a product as x grows (its *degree*),
and changes those products only that leave the range of numbers before their result does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import reduce
from typing import NamedTuple

from closedform.expression.calculus import (
    Factor,
    Label,
    Number,
    as_number,
    contract,
    exact,
    factors_of,
    is_integer,
    label_sizes,
    number,
    power,
    spec_of,
    terms_of,
)
from closedform.expression.expr import Expr
from closedform.expression.size import Size


class Atom(NamedTuple):
    """What is squared in a sum of squares; `kept[i]` is the axis of it that is axis i of the sum."""

    base: Expr
    kept: tuple[int, ...]


def quotient(above: Expr, below: Expr) -> Expr:
    """above / below of one shape, which is kept apart from the products that it stands in."""
    return Expr("quotient", (above, below), (), above.shape)


def root(node: Expr) -> Expr | None:
    """The square root of a sum of squares with positive coefficients, or None.

    >>> from closedform.expression.expr import input_
    >>> from closedform.notation.text import text
    >>> [text(part) for part in root(9 + 4 * input_("x", ()) ** 2).args]
    ['2x', '3']
    """
    if node.op == "linear":
        if not all(c > 0 and _has_even_powers(term) for c, term in terms_of(node)):
            return None
        roots = [root(c * term) for c, term in terms_of(node)]
        found = [r for r in roots if r is not None]
        if len(found) < len(roots):
            return None
        return reduce(lambda a, b: Expr("root_of_squares", (a, b), (), node.shape), found)
    if node.op != "contract":
        return None
    spec = spec_of(node)
    out = spec.out
    if spec.coefficient <= 0 or len(set(out)) < len(out):
        return None
    if not _has_even_powers(node):
        return None
    halves = [f._replace(exponent=exact(Fraction(f.exponent) / 2)) for f in factors_of(node)]
    scale = _root_of_number(spec.coefficient)
    summed = tuple(dict.fromkeys(x for labels in spec.labels for x in labels if x not in out))
    inner = contract(halves, (*out, *summed), label_sizes(node), 1 if summed else scale)
    if not summed:
        return inner
    axes = tuple(range(len(out), inner.ndim))
    return Expr("euclidean_norm", (inner,), (("axis", axes),), node.shape) * scale


def _has_even_powers(term: Expr) -> bool:
    """Whether a term is a number times even powers, and sizes that are never negative."""
    return term.op == "contract" and all(
        _is_even(p) or (base.op == "size" and base.params[0].is_nonnegative)
        for base, p in zip(term.args, spec_of(term).exponents, strict=True)
    )


def _is_even(exponent: Number) -> bool:
    return is_integer(exponent) and exponent % 2 == 0


def _root_of_number(c: Number) -> Number:
    """The square root: exact if it is rational."""
    fraction = Fraction(c)
    above, below = math.isqrt(fraction.numerator), math.isqrt(fraction.denominator)
    rational = above**2 == fraction.numerator and below**2 == fraction.denominator
    return exact(Fraction(above, below) if rational else math.sqrt(fraction))


def _is_sum(node: Expr) -> bool:
    """Whether the node adds up several numbers."""
    if node.op == "contract":
        spec = spec_of(node)
        return any(label not in spec.out for labels in spec.labels for label in labels)
    return node.op == "linear"


def _atoms(node: Expr) -> list[Atom]:
    """What is squared in a sum of squares."""
    if node.op == "linear":
        return [atom for term in node.args for atom in _atoms(term)]
    if node.op != "contract" or spec_of(node).exponents != (2,):
        return []
    ((base, labels, _),) = factors_of(node)
    out = spec_of(node).out
    if not set(out) <= set(labels) or len(set(labels)) < len(labels):
        return []
    return [Atom(base, tuple(labels.index(label) for label in out))]


def _degree(node: Expr) -> int:
    """The highest power of an atom in a sum of squares; 0 for sizes and numbers alone, as in 1 + 1/n."""
    terms = node.args if node.op == "linear" else (node,)
    factors = [factors_of(t) if t.op == "contract" else [Factor(t, ())] for t in terms]
    return max(int(sum(f.exponent for f in product if f.base.op != "size")) for product in factors)


def without_overflow(node: Expr) -> Expr | None:
    """A product with a power of a sum of squares, whose factors overflow only where it does."""
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if not _is_sum(f.base) or (h := root(f.base)) is None or not _degree(f.base):
            continue
        atoms = _atoms(f.base)
        rest = [part for g in factors[:i] + factors[i + 1 :] for part in _linear_parts(g, atoms)]
        degrees = [_degree_above(g, f, atoms) for g in rest]
        above = [(g, d) for g, d in zip(rest, degrees, strict=True) if d]
        high = sum((Fraction(g.exponent * d) for g, d in above), Fraction(0))
        low = Fraction(-f.exponent * _degree(f.base))
        largest = max(abs(high - low), Fraction(1))
        if largest >= _degree(f.base) and (len(atoms) == 1 or not above):
            changed = _divided(node, f, f.base, above, 2) if low > largest else None
        elif any(d > 1 for _, d in above):
            changed = None
        elif low > 0 and max(high, low) > largest:
            changed = _divided(node, f._replace(exponent=2 * f.exponent), h, above, 1)
        else:
            changed = [*(g for g, _ in above), Factor(h, f.labels, 2 * f.exponent)]
        if changed is not None:
            others = [g for g, d in zip(rest, degrees, strict=True) if not d]
            spec = spec_of(node)
            return contract([*others, *changed], spec.out, label_sizes(node), spec.coefficient)
    return None


def _linear_parts(g: Factor, atoms: Sequence[Atom]) -> list[Factor]:
    """A factor that is a difference of two of the squares, as two factors."""
    product = difference_of_squares(g.base) if len(atoms) > 1 and g.exponent == 1 else None
    if product is None:
        return [g]
    spec = spec_of(product)
    place: dict[Label, Label] = dict(zip(spec.out, g.labels, strict=True))
    if any(label not in place for labels in spec.labels for label in labels):
        return [g]
    parts = [h._replace(labels=tuple(place[label] for label in h.labels)) for h in factors_of(product)]
    return [Factor(number(spec.coefficient)), *parts]


def _degree_above(g: Factor, f: Factor, atoms: Sequence[Atom]) -> int:
    """The degree of a factor's base, if it is one of the atoms or a quadratic polynomial in them."""
    if not is_integer(g.exponent) or g.exponent < 1 or len(set(g.labels)) < len(g.labels):
        return 0
    if any(a.base is g.base and tuple(g.labels[k] for k in a.kept) == f.labels for a in atoms):
        return 1
    bases = [a.base for a in atoms]
    if g.base.op == "linear" and g.labels == f.labels and all(t in bases for t in g.base.args):
        return 1
    squares = [t for t in g.base.args if t.args] if g.base.op == "linear" else []
    quadratic = squares and all(_atoms(t) and set(_atoms(t)) <= set(atoms) for t in squares)
    return 2 if quadratic and g.labels == f.labels and g.exponent == 1 else 0


def _divided(
    node: Expr, f: Factor, below: Expr, above: Sequence[tuple[Factor, int]], unit: int
) -> list[Factor] | None:
    """The powers `above` over a power of `below`, which is of degree `unit`: divided one by one."""
    left = -f.exponent
    units: list[Factor] = []
    divisors: list[Expr] = []
    for (base, labels, exponent), degree in above:
        divisor = contract([Factor(below, f.labels)], labels, label_sizes(node))
        whole, odd = divmod(int(exponent) * degree, unit)
        once = quotient(power(base, exact(Fraction(unit, degree))), divisor)
        units += [Factor(once, labels)] * whole + [Factor(quotient(base, divisor), labels)] * odd
        divisors += [divisor] * (whole + odd)
        left -= whole + odd
    if left < 0:
        return None
    for i, (u, divisor) in enumerate(zip(units, divisors, strict=True)):
        if left >= 1 and (len(units) > 1 or left > 1):  # what is left may be as large as this one is small
            units[i] = u._replace(base=quotient(u.base, divisor))
            left -= 1
    return [*units, Factor(below, f.labels, -left)]


def difference_of_squares(node: Expr) -> Expr | None:
    """a^2 - b^2 as (a - b) (a + b), where the ratio of the coefficients has a rational root."""
    terms = terms_of(node)
    if len(terms) != 2 or any(map(_is_sum, node.args)):
        return None
    (c, first), (d, second) = terms if terms[0][0] > 0 else terms[::-1]
    ratio = Fraction(-d) / Fraction(c)
    if ratio <= 0 or Fraction(_root_of_number(ratio)) ** 2 != ratio:
        return None
    a, b = root(first), root(exact(ratio) * second)
    return None if a is None or b is None or not _degree(node) else c * (a - b) * (a + b)


def root_minus_number(node: Expr) -> Expr | None:
    """(1 + u^2)^(1/2) - 1 as u (u / ((1 + u^2)^(1/2) + 1))."""
    terms = terms_of(node)
    for (c, radical), (d, one) in (terms, terms[::-1]) if len(terms) == 2 else ():
        factors = factors_of(radical) if radical.op == "contract" else []
        if one is not number(1, node.shape) or c * d > 0 or len(factors) != 1:
            continue
        ((base, labels, exponent),) = factors
        ratio = exact(Fraction(d) / Fraction(c))
        u = root(base - number(ratio * ratio, base.shape))
        if exponent == Fraction(1, 2) and labels == spec_of(radical).out and u is not None:
            return c * u * quotient(u, radical - number(ratio, node.shape))
    return None


class Projection(NamedTuple):
    """sign * (x'x I - x x') * (x'x)^-power."""

    sign: Number
    x: Expr
    power: int


def outer_difference(node: Expr) -> Expr | None:
    """diag(p) - p p' for p = softmax(z), x'x I - x x' and I - x x' / x'x, without cancellation."""
    if node.op != "linear" or node.ndim != 2 or sorted(node.params) != [-1, 1]:
        return None
    for (sign, diagonal), (_, outer) in (terms_of(node), terms_of(node)[::-1]):
        p = outer.args[0] if outer.op == "contract" and outer.args else node
        if (
            p.op != "softmax"
            or p.ndim != 1
            or outer is not contract([Factor(p, (0,)), Factor(p, (1,))], (0, 1))
        ):
            continue
        if diagonal is contract([Factor(p, (0,))], (0, 0)):
            return sign * Expr("covariance", (p,), (), node.shape)
    found = _projection(node)
    return None if found is None else found.sign * _projected(found.x, found.power, 0, node)


def _projection(node: Expr) -> Projection | None:
    """The node as a multiple of the projection on the complement of a vector."""
    if node.op != "linear" or node.ndim != 2 or sorted(node.params) != [-1, 1]:
        return None
    sizes: dict[Label, Size] = dict(enumerate(node.shape))
    for (sign, diagonal), (_, outer) in (terms_of(node), terms_of(node)[::-1]):
        for x in outer.args if outer.op == "contract" else ():
            if x.ndim != 1 or x.shape[0] != node.shape[0]:
                continue
            square = contract([Factor(x, ("k",), 2)], ())
            for p in (0, 1):
                ends = [Factor(square, (), -p), Factor(x, (0,)), Factor(x, (1,))]
                same = contract([Factor(square, (), 1 - p)], (0, 0), sizes)
                if outer is contract(ends, (0, 1)) and diagonal is same:
                    return Projection(sign, x, p)
    return None


def _projected(x: Expr, directions: int, divisions: int, node: Expr) -> Expr:
    """The projection with x / |x| for x if `directions`, divided by |x| as often as `divisions` says."""
    norm = root(contract([Factor(x, ("k",), 2)], ()))
    assert norm is not None
    divisor = contract([Factor(norm)], (0,), {0: x.shape[0]})
    u = quotient(x, divisor) if directions else x
    return Expr("projection", (u, quotient(u, divisor) if divisions else u), (), node.shape)


def projection_on_direction(node: Expr) -> Expr | None:
    """(x'x I - x x') / |x|^3 as the projection of x / |x|, divided by |x|."""
    factors = factors_of(node)
    for i, f in enumerate(factors):
        found = _projection(f.base) if f.exponent == 1 else None
        if found is None:
            continue
        square = contract([Factor(found.x, ("k",), 2)], ())
        for j, g in enumerate(factors):
            left = g.exponent + 1 - found.power
            if g.base is square and left <= Fraction(-1, 2):
                norm = root(square)
                assert norm is not None
                rest = [h for k, h in enumerate(factors) if k not in (i, j)]
                rest += [Factor(_projected(found.x, 1, 1, f.base), f.labels), Factor(norm, (), 2 * left + 1)]
                spec = spec_of(node)
                return contract(rest, spec.out, label_sizes(node), found.sign * spec.coefficient)
    return None


def powers_apart(node: Expr) -> Expr | None:
    """x u^-p v^-q with p, q > 1 as (x / u^p) v^-q, and x y^-2 as (x / y) y^-1 for a variable x and a variable
    or 1 + a variable y: the product of the powers, or the square, may leave the range of the quotient."""
    factors = factors_of(node)
    below = [f for f in factors if f.exponent < -1 and f.base.op in {"linear", "contract"}]
    squares = [f for f in factors if f.exponent == -2 and _is_variable(f.base)]
    for f in below[:1] if len(below) > 1 else squares:
        for g in factors:
            if g.exponent != 1 or g.labels != f.labels:
                continue
            if len(below) < 2 and _is_variable(g.base):
                apart = [Factor(quotient(g.base, f.base), f.labels), f._replace(exponent=-1)]
            elif len(below) > 1 and any(h.labels == f.labels for h in below[1:]):
                apart = [Factor(quotient(g.base, power(f.base, -f.exponent)), f.labels)]
            else:
                continue
            rest = [h for h in factors if h not in (f, g)]
            spec = spec_of(node)
            return contract([*rest, *apart], spec.out, label_sizes(node), spec.coefficient)
    return None


def _is_variable(node: Expr) -> bool:
    """Whether a node is an argument, or an argument and a number."""
    return node.op == "input" or (
        node.op == "linear" and [arg.op for arg in node.args if as_number(arg) is None] == ["input"]
    )
