"""Steps of a program: interned array operations as an array language has them, so that equal ones are one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from closedform.expression.calculus import Number, exact
from closedform.expression.expr import ArrayConstant, Shape
from closedform.expression.size import Size
from closedform.primitives.record import PRIMITIVES

# Steps that compute nothing, and those whose result shares memory with their operand.
# Python reads a sum of more terms than about a thousand by running out of stack.
MOST_ADDED = 200
LEAVES = frozenset({"name", "constant", "number", "size"})
VIEWS = frozenset({"transpose", "expand", "diagonal", "slice", "entry", "reshape"})

# NumPy's operators on truth values alone are logic ("or" for a sum), and its functions round to 16 bits.
ARITHMETIC = frozenset(
    {"matmul", "vdot", "vecdot", "einsum", "tensordot", "outer", "trace", "square", "sqrt", "power"}
)
# A step of these has truth values if all its operands have.
MOVED = VIEWS | {"full", "take", "pick", "roll", "diagonal_matrix"}


class Step:
    """One array operation on the results of others.

    op      what it does; the writer of a language has a rule for each
    args    the steps it reads
    params  what else it needs (hashable)
    sizes   symbolic sizes of its axes
    """

    __slots__ = ("args", "op", "params", "sizes")

    def __init__(self, op: str, args: tuple[Step, ...], params: tuple[Any, ...], sizes: Shape) -> None:
        self.op = op
        self.args = args
        self.params = params
        self.sizes = sizes

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.sizes)

    @property
    def is_boolean(self) -> bool:
        """Whether the entries are truth values."""
        if self.op == "call":
            return self.params[0] in PRIMITIVES and PRIMITIVES[self.params[0]].boolean
        if self.op in MOVED or (self.op == "product" and self.params[0] == 1 and min(self.params[1]) > 0):
            return bool(self.args) and all(arg.is_boolean for arg in self.args)
        return False

    def __repr__(self) -> str:
        return f"{self.op}({', '.join(map(repr, (*self.args, *self.params)))})"


class Place(NamedTuple):
    """Where a value goes along one axis: entry i of its axis `label` to `start + step i` or to `entries[i]`;
    to `start` alone if `label` is None."""

    label: int | None
    start: Size = Size.of(0)
    step: int = 1
    entries: ArrayConstant | None = None

    @property
    def is_identity(self) -> bool:
        """Whether entry i goes to entry i."""
        return self == Place(self.label) and self.label is not None


def toposort(roots: Iterable[Step]) -> list[Step]:
    """Every step below the roots once, operands before their users."""
    done: dict[Step, None] = {}
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        step, ready = stack.pop()
        if step in done:
            continue
        if ready:
            done[step] = None
        else:
            stack.append((step, True))
            stack.extend((arg, False) for arg in reversed(step.args) if arg not in done)
    return list(done)


class Program:
    """The steps made so far, and constructors that write each operation in its simplest form."""

    def __init__(self) -> None:
        self.known: dict[tuple[Any, ...], Step] = {}
        self.solvers: dict[Step, str] = {}  # of systems with a matrix, where it has one of its own

    def step(
        self, op: str, args: Sequence[Step] = (), params: tuple[Any, ...] = (), sizes: Sequence[Size] = ()
    ) -> Step:
        """The one step with this operation, these operands and parameters."""
        args = self._as_numpy_takes(op, args, params)
        identity = (op, tuple(args), params, tuple(sizes))
        found = self.known.get(identity)
        if found is None:
            found = self.known[identity] = Step(op, tuple(args), params, tuple(sizes))
        return found

    def _as_numpy_takes(self, op: str, args: Sequence[Step], params: tuple[Any, ...]) -> Sequence[Step]:
        """The operands, with truth values as numbers where NumPy's arithmetic needs that."""
        if not any(arg.is_boolean for arg in args):
            return args
        if op == "call":
            if params[0] in PRIMITIVES and PRIMITIVES[params[0]].boolean:
                return args
            conditions = 1 if params[0] == "where" else 0
            return [*args[:conditions], *map(self.as_numbers, args[conditions:])]
        if op == "scatter":
            return [self.as_numbers(arg) for arg in args]
        first = op == "total" or (op == "product" and params[0] < 0)
        every = op in ARITHMETIC or (op == "product" and params[0] != 1)
        if first or (every and all(arg.is_boolean for arg in args)):
            # the sign stands before the first operand that is not divided by
            leading = params[1].index(1) if op == "product" and 1 in params[1] else 0
            return [*args[:leading], self.as_numbers(args[leading]), *args[leading + 1 :]]
        return args

    def as_numbers(self, step: Step) -> Step:
        """1 where a step is true and 0 where it is not; numbers as they are."""
        if not step.is_boolean:
            return step
        return self.step("call", (step, self.number(1), self.number(0)), ("where", ()), step.sizes)

    def has(self, op: str, args: Sequence[Step], params: tuple[Any, ...], sizes: Sequence[Size]) -> bool:
        """Whether such a step was made before."""
        return (op, tuple(args), params, tuple(sizes)) in self.known

    def number(self, value: Number) -> Step:
        """A number."""
        return self.step("number", (), (exact(value),))

    def transpose(self, step: Step, order: Sequence[int]) -> Step:
        """The axes in another order."""
        if tuple(order) == tuple(range(step.ndim)):
            return step
        if step.op == "transpose":
            return self.transpose(step.args[0], [step.params[0][axis] for axis in order])
        if step.op == "product" and len(step.args) == 1:
            sizes = [step.sizes[axis] for axis in order]
            return self.step("product", (self.transpose(step.args[0], order),), step.params, sizes)
        return self.step("transpose", (step,), (tuple(order),), [step.sizes[axis] for axis in order])

    def arrange(self, step: Step, labels: Sequence[int], order: Sequence[int]) -> Step:
        """The step with its labelled axes in an order, and axes of size 1 where it lacks a label of it."""
        present = [label for label in order if label in labels]
        moved = self.transpose(step, [labels.index(label) for label in present])
        while order and order[0] not in labels:
            order = order[1:]  # NumPy adds leading axes itself
        if len(order) == len(present):
            return moved
        found = iter(moved.sizes)
        sizes = [next(found) if label in labels else Size.of(1) for label in order]
        return self.step("expand", (moved,), (tuple(label in labels for label in order),), sizes)

    def power(self, base: Step, exponent: Number) -> Step:
        """base ** exponent, by products, roots and divisions where these are few."""
        if exponent == 1:
            return base
        if base.op == "number" and isinstance(exponent, int):
            return self.number(exact(Fraction(base.params[0]) ** exponent))
        if exponent < 0:
            return self.product(1, [], [self.power(base, -exponent)])
        doubled = exact(2 * exponent)
        if exponent > 8 or not isinstance(doubled, int):
            return self.step("power", (base,), (exponent,), base.sizes)
        if doubled % 2:
            root = self.step("sqrt", (base,), (), base.sizes)
            return root if doubled == 1 else self.product(1, [self.power(base, doubled // 2), root], [])
        half, odd = divmod(int(exponent), 2)
        square = self.step("square", (self.power(base, half),), (), base.sizes)
        return self.product(1, [square, base], []) if odd else square

    def product(self, coefficient: Number, above: Sequence[Step], below: Sequence[Step]) -> Step:
        """coefficient * above / below, entry by entry; operands are aligned already."""
        for steps, sign in ((above, 1), (below, -1)):
            for step in steps:
                if step.op == "number" and step.params[0] != 0:
                    coefficient = exact(coefficient * Fraction(step.params[0]) ** sign)
        above = [s for s in above if s.op != "number" or s.params[0] == 0]
        for i, s in enumerate(above):
            if s.op == "product" and s.params == (-1, (1,)):
                coefficient, above[i] = -coefficient, s.args[0]
        below = [s for s in below if s.op != "number" or s.params[0] == 0]
        flat = [(s, sign) for steps, sign in ((above, 1), (below, -1)) for s in steps]
        if not flat:
            return self.number(coefficient)
        if coefficient == 1 and len(flat) == 1 and flat[0][1] == 1:
            return flat[0][0]
        flat.sort(key=lambda item: item[0].ndim > 0)  # numbers first
        sizes = broadcast([step.sizes for step, _ in flat])
        signs = tuple(sign for _, sign in flat)
        return self.step("product", [step for step, _ in flat], (coefficient, signs), sizes)

    def total(self, terms: Sequence[tuple[int, Step]]) -> Step:
        """The sum of aligned terms with signs; numbers among them are added here."""
        numbers = [Fraction(sign * step.params[0]) for sign, step in terms if step.op == "number"]
        if len(numbers) > 1:
            others = [term for term in terms if term[1].op != "number"]
            number = self.number(sum(numbers, Fraction(0)))
            terms = [*others, (1, number)] if number.params[0] or not others else others
        if len(terms) == 1 and terms[0][0] == 1:
            return terms[0][1]
        if len(terms) == 1:
            return self.product(-1, [terms[0][1]], [])
        first = next((i for i, (sign, _) in enumerate(terms) if sign > 0), 0)
        terms = [terms[first], *terms[:first], *terms[first + 1 :]]
        if len(terms) > MOST_ADDED:
            parts = [terms[k : k + MOST_ADDED] for k in range(0, len(terms), MOST_ADDED)]
            return self.total([(1, self.total(part)) for part in parts])
        sizes = broadcast([step.sizes for _, step in terms])
        return self.step("total", [step for _, step in terms], tuple(sign for sign, _ in terms), sizes)

    def sum(self, step: Step, axes: Sequence[int]) -> Step:
        """The sum over axes."""
        kept = [size for axis, size in enumerate(step.sizes) if axis not in axes]
        return self.step("sum", (step,), (tuple(sorted(axes)),), kept) if axes else step

    def filled(self, step: Step, sizes: Sequence[Size]) -> Step:
        """A fresh array of a shape that the step is broadcast to."""
        if step.sizes == tuple(sizes):
            return step
        return self.step("full", (step,), (), sizes)

    def matmul(self, left: Step, right: Step) -> Step:
        """The product of matrices and vectors."""
        sizes = (*left.sizes[: max(left.ndim - 1, 0)], *right.sizes[-1:][: right.ndim - 1])
        return self.step("matmul", (left, right), (), sizes)


def broadcast(shapes: Sequence[Shape]) -> Shape:
    """The shape that shapes broadcast to, axis by axis the first size that is not 1."""
    rank = max(map(len, shapes), default=0)
    padded = [(Size.of(1),) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(
        next((s for s in sizes if s != Size.of(1)), Size.of(1)) for sizes in zip(*padded, strict=True)
    )
