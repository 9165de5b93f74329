"""A formula as text and its declared names go in, its expression in the calculus comes out.

The formula is read with the shapes of its names: side by side stand scalars, matrices, columns and rows, and
what does not fit is refused at its position. The sizes of ones, I, e₀ and the like follow from what they
stand with. A value is an array whose axes are those of free indices, of rows and of columns; vec(A) and
A ⊗ B have pairs of axes as rows and columns.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from closedform.errors import InvalidArgumentError
from closedform.expression.calculus import (
    Factor,
    Label,
    Number,
    SizeMismatchError,
    contract,
    exact,
    identity,
    is_zero,
    linear,
    number,
    power,
    size_number,
)
from closedform.expression.expr import ArrayConstant, Expr, input_, toposort
from closedform.expression.size import Atom, AxisOf, Quotient, Size
from closedform.primitives.elementwise import elementwise
from closedform.primitives.record import PRIMITIVES, Primitive
from closedform.primitives.reductions import products_without
from closedform.primitives.structure import intervals, reshaping, triangle, unit
from closedform.sources.syntax import Call, Exponent, Formula, Syntax, constant, syntax
from closedform.sources.tokens import refuse

Sizes = tuple[Size, ...]
# The order of the axes of a formula in index notation.
LETTERS = "ijklprstuv"
# Powers of numbers and matrices are multiplied out up to this one.
LARGEST_POWER = 200
# Example value of a size that is still unknown: larger than any index.
LARGE = 1 << 20
DIVISION_BY_ZERO = "a division by zero"


def read(text: str, names: Mapping[str, Expr], shape: Sequence[Size] | None = None) -> Expr:
    """The expression of a formula.

    text   as the library prints it, or with the ASCII signs * / ^ ' .* ./ .^
    names  what may stand in it: the expression of each name, as it is written; axes of one size at the
           example may become one
    shape  of the result, where the formula alone does not tell it (as 0 or I do not)

    Raises InvalidArgumentError, which shows the position, for what is unknown, ambiguous or does not fit.

    >>> from closedform.expression.expr import input_
    >>> x = input_("x", (2,))
    >>> A = input_("A", (3, x.shape[0]))
    >>> read("AᵀAx", {"A": A, "x": x}).shape == x.shape
    True
    """
    return _Reading(text, names).whole(syntax(text, list(names)), shape)


@dataclass(frozen=True)
class Value:
    """What a part of a formula stands for.

    rows, cols  sizes of its axes: a column has rows, a row has columns, a scalar has none
    letters     free indices, with their sizes
    make        builds the expression, whose axes are those of letters, rows and columns, when all sizes are
                known
    literal     its value, of a number as it is written
    """

    rows: Sizes
    cols: Sizes
    letters: Mapping[str, Size]
    make: Callable[[], Expr]
    literal: Number | None = None

    @property
    def axes(self) -> Sizes:
        """The sizes of rows and columns."""
        return self.rows + self.cols

    @property
    def kind(self) -> str:
        """What it is called in messages."""
        if not self.axes:
            return "a scalar"
        sizes = ", ".join(_shown(size) for size in self.axes)
        rows, cols = len(self.rows), len(self.cols)
        kinds = {(1, 0): "a column of size", (0, 1): "a row of size", (1, 1): "a matrix of shape"}
        return f"{kinds.get((rows, cols), 'an array of shape')} ({sizes})"


def _quotient(whole: Size, part: Size) -> Size | None:
    """The size that the product of it and a part is the whole, of products of axes."""
    if len(whole.terms) != 1 or len(part.terms) != 1:
        return None
    (((atoms, c),), ((divisors, d),)) = whole.terms, part.terms
    left = Counter(atoms)
    left.subtract(divisors)
    rest = math.prod((Size((((atom,), 1),)) for atom in left.elements()), start=Size.of(c // d))
    return rest if rest * part == whole else None


@dataclass
class Unknowns:
    """Sizes that are not known yet, and what has become known of them."""

    known: dict[Atom, Size] = field(default_factory=dict)
    open: list[tuple[Size, Size, int]] = field(default_factory=list)
    places: dict[Atom, tuple[int, str]] = field(default_factory=dict)

    def fresh(self, at: int, what: str) -> Size:
        """A new unknown size."""
        atom = AxisOf("?", len(self.places), LARGE + len(self.places))
        self.places[atom] = (at, what)
        return Size((((atom,), 1),))

    def of(self, size: Size) -> Size:
        """The size with all that is known put in."""
        while True:
            better = size.substitute(self.known)
            if better == size:
                return size
            size = better

    def same(self, first: Size, second: Size, at: int) -> bool:
        """Make two sizes one; False if they cannot be."""
        difference = self.of(first) - self.of(second)
        if difference == Size.of(0):
            return True
        for monomial, coefficient in difference.terms:
            if len(monomial) == 1 and abs(coefficient) == 1 and monomial[0] in self.places:
                rest = difference - Size(((monomial, coefficient),))
                if str(Size(((monomial, 1),))) not in str(rest):
                    self.known[monomial[0]] = rest * -coefficient
                    return True
        if any(self.unknown(difference)):
            self.open.append((first, second, at))
            return True
        return self.equal(self.of(first), self.of(second))

    def equal(self, first: Size, second: Size) -> bool:
        """Make two sizes of arguments one, if they are equal at the example: they were given as arrays."""
        for one, other in ((first, second), (second, first)):
            atom = one.terms[0][0][0] if len(one.terms) == 1 and len(one.terms[0][0]) == 1 else None
            alone = isinstance(atom, AxisOf) and one.terms[0][1] == 1 and str(one) not in str(other)
            if alone and atom is not None and first.value == second.value:
                self.known[atom] = other
                return True
        return False

    def unknown(self, size: Size) -> Iterable[Atom]:
        """The unknowns in a size."""
        for monomial, _ in size.terms:
            for atom in monomial:
                if isinstance(atom, Quotient):
                    yield from self.unknown(atom.size)
                elif atom in self.places:
                    yield atom


def _shown(size: Size) -> str:
    return "?" if "?" in str(size) else str(size)


def once(make: Callable[[], Expr]) -> Callable[[], Expr]:
    """The function, called once."""
    return functools.cache(make)


class _Reading:
    """One formula under reading."""

    def __init__(self, text: str, names: Mapping[str, Expr]) -> None:
        self.text = text
        self.sizes = Unknowns()
        self.names = {name: self.named(expr) for name, expr in names.items()}
        self.scope: dict[str, Size] = {}
        self.marks = itertools.count()
        self.open_zeros: list[Size] = []  # sizes of blocks 0, one entry if nothing tells another

    def refuse(self, at: int, reason: str) -> Any:
        refuse(self.text, at, reason)

    def named(self, expr: Expr) -> Value:
        def make() -> Expr:
            if expr.op == "size":
                return size_number(self.sizes.of(expr.params[0]))
            if expr.op == "input":
                return input_(expr.params[0], [self.sizes.of(size) for size in expr.shape], expr.params[1])
            return expr

        rows, cols = (expr.shape[:1], expr.shape[1:]) if expr.ndim == 2 else (expr.shape, ())
        return Value(rows, cols, {}, make)

    def whole(self, formula: Formula, shape: Sequence[Size] | None) -> Expr:
        for name, part in formula.parts:
            self.names[name] = self.gathered(self.of(part))
            self.scope = {}
        value = self.gathered(self.of(formula.whole))
        if shape is not None:
            value = self.shaped(value, tuple(shape))
        self.settle()
        for size in self.open_zeros:
            if any(self.sizes.unknown(self.sizes.of(size))):
                self.same(size, Size.of(1), 0)
        try:
            root = value.make()
        except InvalidArgumentError:
            raise
        except RecursionError:
            raise InvalidArgumentError("the formula is nested too deeply to be read") from None
        except (NotImplementedError, TypeError, ValueError) as error:
            self.refuse(0, str(error))
        self.require_known(root)
        return root

    def settle(self) -> None:
        """Equations of sizes that could not be solved when they were met."""
        while self.sizes.open:
            waiting, self.sizes.open = self.sizes.open, []
            for first, second, at in waiting:
                self.same(first, second, at)
            if len(self.sizes.open) == len(waiting):
                self.refuse(waiting[0][2], "the size of this part does not follow from the formula")

    def require_known(self, root: Expr) -> None:
        """Refuse what holds a size that was never told."""
        for node in toposort(root):
            for size in (*node.shape, *(p for p in node.params if isinstance(p, Size))):
                for atom in self.sizes.unknown(size):
                    at, what = self.sizes.places[atom]
                    self.refuse(at, f"the size of {what} does not follow from the formula: give shape=...")

    def gathered(self, value: Value) -> Value:
        """A scalar with free indices as the array of its entries."""
        if not value.letters:
            return value
        letters = sorted(value.letters, key=_letter_order)
        return self.bound(value, letters, {})

    def shaped(self, value: Value, shape: Sizes) -> Value:
        """The value as an array of a shape; a number fills it."""
        if value.literal is not None:
            filled = value.literal
            return Value(shape, (), {}, lambda: number(filled, shape))
        if len(value.rows) == len(value.cols) == len(shape) == 2:
            value = self.flattened(value, shape)
        if len(value.axes) != len(shape):
            self.refuse(0, f"the formula is {value.kind}, where {len(shape)} axes are expected")
        for size, wanted in zip(value.axes, shape, strict=True):
            self.same(size, wanted, 0)
        return value

    def flattened(self, value: Value, shape: Sizes) -> Value:
        """A Kronecker product, with pairs of axes as its rows and columns, as a matrix of a shape."""
        for pair, whole in zip((value.rows, value.cols), shape, strict=True):
            for size, other in (pair, pair[::-1]):
                known, whole = self.sizes.of(size), self.sizes.of(whole)
                rest = None if any(self.sizes.unknown(known)) else _quotient(whole, known)
                if rest is not None:
                    self.same(other, rest, 0)
        rows, cols = (math.prod(axes, start=Size.of(1)) for axes in (value.rows, value.cols))

        def make() -> Expr:
            pairs = [reshaping([self.sizes.of(s) for s in axes]) for axes in (value.rows, value.cols)]
            factors = [
                Factor(value.make(), (0, 1, 2, 3)),
                Factor(pairs[0], (4, 0, 1)),
                Factor(pairs[1], (5, 2, 3)),
            ]
            return contract(factors, (4, 5))

        return Value((rows,), (cols,), {}, make)

    def same(self, first: Size, second: Size, at: int, what: str = "sizes") -> None:
        if not self.sizes.same(first, second, at):
            self.refuse(
                at, f"{what} {_shown(self.sizes.of(first))} and {_shown(self.sizes.of(second))} differ"
            )

    def of(self, form: Syntax) -> Value:
        value = constant(form)
        named = named_number(form) if value is None else value
        if named is not None:
            return self.number(named)
        rule: Callable[[_Reading, Syntax], Value] = _RULES[form.kind]
        return rule(self, form)

    # --- leaves -------------------------------------------------------------------------------------

    def number(self, value: Number | Fraction | float) -> Value:
        return Value((), (), {}, lambda: number(value), exact(value))

    def name(self, form: Syntax) -> Value:
        return self.names[form.value]

    def word(self, form: Syntax) -> Value:
        if form.value == "𝟏":
            size = self.sizes.fresh(form.at, "𝟏")
            return Value((size,), (), {}, once(lambda: number(1, (self.sizes.of(size),))))
        if form.value == "I":
            size = self.sizes.fresh(form.at, "I")
            return Value((size,), (size,), {}, once(lambda: identity((self.sizes.of(size),))))
        if form.value == "L":
            size = self.sizes.fresh(form.at, "L")
            return Value(
                (size,), (size,), {}, once(lambda: triangle(self.sizes.of(size), self.sizes.of(size)))
            )
        if form.value == "K":
            m, n = (self.sizes.fresh(form.at, "K") for _ in range(2))
            parts: list[tuple[Value, tuple[Label, ...]]] = []
            return self.einsum(parts, (0, 1, 1, 0), {0: m, 1: n}, rows=(m, n), cols=(n, m))
        self.refuse(form.at, f"{form.value} is a function: its operand is missing")
        raise AssertionError

    def basis(self, form: Syntax) -> Value:
        size = self.sizes.fresh(form.at, f"e with index {form.value}")
        return Value((size,), (), {}, once(lambda: unit(self.sizes.of(size), form.value)))

    def selection(self, form: Syntax) -> Value:
        size = self.sizes.fresh(form.at, "S")
        whole = Value((size,), (size,), {}, once(lambda: identity((self.sizes.of(size),))))
        return self.cut(whole, form.value, form.at)

    def size(self, form: Syntax) -> Size:
        """The size that an expression of sizes stands for."""
        value = constant(form)
        if value is not None and value.denominator == 1:
            return Size.of(int(value))
        if form.kind == "name" and form.value in self.names:
            node = self.names[form.value].make()
            if node.op == "size":
                size: Size = node.params[0]
                return size
            if node.op == "contract" and not node.args:
                return Size.of(int(node.params[0].coefficient))
        if form.kind == "sum":
            terms = zip(form.args, form.value, strict=True)
            return sum((self.size(arg) * sign for arg, sign in terms), Size.of(0))
        if form.kind == "product":
            return math.prod((self.size(arg) for arg in form.args), start=Size.of(1))
        if form.kind == "ceiling":
            (inner,) = form.args
            if inner.kind == "fraction":
                divisor = constant(inner.args[1])
                if divisor is not None and divisor.denominator == 1 and divisor > 0:
                    return self.size(inner.args[0]).ceildiv(int(divisor))
            if inner.kind == "product":
                numbers = [n for n in map(constant, inner.args) if n is not None]
                sizes = (self.size(arg) for arg in inner.args if constant(arg) is None)
                scale = math.prod(numbers, start=Fraction(1))
                return math.prod(sizes, start=Size.of(scale.numerator)).ceildiv(scale.denominator)
        self.refuse(form.at, "a size is expected here: a number, or the size of an argument as n_x or m_A")
        raise AssertionError

    def ceiling(self, form: Syntax) -> Value:
        size = self.size(form)
        return Value((), (), {}, lambda: size_number(size))

    # --- blocks -------------------------------------------------------------------------------------

    def blocks(self, form: Syntax) -> Value:
        """An array put together of blocks: the sum of these, each in its place."""
        cells = [(self.of(arg), arg.at) for arg in form.args]
        if any(cell.letters for cell, _ in cells):
            self.refuse(form.at, "blocks are arrays, not entries with indices")
        plain = not any(cell.axes for cell, _ in cells)
        count = 1 if plain and form.value.is_list else form.value.columns
        rows = [cells[n : n + count] for n in range(0, len(cells), count)]
        heights = [self.extent([(cell, cell.rows, at) for cell, at in row], plain) for row in rows]
        columns = [cells[n::count] for n in range(count)]
        widths = [self.extent([(cell, cell.cols, at) for cell, at in column], plain) for column in columns]
        across = count > 1 or any(cell.cols for cell, _ in cells)
        down = len(rows) > 1 or any(cell.rows for cell, _ in cells) or not across
        axes = [*([("r", heights)] if down else []), *([("c", widths)] if across else [])]

        def make() -> Expr:
            found = {label: intervals([self.sizes.of(size) for size in sizes]) for label, sizes in axes}
            shape = [sum(map(self.sizes.of, sizes), Size.of(0)) for _, sizes in axes]
            terms = []
            for n, (cell, _) in enumerate(cells):
                if cell.literal == 0:
                    continue
                factors = [Factor(cell.make(), ("r",) * len(cell.rows) + ("c",) * len(cell.cols))]
                for label, k in zip("rc", divmod(n, count), strict=True):
                    for piece in found[label][k : k + 1] if label in found else ():
                        own = (label,) * (piece.ndim - 1)
                        factors.append(Factor(piece, (*own, ("whole", label))))
                terms.append(contract(factors, [("whole", label) for label, _ in axes]))
            return linear([(1, term) for term in terms], shape)

        totals = [sum(sizes, Size.of(0)) for _, sizes in axes]
        return Value(tuple(totals[:down]), tuple(totals[down:]), {}, once(make))

    def extent(self, cells: Sequence[tuple[Value, Sizes, int]], plain: bool) -> Size:
        """The size that blocks have together along an axis; that of 0 beside no other block is open."""
        sizes = [(own[0], at) for _, own, at in cells if own]
        wide = [at for cell, own, at in cells if not own and (plain or cell.literal != 0)]
        if not sizes and not wide:
            size = self.sizes.fresh(cells[0][2], "0")
            self.open_zeros.append(size)
            return size
        size = sizes[0][0] if sizes else Size.of(1)
        for other, at in (*sizes[1:], *((Size.of(1), at) for at in wide)):
            self.same(size, other, at, "sizes of blocks")
        return size

    # --- sums ---------------------------------------------------------------------------------------

    def common(
        self, operands: Sequence[Value], at: int, numbers: bool
    ) -> tuple[Sizes, Sizes, dict[str, Size]]:
        """The rows, columns and indices of operands of one shape; scalars are allowed beside them if they are
        `numbers` to be added to vectors, or stand in a function."""
        arrays = [o for o in operands if o.axes]
        letters: dict[str, Size] = {}
        for operand in operands:
            letters.update(operand.letters)
        if not arrays:
            return (), (), letters
        first = arrays[0]
        for other in arrays[1:]:
            if (len(first.rows), len(first.cols)) != (len(other.rows), len(other.cols)):
                self.refuse(at, f"{first.kind} and {other.kind} do not go together")
            for a, b in zip(first.axes, other.axes, strict=True):
                self.same(a, b, at)
        for scalar in operands:
            if numbers and not scalar.axes and (scalar.literal is None or len(first.axes) != 1):
                self.refuse(
                    at,
                    f"a scalar and {first.kind} are added: write {_WITH_ONES[min(len(first.axes), 2)]}",
                )
        return first.rows, first.cols, letters

    def broadcast(self, operand: Value, rows: Sizes, cols: Sizes, letters: Mapping[str, Size]) -> Expr:
        """The expression of an operand with the axes of all."""
        axes = tuple(range(len(rows + cols)))
        out = (*letters, *axes)
        labels = (*operand.letters, *(axes if operand.axes else ()))
        sizes: dict[Label, Size] = {label: self.sizes.of(size) for label, size in letters.items()}
        sizes.update({axis: self.sizes.of(size) for axis, size in zip(axes, rows + cols, strict=True)})
        return contract([Factor(operand.make(), labels)], out, sizes)

    def sum(self, form: Syntax) -> Value:
        operands = [self.of(arg) for arg in form.args]
        rows, cols, letters = self.common(operands, form.at, numbers=True)

        def make() -> Expr:
            terms = [self.broadcast(operand, rows, cols, letters) for operand in operands]
            return linear(list(zip(form.value, terms, strict=True)), terms[0].shape)

        return Value(rows, cols, letters, once(make))

    # --- products -----------------------------------------------------------------------------------

    def einsum(
        self,
        parts: Sequence[tuple[Value, tuple[Label, ...]]],
        out: tuple[Label, ...],
        sizes: Mapping[Label, Size],
        *,
        rows: Sizes = (),
        cols: Sizes = (),
        drop: Sequence[str] = (),
        exponents: Sequence[Number] = (),
        extra: Callable[[], list[Factor]] = lambda: [],
    ) -> Value:
        """A contraction of values, each with labels for its rows and columns; summed over indices `drop`."""
        letters: dict[str, Size] = {}
        for part, _ in parts:
            letters.update({k: v for k, v in part.letters.items() if k not in drop})

        def make() -> Expr:
            factors = [
                Factor(part.make(), (*part.letters, *labels), exponent)
                for (part, labels), exponent in zip(parts, exponents or [1] * len(parts), strict=True)
            ]
            known: dict[Label, Size] = {k: self.sizes.of(v) for k, v in sizes.items()}
            known.update({k: self.sizes.of(v) for k, v in letters.items()})
            return contract([*factors, *extra()], (*letters, *out), known)

        return Value(rows, cols, letters, once(make))

    def product(self, form: Syntax) -> Value:
        return self.chain([(self.of(arg), arg.at) for arg in self.constants_first(form.args)], form.at)

    def constants_first(self, args: tuple[Syntax, ...]) -> list[Syntax]:
        """Factors with 2π as one number, as it is printed: in floating point."""
        ratio = constant(args[0])
        factor = named_number(args[1]) if len(args) > 1 else None
        if ratio is None or factor is None:
            return list(args)
        return [Syntax("number", args[0].at, value=exact(float(ratio) * factor)), *args[2:]]

    def chain(self, factors: Sequence[tuple[Value, int]], at: int) -> Value:
        """Scalars, and a chain of matrices, columns and rows, multiplied from the left."""
        parts: list[tuple[Value, tuple[Label, ...]]] = []
        left: list[tuple[Label, Size]] = []
        right: list[tuple[Label, Size]] = []
        reshapes: list[tuple[tuple[Label, ...], Sizes]] = []
        for value, place in factors:
            rows: list[tuple[Label, Size]] = [(("axis", next(self.marks)), size) for size in value.rows]
            cols: list[tuple[Label, Size]] = [(("axis", next(self.marks)), size) for size in value.cols]
            if not value.axes:
                parts.append((value, ()))
                continue
            if not left and not right:
                left, right = list(rows), list(cols)
            elif right and rows:
                rows = self.joined(right, rows, reshapes, place)
                right = list(cols)
            elif not right and not rows:
                right = list(cols)
            else:
                self.refuse(place, self.misfit(left, right, value))
            parts.append((value, tuple(label for label, _ in (*rows, *cols))))

        def extra() -> list[Factor]:
            return [Factor(reshaping([self.sizes.of(s) for s in pair]), labels) for labels, pair in reshapes]

        sizes = dict((*left, *right))
        out = tuple(label for label, _ in (*left, *right))
        return self.einsum(
            parts,
            out,
            sizes,
            rows=tuple(size for _, size in left),
            cols=tuple(size for _, size in right),
            extra=extra,
        )

    def joined(
        self,
        right: list[tuple[Label, Size]],
        rows: list[tuple[Label, Size]],
        reshapes: list[tuple[tuple[Label, ...], Sizes]],
        at: int,
    ) -> list[tuple[Label, Size]]:
        """The rows of a factor under the labels of the columns before it."""
        if len(right) == len(rows):
            for (_, a), (_, b) in zip(right, rows, strict=True):
                self.same(a, b, at, "the sizes of these factors")
            return [(label, size) for (label, _), (_, size) in zip(right, rows, strict=True)]
        if {len(right), len(rows)} != {1, 2}:
            self.refuse(at, "arrays of this order have no product: write their entries with indices")
        (flat,), pair = (right, rows) if len(right) == 1 else (rows, right)
        self.same(flat[1], pair[0][1] * pair[1][1], at, "the sizes of these factors")
        reshapes.append(((flat[0], pair[0][0], pair[1][0]), (pair[0][1], pair[1][1])))
        return rows

    def misfit(self, left: Sequence[Any], right: Sequence[Any], value: Value) -> str:
        first = Value(tuple(s for _, s in left), tuple(s for _, s in right), {}, lambda: number(0))
        return (
            f"{first.kind} and {value.kind} have no product in this order; write xᵀy, xyᵀ, or x ⊙ y for the "
            f"product of entries"
        )

    def fraction(self, form: Syntax) -> Value:
        above, below = (self.of(arg) for arg in form.args)
        if below.axes:
            self.refuse(form.at, f"{below.kind} is a denominator: write ⊘ for the quotient of entries")
        return self.chain([(above, form.at), (self.powered(below, -1, form.at), form.at)], form.at)

    def powered(self, value: Value, exponent: Number, at: int) -> Value:
        """Of each entry."""

        def make() -> Expr:
            base = value.make()
            if exponent < 0 and is_zero(base):
                self.refuse(at, DIVISION_BY_ZERO)
            return power(base, exponent)

        return Value(value.rows, value.cols, value.letters, once(make))

    def entrywise(self, form: Syntax) -> Value:
        """⊙ and ⊘"""
        first, second = (self.of(arg) for arg in form.args)
        if not first.axes or not second.axes:
            self.refuse(
                form.at, f"{form.kind} stands between {first.kind} and {second.kind}: write a product"
            )
        rows, cols, _ = self.common([first, second], form.at, numbers=False)
        axes = tuple(range(len(rows + cols)))
        if form.kind == "⊘":
            second = self.powered(second, -1, form.at)
        return self.einsum([(first, axes), (second, axes)], axes, {}, rows=rows, cols=cols)

    def kron(self, form: Syntax) -> Value:
        first, second = (self.of(arg) for arg in form.args)
        for value in (first, second):
            if len(value.rows) != 1 or len(value.cols) != 1:
                self.refuse(form.at, f"⊗ stands between matrices, not {value.kind}")
        rows, cols = first.rows + second.rows, first.cols + second.cols
        return self.einsum([(first, (0, 2)), (second, (1, 3))], (0, 1, 2, 3), {}, rows=rows, cols=cols)

    # --- powers, transposes, norms ------------------------------------------------------------------

    def power(self, form: Syntax) -> Value:
        base, exponent = self.of(form.args[0]), form.value
        assert isinstance(exponent, Exponent)
        p = exact(exponent.value)
        if abs(exponent.value) > LARGEST_POWER and (base.axes or base.literal is not None):
            self.refuse(form.at, f"a power of more than {LARGEST_POWER}")
        if base.literal is not None and isinstance(p, int) and (base.literal or p > 0):
            return self.number(Fraction(base.literal) ** p)
        if not base.axes or exponent.elementwise:
            return self.powered(base, p, form.at)
        if len(base.rows) == len(base.cols) == 1 and isinstance(p, int) and p:
            self.same(base.rows[0], base.cols[0], form.at)
            factor = base if p > 0 else self.inverse(base, form.at)
            return self.chain([(factor, form.at)] * abs(p), form.at)
        self.refuse(form.at, f"a power of {base.kind}: write ^⊙{p} for that of each entry")
        raise AssertionError

    def function_power(self, form: Syntax) -> Value:
        """A power at the name of a function: sin²(x)."""
        base = self.of(form.args[0])
        if len(base.axes) > 1:
            self.refuse(form.at, f"a power at a function of {base.kind}: write (...)^⊙{form.value} after it")
        return self.powered(base, form.value, form.at)

    def inverse(self, value: Value, at: int) -> Value:
        return self.applied(PRIMITIVES["inv"], [value], {}, at)

    def raised(self, form: Syntax) -> Value:
        """A power whose exponent is an expression; e^x is the exponential."""
        base, exponent = form.args
        if base.kind == "word" and base.value == "e":
            return self.call(
                Syntax("call", form.at, (exponent,), Call((PRIMITIVES["exp"], PRIMITIVES["expm"])))
            )
        operands = [self.of(arg) for arg in form.args]
        if len(operands[0].axes) > 1 and not form.value:
            self.refuse(form.at, f"a power of {operands[0].kind}: write power_⊙(A, B) for that of each entry")
        return self.entries_of([PRIMITIVES["power"]], operands, {}, form)

    def root(self, form: Syntax) -> Value:
        value = self.of(form.args[0])
        if len(value.axes) > 1:
            self.refuse(form.at, f"a root of {value.kind}: write ^(⊙1/2) for that of each entry")
        return self.powered(value, Fraction(1, 2), form.at)

    def transpose(self, form: Syntax) -> Value:
        value = self.of(form.args[0])
        if value.literal == 1:
            value = self.word(Syntax("word", form.at, value="𝟏"))
        if value.literal is not None:
            self.refuse(form.at, "the transpose of a number; the row of ones is 𝟏ᵀ")
        if not value.axes:
            return value
        if len(value.rows) > 2 or len(value.cols) > 2:
            self.refuse(form.at, f"the transpose of {value.kind}: write its entries with indices")
        rows, cols = (tuple(("axis", next(self.marks)) for _ in axes) for axes in (value.rows, value.cols))
        return self.einsum([(value, rows + cols)], cols + rows, {}, rows=value.cols, cols=value.rows)

    def norm(self, form: Syntax) -> Value:
        value = self.of(form.args[0])
        frobenius = form.value
        if not value.axes or (len(value.axes) == 2) != frobenius:
            correct = "‖A‖_F for a matrix, ‖x‖ for a vector and |s| for a scalar"
            self.refuse(form.at, f"the norm of {value.kind}: write {correct}")
        axes = tuple(("axis", next(self.marks)) for _ in value.axes)
        return self.powered(self.einsum([(value, axes)], (), {}, exponents=(2,)), Fraction(1, 2), form.at)

    def vec(self, form: Syntax) -> Value:
        (value,) = self.operands(form, 1)
        if len(value.rows) != 1 or len(value.cols) != 1:
            self.refuse(form.at, f"vec takes a matrix, not {value.kind}")
        return Value(value.axes, (), value.letters, value.make)

    def operands(self, form: Syntax, count: int) -> list[Value]:
        if len(form.args) != count:
            self.refuse(form.at, f"{form.kind} takes {count} operands, not {len(form.args)}")
        return [self.of(arg) for arg in form.args]

    def reshape(self, form: Syntax) -> Value:
        value = self.of(form.args[0])
        shape = tuple(self.size(arg) for arg in form.args[1:])
        make = once(lambda: _required(PRIMITIVES["reshape"].lower)(value.make(), shape=shape))
        rows, cols = (shape[:1], shape[1:]) if len(shape) == 2 else (shape, ())
        return Value(rows, cols, value.letters, make)

    def diag(self, form: Syntax) -> Value:
        """Vector to matrix or to a tensor of an order, and pairs to an operator."""
        value, order = self.of(form.args[0]), form.value
        if value.cols or not value.rows or len(value.rows) > 2:
            self.refuse(form.at, f"diag takes a vector, not {value.kind}; write diagonal(A) for that of A")
        labels = tuple(range(len(value.rows)))
        if order == 2:
            rows, cols = value.rows, value.rows
        else:
            rows, cols = value.rows * order, ()
        return self.einsum([(value, labels)], labels * order, {}, rows=rows, cols=cols)

    def diagonal(self, form: Syntax) -> Value:
        (value,) = self.operands(form, 1)
        if len(value.rows) != 1 or len(value.cols) != 1:
            self.refuse(form.at, f"diagonal takes a square matrix, not {value.kind}")
        self.same(value.rows[0], value.cols[0], form.at)
        return self.einsum([(value, (0, 0))], (0,), {}, rows=value.rows)

    # --- indices ------------------------------------------------------------------------------------

    def letter(self, letter: str, at: int) -> Size:
        if letter not in self.scope:
            self.scope[letter] = self.sizes.fresh(at, f"the axis of {letter}")
        return self.scope[letter]

    def reshaping(self, form: Syntax, order: int) -> Value:
        """The tensor that tells the flat index of a multi-index: of 1 + the order of the array."""
        axes = tuple(self.sizes.fresh(form.at, "reshape") for _ in range(order - 1))
        make = once(lambda: reshaping([self.sizes.of(size) for size in axes]))
        return Value((math.prod(axes, start=Size.of(1)), *axes), (), {}, make)

    def entry(self, form: Syntax) -> Value:
        letters = form.value
        tensor = form.args[0].kind == "reshaping"
        base = self.reshaping(form.args[0], len(letters)) if tensor else self.of(form.args[0])
        if len(base.axes) != len(letters):
            self.refuse(form.at, f"{len(letters)} indices at {base.kind}")
        for letter, size in zip(letters, base.axes, strict=True):
            self.same(self.letter(letter, form.at), size, form.at)
        found = {letter: self.letter(letter, form.at) for letter in letters}
        distinct = {**base.letters, **found}
        make = once(lambda: contract([Factor(base.make(), (*base.letters, *letters))], tuple(distinct)))
        return Value((), (), distinct, make)

    def delta(self, form: Syntax) -> Value:
        if len(form.value) != 2:
            self.refuse(form.at, "δ takes two indices, as δᵢⱼ")
        first, second = form.value
        size = self.letter(first, form.at)
        self.same(size, self.letter(second, form.at), form.at)
        if first == second:
            return Value((), (), {first: size}, once(lambda: number(1, (self.sizes.of(size),))))
        make = once(lambda: identity((self.sizes.of(size),)))
        return Value((), (), {first: size, second: self.letter(second, form.at)}, make)

    def different(self, form: Syntax) -> Value:
        same = self.delta(Syntax("delta", form.at, value=form.value))

        def make() -> Expr:
            equal = same.make()
            return number(1, equal.shape) - equal

        return Value((), (), same.letters, once(make))

    def scoped(self, form: Syntax, letters: Sequence[str]) -> tuple[Value, dict[str, Size]]:
        """A body with letters of its own, and the sizes of these."""
        if len(set(letters)) < len(letters):
            self.refuse(form.at, f"an index stands twice in {', '.join(letters)}")
        outer = self.scope
        own = {letter: self.sizes.fresh(form.at, f"the axis of {letter}") for letter in letters}
        self.scope = {**outer, **own}
        body = self.of(form.args[0])
        for letter, size in self.scope.items():
            if letter not in own:
                outer[letter] = size
        self.scope = outer
        if body.axes:
            self.refuse(form.at, f"the entries of {body.kind} are to be written with its indices")
        return body, own

    def bound(self, body: Value, letters: Sequence[str], sizes: Mapping[str, Size]) -> Value:
        """The array whose entries are a scalar with indices."""
        found = {**sizes, **{letter: body.letters[letter] for letter in letters if letter in body.letters}}
        axes = tuple(found[letter] for letter in letters)
        rest = {k: v for k, v in body.letters.items() if k not in letters}
        rows, cols = (axes[:1], axes[1:]) if len(axes) == 2 else (axes, ())

        def make() -> Expr:
            known: dict[Label, Size] = {k: self.sizes.of(v) for k, v in found.items()}
            return contract([Factor(body.make(), tuple(body.letters))], (*rest, *letters), known)

        return Value(rows, cols, rest, once(make))

    def index(self, form: Syntax) -> Value:
        body, own = self.scoped(form, form.value)
        return self.bound(body, form.value, own)

    def summation(self, form: Syntax) -> Value:
        body, _ = self.scoped(form, form.value)
        for letter in form.value:
            if letter not in body.letters:
                self.refuse(form.at, f"{letter} does not stand in what is summed over it")
        return self.einsum([(body, ())], (), {}, drop=form.value)

    def product_over(self, form: Syntax) -> Value:
        label, *without = form.value
        body, own = self.scoped(form, [label])
        if set(body.letters) != {label}:
            self.refuse(form.at, f"the factors of a product over {label} are to have this index alone")
        found = {letter: self.letter(letter, form.at) for letter in without}
        for size in found.values():
            self.same(size, own[label], form.at)
        return Value((), (), found, once(lambda: products_without(body.make(), len(without))))

    def part(self, form: Syntax) -> Value:
        return self.cut(self.of(form.args[0]), form.value, form.at)

    def cut(self, value: Value, items: Sequence[tuple[Any, ...]], at: int) -> Value:
        """The value at numbers, slices or lists of positions."""
        if value.letters or len(items) > len(value.axes):
            self.refuse(at, f"{len(items)} indices at {value.kind}")
        try:
            index = tuple(self.position(item) for item in items)
        except OverflowError:
            self.refuse(at, "an index that is too large")
        return self.lowered(
            lambda whole: _required(PRIMITIVES["getitem"].lower)(whole, index=index), [value], at
        )

    def position(self, item: tuple[Any, ...]) -> Any:
        kind, *values = item
        if kind == "at":
            return values[0]
        if kind == "gather":
            return ArrayConstant(np.array(values[0], dtype=np.intp))
        return ("slice", *(None if bound is None else self.bound_of(bound) for bound in values))

    def bound_of(self, bound: Syntax) -> int | Size:
        value = constant(bound)
        return int(value) if value is not None else self.size(bound)

    # --- functions ----------------------------------------------------------------------------------

    def call(self, form: Syntax) -> Value:
        call: Call = form.value
        operands = [self.of(arg) for arg in form.args]
        matrix = any(len(operand.axes) > 1 for operand in operands)
        pointwise = [record for record in call.records if record.elementwise or _is_composed(record)]
        others = [record for record in call.records if record not in pointwise]
        others.sort(key=lambda record: record.bind is not None)  # the calculus' own before the user's
        if others and (matrix or not pointwise) and not call.elementwise:
            return self.of_arrays(others[0], operands, call, form)
        if call.composed and matrix:
            self.refuse(form.at, f"for the entries of a matrix, write {pointwise[0].name}(...)")
        return self.entries_of(pointwise or others, operands, dict(call.params), form)

    def entries_of(
        self, records: Sequence[Primitive], operands: list[Value], params: dict[str, Any], form: Syntax
    ) -> Value:
        """A function of each entry of its operands."""
        record = records[0]
        if not record.elementwise and not _is_composed(record):
            self.refuse(form.at, f"{record.name} is not a function of each entry")
        count = len(record.partials) or 1
        if len(operands) != count:
            self.refuse(form.at, f"{record.name} takes {count} operands, not {len(operands)}")
        rows, cols, letters = self.common(operands, form.at, numbers=False)

        def make() -> Expr:
            args = [self.broadcast(operand, rows, cols, letters) for operand in operands]
            if record.lower is not None:
                return record.lower(*args, **params)
            return (
                Expr(record.name, tuple(args), tuple(params.items()), args[0].shape)
                if params
                else (elementwise(record.name, *args))
            )

        return Value(rows, cols, letters, once(make))

    def of_arrays(self, record: Primitive, operands: list[Value], call: Call, form: Syntax) -> Value:
        """A function of whole arrays, along axes where it has them."""
        params = dict(call.params)
        along = {} if call.axes is None else {"axis": call.axes}
        if record.bind is not None:
            given = [o if o.literal is None else _plain_number(o.literal) for o in operands]
            try:
                bound, bound_params = record.bind(*given, **along)
            except TypeError as error:
                self.refuse(form.at, f"{record.name}: {error}")
            params = {**bound_params, **params}
            operands = [o if isinstance(o, Value) else self.number(o) for o in bound]
        else:
            params.update(along)
        if any(operand.letters for operand in operands):
            self.refuse(form.at, f"{record.name} takes arrays, not entries with indices")
        return self.applied(record, operands, params, form.at)

    def applied(self, record: Primitive, operands: list[Value], params: dict[str, Any], at: int) -> Value:
        if record.lower is None:
            self.refuse(at, f"{record.name} cannot be read from text")
        return self.lowered(lambda *args: _required(record.lower)(*args, **params), operands, at)

    def lowered(self, lower: Callable[..., Expr], operands: list[Value], at: int) -> Value:
        """A function of whole arrays; its shape is found on inputs of these shapes."""

        def stand_in(n: int, value: Value) -> Expr:
            return input_(f"?{n}", [self.sizes.of(size) for size in value.axes])

        while True:
            try:
                found = lower(*(stand_in(n, value) for n, value in enumerate(operands)))
                break
            except SizeMismatchError as mismatch:
                first, second = mismatch.sizes
                self.same(first, second, at)
            except (NotImplementedError, TypeError, ValueError, IndexError) as error:
                self.refuse(at, str(error))
        make = once(lambda: lower(*(value.make() for value in operands)))
        rows, cols = (found.shape[:1], found.shape[1:]) if found.ndim == 2 else (found.shape, ())
        if found.ndim == 1 and operands and len(operands[0].axes) == 1 and operands[0].cols:
            rows, cols = cols, rows
        return Value(rows, cols, {}, make)


def named_number(form: Syntax) -> float | None:
    """The value of π, e, a root or a power of these or of a number, as the nearest float."""
    if form.kind == "word":
        return _NUMBERS.get(form.value)
    if form.kind not in {"root", "power"}:
        return None
    base = constant(form.args[0])
    value = named_number(form.args[0]) if base is None else float(base)
    if value is None or (form.kind == "power" and base is not None):
        return None
    try:
        return math.sqrt(value) if form.kind == "root" else value ** float(form.value.value)
    except (OverflowError, ValueError):  # no number that there is
        return None


def _required(function: Callable[..., Expr] | None) -> Callable[..., Expr]:
    assert function is not None
    return function


def _is_composed(record: Primitive) -> bool:
    """Whether a record is a function of one real variable that is a composition in the calculus."""
    return record.lower is not None and record.samples is None and not record.jacobian and not record.pullback


def _plain_number(value: Number) -> int | float:
    return value if isinstance(value, int) else float(value)


def _letter_order(letter: str) -> tuple[int, int, str]:
    base, _, number_ = letter.partition("_")
    return (int(number_ or 0), LETTERS.find(base) if base in LETTERS else len(LETTERS), base)


_NUMBERS = {"π": math.pi, "e": math.e}
_WITH_ONES = {1: "s𝟏", 2: "s𝟏𝟏ᵀ or sI"}

_RULES: dict[str, Callable[[_Reading, Syntax], Value]] = {
    "name": _Reading.name,
    "word": _Reading.word,
    "basis": _Reading.basis,
    "blocks": _Reading.blocks,
    "selection": _Reading.selection,
    "ceiling": _Reading.ceiling,
    "sum": _Reading.sum,
    "product": _Reading.product,
    "fraction": _Reading.fraction,
    "⊙": _Reading.entrywise,
    "⊘": _Reading.entrywise,
    "⊗": _Reading.kron,
    "power": _Reading.power,
    "function power": _Reading.function_power,
    "raised": _Reading.raised,
    "root": _Reading.root,
    "transpose": _Reading.transpose,
    "norm": _Reading.norm,
    "vec": _Reading.vec,
    "reshape": _Reading.reshape,
    "diag": _Reading.diag,
    "diagonal": _Reading.diagonal,
    "entry": _Reading.entry,
    "delta": _Reading.delta,
    "different": _Reading.different,
    "index": _Reading.index,
    "summation": _Reading.summation,
    "product over": _Reading.product_over,
    "part": _Reading.part,
    "call": _Reading.call,
}
