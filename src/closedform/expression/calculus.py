"""Constructors of the calculus: sums and contractions, in a normal form that is kept as they are built.

A *contraction* is an n-ary einsum with a rational coefficient and an exponent on every factor:
out[labels] = coefficient * sum over the other labels of prod factor[labels] ** exponent. A label that
stands twice in the result is a Kronecker delta, one that stands in no factor is a broadcast (ones).
A *linear* node is a sum of such terms with rational coefficients. Products, powers with constant
exponents, matrix products, transposes, traces, diagonals, sums over axes and broadcasting are all
contractions, so they share one derivative and one set of identities.

An identity used here may extend the domain of a formula (x/x = 1), never change a value it had.
"""

from __future__ import annotations

import itertools
import math
import weakref
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from typing import Any, NamedTuple

from closedform.expression.expr import Expr, Operand
from closedform.expression.size import Size

Label = Hashable
Number = int | Fraction

# A product with more matrix-like factors than this keeps a nested contraction as one factor,
# so that long chains stay linear in size.
LONGEST_PRODUCT = 12
# A sum or product of more than these terms or factors that is so large when it is written out is kept as one
# term or factor: flattened, the steps of a long recursion would each hold all the earlier ones.
LONGEST_FLAT, LARGEST_FLAT = 12, 10_000
# Labels that colours do not tell apart are nearly always images of one another: this many are tried.
MOST_TRIED = 8
# One step of a recursion is not deeper than this.
STEP_DEPTH = 5
# Sums whose products would have more terms than this are not multiplied out.
MOST_PRODUCTS = 64
# Nor are those that are summed over an axis where they have more terms than this.
MOST_SUMMED = 8
# A float of so few decimal digits, or equal to a fraction with so small a denominator, is read as that.
SHORT_DIGITS, SIMPLE_DENOMINATOR = 12, 1000
# Coefficients of products are not multiplied into ones with longer numerators or denominators.
MOST_BITS = 256
# Two numbers are one up to so many roundings.
ROUNDING = Fraction(1, 2**50)
# Coefficients that are larger multiples of their greatest common divisor are left as they are.
MOST_MULTIPLE = 10**6
# Fractions are not brought to a common denominator for integers as large as this.
LARGE_MULTIPLE = 10


class SizeMismatchError(ValueError):
    """Two axes of different symbolic sizes were used as one, by the operation `op`."""

    op: str = ""

    def __init__(self, first: Size, second: Size) -> None:
        super().__init__(f"axes of different sizes, {first} and {second}, are used as one")
        self.sizes = (first, second)


class SizeUsedError(SizeMismatchError):
    """Raised where the result would be another for other sizes: the size must stay what it is."""

    def __init__(self, size: Size) -> None:
        super().__init__(size, Size.of(size.value))


class Spec(NamedTuple):
    """A contraction's data: `args[i]` has `labels[i]` and `exponents[i]`; `out` labels the result."""

    coefficient: Number
    labels: tuple[tuple[int, ...], ...]
    exponents: tuple[Number, ...]
    out: tuple[int, ...]


class Factor(NamedTuple):
    """One factor of a product, with a label for each of its axes."""

    base: Expr
    labels: tuple[Label, ...] = ()
    exponent: Number = 1


# A factor of its three items, without a call in Python: the factors of nodes are asked for all the time.
_factor: Callable[[Iterable[Any]], Factor] = partial(tuple.__new__, Factor)


def exact(number: float | Number) -> Number:
    """The number as an integer or a fraction.

    A float is read as the short decimal or simple fraction that was written for it and rounds to it (0.1 is
    1/10 and 1 / 3 is 1/3); one without such a reading is the dyadic rational that it is.

    >>> exact(0.1), exact(1 / 3), exact(2.0)
    (Fraction(1, 10), Fraction(1, 3), 2)
    """
    if type(number) is int:
        return number
    if type(number) is not Fraction:
        number = _read(number) if isinstance(number, float) else Fraction(number)
    return number.numerator if number.denominator == 1 else number


def _read(number: float) -> Fraction:
    digits = repr(float(number))
    if len(digits.partition("e")[0].strip("-0").replace(".", "")) <= SHORT_DIGITS:
        return Fraction(digits)
    simple = Fraction(number).limit_denominator(SIMPLE_DENOMINATOR)
    return simple if float(simple) == number else Fraction(number)


def _unrounded(number: Number) -> Number:
    """A number that was rounded, as the simple fraction that is nearest to it, if there is one."""
    if number.denominator <= SIMPLE_DENOMINATOR:
        return exact(number)
    simple = Fraction(number).limit_denominator(SIMPLE_DENOMINATOR)
    return exact(simple) if abs(simple - number) < ROUNDING * abs(Fraction(number)) else number


def _plus(first: Number, second: Number) -> Number:
    """The sum of two coefficients. Multiples of one irrational number, each a float rounded in its own way,
    cancel: what would be left is their roundings, not a number that somebody wrote."""
    if type(first) is int and type(second) is int:
        return first + second
    whole = exact(first + second)
    if (
        whole
        # |whole| < ROUNDING |first|
        and abs(whole.numerator) * first.denominator * ROUNDING.denominator
        < abs(first.numerator) * whole.denominator
        and _is_rounded(first)
        and _is_rounded(second)
    ):
        return 0
    return whole


def _is_rounded(number: Number) -> bool:
    """Whether a number is nearest to a float that no short decimal or simple fraction stands for."""
    try:
        nearest = float(number)
    except OverflowError:
        return False
    return _read(nearest).denominator > SIMPLE_DENOMINATOR and _read(nearest) == Fraction(nearest)


def spec_of(node: Expr) -> Spec:
    """The specification of a contraction node."""
    spec: Spec = node.params[0]
    return spec


def factors_of(node: Expr) -> list[Factor]:
    """The factors of a contraction node."""
    spec = spec_of(node)
    return list(map(_factor, zip(node.args, spec.labels, spec.exponents, strict=True)))


def terms_of(node: Expr) -> list[tuple[Number, Expr]]:
    """The terms of any node as a sum: (coefficient, term)."""
    if node.op == "linear":
        return list(zip(node.params, node.args, strict=True))
    if node.op == "contract":
        spec = spec_of(node)
        if spec.coefficient == 0:
            return []
        inner = _unit(node)
        if inner.op == "linear":
            return [(spec.coefficient * c, t) for c, t in terms_of(inner)]
        return [(spec.coefficient, inner)]
    return [(1, node)]


def is_long(node: Expr) -> bool:
    """Whether a sum or product is kept as it is where it stands in another."""
    return len(node.args) > LONGEST_FLAT and node.weight > LARGEST_FLAT


def label_sizes(node: Expr) -> dict[Any, Size]:
    """The size of every label of a contraction."""
    spec = spec_of(node)
    sizes: dict[Any, Size] = {}
    for base, labels in zip(node.args, spec.labels, strict=True):
        sizes.update(zip(labels, base.shape, strict=True))
    sizes.update(zip(spec.out, node.shape, strict=True))
    return sizes


def number(value: float | Number, shape: Iterable[int | Size] = ()) -> Expr:
    """A constant number, broadcast to a shape."""
    sizes = tuple(Size.of(s) for s in shape)
    coefficient = exact(value)
    return Expr("contract", (), (Spec(coefficient, (), (), tuple(range(len(sizes)))),), sizes)


def zeros(shape: Iterable[int | Size]) -> Expr:
    """The zero of a shape."""
    return number(0, shape)


def identity(shape: Sequence[Size]) -> Expr:
    """The identity on arrays of a shape: delta(i, j, ..., i', j', ...)."""
    labels = tuple(range(len(shape)))
    return contract([], labels + labels, dict(zip(labels, shape, strict=True)))


def size_number(size: Size) -> Expr:
    """A size as a scalar expression: a product of sizes, or a number times a sum that leads with a plus.

    >>> n = Size.axis("x", 0, 3)
    >>> size_number(n * -2 + 2) is multiply(-2, size_number(n - 1))
    True
    """
    if size.is_literal:
        return number(size.value)
    if len(size.terms) == 1:
        ((atoms, c),) = size.terms
        factors = [Expr("size", (), (Size((((atom,), 1),)),), ()) for atom in atoms]
        return multiply(c, *factors) if c != 1 or len(factors) > 1 else factors[0]
    content = math.gcd(*(c for _, c in size.terms))
    content = -content if size.terms[0][1] < 0 else content
    whole = Size(tuple((atoms, c // content) for atoms, c in size.terms))
    node = Expr("size", (), (whole,), ())
    return node if content == 1 else multiply(content, node)


def _sum_of_sizes(terms: Iterable[tuple[Number, Expr]]) -> Size | None:
    """Whole multiples of sizes, added up."""
    total = Size.of(0)
    for c, node in terms:
        size = node.params[0] if node.op == "size" else Size.of(1) if as_number(node) == 1 else None
        if size is None or not isinstance(c, int):
            return None
        total = total + size * c
    return total


def as_number(node: Expr) -> Number | None:
    """The value of a constant scalar, or None."""
    if node.op == "contract" and not node.args and not node.shape:
        return spec_of(node).coefficient
    return None


def is_zero(node: Expr) -> bool:
    """Whether the node is the number zero, of any shape."""
    return node.op == "contract" and spec_of(node).coefficient == 0


def is_integer(exponent: Number) -> bool:
    """Whether an exponent is an integer."""
    return isinstance(exponent, int)


def operand(value: Operand) -> Expr:
    """An expression from an expression or a number."""
    return value if isinstance(value, Expr) else number(value)


def add(*operands: Operand) -> Expr:
    """The elementwise sum; scalars are broadcast."""
    nodes = [operand(o) for o in operands]
    shape = next((n.shape for n in nodes if n.shape), ())
    return linear([(1, broadcast(n, shape)) for n in nodes], shape)


def multiply(*operands: Operand) -> Expr:
    """The elementwise product; scalars are broadcast."""
    nodes = [operand(o) for o in operands]
    shape = next((n.shape for n in nodes if n.shape), ())
    out = tuple(range(len(shape)))
    return contract(
        [Factor(n, out if n.shape else ()) for n in nodes], out, dict(zip(out, shape, strict=True))
    )


def power(base: Operand, exponent: float | Number) -> Expr:
    """The elementwise power with a constant exponent."""
    node = operand(base)
    out = tuple(range(node.ndim))
    return contract([Factor(node, out, exact(exponent))], out, dict(zip(out, node.shape, strict=True)))


def broadcast(node: Expr, shape: Sequence[Size]) -> Expr:
    """The node with leading axes added and axes of size 1 stretched, as NumPy broadcasts."""
    if tuple(node.shape) == tuple(shape):
        return node
    lead = len(shape) - node.ndim
    labels: list[Label] = []
    for i, size in enumerate(node.shape):
        if size.value == 1 != shape[lead + i].value and size != Size.of(1):
            raise _mismatch(size, shape[lead + i])
        stretched = size == Size.of(1) and shape[lead + i] != size
        labels.append(("one", i) if stretched else lead + i)
    sizes: dict[Label, Size] = dict(enumerate(shape))
    return contract([Factor(node, tuple(labels))], tuple(range(len(shape))), sizes)


def transpose(node: Expr, order: Sequence[int]) -> Expr:
    """The axes in another order."""
    return contract([Factor(node, tuple(range(node.ndim)))], tuple(order))


def broadcast_shape(*shapes: Sequence[Size]) -> tuple[Size, ...]:
    """The common shape of operands, by NumPy's rule."""
    result: list[Size] = []
    for axis in range(1, max((len(s) for s in shapes), default=0) + 1):
        size = Size.of(1)
        for shape in shapes:
            if axis <= len(shape) and shape[-axis] != Size.of(1):
                if size not in (Size.of(1), shape[-axis]):
                    raise _mismatch(size, shape[-axis])
                size = shape[-axis]
        result.append(size)
    return tuple(reversed(result))


def _mismatch(first: Size, second: Size) -> SizeMismatchError:
    """Two sizes that are to be one; a size that is 1 at the example and is stretched must be the number 1."""
    if first.value != second.value and 1 in (first.value, second.value):
        return SizeMismatchError(first if first.value == 1 else second, Size.of(1))
    return SizeMismatchError(first, second)


def dot(left: Expr, right: Expr, axes: int = 1) -> Expr:
    """The contraction of the last `axes` axes of `left` with the first ones of `right`."""
    shared = [("shared", i) for i in range(axes)]
    first: list[Label] = [("left", i) for i in range(left.ndim - axes)]
    second: list[Label] = [("right", i) for i in range(right.ndim - axes)]
    return contract([Factor(left, (*first, *shared)), Factor(right, (*shared, *second))], (*first, *second))


def contract(
    factors: Iterable[Factor],
    out: Sequence[Label],
    sizes: Mapping[Label, Size] | None = None,
    coefficient: float | Number = 1,
) -> Expr:
    """The contraction of the factors, in normal form.

    `sizes` gives the sizes of those labels of `out` that stand in no factor.
    """
    return _Product(factors, tuple(out), sizes or {}, exact(coefficient)).build()


class _Product:
    """A product under construction: nested products are merged, deltas and ones vanish."""

    def __init__(
        self,
        factors: Iterable[Factor],
        out: tuple[Label, ...],
        sizes: Mapping[Label, Size],
        coefficient: Number,
    ) -> None:
        self.parent: dict[Label, Label] = {}
        self.sizes: dict[Label, Size] = {}
        self.coefficient = coefficient
        self.factors: list[Factor] = []
        self.fresh = itertools.count()
        self.matrices = 0
        self.out = out
        for label in out:
            if label in sizes:
                self._see(label, sizes[label])
        for factor in factors:
            for label, size in zip(factor.labels, factor.base.shape, strict=True):
                self._see(label, size)
        for factor in factors:
            self._include(*factor)

    def _see(self, label: Label, size: Size) -> None:
        known = self.sizes.setdefault(self._find(label), size)
        if known != size:
            raise SizeMismatchError(known, size)

    def _find(self, label: Label) -> Label:
        while label in self.parent:
            label = self.parent[label]
        return label

    def _unite(self, first: Label, second: Label) -> None:
        first, second = self._find(first), self._find(second)
        if first != second:
            self._see(first, self.sizes[second])
            self.parent[second] = first

    def _include(self, base: Expr, labels: tuple[Label, ...], exponent: Number) -> None:
        if base.op == "contract":
            spec = spec_of(base)
            scale = _real_power(spec.coefficient, exponent)
            if scale is None and not base.args:
                scale = _rounded_power(spec.coefficient, exponent)
            if scale is not None:
                scaled = self.coefficient if scale == 1 else self.coefficient * scale
                if scale != 1 and _is_extreme(scaled):
                    self._append(base, labels, exponent)
                    return
                if scale == 0 or self._may_merge(base, exponent):
                    self.coefficient = scaled
                    self._merge(base, labels, exponent)
                    return
                if spec.coefficient != 1:
                    self.coefficient = scaled
                    self._include(_unit(base), labels, exponent)
                    return
            scalars = [f for f in factors_of(base) if not f.labels]
            if scalars and len(scalars) < len(base.args) and is_integer(exponent) and exponent != 1:
                for f in scalars:  # (c x)^p = c^p x^p
                    self._include(f.base, (), exact(f.exponent * exponent))
                rest = [f for f in factors_of(base) if f.labels]
                self._include(contract(rest, spec.out, label_sizes(base)), labels, exponent)
                return
            constant = {a for a in broadcast_axes(base) if spec.out.count(spec.out[a]) == 1}
            if constant:  # (x 1')^p = x^p 1'
                kept = [axis for axis in range(base.ndim) if axis not in constant]
                self._include(without_axes(base, constant), tuple(labels[a] for a in kept), exponent)
                return
        self._append(base, labels, exponent)

    def _append(self, base: Expr, labels: tuple[Label, ...], exponent: Number) -> None:
        self.matrices += base.ndim > 1
        self.factors.append(Factor(base, labels, exponent))

    def _may_merge(self, base: Expr, exponent: Number) -> bool:
        """Whether the factors of a nested product may join this one."""
        spec = spec_of(base)
        if is_long(base):
            return False
        outer = set(spec.out)
        summed = any(label not in outer for labels in spec.labels for label in labels)
        if exponent == 1:
            matrices = self.matrices + sum(arg.ndim > 1 for arg in base.args)
            return not summed or (base.ndim > 0 and matrices <= LONGEST_PRODUCT)
        if summed or (len(outer) < len(spec.out) and exponent <= 0):
            return False
        # (x^q)^p = x^(q p) holds for every real x only if p is an integer or x^q already needs x >= 0
        if is_integer(exponent):
            return True
        pairs = zip(base.args, spec.exponents, strict=True)
        signed = [(arg, q) for arg, q in pairs if is_integer(q) and not is_nonnegative(arg)]
        # A size less a number, among factors that are not negative, has a root on both sides or on neither.
        return not signed or (
            len(signed) == 1 and signed[0][0].op == "size" and not is_integer(exact(exponent * signed[0][1]))
        )

    def _merge(self, base: Expr, labels: tuple[Label, ...], exponent: Number) -> None:
        spec = spec_of(base)
        names: dict[int, Label] = {}
        for inner, label in zip(spec.out, labels, strict=True):
            if inner in names:
                self._unite(names[inner], label)
            else:
                names[inner] = label
        for arg, arg_labels, q in zip(base.args, spec.labels, spec.exponents, strict=True):
            for inner, size in zip(arg_labels, arg.shape, strict=True):
                if inner not in names:
                    names[inner] = ("merged", next(self.fresh))
                    self.sizes[names[inner]] = size
            self._include(arg, tuple(names[i] for i in arg_labels), exact(q * exponent))

    def build(self) -> Expr:
        if self.coefficient == 0:
            return self._zero()
        if not self.sizes:
            return self._of_scalars()
        out = tuple(self._find(label) for label in self.out)
        merged: dict[tuple[Expr, tuple[Label, ...]], Number] = {}
        for base, labels, exponent in self.factors:
            found = tuple(self._find(label) for label in labels)
            pair, sign = exchangeable(base, exponent)
            where = (base, _exchanged(found, pair, repr) if pair and sign == 1 else found)
            merged[where] = exact(merged.get(where, 0) + exponent)
        cancelled = self._cancel_sums(merged, out)
        factors = [Factor(base, labels, p) for (base, labels), p in merged.items() if p != 0]
        used = {label for f in factors for label in f.labels}
        alive = {self._find(label) for label in self.sizes} - cancelled
        for label in alive - used - set(out):  # a sum of ones
            size = self.sizes[label]
            if size.is_literal:
                self.coefficient *= size.value
            else:
                factors.append(Factor(size_number(size)))
        return self._assemble(factors, out)

    def _of_scalars(self) -> Expr:
        """The product where there are no labels: only equal factors meet."""
        powers: dict[Expr, Number] = {}
        for base, _, exponent in self.factors:
            powers[base] = exact(powers.get(base, 0) + exponent)
        return _canonical(self.coefficient, [Factor(base, (), p) for base, p in powers.items() if p], (), {})

    def _cancel_sums(
        self, merged: dict[tuple[Expr, tuple[Label, ...]], Number], out: tuple[Label, ...]
    ) -> set[Label]:
        """(Σ_j T_ij) / (Σ_j T_ij) = 1, where the sum above has become a factor T_ij with a summed label: the
        labels that are gone."""
        cancelled: set[Label] = set()
        for (base, labels), p in list(merged.items()):
            if p > -1 or base.op != "contract" or len(base.args) != 1:
                continue
            spec = spec_of(base)
            names = dict(zip(spec.out, labels, strict=True))
            if spec.coefficient != 1 or not names or len(names) < len(spec.out):
                continue
            uses = [label for (_, theirs), q in merged.items() if q for label in theirs]
            for (arg, theirs), q in merged.items():
                if arg is not base.args[0] or q != spec.exponents[0]:
                    continue
                pairs = list(zip(spec.labels[0], theirs, strict=True))
                if all(
                    names[inner] == label if inner in names else uses.count(label) == 1 and label not in out
                    for inner, label in pairs
                ):
                    merged[arg, theirs] = 0
                    merged[base, labels] = exact(p + 1)
                    cancelled |= {label for inner, label in pairs if inner not in names}
                    break
        return cancelled

    def _zero(self) -> Expr:
        return zeros(self.sizes[self._find(label)] for label in self.out)

    def _assemble(self, factors: list[Factor], out: tuple[Label, ...]) -> Expr:
        groups = _components(factors, out)
        if len(groups) > 1 or (groups and out):
            kept = []
            for group, touches_out in groups:
                if touches_out or not any(f.labels for f in group):
                    kept += group
                else:
                    scalar = _canonical(1, group, (), self.sizes)
                    kept.append(Factor(scalar))
            totals: dict[tuple[Expr, tuple[Label, ...]], Number] = {}
            for base, labels, p in kept:
                totals[base, labels] = exact(totals.get((base, labels), 0) + p)
            factors = [Factor(base, labels, p) for (base, labels), p in totals.items() if p != 0]
        if any(self.sizes[label] == ZERO for f in factors for label in f.labels if label not in out):
            return self._zero()  # a sum over nothing
        return _canonical(self.coefficient, factors, out, self.sizes)


ZERO = Size.of(0)


def _real_power(base: Number, exponent: Number) -> Number | None:
    """base ** exponent when that is rational, else None."""
    if base == 1:
        return 1
    if exponent == 1:
        return base
    if is_integer(exponent):
        if base == 0:
            return 0 if exponent > 0 else None
        return exact(Fraction(base) ** int(exponent))
    if base > 0:
        fraction = Fraction(base)
        root = [
            _root(part, Fraction(exponent).denominator) for part in (fraction.numerator, fraction.denominator)
        ]
        if root[0] and root[1]:
            return exact(Fraction(root[0], root[1]) ** Fraction(exponent).numerator)
    return None


def _rounded_power(base: Number, exponent: Number) -> Number | None:
    """base ** exponent of a positive number, read from the float that a person's program would have there."""
    try:
        value = float(base) ** float(exponent) if base > 0 else 0.0
    except OverflowError:
        return None
    return exact(value) if value and math.isfinite(value) else None


def _is_extreme(number: Number) -> bool:
    """Whether a coefficient has so many digits that it could be too large or too small for a float."""
    return max(abs(number.numerator), number.denominator).bit_length() > MOST_BITS


def _root(number: int, degree: int) -> int | None:
    candidate = round(number ** (1 / degree)) if number < 1 << 52 else 0
    return candidate if candidate**degree == number else None


def _components(factors: Sequence[Factor], out: tuple[Label, ...]) -> list[tuple[list[Factor], bool]]:
    """Factors grouped by shared labels; whether the group holds a label of the result."""
    groups: list[tuple[list[Factor], set[Label]]] = []
    scalars = [([factor], False) for factor in factors if not factor.labels]
    for factor in (factor for factor in factors if factor.labels):
        labels = set(factor.labels)
        group = [factor]
        rest = []
        for members, theirs in groups:
            if labels & theirs:
                group = members + group
                labels |= theirs
            else:
                rest.append((members, theirs))
        groups = [*rest, (group, labels)]
    return scalars + [(members, bool(labels & set(out))) for members, labels in groups]


def _canonical(
    coefficient: Number, factors: Sequence[Factor], out: tuple[Label, ...], sizes: Mapping[Label, Size]
) -> Expr:
    """The interned contraction node: factors and labels in an order that depends only on the structure."""
    ordered = _ordered(factors, out)
    numbers: dict[Label, int] = {}
    for label in itertools.chain(out, *(labels for _, labels in ordered)):
        numbers.setdefault(label, len(numbers))
    labels = []
    for f, _ in ordered:
        given = tuple(numbers[label] for label in f.labels)
        pair, sign = exchangeable(f.base, f.exponent)
        labels.append(_exchanged(given, pair) if pair else given)
        if pair and labels[-1] != given:
            coefficient *= sign
    spec = Spec(
        exact(coefficient),
        tuple(labels),
        tuple(f.exponent for f, _ in ordered),
        tuple(numbers[label] for label in out),
    )
    shape = [sizes[label] for label in out]
    return _whole(Expr("contract", tuple(f.base for f, _ in ordered), (spec,), shape))


def _unit(node: Expr) -> Expr:
    """A contraction without its coefficient."""
    if spec_of(node).coefficient == 1:
        return _whole(node)
    return _whole(Expr("contract", node.args, (spec_of(node)._replace(coefficient=1),), node.shape))


def _whole(node: Expr) -> Expr:
    """A contraction that does nothing is its only factor."""
    spec = spec_of(node)
    if len(node.args) == 1 and spec.coefficient == 1 and spec.exponents == (1,):
        (labels,) = spec.labels
        if labels == spec.out and len(set(labels)) == len(labels):
            return node.args[0]
    return node


def _ordered(factors: Sequence[Factor], out: tuple[Label, ...]) -> list[tuple[Factor, tuple[Label, ...]]]:
    """Factors in an order that depends only on the structure of the product, each with its labels in such an
    order, which differs from their own where axes are exchangeable.

    Labels are told apart by colour refinement (Weisfeiler and Leman); where labels stay alike, one is
    singled out and the colours are refined again.
    """
    if len(factors) <= 1:
        return [(f, f.labels) for f in factors]
    if not any(f.labels for f in factors):
        return [(f, ()) for f in sorted(factors, key=_head)]
    colouring = _Colouring(factors, out)
    colours = colouring.refined(colouring.initial)
    while (alike := colouring.alike(colours)) is not None:
        chosen = [colouring.refined(colouring.singled_out(colours, label)) for label in alike[:MOST_TRIED]]
        colours = min(chosen, key=colouring.certificate)
    order = sorted((colouring.signature(i, colours), i) for i in range(len(factors)))
    return [(factors[i], colouring.arranged(factors[i].labels, i, colours)) for _, i in order]


def _head(factor: Factor) -> tuple[int, int, bytes, Number]:
    """What orders factors before their labels do."""
    base = factor.base
    return len(base.shape), base.weight, base.key, factor.exponent


class _Colouring:
    """The labels of a product as vertices, its factors as coloured hyperedges."""

    def __init__(self, factors: Sequence[Factor], out: tuple[Label, ...]) -> None:
        places: dict[Label, tuple[int, ...]] = {}
        for position, label in enumerate(out):
            places[label] = (*places.get(label, ()), position)
        numbers: dict[Label, int] = {label: i for i, label in enumerate(places)}
        for factor in factors:
            for label in factor.labels:
                numbers.setdefault(label, len(numbers))
        heads = [_head(f) for f in factors]
        rank = {head: i for i, head in enumerate(sorted(set(heads)))}
        self.heads = [rank[head] for head in heads]
        self.labels = [tuple(numbers[label] for label in f.labels) for f in factors]
        self.pairs = [exchangeable(f.base, f.exponent)[0] for f in factors]
        # labels of the result come first, in the order of their places; the others start alike
        self.initial = [min(number, len(places)) for number in numbers.values()]

    def signature(self, i: int, colours: list[int]) -> tuple[int, tuple[int, ...]]:
        """A factor and the colours of its labels; a symmetric matrix does not tell its axes apart."""
        ring = tuple([colours[label] for label in self.labels[i]])
        return self.heads[i], _exchanged(ring, self.pairs[i])

    def arranged(self, labels: tuple[Label, ...], i: int, colours: list[int]) -> tuple[Label, ...]:
        """The labels of a factor, those of exchangeable axes in the order of their colours."""
        if not self.pairs[i]:
            return labels
        colour = dict(zip(labels, (colours[n] for n in self.labels[i]), strict=True))
        return _exchanged(labels, self.pairs[i], colour.__getitem__)

    def certificate(self, colours: list[int]) -> list[tuple[int, tuple[int, ...]]]:
        """All signatures: equal for equal structures."""
        return sorted(self.signature(i, colours) for i in range(len(self.heads)))

    def refined(self, colours: list[int]) -> list[int]:
        """Classes of labels split by the factors they stand in, until nothing changes."""
        count = len(set(colours))
        while count < len(colours):
            seen: list[list[tuple[Any, ...]]] = [[] for _ in colours]
            for i, labels in enumerate(self.labels):
                signature = self.signature(i, colours)
                for position, label in enumerate(labels):
                    alike = position in self.pairs[i]
                    seen[label].append((*signature, self.pairs[i][0] if alike else position))
            keys = [(colour, sorted(factors)) for colour, factors in zip(colours, seen, strict=True)]
            order = sorted(range(len(keys)), key=keys.__getitem__)
            ranks = dict.fromkeys(order, 0)
            for before, after in itertools.pairwise(order):
                ranks[after] = ranks[before] + (keys[before] != keys[after])
            colours = [ranks[label] for label in range(len(keys))]
            if ranks[order[-1]] + 1 == count:
                break
            count = ranks[order[-1]] + 1
        return colours

    def alike(self, colours: list[int]) -> list[int] | None:
        """The first class of labels that are not told apart."""
        classes: dict[int, list[int]] = {}
        for label, colour in enumerate(colours):
            classes.setdefault(colour, []).append(label)
        return min((c for c in classes.values() if len(c) > 1), key=lambda c: colours[c[0]], default=None)

    def singled_out(self, colours: list[int], label: int) -> list[int]:
        """The colours with one label put before those that are like it."""
        return [2 * colour - (i == label) for i, colour in enumerate(colours)]


def exchangeable(base: Expr, exponent: Number) -> tuple[tuple[int, ...], int]:
    """Two axes of a factor that may be exchanged, or none, and the sign that this gives: those of a symmetric
    matrix, and those in which the base is antisymmetric, as x_i - x_j."""
    if len(base.shape) < 2:
        return (), 1
    if is_symmetric(base):
        return (0, 1), 1
    if not is_integer(exponent):
        return (), 1
    return _antisymmetric_axes(base), -1 if exponent % 2 else 1


def _antisymmetric_axes(base: Expr) -> tuple[int, ...]:
    """Two axes whose exchange changes the sign: of reciprocal gaps, of a difference of broadcast terms."""
    if base.op in {"reciprocal_gaps", "reciprocal_square_gaps"}:
        return (base.ndim - 2, base.ndim - 1)
    if base.op != "linear" or base.ndim > 3 or len(base.args) > 2 or sum(base.params) != 0:
        return ()
    if base not in _ANTISYMMETRIC:
        _ANTISYMMETRIC[base] = ()  # while it is being found out
        for pair in itertools.combinations(range(base.ndim), 2):
            if base.shape[pair[0]] == base.shape[pair[1]]:
                order = list(range(base.ndim))
                order[pair[0]], order[pair[1]] = order[pair[1]], order[pair[0]]
                first, second = (transpose(term, order) for term in base.args)
                if (second, first) == base.args:
                    _ANTISYMMETRIC[base] = pair
    return _ANTISYMMETRIC[base]


_ANTISYMMETRIC: weakref.WeakKeyDictionary[Expr, tuple[int, ...]] = weakref.WeakKeyDictionary()


def _exchanged(
    items: tuple[Any, ...], pair: tuple[int, ...], key: Callable[[Any], Any] = lambda item: item
) -> tuple[Any, ...]:
    """The items in order, those at the exchangeable positions sorted."""
    if not pair:
        return items
    ordered = list(items)
    ordered[pair[0]], ordered[pair[1]] = sorted((items[pair[0]], items[pair[1]]), key=key)
    return tuple(ordered)


def is_symmetric(node: Expr) -> bool:
    """Whether the node is known to be a symmetric matrix."""
    if node.ndim != 2 or node.shape[0] != node.shape[1]:
        return False
    from closedform.expression.facts import holds  # facts read the structure that is built here

    return holds(node, "symmetric")


def is_nonnegative(node: Expr) -> bool:
    """Whether the value is known to be at least zero wherever it is defined."""
    from closedform.expression.facts import holds  # facts read the structure that is built here

    return holds(node, "nonnegative")


# --- sums -----------------------------------------------------------------------------------------


def linear(terms: Iterable[tuple[float | Number, Expr]], shape: Sequence[Size]) -> Expr:
    """The sum of coefficient * term, in normal form.

    Like terms are collected, a factor that all terms share is taken out, products of sums are
    multiplied out only where that makes the sum shorter, and the content (the greatest common
    divisor of the coefficients, with the sign) is taken out.
    """
    totals: dict[Expr, Number] = {}
    shape = tuple(shape)
    terms = list(terms)
    sums = _kept_sums([term for _, term in terms])
    for coefficient, term in terms:
        if term.shape != shape:
            raise next(_mismatch(a, b) for a, b in zip(term.shape, shape, strict=True) if a != b)
        for inner, node in sums.get(term) or terms_of(term):
            totals[node] = _plus(totals.get(node, 0), exact(exact(coefficient) * inner))
    totals = {node: c for node, c in totals.items() if c != 0}
    if not totals:
        return zeros(shape)
    if len(totals) == 1:
        return _scaled(totals)
    shared = _common_factors(totals, shape) or _common_product(totals, shape)
    if shared is not None:
        return shared
    shorter = _multiplied_out(totals)
    if shorter is not None:
        return linear([(c, node) for node, c in shorter.items()], shape)
    return _sum_node(totals, shape)


def _kept_sums(terms: Sequence[Expr]) -> dict[Expr, list[tuple[Number, Expr]]]:
    """The terms that are sums, or multiples of sums, and stay whole: long ones, and the steps of a recursion
    x + f(x), which would otherwise each be written as the sum of all earlier ones. None whose parts stand
    elsewhere too, as they may cancel."""
    units = [_unit(t) if t.op == "contract" and spec_of(t).coefficient else t for t in terms]
    counts = Counter(part for unit in units for _, part in terms_of(unit))
    kept = {}
    for term, inner in zip(terms, units, strict=True):
        if inner.op != "linear" or any(counts[part] > 1 for part in inner.args):
            continue
        if is_long(inner) or (
            any(node.op == "linear" for node in _below(inner.args, STEP_DEPTH))
            and inner in _below([other for other in units if other is not inner], STEP_DEPTH)
        ):
            kept[term] = [(spec_of(term).coefficient if inner is not term else 1, inner)]
    return kept


def _below(nodes: Iterable[Expr], depth: int) -> set[Expr]:
    """What stands below nodes, in so many levels."""
    found: set[Expr] = set()
    level = set(nodes)
    for _ in range(depth):
        level = {arg for node in level for arg in node.args} - found
        found |= level
    return found


def _scaled(totals: dict[Expr, Number]) -> Expr:
    ((node, c),) = totals.items()
    out = tuple(range(node.ndim))
    return node if c == 1 else contract([Factor(node, out)], out, coefficient=c)


def _sum_node(totals: dict[Expr, Number], shape: Sequence[Size]) -> Expr:
    nodes = sorted(totals, key=term_order)
    content = _content(totals[n] for n in nodes)
    if totals[nodes[-1]] < 0:
        content = -content
    coefficients = tuple(_unrounded(exact(totals[n] / content)) if content != 1 else totals[n] for n in nodes)
    size = _sum_of_sizes(zip(coefficients, nodes, strict=True)) if not shape else None
    if size is not None:
        return multiply(exact(content), size_number(size))
    node = Expr("linear", tuple(nodes), coefficients, shape)
    if content == 1:
        return node
    out = tuple(range(len(shape)))
    return _canonical(exact(content), [Factor(node, out)], out, dict(zip(out, shape, strict=True)))


def term_order(node: Expr) -> tuple[object, ...]:
    """Order of the terms of a sum: simple before complex, numbers last. The last one is written positive."""
    plain = node.op == "contract" and not node.args
    return (plain, node.weight, node.op, node.key)


def _content(coefficients: Iterable[Number]) -> Fraction:
    """The greatest common divisor; where it would leave large numbers, that of the whole numbers among them
    or else the largest coefficient, as in x - g / 10, but none that leaves irrational numbers."""
    numbers = list(coefficients)
    integers = [c for c in numbers if type(c) is int]
    if len(integers) == len(numbers):
        divisor = math.gcd(*integers)
        return Fraction(divisor if max(map(abs, integers)) < MOST_MULTIPLE * divisor else 1)
    fractions = [Fraction(c) for c in numbers]
    content = Fraction(
        math.gcd(*(f.numerator for f in fractions)), math.lcm(*(f.denominator for f in fractions))
    )
    largest = max(abs(f) for f in fractions)
    if largest / content < (LARGE_MULTIPLE if content.denominator > 1 else MOST_MULTIPLE):
        return content
    whole = [f.numerator for f in fractions if f.denominator == 1]
    if content.denominator == 1:
        return Fraction(1)
    if whole:
        return Fraction(math.gcd(*whole))
    ratios = [Fraction(_unrounded(f / largest)) for f in fractions]
    if any(_is_rounded(ratio) for ratio in ratios):
        return Fraction(1)
    most = math.lcm(*(ratio.denominator for ratio in ratios))
    return largest / most if most < LARGE_MULTIPLE else largest


Wiring = tuple[tuple[int, ...], ...]


def _pointwise(node: Expr) -> dict[tuple[Expr, Wiring], Number]:
    """The factors of a term that hold no summed label, as (factor, positions in the result): exponent."""
    if node.op != "contract":
        return {(node, tuple((i,) for i in range(node.ndim))): 1}
    spec = spec_of(node)
    where: dict[Any, tuple[int, ...]] = {}
    for position, label in enumerate(spec.out):
        where[label] = (*where.get(label, ()), position)
    return {
        (base, tuple(where[label] for label in labels)): p
        for base, labels, p in factors_of(node)
        if all(label in where for label in labels)
    }


def _common_factors(totals: dict[Expr, Number], shape: Sequence[Size]) -> Expr | None:
    """x f + y f = (x + y) f, with every factor, delta and broadcast axis that all terms share.

    Of negative powers the mildest is taken out, as in (Ax - (x'Ax / x'x) x) / x'x; the strongest where
    terms then cancel: u^(-1/2) - r^2 u^(-3/2) = u^(-3/2) for u = 1 + r^2.
    """
    tables = [_pointwise(node) for node in totals]
    common = {
        key: [table[key] for table in tables]
        for key in tables[0]
        if all(key in table and (table[key] > 0) == (tables[0][key] > 0) for table in tables)
    }
    patterns = [_pattern(node) for node in totals]
    pattern = _tied_in_all(patterns)
    free = set.intersection(*(broadcast_axes(node) for node in totals))
    if any(p != pattern for p in patterns):
        free = {
            axis for axis in free if pattern.count(axis) == 1 and all(p.count(axis) == 1 for p in patterns)
        }
    reduces = bool(free) or len(set(pattern)) < len(pattern)
    if not common and not reduces:
        return None
    mildest = {key: min(powers, key=lambda p: p if p > 0 else -p) for key, powers in common.items()}
    plain = _without(totals, mildest, pattern, free, shape)
    strongest = {key: min(powers) for key, powers in common.items()}
    if strongest == mildest:
        return plain
    cleared = _without(totals, strongest, pattern, free, shape)
    return cleared if cleared.weight < plain.weight else plain


def _without(
    totals: dict[Expr, Number],
    common: dict[tuple[Expr, Wiring], Number],
    pattern: Sequence[int],
    free: Collection[int],
    shape: Sequence[Size],
) -> Expr:
    """The product of the common powers with the sum of the terms divided by them."""
    kept = [axis for axis in sorted(set(pattern)) if axis not in free]
    shared = [Factor(base, tuple(pattern[w[0]] for w in wiring), p) for (base, wiring), p in common.items()]
    divisors = [f._replace(exponent=exact(-f.exponent)) for f in shared]
    rest = [(c, _divide(node, divisors, pattern, kept)) for node, c in totals.items()]
    inner = linear(rest, [shape[axis] for axis in kept])
    return contract([Factor(inner, tuple(kept)), *shared], pattern, dict(enumerate(shape)))


class _Term:
    """A term of a sum: its factors, and the labels that they share with those of the first term."""

    def __init__(self, node: Expr, coefficient: Number) -> None:
        self.node = node
        self.coefficient = coefficient
        self.factors = factors_of(node)
        self.out = spec_of(node).out

    def inner(self, factor: Factor) -> bool:
        """Whether a factor holds a summed label."""
        return any(label not in self.out for label in factor.labels)

    def without(self, taken: Iterable[int]) -> list[Factor]:
        """The factors that are not taken."""
        positions = set(taken)
        return [f for i, f in enumerate(self.factors) if i not in positions]


def _common_product(totals: dict[Expr, Number], shape: Sequence[Size]) -> Expr | None:
    """A B + A C = A (B + C), where all terms share factors with summed labels."""
    if any(node.op != "contract" for node in totals):
        return None
    nodes = sorted(totals, key=term_order)
    heads = [{(f.base, f.exponent) for f in factors_of(node) if f.labels} for node in nodes]
    possible = set.intersection(*heads)
    if not possible or any(len(set(spec_of(node).out)) < node.ndim for node in nodes):
        return None
    if is_recursion([{base for base, _ in head - possible} for head in heads], {b for b, _ in possible}):
        return None
    first, *others = (_Term(node, totals[node]) for node in nodes)
    best: tuple[list[int], list[_Match]] | None = None
    for anchor, factor in enumerate(first.factors):
        if (factor.base, factor.exponent) not in possible or not first.inner(factor):
            continue
        found = _matched_in_all(first, others, anchor)
        if found is not None and (best is None or len(found[0]) > len(best[0])):
            best = found
    return None if best is None else _taken_out(first, others, *best, shape)


def is_recursion(rests: Sequence[set[Expr]], shared: set[Expr]) -> bool:
    """Whether what is left of a term comes out of what is left of another one by way of a shared factor, as
    in A r + A (A r - b): the steps of a recursion are not added up, which would give binomial sums."""
    together = set().union(*rests)
    for node in together:
        if node.args:
            users = {n for n in _below([node], STEP_DEPTH) | {node} if not shared.isdisjoint(n.args)}
            if users and not together.isdisjoint(_below(users, STEP_DEPTH) - {node}):
                return True
    return False


class _Match(NamedTuple):
    """Where the labels and the factors of the first term stand in another one."""

    labels: dict[Label, Label]
    factors: dict[int, int]


def _matched_in_all(
    first: _Term, others: Sequence[_Term], anchor: int
) -> tuple[list[int], list[_Match]] | None:
    """The factors about an anchor that stand in every term, and where; the anchor is one of them."""
    kept = list(range(len(first.factors)))
    matches: list[_Match] = []
    for _ in range(2):  # what a later term lacks is taken back from the earlier ones
        matches = [_matched(first, term, anchor, kept) for term in others]
        kept = [i for i in kept if all(i in m.factors for m in matches)]
        if anchor not in kept:
            return None
    if any(set(m.factors) != set(kept) for m in matches):
        return None
    return kept, matches


def _matched(first: _Term, other: _Term, anchor: int, candidates: Sequence[int]) -> _Match:
    """The candidates that stand in the other term, the anchor first, then those joined to it."""
    labels: dict[Label, Label] = dict(zip(first.out, other.out, strict=True))
    factors: dict[int, int] = {}
    waiting = [anchor, *(i for i in candidates if i != anchor)]
    progress = True
    while waiting and progress:
        progress = False
        for i in waiting:
            factor = first.factors[i]
            if i != anchor and not any(label in labels for label in factor.labels):
                continue
            for j, g in enumerate(other.factors):
                if j in factors.values() or (g.base, g.exponent) != (factor.base, factor.exponent):
                    continue
                joined = _joined(labels, factor, g, first, other)
                if joined is not None:
                    labels, progress = joined, True
                    factors[i] = j
                    break
            if i in factors:
                waiting.remove(i)
                break
            if i == anchor:
                return _Match(labels, {})
    return _Match(labels, factors)


def _joined(
    labels: dict[Label, Label], factor: Factor, other: Factor, first: _Term, second: _Term
) -> dict[Label, Label] | None:
    """The labels of two terms as one, with those of two equal factors; None where they contradict."""
    orders = [other.labels]
    if is_symmetric(factor.base):
        orders.append(other.labels[::-1])
    for order in orders:
        joined = dict(labels)
        taken = set(labels.values())
        for mine, theirs in zip(factor.labels, order, strict=True):
            if mine not in joined:
                if theirs in taken or theirs in second.out or mine in first.out:
                    break
                joined[mine] = theirs
                taken.add(theirs)
            elif joined[mine] != theirs:
                break
        else:
            return joined
    return None


def _taken_out(
    first: _Term, others: Sequence[_Term], kept: list[int], matches: list[_Match], shape: Sequence[Size]
) -> Expr | None:
    """The product of the factors that all terms share and the sum of what is left of each."""
    sizes = label_sizes(first.node)
    shared = [first.factors[i] for i in kept]
    rests = [(first, first.without(kept), {label: label for label in sizes})]
    for term, match in zip(others, matches, strict=True):
        back = {theirs: mine for mine, theirs in match.labels.items()}
        rests.append((term, term.without(match.factors.values()), back))
    outer = {label for f in shared for label in f.labels} | set(first.out)
    held: list[set[Label]] = [
        {back[label] for f in rest for label in f.labels if back.get(label) in outer}
        for _, rest, back in rests
    ]
    whole = set().union(*held)
    if not whole or any(h and h != whole for h in held):
        return None
    if _slices(shared, first) or all(_slices(rest, first) for _, rest, _ in rests):
        return None
    written = [back.get(label) for _, rest, back in rests for f in rest for label in f.labels]
    boundary = [label for label in dict.fromkeys(written) if label in whole]
    if any(len(_components([f for f in rest if f.labels], ())) > 1 for _, rest, _ in rests):
        return None
    left = [f for _, rest, _ in rests for f in rest]
    if any(f.base.ndim > 2 for f in left):
        return None
    # A x + B x takes less than (A + B) x
    costly = all(f.base.ndim < 2 for f in shared) and any(f.base.op not in SELECTIONS for f in left)
    missing = set(first.out) - {label for f in shared for label in f.labels} - set(boundary)
    if missing:
        return None
    terms = []
    for term, rest, back in rests:
        at = {mine: theirs for theirs, mine in back.items()}
        own = label_sizes(term.node)
        remaining = contract(
            rest,
            [at[label] for label in boundary],
            {at[label]: sizes[label] for label in boundary} | own,
            spec_of(term.node).coefficient,
        )
        terms.append((term.coefficient, remaining))
    inner = linear(terms, [sizes[label] for label in boundary])
    if costly and len(terms_of(inner)) >= len(terms):
        return None
    return contract(
        [*shared, Factor(inner, tuple(boundary))], first.out, dict(zip(first.out, shape, strict=True))
    )


# Structured constants by slices and the like: matrices of zeros and ones, whose second axis is the data's.
SELECTIONS = frozenset({"select", "gather", "unit"})


def _slices(factors: Sequence[Factor], outer: _Term) -> bool:
    """Whether factors only take slices of what they are multiplied by: x[1:] is plainer than S x."""
    return bool(factors) and all(f.base.op in SELECTIONS and f.labels[-1] not in outer.out for f in factors)


def _divide(node: Expr, divisors: list[Factor], pattern: Sequence[int], kept: Sequence[int]) -> Expr:
    """A term without its common factors, on the axes that are kept."""
    if node.op != "contract":
        factors, out = [Factor(node, tuple(range(node.ndim)))], tuple(range(node.ndim))
        sizes: dict[Any, Size] = dict(enumerate(node.shape))
    else:
        factors, out, sizes = factors_of(node), spec_of(node).out, label_sizes(node)
    at: dict[Any, int] = {axis: out[axis] for axis in set(pattern)}
    left = {(f.base, f.labels): f.exponent for f in factors}
    for base, labels, p in divisors:
        where = (base, tuple(at[axis] for axis in labels))
        left[where] = exact(left[where] + p)
    remaining = [Factor(base, labels, p) for (base, labels), p in left.items() if p != 0]
    return contract(remaining, [at[axis] for axis in kept], sizes)


def _pattern(node: Expr) -> tuple[int, ...]:
    """For each axis of the result the first axis that a delta ties it to."""
    if node.op != "contract":
        return tuple(range(node.ndim))
    out = spec_of(node).out
    return tuple(out.index(label) for label in out)


def _tied_in_all(patterns: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """For each axis the first axis that a delta ties it to in every pattern."""
    classes = list(zip(*patterns, strict=True))
    return tuple(classes.index(together) for together in classes)


def without_axes(node: Expr, constant: Collection[int]) -> Expr:
    """A contraction that is constant along some axes, without these."""
    spec = spec_of(node)
    out = [label for axis, label in enumerate(spec.out) if axis not in constant]
    return contract(factors_of(node), out, label_sizes(node), spec.coefficient)


def broadcast_axes(node: Expr) -> set[int]:
    """Axes along which the term is constant."""
    if node.op != "contract":
        return set()
    spec = spec_of(node)
    used = {label for labels in spec.labels for label in labels}
    return {i for i, label in enumerate(spec.out) if label not in used and spec.out.index(label) == i}


def _multiplied_out(totals: dict[Expr, Number]) -> dict[Expr, Number] | None:
    """The sum with its products of sums multiplied out, if it then has fewer terms; sums that are summed over
    an axis only where their terms cancel."""
    written = {node: _sums(node) for node in totals}
    most = _terms_written(totals)
    found = _all_multiplied_out(totals, written, most)
    if found is None and any(node.op == "contract" for node in totals):
        inner = {node: _sums(node, summed=True) for node in totals}
        size = sum(len(node.args[i].args) for node, at in inner.items() for i in at)
        if inner != written and size <= MOST_SUMMED:
            found = _all_multiplied_out(totals, inner, len(totals))
            found = found if found and _terms_written(found) <= most else None
    return _grouped(totals, written, len(found) if found else most - 1) or found


def _grouped(
    totals: dict[Expr, Number], positions: Mapping[Expr, list[int]], limit: int
) -> dict[Expr, Number] | None:
    """The sum with those of its terms as one that share a sum as their factor, if no more terms than a limit
    are written then: p + x (1 - p^2) (x^2 + 1) + 2 x^3 (1 - p^2) = p + x (1 - p^2) (3 x^2 + 1)."""
    groups: dict[tuple[Expr, Wiring], list[Expr]] = {}
    for node, at in positions.items():
        sums = {node.args[i] for i in at}
        for base, wiring in _pointwise(node):
            if base in sums:
                groups.setdefault((base, wiring), []).append(node)
    best = max(groups.values(), key=len, default=[])
    if not 1 < len(best) < len(totals):
        return None
    shape = best[0].shape
    together = linear([(totals[node], node) for node in best], shape)
    new = {node: c for node, c in totals.items() if node not in best}
    for c, node in [(1, together)] if together.op != "linear" else terms_of(together):
        new[node] = _plus(new.get(node, 0), c)
    new = {node: c for node, c in new.items() if c != 0}
    return new if _terms_written(new) <= limit else None


def _all_multiplied_out(
    totals: dict[Expr, Number], positions: Mapping[Expr, list[int]], limit: int
) -> dict[Expr, Number] | None:
    """The sum multiplied out, if it then has fewer terms than a limit and is not heavier: wholly if that
    loses no digits, or else what can be multiplied out whatever is added to it."""
    if not 0 < sum(_products(node, at) for node, at in positions.items() if at) <= MOST_PRODUCTS:
        return None
    places = Counter(node.args[i] for node, at in positions.items() for i in at)
    careful = {node: _careful(node, at, places) for node, at in positions.items()}
    for chosen in (positions, careful) if careful != positions else (positions,):
        if _fewest_terms(chosen) >= limit:
            continue
        products = {node: expand_product(node, at) for node, at in chosen.items() if at}
        expanded: dict[Expr, Number] = {}
        for node, c in totals.items():
            for inner, term in products.get(node, [(1, node)]):
                expanded[term] = _plus(expanded.get(term, 0), exact(c * inner))
        expanded = {node: c for node, c in expanded.items() if c != 0}
        lighter = sum(node.weight for node in expanded) < sum(node.weight for node in totals)
        if products and lighter and _terms_written(expanded) < limit:
            lossy = {node for node in products if chosen[node] != careful[node]}
            if not lossy or _keeps_digits(expanded, totals, products, lossy):
                return expanded if chosen is positions else _collected(expanded)
    return None


def _fewest_terms(positions: Mapping[Expr, list[int]]) -> int:
    """A sum has at least so many terms when it is multiplied out: those that meet no other one. Most sums
    would not get shorter, and this tells it before the products are made."""
    counts: Counter[Number] = Counter()
    for node, at in positions.items():
        if not at:
            counts[_logarithm(node)] += 1
            continue
        exponents = spec_of(node).exponents
        rest = _logarithm(node) - sum(_logarithm(node.args[i]) * exponents[i] for i in at)
        choices = [map(_logarithm, node.args[i].args) for i in at for _ in range(int(exponents[i]))]
        products = [rest + sum(choice) for choice in itertools.product(*choices)]
        below = itertools.chain(node.args, *((t, *t.args) for i in at for t in node.args[i].args))
        if not {_logarithm(base) for base in below if base.op == "linear"}.isdisjoint(products):
            return 0  # all other factors cancel: the product is a sum itself
        counts.update(products)
    return sum(count == 1 for count in counts.values())


_LOGARITHMS: weakref.WeakKeyDictionary[Expr, Number] = weakref.WeakKeyDictionary()


def _logarithm(root: Expr) -> Number:
    """A number that products have in common if they are multiples of one another, whatever form they have:
    the sum of those of the factors, times their exponents. Sizes, which come from sums of ones, do not count.
    """
    stack = [root]
    while stack:
        node = stack[-1]
        product = node.op == "contract"
        missing = [arg for arg in node.args if arg not in _LOGARITHMS] if product else []
        stack += missing
        if not missing:
            stack.pop()
            powers = zip(node.args, spec_of(node).exponents, strict=True) if product else ()
            alone = 0 if product or node.op == "size" else int.from_bytes(node.key, "big")
            _LOGARITHMS[node] = sum((_LOGARITHMS[arg] * p for arg, p in powers), alone)
    return _LOGARITHMS[root]


def _careful(node: Expr, positions: list[int], places: Mapping[Expr, int]) -> list[int]:
    """The sums of a product that can be multiplied out without a loss of digits, whatever is added to it.

    Where the terms of one sum cancel, its product with another factor still moves with them: what is lost to
    rounding is the condition of the result. The product of two such sums does not, as (x - y) (x - z) at
    data far from zero, or x (x - y) - y (x - y) with one in two places, nor does what a function lacks of its
    bound, as 1 - tanh(x)^2 for large x.
    """
    signed = {i for i in positions if _has_one_sign(terms_of(node.args[i]))}
    found = [i for i in positions if i in signed or not _reaches_zero(node.args[i])]
    exponents = spec_of(node).exponents if positions else ()
    cancelling = sum(int(exponents[i]) * places[node.args[i]] for i in found if i not in signed)
    return found if cancelling < 2 else [i for i in found if i in signed]


def _keeps_digits(
    expanded: dict[Expr, Number],
    totals: Iterable[Expr],
    products: Mapping[Expr, list[tuple[Number, Expr]]],
    lossy: Collection[Expr],
) -> bool:
    """Whether the terms of a sum that was multiplied out do not cancel, or are as large as those of products
    that lose nothing: where 1 - p vanishes, x - p x + p^2 x is made of terms as large as p^2 x is."""
    if len(expanded) < 2 or _has_one_sign([(c, term) for term, c in expanded.items()]):
        return True
    covered = {t for node in totals if node not in lossy for _, t in products.get(node, [(1, node)])}
    for node in lossy:
        terms = {term for _, term in products[node]}
        sums = [base for base in node.args if base.op == "linear"]
        if len(sums) == 1 and len(sums[0].args) == 2 and terms & covered:
            covered |= terms
    return set(expanded) <= covered


def _collected(totals: dict[Expr, Number]) -> dict[Expr, Number]:
    """The sum with t - t p as t (1 - p) where another term has 1 - p as its factor."""
    factors = {base for node in totals if node.op == "contract" for base in node.args}
    for base in sorted(factors, key=term_order):
        if base.op != "linear" or len(base.args) != 2 or base.args[1].args or base.args[1].op != "contract":
            continue
        (b, p), (a, _) = terms_of(base)
        out = tuple(range(base.ndim))
        for term in [term for term in totals if term.shape == base.shape]:
            found = terms_of(contract([Factor(term, out), Factor(p, out)], out))
            if len(found) != 1 or term not in totals:
                continue
            ((c, other),) = found
            if exact(totals.get(other, 0) * a) == exact(totals[term] * b * c):
                product = contract([Factor(term, out), Factor(base, out)], out, coefficient=totals[term])
                totals = {node: value for node, value in totals.items() if node not in (term, other)}
                for value, node in terms_of(product):
                    totals[node] = exact(totals.get(node, 0) + Fraction(value) / a)
    return {node: value for node, value in totals.items() if value != 0}


def _reaches_zero(node: Expr) -> bool:
    """Whether the values of an expression have zero as their known bound."""
    from closedform.expression.facts import bounds  # facts read the structure that is built here

    known = bounds(node)
    return 0 in (known.low.at, known.high.at)


def _has_one_sign(terms: Sequence[tuple[Number, Expr]]) -> bool:
    """Whether the terms of a sum are known not to cancel."""
    return len({c > 0 for c, _ in terms}) == 1 and all(is_nonnegative(term) for _, term in terms)


def _sums(node: Expr, summed: bool = False) -> list[int]:
    """Positions of the factors of a term that are sums and may be multiplied out; also those with summed
    labels if `summed`."""
    if node.op != "contract":
        return []
    spec = spec_of(node)
    return [
        i
        for i, (base, p) in enumerate(zip(node.args, spec.exponents, strict=True))
        if base.op == "linear"
        and isinstance(p, int)
        and 1 <= p <= (1 if summed else 4)
        and (summed or set(spec.labels[i]) <= set(spec.out))
    ]


def _written(node: Expr, positions: list[int]) -> int:
    """How many terms are written for a product: those of its sums."""
    return sum(len(node.args[i].args) for i in positions) or 1


def _terms_written(nodes: Iterable[Expr]) -> int:
    """How many terms are written for a sum, with those of the sums in its products."""
    return sum(_written(node, _sums(node)) for node in nodes)


def _products(node: Expr, positions: list[int]) -> int:
    """How many terms a product has when it is multiplied out."""
    exponents = spec_of(node).exponents
    return math.prod(len(node.args[i].args) ** int(exponents[i]) for i in positions)


# Products are multiplied out anew in each sum that they are tried in.
_EXPANDED: weakref.WeakKeyDictionary[Expr, dict[tuple[int, ...], list[tuple[Number, Expr]]]]
_EXPANDED = weakref.WeakKeyDictionary()


def expand_product(node: Expr, positions: list[int]) -> list[tuple[Number, Expr]]:
    """The terms of a product of sums, with the factors at these positions multiplied out."""
    known = _EXPANDED.setdefault(node, {})
    key = tuple(positions)
    if key not in known:
        known[key] = _terms_of_product(node, positions)
    return known[key]


def _terms_of_product(node: Expr, positions: list[int]) -> list[tuple[Number, Expr]]:
    spec = spec_of(node)
    rest = [f for i, f in enumerate(factors_of(node)) if i not in positions]
    sizes = label_sizes(node)
    choices = [
        [(c, Factor(t, spec.labels[i])) for c, t in terms_of(node.args[i])]
        for i in positions
        for _ in range(int(spec.exponents[i]))
    ]
    expanded: dict[Expr, Number] = {}
    for choice in itertools.product(*choices):
        coefficient = math.prod(c for c, _ in choice)
        product = contract([*rest, *(f for _, f in choice)], spec.out, sizes, coefficient * spec.coefficient)
        for c, term in terms_of(product):
            expanded[term] = _plus(expanded.get(term, 0), c)
    return [(c, term) for term, c in expanded.items()]
