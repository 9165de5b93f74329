"""Forms of expressions that use the structure of a matrix, in code only: fewer operations, equal values."""

from __future__ import annotations

from closedform.expression.calculus import Factor, contract, factors_of, identity, label_sizes, spec_of
from closedform.expression.expr import Expr
from closedform.expression.facts import structure
from closedform.primitives.reductions import products_without

TRIANGULAR = frozenset({"lower", "upper", "diagonal"})


def structured(node: Expr) -> Expr:
    """The node with the diagonal in place of a diagonal or triangular matrix, where that is all that counts.

    >>> from closedform.expression.calculus import dot
    >>> from closedform.expression.expr import input_
    >>> from closedform.expression.size import Size
    >>> n = Size.axis("x", 0, 3)
    >>> D, x = input_("D", (n, n), ("diagonal",)), input_("x", (n,))
    >>> structured(dot(D, x)) is contract([Factor(D, "ii"), Factor(x, "i")], "i")
    True
    """
    if node.op == "contract":
        return _with_diagonals(node)
    if node.op not in {"inv", "det", "logdet"}:
        return node
    (x,) = node.args
    if node.op == "inv":
        return contract([Factor(x, (0, 0), -1)], (0, 0)) if "diagonal" in structure(x) else node
    if not structure(x) & TRIANGULAR:
        return node
    diagonal = contract([Factor(x, (0, 0))], (0,))
    if node.op == "det":
        return products_without(diagonal, 0)
    absolute = Expr("abs", (diagonal,), (), diagonal.shape)
    return contract([Factor(Expr("log", (absolute,), (), diagonal.shape), (0,))], ())


def _with_diagonals(node: Expr) -> Expr:
    """A product with diagonal matrices, each as its diagonal."""
    factors = factors_of(node)
    if sum(f.base.ndim > 0 for f in factors) < 2:
        return node
    changed: list[Factor] = []
    for f in factors:
        if len(set(f.labels)) == 2 and f.exponent == 1 and "diagonal" in structure(f.base):
            first, second = f.labels
            base, exponent = (f.base.args[0], -1) if f.base.op == "inv" else (f.base, 1)
            same = identity(base.shape[:1])
            changed += [Factor(base, (first, first), exponent), Factor(same, (first, second))]
        else:
            changed.append(f)
    spec = spec_of(node)
    if len(changed) == len(factors):
        return node
    return contract(changed, spec.out, label_sizes(node), spec.coefficient)


def solver(x: Expr) -> str:
    """How systems with the matrix are best solved: "spd", "lower", "upper", or "" for any."""
    found = structure(x)
    return next((kind for kind in ("spd", "lower", "upper") if kind in found), "")
