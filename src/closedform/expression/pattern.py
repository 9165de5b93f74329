"""Where a tensor is zero by its structure: an expression goes in, pairs of axes tied by deltas come out."""

from __future__ import annotations

from closedform.expression.calculus import Spec, factors_of, is_zero, spec_of
from closedform.expression.expr import Expr, toposort

Pair = tuple[int, int]


def tied_axes(root: Expr) -> frozenset[Pair]:
    """Pairs (a, b), a < b, of axes such that entries with different indices there are zero.

    Pairs that are not returned may be tied too: only what the structure shows is known.

    >>> from closedform.expression.calculus import identity, Factor, contract
    >>> from closedform.expression.expr import input_
    >>> x = input_("x", (3,))
    >>> sorted(tied_axes(contract([Factor(x, ("i",))], ("i", "i"))))
    [(0, 1)]
    """
    known: dict[Expr, frozenset[Pair]] = {}
    for node in toposort(root):
        if node.op == "linear":
            known[node] = frozenset.intersection(*(known[arg] for arg in node.args))
        elif node.op == "contract":
            known[node] = _tied_by(spec_of(node), [known[f.base] for f in factors_of(node)])
        else:
            known[node] = frozenset()
    return known[root]


def _tied_by(spec: Spec, inner: list[frozenset[Pair]]) -> frozenset[Pair]:
    """Axes with one label are tied, and so are those whose labels a factor ties."""
    parent = {label: label for labels in (*spec.labels, spec.out) for label in labels}

    def find(label: int) -> int:
        while parent[label] != label:
            label = parent[label]
        return label

    for labels, exponent, pairs in zip(spec.labels, spec.exponents, inner, strict=True):
        for a, b in pairs if exponent > 0 else ():
            parent[find(labels[a])] = find(labels[b])
    roots = [find(label) for label in spec.out]
    return frozenset((a, b) for b in range(len(roots)) for a in range(b) if roots[a] == roots[b])


def structure(root: Expr, lead: int) -> str:
    """Where a derivative is zero, in words: "zero", "diagonal", "block diagonal, a block for each row", "".

    lead  how many axes are those of what was differentiated; the others are the variable's

    >>> from closedform.expression.calculus import Factor, contract
    >>> from closedform.expression.expr import input_
    >>> A = input_("A", (3, 2))
    >>> structure(contract([Factor(A, ("i", "j"))], ("i", "j", "i", "j")), 2)
    'diagonal'
    """
    if is_zero(root):
        return "zero"
    ties = tied_axes(root)
    pairs = [(a, b) for a, b in sorted(ties) if a < lead <= b]
    if root.ndim == 2 * lead and {(a, a + lead) for a in range(lead)} <= ties:
        return "diagonal"
    if lead == 1 and {(0, b) for b in range(1, root.ndim)} <= ties and root.ndim > 1:
        return "diagonal"
    if not pairs:
        return ""
    axes = sorted({b - lead for _, b in pairs})
    words = {1: ["entry"], 2: ["row", "column"]}.get(root.ndim - lead)
    names = [words[axis] if words else f"index of axis {axis}" for axis in axes]
    return f"block diagonal, a block for each {' and '.join(names)}"
