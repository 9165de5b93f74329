"""Named rewrites of determinants and cofactors, of products of square matrices, and of reshapes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from closedform.expression.calculus import (
    Factor,
    Label,
    contract,
    factors_of,
    identity,
    is_symmetric,
    label_sizes,
    linear,
    number,
    power,
    spec_of,
    terms_of,
    transpose,
)
from closedform.expression.expr import Expr
from closedform.expression.facts import holds
from closedform.primitives.factorisations import eigenvectors
from closedform.primitives.linalg import cofactor, det, inv, logdet
from closedform.simplify.rules import rule, symmetric_part, with_factors


@rule("cofactors by the determinant", "cof(X) / det X = X^-T", "contract")
def cofactors_by_determinant(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "cofactor" or f.exponent != 1:
            continue
        for j, g in enumerate(factors):
            if g.base.op == "det" and g.base.args == f.base.args and g.exponent <= -1:
                *stack, row, column = f.labels
                rest = [h for k, h in enumerate(factors) if k not in (i, j)]
                rest.append(Factor(inv(f.base.args[0]), (*stack, column, row)))
                if g.exponent != -1:
                    rest.append(g._replace(exponent=g.exponent + 1))
                return with_factors(node, rest)
    return None


@rule(
    "cofactors of a regular matrix",
    "cof X = det(X) X^-T",
    "contract",
    "linear",
    condition="beside X^-1, a negative power of det X, or any power of it if X is known to be definite",
)
def cofactors_of_regular(node: Expr) -> Expr | None:
    regular = {x for _, t in terms_of(node) if t.op == "contract" for x in _known_regular(factors_of(t))}
    new = _by_inverses(node, regular) if regular else node
    return None if new is node else new


def _by_inverses(node: Expr, regular: set[Expr]) -> Expr:
    """A sum or product with the cofactors of regular matrices written by their inverses, in its sums too."""
    if node.op == "cofactor":
        return contract(_by_inverse(Factor(node, tuple(range(node.ndim))), regular), tuple(range(node.ndim)))
    if node.op == "linear":
        terms = [(c, t, _by_inverses(t, regular)) for c, t in terms_of(node)]
        changed = any(new is not t for _, t, new in terms)
        return linear([(c, new) for c, _, new in terms], node.shape) if changed else node
    if node.op != "contract":
        return node
    factors = factors_of(node)
    new = [g for f in factors for g in _by_inverse(f, regular)]
    new = [f._replace(base=_by_inverses(f.base, regular)) if f.base.op == "linear" else f for f in new]
    return with_factors(node, new) if new != factors else node


def _known_regular(factors: list[Factor]) -> Iterator[Expr]:
    """The matrices that must be regular for a product to have a value, or whose determinant is positive."""
    # Derivatives of cof X are cof X by X^-1, or by cof(X) / det X, and have a value where X is singular too.
    beside = {f.base.args[0] for f in factors if f.base.op == "cofactor"}
    for f in factors:
        if f.base.op == "inv" and f.base.args[0] not in beside:
            yield f.base.args[0]
        elif f.base.op == "det":
            of_cofactors = sum(_cofactors(g.base, f.base.args[0]) for g in factors) + f.exponent == 1
            if holds(f.base.args[0], "spd") or (f.exponent < 0 and not of_cofactors):
                yield f.base.args[0]
        elif f.base.op in ("contract", "linear"):
            inner = (arg for term in terms_of(f.base) for arg in (term[1], *term[1].args))
            yield from (arg.args[0] for arg in inner if arg.op == "inv" and arg.args[0] not in beside)


def _cofactors(node: Expr, x: Expr) -> int:
    """How many cofactor matrices of x are multiplied in a term of a sum or product."""
    if node.op == "cofactor":
        return int(node.args[0] is x)
    if node.op not in ("contract", "linear"):
        return 0
    counts = [_cofactors(arg, x) for arg in node.args]
    return sum(counts) if node.op == "contract" else max(counts, default=0)


def _by_inverse(f: Factor, regular: set[Expr]) -> list[Factor]:
    """The cofactors of a regular matrix by its inverse; any other factor as it is."""
    if f.base.op != "cofactor" or f.exponent != 1 or f.base.args[0] not in regular:
        return [f]
    (x,) = f.base.args
    *stack, row, column = f.labels
    return [Factor(det(x), tuple(stack)), Factor(inv(x), (*stack, column, row))]


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


@rule(
    "log of a determinant",
    "ln(|det X|) = ln |det X|, ln(det X) = ln |det X| for det X >= 0",
    "log",
    condition="of det X without |.|: X is known to be semidefinite",
)
def log_of_determinant(node: Expr) -> Expr | None:
    (v,) = node.args
    if v.op == "det":
        return logdet(v.args[0]) if holds(v.args[0], "psd") else None
    return logdet(v.args[0].args[0]) if v.op == "abs" and v.args[0].op == "det" else None


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


@rule("sum over a flat axis", "Σ_k R_kij = 1 where k runs over the pairs (i, j)", "contract")
def sum_over_flat(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        rest = factors[:i] + factors[i + 1 :]
        flat, *parts = f.labels if f.base.op == "reshape" else (None,)
        used = {label for g in rest for label in g.labels}.union(spec_of(node).out)
        if flat is None or flat in used or len({flat, *parts}) < len(f.labels):
            continue
        ones = number(1, f.base.shape[1:])
        return with_factors(node, [*rest, Factor(ones, tuple(parts))])
    return None


# Higher powers of a matrix are left to its eigenvalues.
MOST_MULTIPLIED = 3


@rule("spectral powers", "V diag(λ^k) V' = A^k, U diag(σ) V' = A for integers k, |k| <= 3", "contract")
def spectral_power(node: Expr) -> Expr | None:
    factors, out = factors_of(node), spec_of(node).out
    for i, f in enumerate(factors):
        values = f.base.op in ("eigvalsh", "singular_values") and f.base.ndim == 1  # of one matrix
        if not values or not isinstance(f.exponent, int):
            continue
        (a,), (label,) = f.base.args, f.labels
        holders = [j for j, g in enumerate(factors) if label in g.labels and j != i]
        if len(holders) != 2 or label in out or any(factors[j].exponent != 1 for j in holders):
            continue
        left, right = (factors[j] for j in holders)
        rest = [g for j, g in enumerate(factors) if j not in (i, *holders)]
        if f.base.op == "singular_values":
            sides = {g.base.op: g for g in (left, right)}
            if f.exponent != 1 or set(sides) != {"svd_left", "svd_right"}:
                continue
            u, vt = sides["svd_left"], sides["svd_right"]
            if u.base.args == vt.base.args == (a,) and (u.labels[1], vt.labels[0]) == (label, label):
                return with_factors(node, [*rest, Factor(a, (u.labels[0], vt.labels[1]))])
        elif left.base is right.base is eigenvectors(a) and left.labels[1] == right.labels[1] == label:
            base = a if is_symmetric(a) else symmetric_part(a)
            base = base if f.exponent > 0 else inv(base)
            if abs(f.exponent) <= MOST_MULTIPLIED:
                between = [left.labels[0], *((label, n) for n in range(abs(f.exponent) - 1)), right.labels[0]]
                chain = [Factor(base, pair) for pair in itertools.pairwise(between)]
                return with_factors(node, [*rest, *chain])
    return None
