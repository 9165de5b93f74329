"""A long notation tree goes in; what stands in it several times is given a name: "..., where p = ..."."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator

from closedform.expression.expr import Expr, rebuild, toposort
from closedform.notation.form import is_symmetric, product, scalar_order, symbol
from closedform.notation.index import bound_labels, labels_of

# A formula is left as it is up to this many nodes.
LONGEST_PLAIN = 90
# A part is named if it has at least this many nodes, and naming it saves this share of the formula.
SHORTEST_NAMED = 5
LEAST_SAVING = 0.15

_NEVER_NAMED = frozenset({"transpose", "negative", "literal", "symbol", "index", "part", "entry"})


def shared(root: Expr, most: int = LONGEST_PLAIN) -> Expr:
    """A formula of more than `most` nodes as `where(formula, parts; names)`, if that makes it shorter."""
    taken = {form.params[0] for form in toposort(root) if form.op == "symbol"}
    scalars, matrices = _names("pqrst", taken), _names("PQRT", taken)
    whole, definitions = root, dict[Expr, Expr]()
    while True:
        part = _most_saving([whole, *definitions.values()], most)
        if part is None:
            break
        name = symbol(next(matrices if part.ndim > 1 else scalars), part.shape, is_symmetric(part))
        whole = _replaced(whole, part, name)
        definitions = {known: _replaced(form, part, name) for known, form in definitions.items()}
        definitions = {name: part, **definitions}
    if not definitions:
        return root
    return Expr("where", (whole, *definitions.values()), tuple(d.params[0] for d in definitions), root.shape)


def _names(letters: str, taken: Collection[str]) -> Iterator[str]:
    numbered = (f"{letters[0]}_{n}" for n in itertools.count(1))
    return (name for name in itertools.chain(letters, numbered) if name not in taken)


def _replaced(root: Expr, part: Expr, name: Expr) -> Expr:
    def build(form: Expr, args: tuple[Expr, ...]) -> Expr:
        if form is part:
            return name
        if form.op == "product":
            return product(*args)  # a name stands before functions
        if form.op == "hadamard":
            args = tuple(sorted(args, key=scalar_order))
        return Expr(form.op, args, form.params, form.shape)

    return rebuild(root, build)


def _most_saving(roots: list[Expr], most: int) -> Expr | None:
    """The part whose naming saves most nodes, if that is worth it."""
    order = toposort(*roots)
    weights: dict[Expr, int] = {}
    free: dict[Expr, frozenset[str]] = {}
    for form in order:
        weights[form] = 1 + sum(weights[arg] for arg in form.args)
        inner = frozenset[str]().union(*(free[arg] for arg in form.args))
        free[form] = (inner | labels_of(form)) - bound_labels(form)
    counts = dict.fromkeys(order, 0)
    for root in roots:
        counts[root] += 1
    for form in reversed(order):
        for arg in form.args:
            counts[arg] += counts[form]
    total = sum(weights[root] for root in roots)
    if total <= most:
        return None
    candidates = (form for form in order if form.op not in _NEVER_NAMED and form.ndim <= 2 and not free[form])
    savings = {
        form: (counts[form] - 1) * (weights[form] - 1)
        for form in candidates
        if weights[form] >= SHORTEST_NAMED
    }
    best = max(savings, key=savings.__getitem__, default=None)
    return best if best is not None and savings[best] >= LEAST_SAVING * total else None
