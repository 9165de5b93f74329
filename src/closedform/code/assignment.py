"""Statements that put a value at its places in an array of zeros, or add it there to a fresh array."""

from __future__ import annotations

from typing import TYPE_CHECKING

from closedform.code.integers import takes
from closedform.code.steps import LEAVES, VIEWS, Place, Step
from closedform.code.text import ATOM, SIGN, Text, bound_text, operand_text, size_text, slice_text, wrap
from closedform.expression.size import Size
from closedform.primitives.structure import may_repeat

if TYPE_CHECKING:
    from closedform.code.writer import Writer

# Names for arrays that values are put into, by their number of axes.
TARGETS = {1: "g", 2: "H"}


class Assignment:
    """A step that scatters a value, and the statements for it.

    Labels number the axes of the value; `meshed` are those whose entries need an array of indices.
    """

    def __init__(self, writer: Writer, step: Step) -> None:
        self.writer = writer
        self.step = step
        self.sign: int
        self.places: tuple[Place, ...]
        self.sizes: tuple[Size, ...]
        self.labels: tuple[int, ...]
        self.sign, self.places, self.sizes, self.labels = step.params
        named = [p.label for p in self.places if p.label is not None]
        reverse = writer.idiom == "torch"  # PyTorch has no slices with a negative step
        self.meshed = sorted(
            {
                p.label
                for p in self.places
                if p.label is not None and (named.count(p.label) > 1 or p.entries or (reverse and p.step < 0))
            }
        )
        if reverse and self._repeats():
            self.meshed = sorted(set(named))  # what accumulates there takes arrays of indices only
        self.whole = [
            p.is_identity and p.label is not None and self.sizes[p.label] == size
            for p, size in zip(self.places, step.sizes, strict=True)
        ]

    def write(self) -> str:
        """Write the statements; the name of the array they assign to."""
        target = self._target()
        self.writer.lines.append(self._statement(target))
        return target

    def _target(self) -> str:
        """The name of a fresh array of zeros, or of the one to add to."""
        writer, step = self.writer, self.step
        wish = TARGETS.get(step.ndim, "T")
        if len(step.args) == 2:
            value, base = step.args
            if self._needs_floats(value, base):
                text = f"1.0 * {wrap(writer.texts[base], SIGN)}"
                writer.integral[step] = None
            elif writer.uses[base] == 1 and base.op not in LEAVES | VIEWS:
                return writer.bind(base, wish)
            else:
                text = f"{writer.arg(base, ATOM)}.{writer.copy}()"
        else:
            text = f"np.zeros({writer.shape(step.sizes)}{self._dtype()})"
        name = writer.fresh(wish)
        writer.lines.append(f"{name} = {text}")
        return name

    def _needs_floats(self, value: Step, base: Step) -> bool:
        """Whether the array holds integers and the value fractions: for any arguments, or so that these are
        silently lost for integers. NumPy refuses to add them to more than an entry, and PyTorch at all."""
        held, put = self.writer.integral[base], self.writer.integral[value]
        silent = self.writer.idiom == "jax" or all(p.label is None and not p.entries for p in self.places)
        return self.writer.idiom != "torch" and not takes(held, put) and (silent or not held)

    def _dtype(self) -> str:
        value = self.step.args[0]
        strict = self.writer.idiom == "torch" and value.ndim > 0  # it assigns no doubles to floats
        if self.writer.based_on_array[value] or strict:
            return f", dtype={self.writer.bind(value)}.dtype"
        whole = value.op == "number" and isinstance(value.params[0], int)
        return self.writer.dtype() if whole else self.writer.floating()

    def _statement(self, target: str) -> str:
        """The assignment, in the idiom's way."""
        idiom = self.writer.idiom
        in_numpy = idiom in {"numpy", "autograd"}
        if in_numpy and len(self.places) == 2 and len(self.meshed) == 1 and all(self.whole):
            value = self._value(self.meshed)[0]
            return f"{target}.flat[:: {operand_text(self.sizes[0])} + 1] {self._operator()} {value}"
        index, order = self._index()
        value, strength = self._value(order)
        negative = f"-{wrap((value, strength), SIGN)}"
        if idiom == "jax":
            # NumPy's own arrays, which operators alone leave as they are, have no `at`.
            array = f"np.asarray({target})" if len(self.step.args) == 2 else target
            return f"{target} = {array}.at[{index}].add({negative if self.sign < 0 else value})"
        if self._repeats():
            if idiom == "torch":
                value = f"torch.as_tensor({negative if self.sign < 0 else value}, dtype={target}.dtype)"
                return f"{target}.index_put_(({index},), {value}, accumulate=True)"
            module = "numpy" if idiom == "autograd" else "np"
            word = "add" if self.sign > 0 else "subtract"
            where = f"{module}.s_[{index}]" if ":" in index or "," in index else index
            return f"{module}.{word}.at({target}, {where}, {value})"
        if len(self.step.args) == 2:
            return f"{target}[{index}] {self._operator()} {value}"
        return f"{target}[{index}] = {negative if self.sign < 0 else value}"

    def _operator(self) -> str:
        return "+=" if self.sign > 0 else "-="

    def _repeats(self) -> bool:
        """Whether two entries of the value may go to one entry of the result."""
        elsewhere = {p.label for p in self.places if p.entries is None}
        return any(
            p.entries is not None
            and p.label not in elsewhere
            and may_repeat(p.entries.array, self.step.sizes[i])
            for i, p in enumerate(self.places)
        )

    # --- the index --------------------------------------------------------------------------------

    def _index(self) -> tuple[str, list[int]]:
        """The index of the places, and the labels of the axes that the indexed array has."""
        arrays = self._mesh()
        # PyTorch, unlike NumPy, does not count numbers beside arrays of indices as arrays
        numbers = self.writer.idiom != "torch" or self._repeats()
        advanced = [
            i
            for i, p in enumerate(self.places)
            if p.label in self.meshed or (p.label is None and self.meshed and numbers)
        ]
        together = advanced == list(range(advanced[0], advanced[-1] + 1)) if advanced else False
        items: list[str] = []
        order = [] if together else list(self.meshed)  # apart, arrays of indices make the leading axes
        for i, place in enumerate(self.places):
            if together and i == advanced[0]:
                order += self.meshed
            if place.label is None:
                position = bound_text(place.start, self.step.sizes[i])
                accumulates = self.writer.idiom == "torch" and self._repeats()
                items.append(f"torch.tensor({position})" if accumulates else position)
            elif place.label in self.meshed:
                items.append(self._entries(place, arrays))
            else:
                order.append(place.label)
                size = self.step.sizes[i]
                part = slice_text(place.start, place.step, self.sizes[place.label], size)
                items.append(":" if self.whole[i] else part)
        return ", ".join(items), order

    def _mesh(self) -> dict[int, str]:
        """Index arrays, each on an axis of its own, for the labels that have entries in order somewhere."""
        arrays = {}
        for label in self.meshed:
            if any(p.label == label and p.entries is None for p in self.places):
                arrays[label] = self.writer.indices(self.sizes[label], self._stretched(label))
        return arrays

    def _stretched(self, label: int) -> str:
        after = len(self.meshed) - 1 - self.meshed.index(label)
        return "[:" + ", None" * after + "]" if after else ""

    def _entries(self, place: Place, arrays: dict[int, str]) -> str:
        """The array of indices along one axis."""
        assert place.label is not None
        if place.entries is not None:
            return self.writer.constant(place.entries, "index") + self._stretched(place.label)
        text = arrays[place.label] if place.step == 1 else f"{place.step} * {arrays[place.label]}"
        return text if place.start == Size.of(0) else f"{text} + {size_text(place.start)}"

    # --- the value --------------------------------------------------------------------------------

    def _value(self, order: list[int]) -> Text:
        """The value's text with its axes moved to those of the indexed array."""
        text = self.writer.texts[self.step.args[0]]
        present = [label for label in order if label in self.labels]
        if present != list(self.labels):
            axes = tuple(self.labels.index(label) for label in present)
            moved = ".T" if len(axes) == 2 else f".{self.writer.transpose}{axes}"
            text = (wrap(text, ATOM) + moved, ATOM)
        while order and order[0] not in self.labels:
            order = order[1:]
        if len(order) > len(present):
            items = ", ".join(":" if label in self.labels else "None" for label in order)
            text = (f"{wrap(text, ATOM)}[{items}]", ATOM)
        return text
