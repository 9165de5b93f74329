"""Products of factors with labelled axes, planned as array operations on pairs of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from closedform.code.order import contraction_order
from closedform.code.steps import Program, Step
from closedform.expression.calculus import Number, exact, is_integer
from closedform.expression.facts import NONNEGATIVE_MAPS
from closedform.expression.size import Size

# The example may be small where the function is used on large arrays: a size that may change counts as
# this much at least, so that the order of products does not depend on the example.
LEAST_SIZE = 100


HALF = Fraction(1, 2)
NONNEGATIVE = NONNEGATIVE_MAPS | {"expit_slope", "sech", "root_of_squares", "euclidean_norm"}


class Tensor(NamedTuple):
    """A step with a label for each of its axes, all different, raised to a power entry by entry."""

    step: Step
    labels: tuple[int, ...]
    exponent: Number = 1


def weight(size: Size) -> float:
    """What a size counts as in the cost of a product."""
    return size.value if size.is_literal else max(size.value, LEAST_SIZE)


def volume(sizes: Iterable[Size]) -> float:
    """Number of entries, for the cost."""
    total = 1.0
    for size in sizes:
        total *= weight(size)
    return total


def hadamard(
    program: Program, items: Sequence[Tensor], order: Sequence[int], coefficient: Number = 1
) -> Step:
    """The product of factors with the same labels, entry by entry."""
    above, below = [], []
    for step, labels, exponent in items:
        aligned = program.arrange(step, labels, order)
        if exponent > 0:
            above.append(program.power(aligned, exponent))
        else:
            below.append(program.power(aligned, -exponent))
    return program.product(coefficient, above, below)


class Part:
    """Factors on the same axes: the leaves of the tree of products."""

    def __init__(self, program: Program, items: list[Tensor]) -> None:
        self.program = program
        self.items = items
        self.labels = items[0].labels if len(items[0].labels) < 2 else self._layout()

    def _layout(self) -> tuple[int, ...]:
        """The order of axes that most of the factors have."""
        orders = [item.labels for item in self.items]
        return max(orders, key=orders.count)

    def step(self, scale: Sequence[Tensor] = (), coefficient: Number = 1) -> Step:
        """The product, times scalars."""
        return hadamard(self.program, [*scale, *self.items], self.labels, coefficient)

    def halves(self) -> tuple[Step, Step] | None:
        """Two steps whose product is the part, such that their dot product saves one pass."""
        program, labels = self.program, self.labels
        if all(is_integer(t.exponent) and t.exponent > 0 and t.exponent % 2 == 0 for t in self.items):
            half = hadamard(
                program, [t._replace(exponent=exact(Fraction(t.exponent) / 2)) for t in self.items], labels
            )
            return half, half
        above = [t for t in self.items if is_integer(t.exponent) and t.exponent > 0]
        if sum(t.exponent for t in above) < 2:
            return None
        last = max(above, key=lambda t: t.exponent % 2)
        rest = [t._replace(exponent=t.exponent - 1) if t is last else t for t in self.items]
        left = hadamard(program, [t for t in rest if t.exponent != 0], labels)
        return left, program.arrange(last.step, last.labels, labels)


class Tree:
    """Parts multiplied in pairs, in the cheapest order."""

    def __init__(
        self,
        program: Program,
        parts: list[Part],
        sizes: Mapping[int, Size],
        out: Sequence[int],
        kept: set[int],
    ) -> None:
        self.program = program
        self.sizes = sizes
        self.kept = kept
        self.parts = parts
        self.out = [*out, *(label for label in sorted(kept) if label not in out)]
        self.members: list[frozenset[int]] = [frozenset(part.labels) for part in parts]
        self.needed = [self._needed(i) for i in range(len(parts))]
        self.pairs = self._order() if len(parts) > 1 else ()
        self.results = [p & n for p, n in zip(self.members, self.needed, strict=True)]
        self.complete()

    def _needed(self, index: int) -> set[int]:
        others = [m for i, m in enumerate(self.members) if i != index]
        return self.kept.union(*others)

    def _order(self) -> tuple[tuple[int, int], ...]:
        labels = sorted(set().union(*self.members))
        bits = {label: i for i, label in enumerate(labels)}
        kinds: dict[tuple[object, ...], int] = {}
        for part in self.parts:
            kinds.setdefault(tuple((t.step, t.exponent) for t in part.items), len(kinds))
        return contraction_order(
            tuple(sum(1 << bits[label] for label in m) for m in self.members),
            tuple(kinds[tuple((t.step, t.exponent) for t in part.items)] for part in self.parts),
            sum(1 << bits[label] for label in labels if label in self.kept),
            tuple(weight(self.sizes[label]) for label in labels),
            frozenset(
                i
                for i, part in enumerate(self.parts)
                if len(part.items) == 1 and _sums_up(part.items[0].step)
            ),
        )

    def complete(self) -> None:
        """The labels of every product in the tree."""
        remaining = set(range(len(self.parts)))
        for left, right in self.pairs:
            remaining -= {left, right}
            others = self.kept.union(*(self.results[i] for i in remaining))
            remaining.add(len(self.results))
            self.results.append((self.results[left] | self.results[right]) & others)

    def _cheapest_place(self) -> tuple[int, bool]:
        """Where to multiply by a scalar: a part or a product, and whether before its sums are taken."""
        volumes = [volume(self.sizes[label] for label in labels) for labels in self.results]
        last = len(volumes) - 1
        candidates = [i for i in range(len(volumes)) if not self._repeated(i)] or [last]
        best = min(candidates, key=lambda i: (volumes[i], i != last, i >= len(self.parts)))
        while best >= len(self.parts) and self.results[best] == self.members_of(best):
            best = min(self.pairs[best - len(self.parts)], key=lambda i: volumes[i])  # nothing is summed here
        return best, best < len(self.parts) and self.members[best] == self.results[best]

    def _repeated(self, number: int) -> bool:
        """Whether it is a matrix that stands twice, which a product with itself needs as it is."""
        if number >= len(self.parts) or len(self.members[number]) < 2:
            return False
        items = [[t._replace(labels=()) for t in part.items] for part in self.parts]
        return items.count(items[number]) > 1

    def members_of(self, product: int) -> frozenset[int]:
        """The labels of a product's operands."""
        left, right = self.pairs[product - len(self.parts)]
        return frozenset(self.results[left] | self.results[right])

    def evaluate(self, scalars: Sequence[Tensor], coefficient: Number) -> tuple[Step, tuple[int, ...]]:
        """The step of the whole product and its labels."""
        scaled = bool(scalars) or coefficient != 1
        where, early = self._cheapest_place() if scaled else (-1, False)
        values: list[tuple[Step, tuple[int, ...]]] = []
        for i, part in enumerate(self.parts):
            if i == where and early:
                values.append((part.step(scalars, coefficient), part.labels))
                continue
            values.append(self._summed(part, self.results[i]))
            if i == where:
                values[i] = self._scale(values[i], scalars, coefficient)
        for number, (left, right) in enumerate(self.pairs, len(self.parts)):
            values.append(self._pair(values[left], values[right], self.results[number], number))
            if number == where:
                values[number] = self._scale(values[number], scalars, coefficient)
        return values[-1]

    def _scale(
        self, value: tuple[Step, tuple[int, ...]], scalars: Sequence[Tensor], coefficient: Number
    ) -> tuple[Step, tuple[int, ...]]:
        step, labels = value
        return hadamard(self.program, [*scalars, Tensor(step, labels)], labels, coefficient), labels

    def _summed(self, part: Part, keep: Iterable[int]) -> tuple[Step, tuple[int, ...]]:
        """A part summed over the labels that no other factor has."""
        program, labels = self.program, part.labels
        axes = [axis for axis, label in enumerate(labels) if label not in keep]
        left = tuple(label for label in labels if label in keep)
        if not axes:
            return part.step(), labels
        halves = part.halves()
        if halves is None:
            return program.sum(part.step(), axes), left
        if not left:
            op = "matmul" if len(labels) == 1 else "vdot"
            return program.step(op, halves), ()
        if axes == [len(labels) - 1]:
            return program.step("vecdot", halves, (), halves[0].sizes[:-1]), left
        return program.step(
            "einsum", halves, (labels, labels, left), [self.sizes[label] for label in left]
        ), left

    # --- one product ------------------------------------------------------------------------------

    def _pair(
        self,
        first: tuple[Step, tuple[int, ...]],
        second: tuple[Step, tuple[int, ...]],
        kept: Iterable[int],
        number: int,
    ) -> tuple[Step, tuple[int, ...]]:
        """Two factors multiplied and summed."""
        (a, la), (b, lb) = first, second
        kept = set(kept)
        summed = (set(la) | set(lb)) - kept
        shared = set(la) & set(lb)
        sums = self._running_sums(first, second, summed) or self._running_sums(second, first, summed)
        if sums is not None:
            return sums
        if not summed:
            return self._entrywise(a, la, b, lb) if shared else self._outer(a, la, b, lb)
        if summed <= shared and not shared & kept:
            return self._matrix_product(a, la, b, lb, summed, number == len(self.parts) + len(self.pairs) - 1)
        return self._stacked(a, la, b, lb, kept, summed)

    def _running_sums(
        self, triangle: tuple[Step, tuple[int, ...]], other: tuple[Step, tuple[int, ...]], summed: set[int]
    ) -> tuple[Step, tuple[int, ...]] | None:
        """L v as running sums, L'v as those from the end; None where the first factor is no triangle L."""
        (t, ends), (v, labels) = triangle, other
        if not _sums_up(t) or len(summed & set(ends)) != 1 or summed - set(ends) or not summed <= set(labels):
            return None
        (label,) = summed
        left = ends[0] if ends[1] == label else ends[1]
        if left in labels:
            return None
        axis = labels.index(label)
        sums = v if label == ends[1] else self._backwards(v, axis)
        sums = self.program.step("call", (sums,), ("cumsum", (("axis", axis),)), v.sizes)
        sums = sums if label == ends[1] else self._backwards(sums, axis)
        return sums, (*labels[:axis], left, *labels[axis + 1 :])

    def _backwards(self, step: Step, axis: int) -> Step:
        """The entries along an axis from the last to the first."""
        return self.program.step("slice", (step,), (axis, step.sizes[axis] - 1, -1), step.sizes)

    def _preferred(self, labels: Sequence[int]) -> list[int]:
        """Labels in the order of the result."""
        return sorted(labels, key=lambda label: self.out.index(label) if label in self.out else -1)

    def _outer(
        self, a: Step, la: tuple[int, ...], b: Step, lb: tuple[int, ...]
    ) -> tuple[Step, tuple[int, ...]]:
        program = self.program
        if len(la) == len(lb) == 1:
            known = program.has("outer", (b, a), (), b.sizes + a.sizes)
            if known or (
                self._preferred([*la, *lb]) == [*lb, *la]
                and not program.has("outer", (a, b), (), a.sizes + b.sizes)
            ):
                a, la, b, lb = b, lb, a, la
            return program.step("outer", (a, b), (), a.sizes + b.sizes), (*la, *lb)
        return self._entrywise(a, la, b, lb)

    def _entrywise(
        self, a: Step, la: tuple[int, ...], b: Step, lb: tuple[int, ...]
    ) -> tuple[Step, tuple[int, ...]]:
        """The product with the smaller factor stretched: along leading axes of a view of the larger one."""
        program = self.program
        if len(lb) > len(la):
            a, la, b, lb = b, lb, a, la
        if set(lb) <= set(la):
            order = [*(label for label in la if label not in lb), *lb]
            if len(lb) == len(la):
                order = list(la)
        else:
            order = self._preferred([*la, *(label for label in lb if label not in la)])
        left, right = program.arrange(a, la, order), program.arrange(b, lb, order)
        step = program.product(1, [left, right], [])
        return step, tuple(order)

    def _matrix_product(
        self, a: Step, la: tuple[int, ...], b: Step, lb: tuple[int, ...], summed: set[int], final: bool
    ) -> tuple[Step, tuple[int, ...]]:
        """A product without a stack: `@`, a full dot product, or a tensor product over several axes."""
        program = self.program
        left = [label for label in la if label not in summed]
        right = [label for label in lb if label not in summed]
        if len(la) > len(lb) and len(lb) == 1 and len(la) <= 2:  # a matrix and a vector
            return self._matrix_vector(a, la, b, lb)
        if len(lb) > len(la) and len(la) == 1 and len(lb) <= 2:
            return self._matrix_vector(b, lb, a, la)
        if len(la) == len(lb) == 1:
            return program.matmul(a, b), ()
        if len(la) == len(lb) == 2 and len(summed) == 1:
            return self._two_matrices((a, la), (b, lb), (left + right), final)
        if not left and not right:
            return program.step("vdot", (a, program.arrange(b, lb, la))), ()
        axes = [label for label in la if label in summed]
        if self._preferred([*left, *right]) == [*right, *left]:
            a, la, b, lb, left, right = b, lb, a, la, right, left
        positions = (tuple(la.index(label) for label in axes), tuple(lb.index(label) for label in axes))
        sizes = [self.sizes[label] for label in (*left, *right)]
        return program.step("tensordot", (a, b), positions, sizes), (*left, *right)

    def _matrix_vector(
        self, a: Step, la: tuple[int, ...], v: Step, lv: tuple[int, ...]
    ) -> tuple[Step, tuple[int, ...]]:
        if la[-1] == lv[0]:
            return self.program.matmul(a, v), la[:1]
        return self.program.matmul(v, a), la[1:]

    def _two_matrices(
        self,
        first: tuple[Step, tuple[int, ...]],
        second: tuple[Step, tuple[int, ...]],
        free: list[int],
        final: bool,
    ) -> tuple[Step, tuple[int, ...]]:
        """A matrix product: as the result is laid out if it is the last, else with the fewest transposes."""
        program = self.program
        candidates = []
        for (a, la), (b, lb), (i, j) in ((first, second, free), (second, first, free[::-1])):
            left = a if la[0] == i else program.transpose(a, (1, 0))
            right = b if lb[1] == j else program.transpose(b, (1, 0))
            made = program.has("matmul", (left, right), (), (left.sizes[0], right.sizes[1]))
            wrong = final and self._preferred([i, j]) != [i, j]
            transposes = (left.op == "transpose") + (right.op == "transpose")
            candidates.append((not made, wrong, transposes, left, right, (i, j)))
        *_, left, right, labels = min(candidates, key=lambda c: c[:3])
        half = _weighted_half(program, left, right)
        if half is not None:
            left, right = half, program.transpose(half, (1, 0))
        return program.matmul(left, right), labels

    def _stacked(
        self,
        a: Step,
        la: tuple[int, ...],
        b: Step,
        lb: tuple[int, ...],
        kept: set[int],
        summed: set[int],
    ) -> tuple[Step, tuple[int, ...]]:
        """A product with axes that both have and the result keeps."""
        program = self.program
        stack = [label for label in la if label in lb and label in kept]
        left = [label for label in la if label not in lb]
        right = [label for label in lb if label not in la]
        order = self._preferred([*stack, *left, *right])
        if len(summed) == 1 and len(left) <= 1 and len(right) <= 1 and summed <= set(la) & set(lb):
            (k,) = summed
            if not left and not right:
                x, y = (program.arrange(s, ls, [*stack, k]) for s, ls in ((a, la), (b, lb)))
                return program.step("vecdot", (x, y), (), x.sizes[:-1]), tuple(stack)
            if left and right:
                x = program.arrange(a, la, [*stack, *left, k])
                y = program.arrange(b, lb, [*stack, k, *right])
                sizes = [*x.sizes[:-1], y.sizes[-1]]
                return program.step("matmul", (x, y), (), sizes), (*stack, *left, *right)
        sizes = [self.sizes[label] for label in order]
        return program.step("einsum", (a, b), (la, lb, tuple(order)), sizes), tuple(order)


def _sums_up(step: Step) -> bool:
    """Whether it is the matrix L of zeros and ones with running sums L v."""
    return step.op == "triangle" and step.params == (("k", 0),) and step.sizes[0] == step.sizes[1]


def _weighted_half(program: Program, left: Step, right: Step) -> Step | None:
    """X' diag(d)^(1/2) where the factors of X' diag(d) X are given and d >= 0: NumPy computes the product of
    a matrix with its own transpose in half the time."""
    if left.op != "product" or left.params != (1, (1, 1)):
        return None
    matrix, weights = left.args
    if matrix.ndim != 2 or weights.ndim != 1 or program.transpose(matrix, (1, 0)) is not right:
        return None
    return program.product(1, [matrix, program.power(weights, HALF)], []) if is_nonnegative(weights) else None


def is_nonnegative(step: Step) -> bool:
    """Whether no entry is negative, as far as its operation tells."""
    if step.op == "number":
        return bool(step.params[0] >= 0)
    if step.op == "call":
        return step.params[0] in NONNEGATIVE
    if step.op == "product":
        return step.params[0] >= 0 and all(map(is_nonnegative, step.args))
    if step.op == "total":
        return all(sign > 0 for sign in step.params) and all(map(is_nonnegative, step.args))
    return step.op in {"square", "sqrt"} or (step.op == "size" and step.params[0].is_nonnegative)
