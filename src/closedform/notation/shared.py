"""A long notation tree goes in; what stands in it several times is given a name: "..., where p = ..."."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator

from closedform.expression.expr import Expr, rebuild, toposort
from closedform.notation.form import has_differential, is_symmetric, product, scalar_order, symbol
from closedform.notation.index import free_labels, labels_of
from closedform.notation.names import parts_of

# A formula is left as it is up to this many nodes.
LONGEST_PLAIN = 24
# A part is named if it has at least this many nodes, and naming it saves this share of the formula.
SHORTEST_NAMED, LEAST_SAVING = 4, 0.2
# So is one that would be written so often.
MOST_WRITTEN = 4
# So many nodes are worth a name in a formula of any length.
MOST_ASKED = 20
# In a longer formula every part that stands twice is named: written out, it could be of any length.
LONGEST_WEIGHED = 2000

# What the word of a function and its brackets count, and the brackets of an array's blocks.
OWN = {"call": 3, "blocks": 7}

_NEVER_NAMED = frozenset({"transpose", "negative", "literal", "symbol", "index", "part", "entry"})


def shared(root: Expr, taken: Iterable[str] = (), most: int = LONGEST_PLAIN) -> Expr:
    """A formula of more than `most` nodes as `where(formula, parts; names)`, if that makes it shorter;
    names that are taken are not given."""
    names = _Names(root, taken)
    whole, parts = _all_named(root, names) if _written(root)[root] > LONGEST_WEIGHED else (root, {})
    while True:
        part = _most_saving([whole, *parts.values()], most)
        if part is None:
            break
        name = names.of(part)
        whole = _replaced(whole, part, name)
        parts = {known: _replaced(form, part, name) for known, form in parts.items()} | {name: part}
    if not parts:
        return root
    ordered = _in_order(parts)
    named = tuple(name.params[0] for name in ordered)
    return Expr("where", (whole, *(parts[name] for name in ordered)), named, root.shape)


class _Names:
    """Supplies p, q, ... for scalars and vectors, P, Q, ... for matrices, none that stands in the formula."""

    def __init__(self, root: Expr, known: Iterable[str]) -> None:
        names = {form.params[0] for form in toposort(root) if form.op == "symbol"}
        letters = {label for form in toposort(root) for label in labels_of(form)}
        taken = {_written_as(name) for name in {*names, *letters, *known}}
        self.small, self.capital = (self._supply(letters, taken) for letters in ("pqrst", "PQRT"))

    def _supply(self, letters: str, taken: Collection[str]) -> Iterator[str]:
        numbered = (f"{letters[0]}_{n}" for n in itertools.count(1))
        return (name for name in itertools.chain(letters, numbered) if _written_as(name) not in taken)

    def of(self, part: Expr) -> Expr:
        """The name of a part."""
        return symbol(next(self.capital if part.ndim > 1 else self.small), part.shape, is_symmetric(part))


def _written_as(name: str) -> str:
    """What tells names apart on paper: P1 and P_1 are written alike."""
    base, subscripts = parts_of(str(name))
    return "_".join((base, *subscripts))


def _all_named(root: Expr, names: _Names) -> tuple[Expr, dict[Expr, Expr]]:
    """The formula with a name for every part that stands twice, and these parts."""
    order = toposort(root)
    uses = dict.fromkeys(order, 0)
    for form in order:
        for arg in form.args:
            uses[arg] += 1
    candidates = _candidates(order)
    parts: dict[Expr, Expr] = {}

    def build(form: Expr, args: tuple[Expr, ...]) -> Expr:
        part = _rebuilt(form, args)
        if uses[form] < 2 or form not in candidates or part.weight < SHORTEST_NAMED:
            return part
        name = names.of(part)
        parts[name] = part
        return name

    return rebuild(root, build), parts


def _replaced(root: Expr, part: Expr, name: Expr) -> Expr:
    return rebuild(root, lambda form, args: name if form is part else _rebuilt(form, args))


def _rebuilt(form: Expr, args: tuple[Expr, ...]) -> Expr:
    """The form with other operands; a name stands before functions."""
    if form.op == "product":
        return product(*args)
    if form.op == "hadamard":
        args = tuple(sorted(args, key=scalar_order))
    return Expr(form.op, args, form.params, form.shape)


def _in_order(parts: dict[Expr, Expr]) -> list[Expr]:
    """The names of the parts, each after those that it uses."""
    ordered: list[Expr] = []
    stack = [(name, False) for name in reversed(parts)]
    while stack:
        name, ready = stack.pop()
        if ready:
            ordered.append(name)
        elif name not in ordered:
            stack.append((name, True))
            stack += [
                (form, False) for form in toposort(parts[name]) if form in parts and form not in ordered
            ]
    return list(dict.fromkeys(ordered))


def _written(*roots: Expr) -> dict[Expr, int]:
    """How many nodes each form has when it is written out."""
    weights: dict[Expr, int] = {}
    for form in toposort(*roots):
        weights[form] = OWN.get(form.op, 1) + sum(weights[arg] for arg in form.args)
    return weights


def _candidates(order: list[Expr]) -> set[Expr]:
    """The forms that may have a name: those without an index whose meaning is given outside."""
    return {
        form for form in order if form.op not in _NEVER_NAMED and form.ndim <= 2 and not free_labels(form)
    }


def _most_saving(roots: list[Expr], most: int) -> Expr | None:
    """The part whose naming saves most nodes, if that is worth it."""
    weights = _written(*roots)
    total = sum(weights[root] for root in roots)
    if not most < total <= LONGEST_WEIGHED:
        return None
    order = list(weights)
    counts = dict.fromkeys(order, 0)
    for root in roots:
        counts[root] += 1
    for form in reversed(order):
        for arg in form.args:
            counts[arg] += counts[form]
    savings = {
        form: (counts[form] - 1) * (weights[form] - 1)
        for form in _candidates(order)
        if weights[form] >= SHORTEST_NAMED and not has_differential(form)
    }
    least = min(LEAST_SAVING * total, MOST_ASKED)
    worth = [form for form, saved in savings.items() if saved >= least or counts[form] >= MOST_WRITTEN]
    return max(worth, key=lambda form: (savings[form], form.key), default=None)
