"""What is known of an expression's values: declared on inputs, derived by rules for the rest.

There are three kinds of it: bounds of the entries (`bounds`), the structure of a square matrix (`structure`),
and whether a matrix is its own transpose. `holds` asks for any by name. A statement is about all values
that the expression has where it is defined, in exact arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np

from closedform.expression.calculus import (
    Factor,
    Label,
    Number,
    contract,
    exact,
    factors_of,
    label_sizes,
    linear,
    spec_of,
    transpose,
)
from closedform.expression.expr import Expr, Known
from closedform.expression.interval import REALS, ZERO, End, Interval, interval

# A declared fact implies these as well.
IMPLIED: dict[str, frozenset[str]] = {
    "positive": frozenset({"nonnegative"}),
    "probability": frozenset({"positive", "nonnegative"}),
    "simplex": frozenset({"nonnegative"}),
    "spd": frozenset({"psd", "symmetric"}),
    "psd": frozenset({"symmetric"}),
    "diagonal": frozenset({"symmetric", "lower", "upper"}),
}

# Facts that hold in all of an open set when they hold at a point: a derivative can rely on them.
OPEN = frozenset({"positive", "negative", "probability"})

# Functions that act on each entry alone: the registry of primitives adds its own.
ELEMENTWISE: set[str] = set()

# Functions of a square matrix with f(X') = f(X)': of a symmetric matrix they are symmetric.
TRANSPOSING = frozenset({"inv", "cofactor", "expm", "logm", "sqrtm", "sinm", "cosm", "sinhm", "coshm"})


def holds(node: Expr, fact: str) -> bool:
    """Whether a fact is known to hold; False means "not known"."""
    if fact in _BOUNDED:
        return _BOUNDED[fact](bounds(node))
    if fact == "symmetric":
        return _symmetric(node)
    return fact in (structure(node) if fact in STRUCTURES else declared(node))


_BOUNDED: dict[str, Callable[[Interval], bool]] = {
    "nonnegative": lambda b: b.is_nonnegative,
    "positive": lambda b: b.is_positive,
    "negative": lambda b: b < ZERO,
}


def declared(node: Expr) -> frozenset[str]:
    """What was declared of an input, with all that it implies."""
    if node.op != "input":
        return frozenset()
    facts: frozenset[str] = node.params[1]
    return facts.union(*(IMPLIED.get(fact, frozenset()) for fact in facts))


# --- bounds of entries ----------------------------------------------------------------------------

UNIT = interval(0, 1)
NONNEGATIVE = interval(0, math.inf)
POSITIVE = Interval(End(0, False), End(math.inf, False))

# Values of functions, whatever their operands.
RANGES: dict[str, Interval] = {
    **dict.fromkeys(("exp", "exp2", "softplus"), POSITIVE),
    **dict.fromkeys(("abs", "hypot", "arccosh", "singular_values"), NONNEGATIVE),
    **dict.fromkeys(("select", "unit", "gather", "triangle", "reshape"), UNIT),
    **dict.fromkeys(("sin", "cos", "sign"), interval(-1, 1)),
    **dict.fromkeys(("tanh", "erf"), interval(-1, 1, closed=False)),
    "expit": interval(0, 1, closed=False),
    "sech": Interval(End(0, False), End(1)),
    "softmax": Interval(End(0, False), End(1)),
    "cosh": interval(1, math.inf),
    "expm1": Interval(End(-1, False), End(math.inf, False)),
}
# Increasing functions with f(0) = 0.
_LIKE_OPERAND = frozenset({"tanh", "erf", "expm1", "log1p", "sinh", "arcsinh", "arctan", "arctanh", "cbrt"})
# Increasing functions f with a value at a point, f(a) = b.
_THROUGH: dict[str, tuple[Number, Number]] = {
    **dict.fromkeys(_LIKE_OPERAND, (0, 0)),
    "exp": (0, 1),
    "expit": (0, exact(0.5)),
    "log": (1, 0),
}
# Functions whose values are between the smallest and the largest entry of their operands.
_AVERAGES = frozenset({"max", "min", "maximum", "minimum", "sort", "median"})

# Elementwise functions whose values are never negative.
NONNEGATIVE_MAPS = frozenset(op for op, values in RANGES.items() if values.is_nonnegative)

_DECLARED_BOUNDS: dict[str, Interval] = {
    "positive": POSITIVE,
    "nonnegative": NONNEGATIVE,
    "negative": -POSITIVE,
    "probability": interval(0, 1, closed=False),
    "simplex": UNIT,
    "sign": interval(-1, 1),
    "orthogonal": interval(-1, 1),
}


def _bounds(node: Expr) -> Interval:
    if node.op == "input":
        return reduce(Interval.__and__, (_DECLARED_BOUNDS.get(f, REALS) for f in declared(node)), REALS)
    if node.op == "constant":
        return _bounds_of_array(node.params[0].array)
    if node.op == "size":
        return NONNEGATIVE if node.params[0].is_nonnegative else REALS
    if node.op == "linear":
        operands = [bounds(arg) for arg in node.args]
        if REALS in operands:
            return REALS
        terms = zip(node.params, operands, strict=True)
        return reduce(Interval.__add__, (values * interval(c, c) for c, values in terms))
    if node.op == "contract":
        return _bounds_of_product(node)
    if node.op in _AVERAGES:
        return _bounds_of_choice(node)
    if node.op == "power":
        base = bounds(node.args[0])
        return POSITIVE if base.is_positive else NONNEGATIVE if base.is_nonnegative else REALS
    if node.op == "det":
        known = structure(node.args[0])
        return POSITIVE if "spd" in known else NONNEGATIVE if "psd" in known else REALS
    found = RANGES.get(node.op, REALS)
    if node.op in _THROUGH:
        (arg,) = node.args
        at, value = _THROUGH[node.op]
        if bounds(arg).low.at >= at:
            found = found & interval(value, math.inf)
        if bounds(arg).high.at <= at:
            found = found & interval(-math.inf, value)
        if (interval(at, at) > bounds(arg)) or (bounds(arg) > interval(at, at)):
            found = _without(found, value)
    return found


def _without(values: Interval, end: Number) -> Interval:
    """The interval without one of its ends."""
    low, high = (e._replace(closed=e.closed and e.at != end) for e in (values.low, values.high))
    return Interval(low, high)


def _bounds_of_array(array: np.ndarray) -> Interval:
    if not array.size or array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        return REALS
    return interval(exact(float(array.min())), exact(float(array.max())))


def _bounds_of_choice(node: Expr) -> Interval:
    found = [bounds(arg) for arg in node.args]
    whole = reduce(Interval.__or__, found)
    if node.op == "maximum":
        return Interval(max((b.low for b in found), key=lambda e: (e.at, not e.closed)), whole.high)
    if node.op == "minimum":
        return Interval(whole.low, min((b.high for b in found), key=lambda e: (e.at, e.closed)))
    return whole


def _bounds_of_product(node: Expr) -> Interval:
    spec = spec_of(node)
    if _is_square_form(node):
        return NONNEGATIVE
    found = _entries(spec.coefficient, factors_of(node))
    sizes = label_sizes(node)
    for label in {label for labels in spec.labels for label in labels} - set(spec.out):
        size = sizes[label]
        found = found * interval(size.value, size.value) if size.is_literal else found.repeated()
    return found | ZERO if len(set(spec.out)) < len(spec.out) else found


def _entries(coefficient: Number, factors: Iterable[Factor]) -> Interval:
    """Bounds of the coefficient times an entry of each factor."""
    powers = (_values(f) ** f.exponent for f in factors)
    return reduce(Interval.__mul__, powers, interval(coefficient, coefficient))


def _values(f: Factor) -> Interval:
    """Bounds of the entries of a factor's base: those on its diagonal, if both its axes are one."""
    if len(f.labels) == 2 and f.labels[0] == f.labels[1]:
        known = structure(f.base)
        return bounds(f.base) & (POSITIVE if "spd" in known else NONNEGATIVE if "psd" in known else REALS)
    return bounds(f.base)


def _is_square_form(node: Expr) -> bool:
    """Whether a scalar is v' P v times what is not negative, with P positive semidefinite."""
    spec = spec_of(node)
    if spec.out or spec.coefficient < 0:
        return False
    vectors = [f for f in factors_of(node) if len(f.labels) == 1 and f.exponent == 1]
    for i, first in enumerate(vectors):
        for second in vectors[i + 1 :]:
            if first.base is second.base and first.labels != second.labels:
                rest = [f for f in factors_of(node) if f is not first and f is not second]
                out = (*first.labels, *second.labels)
                if "psd" in _product_structure(rest, out, 1):
                    return True
    return False


bounds = Known(_bounds, REALS)


# --- matrices -------------------------------------------------------------------------------------

STRUCTURES = frozenset({"diagonal", "lower", "upper", "orthogonal", "psd", "spd"})
NOTHING: frozenset[str] = frozenset()
_TURNED = {"lower": "upper", "upper": "lower"}
# What is kept by functions of a matrix; the inverse of a semidefinite matrix is definite.
_KEPT = {
    "inv": STRUCTURES,
    "expm": frozenset({"diagonal", "lower", "upper"}),
    "cofactor": frozenset({"diagonal", "spd"}),
    "sqrtm": frozenset({"diagonal", "lower", "upper", "spd"}),
}

# Factors of a matrix, where they are square.
_FACTORS = {
    "cholesky": frozenset({"lower"}),
    "qr_triangular": frozenset({"upper"}),
    **dict.fromkeys(("qr_orthogonal", "eigenvectors", "svd_left", "svd_right"), frozenset({"orthogonal"})),
}


def _structure(node: Expr) -> frozenset[str]:
    if node.ndim != 2 or node.shape[0] != node.shape[1]:
        return NOTHING
    if node.op == "input":
        return _closed(declared(node) & STRUCTURES)
    if node.op == "linear":
        return _structure_of_sum(node)
    if node.op == "contract":
        spec = spec_of(node)
        return _closed(_product_structure(factors_of(node), spec.out, spec.coefficient))
    if node.op == "triangle":
        return frozenset({"lower"}) if dict(node.params)["k"] <= 0 else NOTHING
    if node.op in _FACTORS:
        return _FACTORS[node.op]
    if node.op in _KEPT:
        (x,) = node.args
        found = structure(x) & _KEPT[node.op]
        if (node.op == "inv" and "psd" in found) or (node.op == "expm" and _symmetric(x)):
            found |= {"spd"}
        return _closed(found)
    return NOTHING


def _closed(found: frozenset[str]) -> frozenset[str]:
    """The facts with those that they imply."""
    if {"lower", "upper"} <= found:
        found |= {"diagonal"}
    return found.union(*(IMPLIED.get(fact, NOTHING) for fact in found)) & STRUCTURES


def _structure_of_sum(node: Expr) -> frozenset[str]:
    found = [structure(arg) for arg in node.args]
    common = frozenset.intersection(*found) - {"orthogonal", "spd"}
    if min(node.params) < 0:
        common -= {"psd"}
    if "psd" in common and any("spd" in facts for facts in found):
        common |= {"spd"}
    return common


class _Link(NamedTuple):
    """A matrix on the way from one end of a product to the other; `ahead` if it is not transposed there."""

    base: Expr
    ahead: bool
    exponent: Number

    @property
    def structure(self) -> frozenset[str]:
        """What is known of the matrix as it is met."""
        found = structure(self.base)
        if not self.ahead:
            found = frozenset(_TURNED.get(fact, fact) for fact in found)
        if self.exponent == 1:
            return found
        schur = isinstance(self.exponent, int) and self.exponent > 0
        return found - {"orthogonal"} if schur else NOTHING

    def turned(self) -> _Link:
        """The transpose."""
        return self._replace(ahead=_symmetric(self.base) or not self.ahead)


def _product_structure(
    factors: Sequence[Factor], out: Sequence[Label], coefficient: Number
) -> frozenset[str]:
    """What is known of a product with two free axes, taken apart at these."""
    i, j = out
    scalars = [f for f in factors if not f.labels]
    scale = _entries(coefficient, scalars)
    arrays = [f for f in factors if f.labels]
    if i == j:
        return _diagonal_structure(arrays, i, scale)
    if any(len(f.labels) > 2 for f in arrays):
        return NOTHING
    at_ends = {end: [f._replace(labels=()) for f in arrays if set(f.labels) == {end}] for end in (i, j)}
    inner = [f for f in arrays if set(f.labels) not in ({i}, {j})]
    ways = [_way(part, i, j) for part in _parts(inner, {i, j})]
    found = [_structure_of_way(*way) if way else NOTHING for way in ways]
    same_ends = sorted(at_ends[i], key=repr) == sorted(at_ends[j], key=repr)
    result = frozenset[str]().union(*(facts & {"diagonal", "lower", "upper"} for facts in found))
    if same_ends and scale.is_nonnegative and all("psd" in facts for facts in found):
        result |= {"psd"}
        if found and not at_ends[i] and scale.is_positive and all("spd" in facts for facts in found):
            result |= {"spd"}
    plain = not at_ends[i] and not at_ends[j] and not scalars and abs(coefficient) == 1
    if len(found) == 1 and plain and "orthogonal" in found[0]:
        result |= {"orthogonal"}
    return result


def _diagonal_structure(arrays: Sequence[Factor], label: Label, scale: Interval) -> frozenset[str]:
    """A diagonal matrix, by the bounds of its diagonal."""
    entries = scale
    if arrays:
        entries = entries * bounds(contract(arrays, (label,)))
    result = {"diagonal"}
    if entries.is_nonnegative:
        result.add("psd")
    if entries.is_positive:
        result.add("spd")
    if not arrays and scale in (interval(1, 1), interval(-1, -1)):
        result.add("orthogonal")
    return frozenset(result)


def _parts(factors: Sequence[Factor], ends: set[Label]) -> list[list[Factor]]:
    """Factors grouped by the labels they share, but for those of the ends."""
    parts: list[tuple[list[Factor], set[Label]]] = []
    for factor in factors:
        labels = set(factor.labels) - ends
        touching = [part for part in parts if part[1] & labels]
        parts = [part for part in parts if not part[1] & labels]
        merged = [f for members, _ in touching for f in members] + [factor]
        parts.append((merged, labels.union(*(theirs for _, theirs in touching))))
    return [members for members, _ in parts]


Way = tuple[list[_Link], list[list[Factor]]]


def _way(factors: list[Factor], start: Label, end: Label) -> Way | None:
    """The matrices from one label to another and the vectors at the labels between, if that is all."""
    rest = list(factors)
    links: list[_Link] = []
    weights: list[list[Factor]] = []
    here = start
    while here != end:
        step = [f for f in rest if here in f.labels and len(set(f.labels)) == 2]
        if len(step) != 1:
            return None
        (f,) = step
        rest.remove(f)
        ahead = f.labels[0] == here
        here = f.labels[1] if ahead else f.labels[0]
        links.append(_Link(f.base, ahead or _symmetric(f.base), f.exponent))
        if here != end:
            weights.append([f for f in rest if set(f.labels) == {here}])
            rest = [f for f in rest if set(f.labels) != {here}]
    return None if rest else (links, weights)


def _structure_of_way(links: list[_Link], weights: list[list[Factor]]) -> frozenset[str]:
    if len(links) == 1:
        return links[0].structure
    if any(link.exponent != 1 for link in links):
        return NOTHING
    common = frozenset.intersection(*(link.structure for link in links))
    result = common & {"diagonal", "lower", "upper"}
    if "orthogonal" in common and not any(weights):
        result |= {"orthogonal"}
    return result | _definiteness(links, weights)


def _definiteness(links: list[_Link], weights: list[list[Factor]]) -> frozenset[str]:
    """M' P M is semidefinite where P is, definite where P is and M is regular; P may be a diagonal."""
    half = len(links) // 2
    left, right = links[:half], links[len(links) - half :]
    plain = [[f._replace(labels=()) for f in at] for at in weights]
    beside = len(plain) // 2
    if [link.turned() for link in reversed(right)] != left or any(
        sorted(a, key=repr) != sorted(b, key=repr)
        for a, b in zip(plain[:beside], reversed(plain[len(plain) - beside :]), strict=True)
    ):
        return NOTHING
    if len(links) % 2:
        middle = links[half].structure & {"psd", "spd"}
    else:
        inside = _entries(1, plain[beside])
        middle = frozenset({"psd", "spd"} if inside.is_positive else {"psd"} if inside.is_nonnegative else ())
    regular = not any(plain[:beside]) and all(
        link.structure & {"spd", "orthogonal"} or link.base.op in {"inv", "expm"} for link in left
    )
    return middle if regular else middle & {"psd"}


structure = Known(_structure, NOTHING)


def _equals_transpose(node: Expr) -> bool:
    if node.ndim != 2 or node.shape[0] != node.shape[1]:
        return False
    if node.op == "input":
        return "symmetric" in declared(node)
    if node.op in TRANSPOSING or node.op in ELEMENTWISE or node.op == "pinv":
        return all(_symmetric(arg) for arg in node.args)
    if node.op == "divided_differences":
        return True
    if node.op == "contract":
        return transpose(node, (1, 0)) is node or "diagonal" in structure(node)
    if node.op == "linear":
        terms = zip(node.params, node.args, strict=True)
        return linear([(c, transpose(term, (1, 0))) for c, term in terms], node.shape) is node
    return False


_symmetric = Known(_equals_transpose, False)
