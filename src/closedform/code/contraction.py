"""One contraction, factors with labelled axes, as steps: structured constants become slices and places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from closedform.code.products import Part, Tensor, Tree, hadamard
from closedform.code.steps import Place, Program, Step
from closedform.expression.calculus import Number, exact
from closedform.expression.expr import Expr
from closedform.expression.size import Size

# Constants that say where entries go; all others are arrays like any.
WIRING = frozenset({"select", "unit", "gather", "shift", "reshape"})


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


def placed_whole(step: Step, labels: Sequence[int], shape: Sequence[Size]) -> Placed:
    """A value whose axis labelled i is axis i of the result."""
    return Placed(
        step, tuple(labels), tuple(map(Place, range(len(shape)))), dict(enumerate(shape)), tuple(shape)
    )


Wire = tuple[Expr, tuple[int, ...]]


def _eliminated(node: Expr, labels: tuple[int, ...]) -> int:
    """The label that a structured constant says what it stands for."""
    return labels[1] if node.op in {"select", "gather", "shift"} else labels[0]


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
        self.traced: set[int] = set()
        self.rolled: list[tuple[int, int]] = []
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
                done = self._substitute(labels[1], Place(labels[0], entries=params["index"]))
            elif node.op == "shift":
                done = self._roll(labels[0], labels[1], params["by"])
            elif node.op == "reshape":
                done = self._reshape(labels[0], labels[1:]) or (
                    not any(set(labels[1:]) & set(others) for _, others in pending)
                    and self._flatten(labels[0], labels[1:])
                )
        if not done:
            self._array(node, labels)

    def _array(self, node: Expr, labels: tuple[int, ...]) -> None:
        self.tensors.append(Tensor(self.program.step(node.op, (), node.params, node.shape), labels))

    def _substitute(self, label: int, place: Place) -> bool:
        """Let the label stand for `place` everywhere; False if it stands somewhere as something else."""
        affected = [p for p in self.places if p.label == label]
        if not all(p.is_identity or (p.entries is None and place.entries is None) for p in affected):
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
            if place.entries is not None:
                step = self.program.step("take", (step,), (axis, place.entries), new)
            elif place != Place(place.label) or size != step.sizes[axis]:
                step = self.program.step("slice", (step,), (axis, place.start, place.step), new)
            labels[axis] = place.label
        return Tensor(step, tuple(labels), tensor.exponent)

    def _is_whole(self, axis: int) -> bool:
        """Whether a label fills an axis of the result as it is."""
        place = self.places[axis]
        return place.is_identity and self.sizes[place.label] == self.shape[axis]  # type: ignore[index]

    def _roll(self, label: int, rolled: int, by: int) -> bool:
        """Let entry i - by (cyclically) of `rolled` be entry i of `label`: factors are rolled forth, and the
        result back, when all else is done."""
        if any(p.label == rolled and not self._is_whole(axis) for axis, p in enumerate(self.places)):
            return False
        for axis, place in enumerate(self.places):
            if place.label == rolled:
                self.places[axis] = Place(label)
                self.rolled.append((axis, -by))
        self.tensors = [self._with_rolled(t, label, rolled, by) for t in self.tensors]
        self.summed.discard(rolled)
        return True

    def _with_rolled(self, tensor: Tensor, label: int, rolled: int, by: int) -> Tensor:
        step, labels = tensor.step, list(tensor.labels)
        while rolled in labels:
            axis = labels.index(rolled)
            step = self.program.step("roll", (step,), (axis, by), step.sizes)
            labels[axis] = label
        return Tensor(step, tuple(labels), tensor.exponent)

    def _reshape(self, flat: int, parts: tuple[int, ...]) -> bool:
        """Let the flat label stand for the others together; in the result they get axes of their own."""
        if any(p.label == flat and not self._is_whole(axis) for axis, p in enumerate(self.places)):
            return False
        if self.rolled and any(p.label == flat for p in self.places):
            return False  # the axes that are rolled at the end keep their places
        self.tensors = [self._unflattened(t, flat, parts) for t in self.tensors]
        places, shape = [], []
        for place, size in zip(self.places, self.shape, strict=True):
            in_parts = place.label == flat
            places += [Place(part) for part in parts] if in_parts else [place]
            shape += [self.sizes[part] for part in parts] if in_parts else [size]
        self.places, self.shape = places, tuple(shape)
        self.summed.discard(flat)
        return True

    def _unflattened(self, tensor: Tensor, flat: int, parts: tuple[int, ...]) -> Tensor:
        step, labels = tensor.step, tensor.labels
        while flat in labels:
            axis = labels.index(flat)
            labels = (*labels[:axis], *parts, *labels[axis + 1 :])
            sizes = [*step.sizes[:axis], *(self.sizes[p] for p in parts), *step.sizes[axis + 1 :]]
            step = self.program.step("reshape", (step,), (), sizes)
        return Tensor(step, labels, tensor.exponent)

    def _flatten(self, flat: int, parts: tuple[int, ...]) -> bool:
        """Merge the axes of the only factor that has them into the flat one, if no constant to come does."""
        holders = [i for i, t in enumerate(self.tensors) if set(parts) & set(t.labels)]
        if len(holders) != 1 or any(p.label in parts for p in self.places):
            return False
        (i,) = holders
        step, labels, exponent = self.tensors[i]
        rest = [label for label in labels if label not in parts]
        if sorted(labels) != sorted([*rest, *parts]):
            return False
        step = self.program.transpose(step, [labels.index(label) for label in (*rest, *parts)])
        sizes = [*(step.sizes[k] for k in range(len(rest))), self.sizes[flat]]
        step = self.program.step("reshape", (step,), (), sizes)
        self.tensors[i] = Tensor(step, (*rest, flat), exponent)
        self.summed -= set(parts)
        return True

    # --- products ---------------------------------------------------------------------------------

    def plan(self) -> Placed:
        """The steps of the contraction and where their result goes, before axes are merged."""
        kept = {p.label for p in self.places if p.label is not None}
        self.tensors = [self._without_repeats(t, kept) for t in self.tensors]
        present = {label for t in self.tensors for label in t.labels}
        for label in sorted(self.summed - kept - present - self.traced):
            self._repeat(self.sizes[label])
        step, labels = self._multiply(kept)
        return Placed(step, labels, tuple(self.places), self.sizes, self.shape)

    def _repeat(self, size: Size) -> None:
        """A sum over an axis along which every factor is constant."""
        if size.is_literal:
            self.coefficient = exact(self.coefficient * size.value)
        else:
            self.tensors.append(Tensor(self.program.step("size", (), (size,)), ()))

    def _without_repeats(self, tensor: Tensor, kept: set[int]) -> Tensor:
        """Diagonals and traces of a factor in which a label stands twice."""
        step, labels = tensor.step, tensor.labels
        if len(set(labels)) == len(labels):
            return tensor
        if (
            tensor.exponent == 1
            and step.ndim == 2
            and labels[0] not in kept
            and sum(labels[0] in t.labels for t in self.tensors) == 1
        ):
            self.traced.add(labels[0])
            return Tensor(self.program.step("trace", (step,)), ())
        while len(set(labels)) < len(labels):
            first = next(i for i, label in enumerate(labels) if labels.count(label) > 1)
            second = labels.index(labels[first], first + 1)
            rest = [i for i in range(len(labels)) if i not in (first, second)]
            picked = _picked_pairs(step, first, second)
            if picked is not None:
                at = first if second == first + 1 else 0  # NumPy puts the axis first if others lie between
                order = [*rest[:at], first, *rest[at:]]
                sizes = [step.sizes[i] for i in order]
                step = self.program.step("pick", (picked[0],), picked[1:], sizes)
                labels = tuple(labels[i] for i in order)
                continue
            sizes = [*(step.sizes[i] for i in rest), step.sizes[first]]
            step = self.program.step("diagonal", (step,), (first, second), sizes)
            labels = (*(labels[i] for i in rest), labels[first])
        return Tensor(step, labels, tensor.exponent)

    def _multiply(self, kept: set[int]) -> tuple[Step, tuple[int, ...]]:
        """All factors multiplied, the coefficient and the scalars into the smallest."""
        groups: dict[frozenset[int], list[Tensor]] = {}
        for tensor in self.tensors:
            groups.setdefault(frozenset(tensor.labels), []).append(tensor)
        scalars = groups.pop(frozenset(), [])
        if not groups:
            return hadamard(self.program, scalars, (), self.coefficient), ()
        parts = [Part(self.program, group) for group in groups.values()]
        out = [place.label for place in self.places if place.label is not None]
        return Tree(self.program, parts, self.sizes, out, kept).evaluate(scalars, self.coefficient)


def _picked_pairs(step: Step, first: int, second: int) -> tuple[Any, ...] | None:
    """The array, axes and indices of X[..., i, j], if the diagonal is that of X[..., i, :][..., :, j]."""
    (inner,) = step.args if step.op == "take" else (None,)
    if inner is None or inner.op != "take" or {step.params[0], inner.params[0]} != {first, second}:
        return None
    index = dict([inner.params, step.params])
    return inner.args[0], (first, index[first]), (second, index[second])


def _position(index: int, size: Size) -> Size:
    """An index that may count from the end, as a size."""
    return Size.of(index) if index >= 0 else size + index


def _compose(outer: Place, inner: Place) -> Place:
    """The place `outer` at entries given by `inner`."""
    if outer.is_identity:
        return inner
    start = outer.start + inner.start * outer.step
    return Place(inner.label, start, outer.step * inner.step)
