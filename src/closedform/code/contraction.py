"""One contraction, factors with labelled axes, planned as array operations on pairs of factors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from closedform.code.order import contraction_order
from closedform.code.steps import Place, Program, Step
from closedform.expression.calculus import Number, exact, is_integer
from closedform.expression.expr import Expr
from closedform.expression.size import Size

# The example may be small where the function is used on large arrays: a size that may change counts as
# this much at least, so that the order of products does not depend on the example.
LEAST_SIZE = 100

# Constants that say where entries go; all others are arrays like any.
WIRING = frozenset({"select", "unit", "gather", "reshape"})


class Tensor(NamedTuple):
    """A step with a label for each of its axes, all different, raised to a power entry by entry."""

    step: Step
    labels: tuple[int, ...]
    exponent: Number = 1


@dataclass(frozen=True)
class Placed:
    """A value and where it goes: its axes `labels` go to the places that name them; entries of the result
    that no place reaches are zero, and a label that only places name is an axis along which it repeats.

    sizes   of every label
    shape   of the result, an axis for each place
    """

    step: Step
    labels: tuple[int, ...]
    places: tuple[Place, ...]
    sizes: Mapping[int, Size]
    shape: tuple[Size, ...]

    @property
    def is_dense(self) -> bool:
        """Whether every entry of the result is an entry of the value."""
        labels = [place.label for place in self.places]
        return len(set(labels)) == len(labels) and all(map(self.fills, range(len(labels))))

    def labels_in_order(self) -> list[int]:
        """The labels that the places name, then those that the value has besides."""
        named = [place.label for place in self.places if place.label is not None]
        return list(dict.fromkeys([*named, *self.labels]))

    def numbered(self) -> tuple[int, ...]:
        """The labels of the value's axes, as positions in `labels_in_order`."""
        order = self.labels_in_order()
        return tuple(order.index(label) for label in self.labels)

    def target(self) -> tuple[tuple[Place, ...], tuple[Size, ...]]:
        """The places with labels numbered in order, and the labels' sizes: equal for values that go to the
        same entries."""
        order = self.labels_in_order()
        places = [p if p.label is None else p._replace(label=order.index(p.label)) for p in self.places]
        return tuple(places), tuple(self.sizes[label] for label in order)

    def fills(self, axis: int) -> bool:
        """Whether the place fills its axis as it is."""
        place = self.places[axis]
        return place.is_identity and place.label is not None and self.sizes[place.label] == self.shape[axis]


def weight(size: Size) -> float:
    """What a size counts as in the cost of a product."""
    return size.value if size.is_literal else max(size.value, LEAST_SIZE)


def volume(sizes: Iterable[Size]) -> float:
    """Number of entries, for the cost."""
    total = 1.0
    for size in sizes:
        total *= weight(size)
    return total


Wire = tuple[Expr, tuple[int, ...]]


def _eliminated(node: Expr, labels: tuple[int, ...]) -> int:
    """The label that a structured constant says what it stands for."""
    return labels[1] if node.op in {"select", "gather"} else labels[0]


def _next(pending: list[Wire]) -> Wire:
    """Take the first structured constant whose eliminated label no other one has, if there is one."""
    for i, (node, labels) in enumerate(pending):
        label = _eliminated(node, labels)
        if not any(label in others for j, (_, others) in enumerate(pending) if j != i):
            return pending.pop(i)
    return pending.pop(0)


class Network:
    """The factors that are left to multiply."""

    def __init__(
        self,
        program: Program,
        tensors: Sequence[Tensor],
        wiring: Sequence[Wire],
        out: Sequence[int],
        sizes: Mapping[int, Size],
        coefficient: Number,
    ) -> None:
        self.program = program
        self.tensors = list(tensors)
        self.places = [Place(label) for label in out]
        self.sizes = dict(sizes)
        self.shape = tuple(sizes[label] for label in out)
        self.coefficient = coefficient
        self.summed = set(sizes)
        self.flat: dict[int, tuple[int, ...]] = {}
        self.traced: set[int] = set()
        pending = list(wiring)
        while pending:
            self._wire(*_next(pending), pending)

    # --- structured constants ---------------------------------------------------------------------

    def _wire(self, node: Expr, labels: tuple[int, ...], pending: list[Wire]) -> None:
        """Put a structured constant into effect on the axes of the others, or add it as an array."""
        params = dict(node.params)
        for other in [w for w in pending if _eliminated(node, labels) in w[1]]:
            pending.remove(other)
            self._array(*other)
        done = False
        if len(set(labels)) == len(labels):
            if node.op == "unit":
                done = self._substitute(labels[0], Place(None, _position(params["index"], node.shape[0])))
            elif node.op == "select":
                done = self._substitute(labels[1], Place(labels[0], Size.of(params["start"]), params["step"]))
            elif node.op == "gather":
                done = self._substitute(labels[1], Place(labels[0], index=params["index"]))
            elif node.op == "reshape":
                done = self._reshape(labels[0], labels[1:])
        if not done:
            self._array(node, labels)

    def _array(self, node: Expr, labels: tuple[int, ...]) -> None:
        self.tensors.append(Tensor(self.program.step(node.op, (), node.params, node.shape), labels))

    def _substitute(self, label: int, place: Place) -> bool:
        """Let the label stand for `place` everywhere; False if it stands somewhere as something else."""
        affected = [p for p in self.places if p.label == label]
        if not all(p.is_identity or (p.index is None and place.index is None) for p in affected):
            return False
        if place.label is not None and place.label in self.flat:
            return False
        if label in self.flat or any(label in parts for parts in self.flat.values()):
            return False
        self.places = [_compose(p, place) if p.label == label else p for p in self.places]
        self.tensors = [self._sliced(t, label, place) for t in self.tensors]
        self.summed.discard(label)
        return True

    def _sliced(self, tensor: Tensor, label: int, place: Place) -> Tensor:
        step, labels = tensor.step, list(tensor.labels)
        while label in labels:
            axis = labels.index(label)
            rest = (step.sizes[:axis], step.sizes[axis + 1 :])
            if place.label is None:
                step = self.program.step("entry", (step,), (axis, place.start), (*rest[0], *rest[1]))
                del labels[axis]
                continue
            size = self.sizes[place.label]
            new = (*rest[0], size, *rest[1])
            if place.index is not None:
                step = self.program.step("take", (step,), (axis, place.index), new)
            elif place != Place(place.label) or size != step.sizes[axis]:
                step = self.program.step("slice", (step,), (axis, place.start, place.step), new)
            labels[axis] = place.label
        return Tensor(step, tuple(labels), tensor.exponent)

    def _reshape(self, flat: int, parts: tuple[int, ...]) -> bool:
        """Let the flat label stand for the others together; where it is in the result, they must not be."""
        if any(p.label == flat and not p.is_identity for p in self.places):
            return False
        in_result = any(p.label == flat for p in self.places)
        if in_result and any(p.label in parts for p in self.places):
            return False
        if flat in self.flat or any(label in self.flat for label in parts):
            return False
        if any(flat in ps or set(parts) & set(ps) for ps in self.flat.values()):
            return False
        self.tensors = [self._unflattened(t, flat, parts) for t in self.tensors]
        self.summed.discard(flat)
        if in_result:
            self.flat[flat] = parts
        return True

    def _unflattened(self, tensor: Tensor, flat: int, parts: tuple[int, ...]) -> Tensor:
        step, labels = tensor.step, tensor.labels
        while flat in labels:
            axis = labels.index(flat)
            labels = (*labels[:axis], *parts, *labels[axis + 1 :])
            sizes = [*step.sizes[:axis], *(self.sizes[p] for p in parts), *step.sizes[axis + 1 :]]
            step = self.program.step("reshape", (step,), (), sizes)
        return Tensor(step, labels, tensor.exponent)

    # --- products ---------------------------------------------------------------------------------

    def plan(self) -> Placed:
        """The steps of the contraction and where their result goes."""
        kept = {p.label for p in self.places if p.label is not None}
        for flat, parts in self.flat.items():
            kept = (kept - {flat}) | set(parts)
        self.tensors = [self._without_repeats(t, kept) for t in self.tensors]
        present = {label for t in self.tensors for label in t.labels}
        for label in sorted(self.summed - kept - present - self.traced):
            self._repeat(self.sizes[label])
        step, labels = self._multiply(kept)
        for flat, parts in self.flat.items():
            step, labels = self._flattened(step, labels, flat, parts)
        return Placed(step, labels, tuple(self.places), self.sizes, self.shape)

    def _repeat(self, size: Size) -> None:
        """A sum over an axis along which every factor is constant."""
        if size.is_literal:
            self.coefficient = exact(self.coefficient * size.value)
        else:
            self.tensors.append(Tensor(self.program.step("size", (), (size,)), ()))

    def _without_repeats(self, tensor: Tensor, kept: set[int | None]) -> Tensor:
        """Diagonals and traces of a factor in which a label stands twice."""
        step, labels = tensor.step, tensor.labels
        if len(set(labels)) == len(labels):
            return tensor
        if tensor.exponent != 1:
            step = self.program.power(step, tensor.exponent)
        if step.ndim == 2 and labels[0] not in kept and sum(labels[0] in t.labels for t in self.tensors) == 1:
            self.traced.add(labels[0])
            return Tensor(self.program.step("trace", (step,)), ())
        while len(set(labels)) < len(labels):
            first = next(i for i, label in enumerate(labels) if labels.count(label) > 1)
            second = labels.index(labels[first], first + 1)
            rest = [i for i in range(len(labels)) if i not in (first, second)]
            sizes = [*(step.sizes[i] for i in rest), step.sizes[first]]
            step = self.program.step("diagonal", (step,), (first, second), sizes)
            labels = (*(labels[i] for i in rest), labels[first])
        return Tensor(step, labels)

    def _flattened(
        self, step: Step, labels: tuple[int, ...], flat: int, parts: tuple[int, ...]
    ) -> tuple[Step, tuple[int, ...]]:
        rest = [label for label in labels if label not in parts]
        order = [*rest, *parts]
        if any(label not in labels for label in parts):
            step = self.program.filled(
                self.program.arrange(step, labels, order), [self.sizes[label] for label in order]
            )
            labels = tuple(order)
        moved = self.program.arrange(step, labels, order)
        sizes = [*(self.sizes[label] for label in rest), self.sizes[flat]]
        return self.program.step("reshape", (moved,), (), sizes), (*rest, flat)

    def _multiply(self, kept: set[int | None]) -> tuple[Step, tuple[int, ...]]:
        """All factors multiplied, the coefficient and the scalars into the smallest."""
        groups: dict[frozenset[int], list[Tensor]] = {}
        for tensor in self.tensors:
            groups.setdefault(frozenset(tensor.labels), []).append(tensor)
        scalars = groups.pop(frozenset(), [])
        if not groups:
            return self._hadamard(scalars, (), self.coefficient), ()
        parts = [_Part(self.program, group) for group in groups.values()]
        tree = _Tree(self, parts, {label for label in kept if label is not None})
        return tree.evaluate(scalars, self.coefficient)

    def _hadamard(self, items: Sequence[Tensor], order: Sequence[int], coefficient: Number = 1) -> Step:
        return hadamard(self.program, items, order, coefficient)


def _position(index: int, size: Size) -> Size:
    """An index that may count from the end, as a size."""
    return Size.of(index) if index >= 0 else size + index


def _compose(outer: Place, inner: Place) -> Place:
    """The place `outer` at entries given by `inner`."""
    if outer.is_identity:
        return inner
    start = outer.start + inner.start * outer.step
    return Place(inner.label, start, outer.step * inner.step)


def hadamard(program: Program, items: Sequence[Tensor], order: Sequence[int], coefficient: Number = 1) -> Step:
    """The product of factors with the same labels, entry by entry."""
    above, below = [], []
    for step, labels, exponent in items:
        aligned = program.arrange(step, labels, order)
        if exponent > 0:
            above.append(program.power(aligned, exponent))
        else:
            below.append(program.power(aligned, -exponent))
    return program.product(coefficient, above, below)


class _Part:
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
            half = hadamard(program, [t._replace(exponent=exact(Fraction(t.exponent) / 2)) for t in self.items], labels)
            return half, half
        above = [t for t in self.items if is_integer(t.exponent) and t.exponent > 0]
        if sum(t.exponent for t in above) < 2:
            return None
        last = max(above, key=lambda t: t.exponent % 2)
        rest = [t._replace(exponent=t.exponent - 1) if t is last else t for t in self.items]
        left = hadamard(program, [t for t in rest if t.exponent != 0], labels)
        return left, program.arrange(last.step, last.labels, labels)


class _Tree:
    """Parts multiplied in pairs, in the cheapest order."""

    def __init__(self, network: Network, parts: list[_Part], kept: set[int]) -> None:
        self.program = network.program
        self.sizes = network.sizes
        self.kept = kept
        self.parts = parts
        self.out = [p.label for p in network.places if p.label is not None]
        self.out += [label for label in sorted(kept) if label not in self.out]
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

    def _summed(self, part: _Part, keep: Iterable[int]) -> tuple[Step, tuple[int, ...]]:
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
        return program.step("einsum", halves, (labels, labels, left), [self.sizes[label] for label in left]), left

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
        if not summed:
            return self._entrywise(a, la, b, lb) if shared else self._outer(a, la, b, lb)
        if summed <= shared and not shared & kept:
            return self._matrix_product(a, la, b, lb, summed, number == len(self.parts) + len(self.pairs) - 1)
        return self._stacked(a, la, b, lb, kept, summed)

    def _preferred(self, labels: Sequence[int]) -> list[int]:
        """Labels in the order of the result."""
        return sorted(labels, key=lambda label: self.out.index(label) if label in self.out else -1)

    def _outer(self, a: Step, la: tuple[int, ...], b: Step, lb: tuple[int, ...]) -> tuple[Step, tuple[int, ...]]:
        program = self.program
        if len(la) == len(lb) == 1:
            known = program.has("outer", (b, a), (), b.sizes + a.sizes)
            if known or (self._preferred([*la, *lb]) == [*lb, *la] and not program.has("outer", (a, b), (), a.sizes + b.sizes)):
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
        self, first: tuple[Step, tuple[int, ...]], second: tuple[Step, tuple[int, ...]], free: list[int], final: bool
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
        best = min(candidates, key=lambda c: c[:3])
        return program.matmul(best[3], best[4]), best[5]

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


def placed_whole(step: Step, labels: Sequence[int], shape: Sequence[Size]) -> Placed:
    """A value whose axis labelled i is axis i of the result."""
    return Placed(
        step, tuple(labels), tuple(map(Place, range(len(shape)))), dict(enumerate(shape)), tuple(shape)
    )
