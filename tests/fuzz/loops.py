"""Loops over entries, for random programs: what is in the body, which entries it reads, how the loop runs and
what becomes of its values are drawn one by one."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

# {n} is the length that an index i runs along, {i} the index, {j} another one along the same length.
RANGES = (
    "range(1, {n})", "range({n} - 1)", "range(0, {n}, 2)", "range({n} - 1, -1, -1)", "range({n} // 2)",
    "range(1, {n} - 1)", "reversed(range({n}))",
)  # fmt: skip
RANGES_AFTER = (
    "range({j})", "range({j} + 1)", "range({j} + 1, {n})", "range({j}, {n})", "range({n} - {j})",
    "range(max({j} - 1, 0), min({j} + 2, {n}))",
)  # fmt: skip
CONDITIONS = ("{i} % 2 == 0", "{i} > 0", "{i} != {n} - 1", "labels[{i}] == 1", "{i} in (0, 2)")
CONDITIONS_ON_TWO = (
    "{i} != {j}", "{i} != {j}", "{i} < {j}", "{j} <= {i}", "abs({i} - {j}) == 1", "({i} + {j}) % 2 == 0",
    "labels[{i}] != labels[{j}]", "{i} + {j} < {n}",
)  # fmt: skip
INDICES = (
    "{i} + 1", "{i} - 1", "{n} - 1 - {i}", "({i} + 1) % {n}", "{i} // 2", "2 * {i}", "-1 - {i}", "order[{i}]",
    "({i} + {j}) % {n}", "{i} - {j}", "0", "-1",
)  # fmt: skip
# {u} and {w} are entries, {r} and {s} rows or columns of one length, {i} is an index.
WEIGHTS = (
    "({i} + 1)", "(-1) ** {i}", "weights[{i}]", "0.5", "2", "({i} - {j} + 1)", "1 / ({i} + {j} + 1)",
    "({i} == {j})", "0.9 ** {i}",
)  # fmt: skip
FUNCTIONS = (
    "np.exp({u})", "np.exp(0.3 * {u})", "np.exp(-({u} ** 2))", "np.sin({u})", "np.cos({u})", "np.tanh({u})",
    "{u} ** 2", "{u} ** 2", "{u} ** 3", "np.log(1 + {u} ** 2)", "1 / (1 + {u} ** 2)", "np.abs({u})",
    "np.maximum({u}, 0)", "np.sqrt(1 + {u} ** 2)", "np.where({u} > 0, {u}, 0.1 * {u})",
    "1 / (1 + np.exp(-{u}))", "np.log(np.abs({u}))", "1 / {u}", "np.sqrt(np.abs({u}))",
)  # fmt: skip
PAIRS = (
    "({u} - {w})", "({u} - {w})", "({u} - {w})", "({u} + {w})", "({u} * {w})", "({u} / (2 + {w} ** 2))",
    "({u} - 0.5 * {w})", "np.maximum({u}, {w})", "({u} / {w})",
)  # fmt: skip
ROWS = (
    "({r} @ {s})", "({r} @ {s})", "np.sum(({r} - {s}) ** 2)", "np.sum({r} * {s})", "np.sum({r} ** 2)",
    "np.sum({r})", "np.sum(np.exp({r}))", "np.sqrt(1 + np.sum(({r} - {s}) ** 2))", "np.max({r})",
    "np.mean({r})", "np.sum(np.maximum({r}, {s}))", "np.linalg.norm({r} - {s})",
    "np.log(np.sum(np.exp({r})))",
)  # fmt: skip
ROW_TERMS = ("{u} * {r}", "{r} - {s}", "{r} * {s}", "np.tanh({r} + {u})", "{r} / (1 + {u} ** 2)", "{r}")
# How values are gathered: {new} is what is defined, {term} the body; start and step, or one expression.
GATHERED = (
    ("{new} = 0.0", "{new} += {term}"), ("{new} = 0.0", "{new} = {new} + {term}"),
    ("{new} = 0.0", "{new} += {term}"), ("{new} = 0.0", "{new} -= {term}"),
    ("{new} = 1.0", "{new} *= 1 + 0.1 * ({term})"), ("{new} = 1.0", "{new} = {new} * ({term})"),
    ("{new} = -1.0", "{new} = np.maximum({new}, {term})"), ("{new} = 0.5", "{new} = 0.5 * {new} + {term}"),
    ("{new} = 0.0", "{new} += {term}\n{new} -= {term}"), ("{new} = 0.0", "t = {term}\n{new} += t * t"),
)  # fmt: skip
LISTED = (
    "{new} = sum({term} {loops})", "{new} = sum([{term} {loops}])", "{new} = np.array([{term} {loops}])",
    "{new} = np.sum(np.array([{term} {loops}]))", "{new} = np.prod(np.array([{term} {loops}]))",
    "{new} = sum({term} {loops}) ** 2", "{new} = np.max(np.array([{term} {loops}]))",
    "{new} = np.sum(np.tanh(np.array([{term} {loops}])))",
)  # fmt: skip
INNER = (
    "{new} += inner", "{new} += inner ** 2", "{new} += np.exp(0.1 * inner)", "{new} += {u} * inner",
    "{new} += np.log(1 + inner ** 2)", "{new} += {u} / (1 + inner ** 2)", "{new} += ({u} - inner) ** 2",
    "{new} += np.log(np.abs(inner))",
)  # fmt: skip
FILLED = ("{new}[{at}] = {term}", "{new}[{at}] += {term}", "{new}[{at}] -= {term}")
SYMMETRIC = "{new}[{at}] = {term}\n{new}[{ta}] = {new}[{at}]"
RUNNING = ("t = t + {term}\n{new}.append(t)", "t = 0.5 * t + {term}\n{new}.append(t)", "{new}.append({term})")


@dataclass(frozen=True)
class _Clause:
    """One level of a loop."""

    target: str
    iterable: str
    condition: str = ""

    def within(self, body: list[str], skips: bool) -> list[str]:
        """The level as a statement: the condition holds for the body, or what is left is skipped."""
        if self.condition and skips:
            holds = " != " in self.condition
            otherwise = self.condition.replace(" != ", " == ") if holds else f"not ({self.condition})"
            body = [f"if {otherwise}:", "    continue", *body]
        elif self.condition:
            body = [f"if {self.condition}:", *_indented(body)]
        return [f"for {self.target} in {self.iterable}:", *_indented(body)]

    @property
    def inline(self) -> str:
        """The level as part of a comprehension."""
        return f"for {self.target} in {self.iterable}" + (f" if {self.condition}" if self.condition else "")


@dataclass
class _Loop:
    """A loop under construction: what its body may use."""

    rng: np.random.Generator
    # Shapes of arrays, also of those that the loop takes from others.
    shapes: dict[str, tuple[int, ...]]
    # Length that an index runs along, as a number and as it is written.
    indices: dict[str, tuple[int, str]] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    clauses: list[_Clause] = field(default_factory=list)

    def chosen(self, options: tuple[str, ...] | list[str]) -> str:
        return options[int(self.rng.integers(len(options)))]

    def maybe(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def array(self, wanted: Callable[[tuple[int, ...]], bool]) -> str | None:
        """An array whose shape is wanted, those that the loop takes apart more often."""
        names = [name for name, shape in self.shapes.items() if wanted(shape)]
        preferred = [name for name in names if name in self.taken]
        return self.chosen(preferred if preferred and self.maybe(0.6) else names) if names else None

    def enter(self) -> None:
        """One more level."""
        array = self.array(lambda shape: len(shape) > 0 and shape[0] > 1)
        if array is not None and self.maybe(0.2):
            self._over_entries(array)
        else:
            self._over_indices(array)

    def _over_entries(self, array: str) -> None:
        """A level that takes the entries or rows of an array, or of two arrays of one length."""
        level = len(self.clauses)
        size = self.shapes[array][0]
        target, iterable = f"r{level}", array
        parts = {target: array}
        other = self.array(lambda shape: len(shape) > 0 and shape[0] == size)
        if other is not None and self.maybe(0.4):
            second = f"s{level}"
            parts[second] = other
            shifted = other == array and self.maybe(0.7)
            iterable = f"zip({array}[:-1], {array}[1:])" if shifted else f"zip({array}, {other})"
            target = f"{target}, {second}"
        if self.maybe(0.5):
            index = "ijk"[level]
            target = f"{index}, ({target})" if "," in target else f"{index}, {target}"
            iterable = f"enumerate({iterable})"
            self.indices[index] = (size, self._length(array, 0))
        for name, whole in parts.items():
            self.shapes[name] = self.shapes[whole][1:]
            self.taken.append(name)
        self.clauses.append(_Clause(target, iterable))

    def _over_indices(self, array: str | None) -> None:
        """A level that counts along an axis."""
        index = "ijk"[len(self.clauses)]
        size, length = 3, "3"
        if array is not None:
            axis = int(self.rng.integers(len(self.shapes[array])))
            size, length = self.shapes[array][axis], self._length(array, axis)
        if self.indices and self.maybe(0.5):
            size, length = list(self.indices.values())[-1]
        self.clauses.append(self._counted(index, size, length))
        self.indices[index] = (size, length)

    def _counted(self, index: str, size: int, length: str) -> _Clause:
        """An index along a length: all the way or a part of it, perhaps by where an earlier index is."""
        before = [name for name, (other, _) in self.indices.items() if other == size and name < index]
        places = {"i": index, "n": length, "j": before[-1] if before else index}
        iterable, condition = "range({n})", ""
        if before and self.maybe(0.6):
            if self.maybe(0.5):
                iterable = self.chosen(RANGES_AFTER)
            else:
                condition = self.chosen(CONDITIONS_ON_TWO)
        elif self.maybe(0.25):
            iterable = self.chosen(RANGES)
        elif self.maybe(0.15):
            condition = self.chosen(CONDITIONS)
        return _Clause(index, iterable.format(**places), condition.format(**places))

    def _length(self, array: str, axis: int) -> str:
        """How the length of an axis is written."""
        if array in self.taken or self.maybe(0.3):
            return str(self.shapes[array][axis])
        return f"len({array})" if axis == 0 and self.maybe(0.5) else f"{array}.shape[{axis}]"

    def two(self, names: list[str]) -> tuple[str, str]:
        """Two indices, different ones if there are."""
        first, *others = (str(name) for name in self.rng.permutation(names))
        return first, others[0] if others else first

    def placed(self, templates: tuple[str, ...], i: str, j: str, n: str = "") -> str:
        """A template with indices in its places; those for two indices only where there are two."""
        return self.chosen([t for t in templates if i != j or "{j}" not in t]).format(i=i, j=j, n=n)

    def index(self, size: int) -> str:
        """A place along an axis of a size: mostly an index that runs along such an axis."""
        along = [name for name, (length, _) in self.indices.items() if length == size]
        if not along:
            return self.chosen([*(n for n, (length, _) in self.indices.items() if length < size), "0", "-1"])
        i, j = self.two(along)
        return i if self.maybe(0.8) else self.placed(INDICES, i, j, self.indices[i][1])

    def entry(self) -> str:
        """An entry of an array, of one whose axes the loop runs along where there is one."""
        lengths = {length for length, _ in self.indices.values()}
        local = tuple(name for name in self.taken if not self.shapes[name])
        if local and self.maybe(0.6):
            return self.chosen(local)
        name = self.array(lambda shape: len(shape) > 0 and set(shape) <= lengths)
        name = name if name is not None and self.maybe(0.9) else self.array(lambda shape: True)
        shape = self.shapes[str(name)]
        return f"{name}[{', '.join(self.index(size) for size in shape)}]" if shape else str(name)

    def row(self, size: int | None = None) -> tuple[str, int] | None:
        """A row or a column, or a vector where its size is given; its text and size."""
        found = [
            (name, shape[0])
            for name, shape in self.shapes.items()
            if len(shape) == 1 and (size is not None or name in self.taken)
        ]
        for name, shape in self.shapes.items():
            if len(shape) == 2:
                found.append((f"{name}[{self.index(shape[0])}]", shape[1]))
                found.append((f"{name}[:, {self.index(shape[1])}]", shape[0]))
        found = [(text, length) for text, length in found if size in (None, length)]
        return found[int(self.rng.integers(len(found)))] if found else None

    def rows(self, templates: tuple[str, ...]) -> tuple[str, int] | None:
        """An expression in two rows of one length, and the length."""
        first = self.row()
        if first is None:
            return None
        s = self.other(lambda: (self.row(first[1]) or first)[0], first[0])
        return self.chosen(templates).format(r=first[0], s=s, u=self.entry()), first[1]

    def operand(self) -> str:
        """What functions are applied to."""
        made = self.rows(ROWS) if self.maybe(0.2) else None
        if made is not None:
            return made[0]
        entry = self.entry()
        other = self.other(self.entry, entry)
        return entry if self.maybe(0.5) else self.chosen(PAIRS).format(u=entry, w=other)

    def other(self, draw: Callable[[], str], first: str) -> str:
        """Another draw, which mostly differs from the first one."""
        drawn = (draw() for _ in range(4))
        return next((text for text in drawn if text != first), first)

    def factor(self) -> str:
        return self.chosen(FUNCTIONS).format(u=self.operand()) if self.maybe(0.5) else self.operand()

    def term(self) -> str:
        """A number that the body computes."""
        factors = [self.factor() for _ in range(int(self.rng.integers(1, 3)))]
        if self.indices and self.maybe(0.25):
            i, j = self.two(list(self.indices))
            factors.insert(0, self.placed(WEIGHTS, i, j))
        product = " * ".join(f"({factor})" for factor in factors)
        return f"{product} {self.chosen(('+', '-'))} {self.factor()}" if self.maybe(0.15) else product

    def body(self) -> str:
        """What the body computes: a number, or sometimes a row."""
        row = self.rows(ROW_TERMS) if self.maybe(0.15) else None
        return row[0] if row is not None else self.term()

    def nested(self, body: str, first: int = 0) -> list[str]:
        """The statement with the levels from `first` on around a body."""
        lines = body.split("\n")
        for clause in self.clauses[: first - 1 if first else None : -1]:
            lines = clause.within(lines, skips=self.maybe(0.3))
        return lines

    def gathered(self, new: str) -> list[str]:
        """A number, or a row, that every value is added to or multiplied into."""
        start, step = GATHERED[int(self.rng.integers(len(GATHERED)))]
        return [start.format(new=new), *self.nested(step.format(new=new, term=self.body()))]

    def completed(self, new: str) -> list[str]:
        """One body in two loops: over some pairs, and over the pairs of equals or over others."""
        if [clause.target for clause in self.clauses] != ["i", "j"]:
            return self.gathered(new)
        term, sign = self.term(), self.chosen(("+", "+", "-"))
        first = self.nested(f"{new} += {term}")
        (size, length), (other, _) = self.indices["i"], self.indices["j"]
        if size == other and self.maybe(0.6):
            step = f"{new} {sign}= " + re.sub(r"\bj\b", "i", term)
            second = _Clause("i", f"range({length})").within([step], skips=False)
        else:
            self.clauses[1] = self._counted("j", *self.indices["j"])
            second = self.nested(f"{new} {sign}= {term}")
        return [f"{new} = 0.0", *first, *second]

    def listed(self, new: str) -> list[str]:
        """A comprehension."""
        term, loops = self.body(), [clause.inline for clause in self.clauses]
        if len(loops) > 1 and self.maybe(0.4):
            kind = self.chosen(("[{term} {loops}]", "sum({term} {loops})", "np.array([{term} {loops}])"))
            term, loops = kind.format(term=term, loops=loops[-1]), loops[:-1]
        return [self.chosen(LISTED).format(new=new, term=term, loops=" ".join(loops))]

    def within(self, new: str) -> list[str]:
        """A sum over the last levels, of which a function is summed over the first."""
        if len(self.clauses) < 2:
            return self.gathered(new)
        inner = self.nested(f"inner += {self.term()}", first=1)
        last = self.chosen(INNER).format(new=new, u=self._outside().entry())
        return [f"{new} = 0.0", *self.clauses[0].within(["inner = 0.0", *inner, last], skips=False)]

    def _outside(self) -> _Loop:
        """The loop as it is at its first level."""
        shapes = {name: shape for name, shape in self.shapes.items() if not re.fullmatch("[rs][12]", name)}
        indices = {name: length for name, length in self.indices.items() if name == "i"}
        return _Loop(self.rng, shapes, indices, [name for name in self.taken if name in shapes])

    def appended(self, new: str) -> list[str]:
        """A list that grows."""
        step = self.chosen(RUNNING)
        start = [f"{new} = []", *(["t = 0.0"] if "t =" in step else [])]
        return [*start, *self.nested(step.format(new=new, term=self.term())), f"{new} = np.array({new})"]

    def filled(self, new: str) -> list[str]:
        """An array whose entries or rows are set or added to."""
        if not self.indices:
            return self.gathered(new)
        names = [str(name) for name in self.rng.permutation(list(self.indices))]
        names = names[: int(self.rng.integers(1, len(names) + 1))]
        lengths = [self.indices[name][1] for name in names]
        places = [f"{n} - 1 - {i}" if self.maybe(0.1) else i for i, n in zip(names, lengths, strict=True)]
        row = self.rows(ROW_TERMS) if self.maybe(0.2) else None
        term, step = self.term(), self.chosen(FILLED)
        if row is not None:
            term = row[0]
            lengths.append(str(row[1]))
        elif len(names) == 2 and self.indices[names[0]] == self.indices[names[1]] and self.maybe(0.3):
            step = SYMMETRIC
        text = step.format(new=new, at=", ".join(places), ta=", ".join(places[::-1]), term=term)
        shape = lengths[0] if len(lengths) == 1 else f"({', '.join(lengths)})"
        return [f"{new} = np.zeros({shape})", *self.nested(text)]

    def constants(self, lines: list[str]) -> list[str]:
        """The lists of numbers that the lines use."""
        most = max((size for size, _ in self.indices.values()), default=1)
        least = min((size for size, _ in self.indices.values()), default=1)
        values = {
            "weights": np.round(self.rng.uniform(-2, 2, most), 1),
            "labels": self.rng.integers(0, 2, most),
            "order": self.rng.integers(0, least, most),
        }
        used = [name for name in values if any(re.search(rf"\b{name}\b", line) for line in lines)]
        return [f"{name} = {values[name].tolist()}" for name in used]


KINDS = (
    _Loop.gathered, _Loop.gathered, _Loop.gathered, _Loop.listed, _Loop.listed, _Loop.within, _Loop.appended,
    _Loop.filled, _Loop.filled, _Loop.completed,
)  # fmt: skip
# Of one level, of two, and of three.
DEPTHS = (0.35, 0.55, 0.1)


def loop(rng: np.random.Generator, shapes: dict[str, tuple[int, ...]], new: str) -> str:
    """Statements that define the name `new` by a loop over entries of the arrays with these shapes."""
    made = _Loop(rng, dict(shapes))
    for _ in range(1 + int(rng.choice(len(DEPTHS), p=DEPTHS))):
        made.enter()
    lines = KINDS[int(rng.integers(len(KINDS)))](made, new)
    return ast.unparse(ast.parse("\n".join([*made.constants(lines), *lines])))


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]
