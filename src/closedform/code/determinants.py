"""Derivatives of determinants where the matrix may be singular: formulas divide by det, code does not."""

from __future__ import annotations

from collections import defaultdict

from closedform.expression.calculus import (
    Factor,
    Number,
    contract,
    factors_of,
    is_symmetric,
    label_sizes,
    linear,
    spec_of,
    terms_of,
)
from closedform.expression.expr import Expr, rebuild, toposort

Pair = tuple[int, ...]
Pairs = tuple[Pair, Pair]


def without_division(root: Expr) -> Expr:
    """The expression with (C_ij C_kl - C_il C_kj) / det X, for C = cof X, as the second derivative of det X,
    which singular matrices have too; det X below other products of cofactors must not be near 0.

    >>> from closedform.expression.expr import input_
    >>> from closedform.expression.size import Size
    >>> from closedform.primitives.linalg import cofactor, det
    >>> n = Size.axis("X", 0, 3)
    >>> X = input_("X", (n, n))
    >>> C = cofactor(X)
    >>> minors = contract([Factor(C, "ij"), Factor(C, "kl")], "ijkl") - contract(
    ...     [Factor(C, "il"), Factor(C, "kj")], "ijkl"
    ... )
    >>> without_division(minors / det(X))
    second_cofactors(X)
    """
    if not any(node.op == "cofactor" for node in toposort(root)):
        return root
    return rebuild(root, _without_division)


def _without_division(node: Expr, args: tuple[Expr, ...]) -> Expr:
    node = Expr(node.op, args, node.params, node.shape)
    if node.op != "contract":
        return node
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "det" or f.exponent >= 0:
            continue
        (x,) = f.base.args
        for j, g in enumerate(factors):
            second = _over_det(g.base, x) if g.exponent == 1 and f.exponent <= -1 else None
            if second is not None:
                factors[j] = g._replace(base=second)
                factors[i] = f = f._replace(exponent=f.exponent + 1)
                break
        if f.exponent < 0 and any(n.op == "cofactor" and n.args[0] is x for n in toposort(node)):
            factors[i] = f._replace(base=Expr("regular_det", (x,), (), f.base.shape))
    kept = [f for f in factors if f.exponent != 0]
    spec = spec_of(node)
    return contract(kept, spec.out, label_sizes(node), spec.coefficient)


def _over_det(node: Expr, x: Expr) -> Expr | None:
    """A node over det x, if it is a sum of C_ij C_kl - C_il C_kj, with numbers, for C = cof x."""
    rest = _products(node, x) if node.op == "linear" and node.ndim == 4 else None
    if rest is None:
        return None
    found: list[tuple[Number, Expr]] = []
    minors = Expr("second_cofactors", (x,), (), (*x.shape, *x.shape))
    for first, second in [pairs for pairs, c in rest.items() if c > 0]:
        for (i, j), (k, l) in _orders(first, second, is_symmetric(x)):
            other = next((pairs for pairs in _orders((i, l), (k, j), is_symmetric(x)) if pairs in rest), None)
            c = rest[first, second]
            if other is None or rest[other] >= 0:
                continue
            part = min(c, -rest[other])
            rest[first, second] -= part
            rest[other] += part
            found.append((part, contract([Factor(minors, (i, j, k, l))], range(4))))
    return None if any(rest.values()) else linear(found, node.shape)


def _products(node: Expr, x: Expr) -> dict[Pairs, Number] | None:
    """A sum of products of two entries of cof x, as coefficients by their axes; None if it is another sum."""
    found: dict[Pairs, Number] = defaultdict(int)
    if node.op == "linear":
        for c, term in terms_of(node):
            part = _products(term, x)
            if part is None:
                return None
            for pairs, d in part.items():
                found[pairs] += c * d
        return found
    spec = spec_of(node) if node.op == "contract" else None
    if spec is None or len(set(spec.out)) < 4 or sum(map(len, spec.labels)) > 4:
        return None
    axes = [tuple(spec.out.index(label) for label in labels) for labels in spec.labels]
    if spec.exponents == (1,):
        for (first, second), d in (_products(node.args[0], x) or found).items():
            i, j, k, l = (axes[0][axis] for axis in (*first, *second))
            found[(i, j), (k, l)] += spec.coefficient * d
    elif spec.exponents == (1, 1) and all(arg.op == "cofactor" and arg.args[0] is x for arg in node.args):
        found[axes[0], axes[1]] = spec.coefficient
    return found or None


def _orders(first: Pair, second: Pair, symmetric: bool) -> list[Pairs]:
    """The ways to write a product of two entries of a matrix, symmetric or not."""
    turned = [(first, second[::-1]), (first[::-1], second), (first[::-1], second[::-1])]
    ways = [(first, second), *(turned if symmetric else [])]
    return [pairs for a, b in ways for pairs in ((a, b), (b, a))]
