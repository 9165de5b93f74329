"""What is read at known entries, by unit vectors: at other entries, or stacked for many of them."""

from __future__ import annotations

from collections.abc import Mapping

from closedform.expression.calculus import (
    Factor,
    broadcast,
    contract,
    factors_of,
    label_sizes,
    linear,
    spec_of,
)
from closedform.expression.expr import Expr, Known, toposort
from closedform.expression.size import Size
from closedform.primitives import PRIMITIVES
from closedform.primitives.structure import select, unit


def index_of(node: Expr) -> int:
    """The position that a unit vector of known size selects, from the front."""
    index: int = dict(node.params)["index"]
    return index % node.shape[0].value if node.shape[0].is_literal else index


def _reads_entry(node: Expr) -> bool:
    """Whether an entry of known position is read anywhere below a node."""
    return (node.op == "unit" and index_of(node) >= 0) or any(map(reads_entry, node.args))


reads_entry = Known(_reads_entry, False)


def units_of(root: Expr) -> list[Expr]:
    if not reads_entry(root):
        return []
    return [node for node in toposort(root) if node.op == "unit" and index_of(node) >= 0]


def _skeleton(node: Expr) -> int:
    """A number that terms have in common if they differ in positions alone, at different ones."""
    own = node.key if not node.args and node.op != "unit" else (node.op, node.shape)
    return hash((own, tuple(sorted(map(skeleton, node.args)))))


skeleton = Known(_skeleton, 0)


def at_indices(root: Expr, indices: Mapping[Expr, int]) -> Expr:
    """The expression with other indices of unit vectors."""
    from closedform.simplify.simplify import replaced  # which applies rules that build on this

    return replaced(root, {u: unit(u.shape[0], index) for u, index in indices.items()})


def simplified(root: Expr) -> Expr:
    """The expression with all rules applied."""
    from closedform.simplify.simplify import simplify  # which applies rules that build on this

    return simplify(root)


def with_axis(root: Expr, selections: Mapping[Expr, Expr]) -> Expr | None:
    """The expressions in which unit vectors are the rows of matrices, stacked along a new first axis."""
    count = next(iter(selections.values())).shape[0]
    new: dict[Expr, Expr] = {}
    for node in toposort(root):
        if node in selections:
            new[node] = selections[node]
        elif any(arg in new for arg in node.args):
            stacked = _stacked(node, new, count)
            if stacked is None:
                return None
            new[node] = stacked
    return new.get(root)


def rows_from(starts: Mapping[Expr, int], count: int) -> dict[Expr, Expr]:
    """For unit vectors those with the next `count` indices, as rows."""
    return {u: select(Size.of(count), u.shape[0], start) for u, start in starts.items()}


def _stacked(node: Expr, new: dict[Expr, Expr], count: Size) -> Expr | None:
    shape = (count, *node.shape)
    if node.op == "contract":
        spec = spec_of(node)
        factors = [
            Factor(new[f.base], ("run", *f.labels), f.exponent) if f.base in new else f
            for f in factors_of(node)
        ]
        return contract(factors, ("run", *spec.out), {**label_sizes(node), "run": count}, spec.coefficient)
    args = [new.get(arg) or broadcast(arg, (count, *arg.shape)) for arg in node.args]
    if node.op == "linear":
        return linear(zip(node.params, args, strict=True), shape)
    if PRIMITIVES[node.op].elementwise:
        return Expr(node.op, tuple(args), node.params, shape)
    if node.op in {"softmax", "logsumexp"}:
        return Expr(node.op, tuple(args), (("axis", tuple(a + 1 for a in dict(node.params)["axis"])),), shape)
    return None


def summed(root: Expr, selections: Mapping[Expr, Expr]) -> Expr | None:
    """The sum of the expressions in which unit vectors are the rows of matrices."""
    stacked = with_axis(root, selections)
    labels = tuple(range(root.ndim))
    return None if stacked is None else contract([Factor(stacked, ("run", *labels))], labels)
