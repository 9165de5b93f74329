"""Named rewrites of determinants and cofactors, of products of square matrices, and of reshapes."""

from __future__ import annotations

from closedform.expression.calculus import (
    Factor,
    Label,
    contract,
    factors_of,
    identity,
    label_sizes,
    power,
    spec_of,
    transpose,
)
from closedform.expression.expr import Expr
from closedform.primitives.linalg import cofactor, det, inv, logdet
from closedform.simplify.rules import rule, with_factors


@rule("cofactors by the determinant", "cof(X) / det X = X^-T", "contract")
def cofactors_by_determinant(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "cofactor" or f.exponent != 1:
            continue
        (x,) = f.base.args
        for j, g in enumerate(factors):
            if g.base.op == "det" and g.base.args[0] is x and g.exponent <= -1:
                rest = [h for k, h in enumerate(factors) if k not in (i, j)]
                rest.append(Factor(inv(x), f.labels[::-1]))
                if g.exponent != -1:
                    rest.append(g._replace(exponent=g.exponent + 1))
                return with_factors(node, rest)
    return None


@rule("determinant of inverse", "det(X^-1) = 1 / det X, ln |det X^-1| = −ln |det X|", "det", "logdet")
def determinant_of_inverse(node: Expr) -> Expr | None:
    (x,) = node.args
    if x.op != "inv":
        return None
    return -logdet(x.args[0]) if node.op == "logdet" else power(det(x.args[0]), -1)


@rule("cofactors of inverse", "cof(X^-1) = X' / det X", "cofactor")
def cofactors_of_inverse(node: Expr) -> Expr | None:
    (y,) = node.args
    if y.op != "inv":
        return None
    (x,) = y.args
    return contract([Factor(x, ("i", "j")), Factor(det(x), (), -1)], ("j", "i"))


def _square_chain(node: Expr) -> list[Expr] | None:
    """The square matrices whose product the node is, in order; None if it is no such product."""
    if node.op != "contract":
        return None
    spec = spec_of(node)
    factors = factors_of(node)
    if len(factors) < 2 or spec.coefficient != 1 or len(set(spec.out)) != 2:
        return None
    if any(f.base.ndim != 2 or f.base.shape != node.shape or f.exponent != 1 for f in factors):
        return None
    chain = []
    at: Label
    at, end = spec.out
    left = list(factors)
    while left:
        here = [f for f in left if at in f.labels]
        if len(here) != 1 or here[0].labels[0] == here[0].labels[1]:
            return None
        left.remove(here[0])
        forward = here[0].labels[0] == at
        chain.append(here[0].base if forward else transpose(here[0].base, (1, 0)))
        at = here[0].labels[1 if forward else 0]
    return chain if at == end else None


@rule("determinant of product", "det(A B) = det A det B for square A, B", "det")
def determinant_of_product(node: Expr) -> Expr | None:
    chain = _square_chain(node.args[0])
    return None if chain is None else contract([Factor(det(x)) for x in chain], ())


@rule("log determinant of product", "ln |det A B| = ln |det A| + ln |det B| for square A, B", "logdet")
def log_determinant_of_product(node: Expr) -> Expr | None:
    chain = _square_chain(node.args[0])
    if chain is None:
        return None
    total = logdet(chain[0])
    for x in chain[1:]:
        total = total + logdet(x)
    return total


@rule("cofactors of product", "cof(A B) = cof A cof B for square A, B", "cofactor")
def cofactors_of_product(node: Expr) -> Expr | None:
    chain = _square_chain(node.args[0])
    if chain is None:
        return None
    return contract([Factor(cofactor(x), (i, i + 1)) for i, x in enumerate(chain)], (0, len(chain)))


@rule("log of a determinant's size", "ln(|det X|) = ln |det X|", "log")
def log_of_determinant(node: Expr) -> Expr | None:
    (v,) = node.args
    if v.op != "abs" or v.args[0].op != "det":
        return None
    return logdet(v.args[0].args[0])


@rule("cofactors times the matrix", "X' cof X = det(X) I = cof(X) X'", "contract")
def cofactors_times_matrix(node: Expr) -> Expr | None:
    factors = factors_of(node)
    spec = spec_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "cofactor" or f.exponent != 1:
            continue
        for j, g in enumerate(factors):
            if g.base is not f.base.args[0] or g.exponent != 1:
                continue
            for axis in (0, 1):
                shared, others = f.labels[axis], (f.labels[1 - axis], g.labels[1 - axis])
                uses = sum(h.labels.count(shared) for h in factors)
                if g.labels[axis] != shared or shared in spec.out or uses != 2:
                    continue
                rest = [h for k, h in enumerate(factors) if k not in (i, j)]
                size = label_sizes(node)[others[0]]
                return with_factors(node, [*rest, Factor(identity((size,)), others), Factor(det(g.base))])
    return None


@rule("reshape there and back", "Σ_k R_kij R_kpq = δ_ip δ_jq where k runs over the pairs (i, j)", "contract")
def reshape_and_back(node: Expr) -> Expr | None:
    factors = factors_of(node)
    spec = spec_of(node)
    seen: dict[object, int] = {}
    for j, g in enumerate(factors):
        if g.base.op != "reshape" or g.exponent != 1:
            continue
        merged = g.labels[0]
        i = seen.setdefault(merged, j)
        f = factors[i]
        uses = sum(h.labels.count(merged) for h in factors)
        if i == j or f.base is not g.base or merged in spec.out or uses != 2:
            continue
        rest = [h for k, h in enumerate(factors) if k not in (i, j)]
        pairs = zip(f.labels[1:], g.labels[1:], f.base.shape[1:], strict=True)
        return with_factors(node, [*rest, *(Factor(identity((n,)), (a, b)) for a, b, n in pairs)])
    return None
