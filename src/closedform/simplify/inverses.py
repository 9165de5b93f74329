"""Named rewrites of inverse matrices: of products, and beside what they are the inverse of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

from closedform.expression.calculus import (
    Factor,
    Label,
    Number,
    contract,
    exact,
    factors_of,
    identity,
    is_symmetric,
    label_sizes,
    spec_of,
)
from closedform.expression.expr import Expr
from closedform.simplify.rules import fn, rule, with_factors


@rule("inverse of inverse", "(X^-1)^-1 = X", "inv")
def inverse_of_inverse(node: Expr) -> Expr | None:
    (x,) = node.args
    return x.args[0] if x.op == "inv" else None


def _scalars_and_arrays(x: Expr) -> tuple[list[Factor], list[Factor]]:
    """The factors of a product without labels, and with labels."""
    factors = factors_of(x)
    return [f for f in factors if not f.labels], [f for f in factors if f.labels]


def _divided(
    inverses: list[Factor], scalars: list[Factor], out: Sequence[Label], coefficient: Number
) -> Expr:
    """A product of inverses over scalars and a number."""
    below = [f._replace(exponent=exact(-f.exponent)) for f in scalars]
    return contract([*inverses, *below], out, coefficient=exact(1 / Fraction(coefficient)))


@rule("inverse of product", "(c A B)^-1 = B^-1 A^-1 / c", "inv", condition="the factors are square")
def inverse_of_product(node: Expr) -> Expr | None:
    (x,) = node.args
    if x.op != "contract":
        return None
    spec = spec_of(x)
    scalars, matrices = _scalars_and_arrays(x)
    if any(f.base.ndim != 2 or f.base.shape != x.shape or f.exponent != 1 for f in matrices):
        return None
    outer = set(spec.out)
    counts = {label: sum(f.labels.count(label) for f in matrices) for f in matrices for label in f.labels}
    if len(outer) != 2 or any(n != (1 if label in outer else 2) for label, n in counts.items()):
        return None
    if len(matrices) == 1 and not scalars and spec.coefficient == 1:
        return None  # a transpose: another rule's
    if any(f.labels[0] == f.labels[1] for f in matrices):
        return None
    inverses = [Factor(fn("inv", f.base), f.labels[::-1], 1) for f in matrices]
    return _divided(inverses, scalars, spec.out[::-1], spec.coefficient)


@rule("inverse of multiple", "(c X)^-1 = X^-1 / c", "inv")
def inverse_of_multiple(node: Expr) -> Expr | None:
    (x,) = node.args
    if x.op != "contract":
        return None
    spec = spec_of(x)
    scalars, arrays = _scalars_and_arrays(x)
    if not arrays or spec.coefficient == 0 or (spec.coefficient == 1 and not scalars):
        return None
    axes = tuple(range(x.ndim))
    inverse = Factor(fn("inv", contract(arrays, spec.out, label_sizes(x))), axes)
    return _divided([inverse], scalars, axes, spec.coefficient)


@rule("product with inverse", "X^-1 X = I = X X^-1, also where X is a product", "contract")
def product_with_inverse(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "inv" or f.exponent != 1 or len(set(f.labels)) != 2:
            continue
        (x,) = f.base.args
        rest = factors[:i] + factors[i + 1 :]
        for a in (0, 1):
            for places, labels in _occurrences(x, rest, 1 - a, f.labels[a]):
                end = labels.pop(_pattern(x)[1][a])
                others = [g for k, g in enumerate(rest) if k not in places]
                if stands_alone(labels.values(), others, node):
                    other = f.labels[1 - a]
                    same = Factor(identity((label_sizes(node)[other],)), (other, end))
                    return with_factors(node, [*others, same, *inverse_number(x)])
    return None


def stands_alone(labels: Iterable[Label], others: Sequence[Factor], node: Expr) -> bool:
    """Whether labels stand neither in the other factors nor in the result."""
    used = {label for g in others for label in g.labels}.union(spec_of(node).out)
    return used.isdisjoint(labels)


def inverse_number(x: Expr) -> list[Factor]:
    """One over the number that stands before the factors of a product."""
    coefficient = Fraction(spec_of(x).coefficient) if x.op == "contract" else Fraction(1)
    return [Factor(contract([], (), coefficient=1 / coefficient))] if coefficient != 1 else []


def _pattern(x: Expr) -> tuple[list[Factor], tuple[Label, ...]]:
    """The factors of a matrix, and the labels of its axes."""
    return (factors_of(x), spec_of(x).out) if x.op == "contract" else ([Factor(x, (0, 1))], (0, 1))


def _occurrences(
    x: Expr, factors: Sequence[Factor], axis: int, label: Label
) -> Iterator[tuple[set[int], dict[Label, Label]]]:
    """Where among factors those of a matrix stand with a label at one of its axes: their positions, and the
    labels that stand for its own."""
    pattern, out = _pattern(x)
    if len(set(out)) == 2 and set(out) <= {label for p in pattern for label in p.labels}:
        yield from matched(pattern, factors, set(), {out[axis]: label})


def matched(
    pattern: list[Factor], factors: Sequence[Factor], used: set[int], labels: Mapping[Label, Label]
) -> Iterator[tuple[set[int], dict[Label, Label]]]:
    """The ways to find the factors of a pattern among others, those first that share a label."""
    if not pattern:
        yield used, dict(labels)
        return
    n = next((n for n, p in enumerate(pattern) if not p.labels or not labels.keys().isdisjoint(p.labels)), 0)
    wanted = pattern[n]
    for k, g in enumerate(factors):
        if k in used or g.base is not wanted.base or g.exponent != wanted.exponent:
            continue
        turned = len(g.labels) == 2 and is_symmetric(g.base)
        for found in (g.labels, g.labels[::-1]) if turned else (g.labels,):
            pairs = dict(labels) | dict(zip(wanted.labels, found, strict=True))
            agrees = all(
                labels.get(own, other) == other for own, other in zip(wanted.labels, found, strict=True)
            )
            if agrees and len(set(pairs.values())) == len(pairs):
                yield from matched(pattern[:n] + pattern[n + 1 :], factors, used | {k}, pairs)
