"""Named rewrites of logarithms of probabilities: softmax, expit and their logarithms."""

from __future__ import annotations

from collections.abc import Iterator

from closedform.expression.calculus import (
    SELECTIONS,
    Factor,
    Label,
    Number,
    contract,
    factors_of,
    is_integer,
    label_sizes,
    linear,
    number,
    spec_of,
    terms_of,
    without_axes,
)
from closedform.expression.expr import Expr
from closedform.expression.size import Size
from closedform.primitives.elementwise import elementwise
from closedform.primitives.reductions import logsumexp, softmax
from closedform.simplify.rules import fn, ratio_to_softmax, rule, sum_of_exponentials, with_factors

# Positive functions whose logarithm is simpler than they are.
WITH_LOGARITHM = frozenset({"exp", "expit", "softmax"})


@rule("log of expit", "ln σ(z) = −softplus(−z)", "log")
def log_of_expit(node: Expr) -> Expr | None:
    (v,) = node.args
    return -fn("softplus", -v.args[0]) if v.op == "expit" else None


@rule("log of the other probability", "ln(1 − σ(z)) = −softplus(z)", "log", "log1p")
def log_of_one_minus_expit(node: Expr) -> Expr | None:
    (v,) = node.args
    rest = v - number(1, v.shape) if node.op == "log" else v
    opposite = -rest
    return -fn("softplus", opposite.args[0]) if opposite.op == "expit" else None


@rule("log of softmax", "ln softmax(z) = z − logsumexp(z)", "log")
def log_of_softmax(node: Expr) -> Expr | None:
    (v,) = node.args
    if v.op != "softmax":
        return None
    (z,) = v.args
    axes: tuple[int, ...] = dict(v.params)["axis"]
    every = tuple(range(z.ndim))
    total = Factor(logsumexp(z, axes), tuple(a for a in every if a not in axes))
    return z - contract([total], every, dict(enumerate(z.shape)))


@rule("log of an entry", "ln (softmax(z)_k) = (ln softmax(z))_k, also of slices, of exp and of σ", "log")
def log_of_entry(node: Expr) -> Expr | None:
    (v,) = node.args
    if v.op != "contract" or spec_of(v).coefficient != 1:
        return None
    factors = factors_of(v)
    parts = [f for f in factors if f.base.op in SELECTIONS and f.exponent == 1]
    plain = [f for f in factors if f not in parts]
    if not parts or len(plain) != 1 or plain[0].base.op not in WITH_LOGARITHM or plain[0].exponent != 1:
        return None
    labels = [label for f in factors for label in f.labels]
    uses = [1 if label in spec_of(v).out else 2 for label in labels]
    taken = {f.labels[-1] for f in parts}
    summed = set(labels) - set(spec_of(v).out)
    alone = len(set(spec_of(v).out)) == v.ndim and set(spec_of(v).out) <= set(labels)
    if [labels.count(label) for label in labels] != uses or not alone:
        return None
    if summed != taken or len(taken) < len(parts) or not taken <= set(plain[0].labels):
        return None
    return with_factors(v, [f._replace(base=fn("log", f.base)) if f is plain[0] else f for f in factors])


@rule("log of product", "ln(u e^z) = z + ln u, ln(u σ(z)) = ln σ(z) + ln u, ...", "log")
def log_of_product(node: Expr) -> Expr | None:
    (v,) = node.args
    if v.op != "contract":
        return None
    spec = spec_of(v)
    if any(label not in spec.out for labels in spec.labels for label in labels):
        return None
    if len(set(spec.out)) < len(spec.out) or spec.coefficient == 0:
        return None
    factors = factors_of(v)
    plain = [f for f in factors if f.base.op in WITH_LOGARITHM]
    if not plain or (len(factors) == 1 and spec.coefficient == 1 and factors[0].exponent == 1):
        return None
    sizes = label_sizes(v)
    terms: list[tuple[Number, Expr]] = [
        (f.exponent, contract([Factor(fn("log", f.base), f.labels)], spec.out, sizes)) for f in plain
    ]
    rest = [f for f in factors if f.base.op not in WITH_LOGARITHM]
    if rest or spec.coefficient != 1:
        terms.append((1, fn("log", contract(rest, spec.out, sizes, spec.coefficient))))
    return linear(terms, v.shape)


@rule("softmax in a product", "e^(z + u) / Σ e^z = softmax(z) e^u", "contract")
def product_with_softmax(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        found = sum_of_exponentials(f.base) if is_integer(f.exponent) and f.exponent < 0 else None
        if found is None:
            continue
        z, labels, out = found
        names: dict[Label, Label] = dict(zip(out, f.labels, strict=True))
        for j, g in enumerate(factors):
            if g.base.op != "exp" or g.exponent != 1 or g.base.ndim < z.ndim:
                continue
            (u,) = g.base.args
            for there in _places(g.labels, labels, names):
                position = {label: axis for axis, label in enumerate(g.labels)}
                at = tuple(position[label] for label in there)
                if z.shape != tuple(u.shape[axis] for axis in at):
                    continue
                inside = [Factor(z, at)]
                shift = contract(inside, tuple(range(u.ndim)), dict(enumerate(u.shape)))
                rest = linear([(1, u), (f.exponent, shift)], u.shape)
                if len(terms_of(rest)) >= len(terms_of(u)):
                    continue
                axes = tuple(a for a, label in enumerate(labels) if label not in out)
                kept = [h for k, h in enumerate(factors) if k not in (i, j)]
                kept += [Factor(softmax(z, axes), there, -f.exponent), Factor(fn("exp", rest), g.labels)]
                return with_factors(node, kept)
    return None


@rule("softmax in a sum", "Σ e^z u / Σ e^z = Σ softmax(z) u", "contract")
def sum_with_softmax(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.labels or not is_integer(f.exponent) or f.exponent >= 0 or not sum_of_exponentials(f.base):
            continue
        for j, g in enumerate(factors):
            if g.exponent != 1 or g.base.op not in ("contract", "linear") or g.base is f.base:
                continue
            terms = [(c, _with_softmax(t, f)) for c, t in terms_of(g.base)]
            found = [(c, t) for c, t in terms if t is not None]
            if len(found) == len(terms):
                rest = [h for k, h in enumerate(factors) if k not in (i, j)]
                return with_factors(node, [*rest, Factor(linear(found, g.base.shape), g.labels)])
    return None


def _with_softmax(term: Expr, divisor: Factor) -> Expr | None:
    """A term divided by a sum of exponentials, if a softmax comes out."""
    if term.op != "contract" or not any(arg.op == "exp" for arg in term.args):
        return None
    spec = spec_of(term)
    divided = Expr(
        "contract",
        (*term.args, divisor.base),
        (spec._replace(labels=(*spec.labels, ()), exponents=(*spec.exponents, divisor.exponent)),),
        term.shape,
    )
    return ratio_to_softmax(divided) or product_with_softmax(divided)


def _places(
    given: tuple[Label, ...], labels: tuple[Label, ...], names: dict[Label, Label]
) -> Iterator[tuple[Label, ...]]:
    """The labels that the summed array may have in a product: those of its result are known."""
    if any(there not in given for there in names.values()):
        return
    free = [label for label in given if label not in names.values()]
    summed = [label for label in labels if label not in names]
    if len(free) == len(summed):
        order = iter(free)
        yield tuple(names[label] if label in names else next(order) for label in labels)


@rule("shift of logsumexp", "logsumexp(z + c) = logsumexp(z) + c", "logsumexp")
def shift_of_logsumexp(node: Expr) -> Expr | None:
    (v,) = node.args
    axes: tuple[int, ...] = dict(node.params)["axis"]
    split = _constant_along(v, axes)
    if split is None:
        return None
    rest, shift = split
    return logsumexp(rest, axes) + without_axes(shift, axes)


@rule("shift of softmax", "softmax(z + c) = softmax(z)", "softmax")
def shift_of_softmax(node: Expr) -> Expr | None:
    (v,) = node.args
    axes: tuple[int, ...] = dict(node.params)["axis"]
    split = _constant_along(v, axes)
    return None if split is None else softmax(split[0], axes)


def _constant_along(v: Expr, axes: tuple[int, ...]) -> tuple[Expr, Expr] | None:
    """(rest, constant) where v is their sum and the second, a contraction, is constant along the axes."""
    constant: list[tuple[Number, Expr]] = []
    rest: list[tuple[Number, Expr]] = []
    for c, term in terms_of(v):
        (constant if _is_constant(term, axes) else rest).append((c, term))
    if not constant or not rest:
        return None
    shift = linear(constant, v.shape)
    return (linear(rest, v.shape), shift) if _is_constant(shift, axes) else None


def _is_constant(term: Expr, axes: tuple[int, ...]) -> bool:
    if term.op != "contract":
        return False
    spec = spec_of(term)
    used = {label for labels in spec.labels for label in labels}
    return all(spec.out[a] not in used and spec.out.count(spec.out[a]) == 1 for a in axes)


@rule("opposite arguments", "softplus(−z) = softplus(z) − z, σ(−z) = 1 − σ(z)", "linear", "contract")
def opposite_arguments(node: Expr) -> Expr | None:
    factors = [f for _, term in terms_of(node) for f in _factors(term)]
    bases = {f.base for f in factors if f.base.op in ("expit", "softplus")}
    for base in sorted(bases, key=lambda b: (_leads_with_minus(b.args[0]), b.weight, b.key), reverse=True):
        (z,) = base.args
        other = fn(base.op, -z)
        if other not in bases:
            continue
        replaced = number(1, z.shape) - other if base.op == "expit" else other + z
        terms = []
        for c, term in terms_of(node):
            changed = [f._replace(base=replaced) if f.base is base else f for f in _factors(term)]
            terms.append((c, with_factors(term, changed) if term.op == "contract" else changed[0].base))
        new = linear(terms, node.shape)
        if node.op == "contract" or new.weight < node.weight:
            return new
    return None


def _leads_with_minus(node: Expr) -> bool:
    return any(c < 0 for c, _ in terms_of(node)[:1])


def _factors(term: Expr) -> list[Factor]:
    if term.op == "contract":
        return factors_of(term)
    return [Factor(term, tuple(range(term.ndim)))]


@rule("probabilities sum to one", "Σ softmax(z) = 1", "contract")
def sum_of_softmax(node: Expr) -> Expr | None:
    factors = factors_of(node)
    spec = spec_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "softmax" or f.exponent != 1:
            continue
        axes: tuple[int, ...] = dict(f.base.params)["axis"]
        summed = {f.labels[a] for a in axes}
        others = [label for j, g in enumerate(factors) if j != i for label in g.labels]
        kept = [label for a, label in enumerate(f.labels) if a not in axes]
        if len(summed) == len(axes) and not summed.intersection((*spec.out, *others, *kept)):
            rest = factors[:i] + factors[i + 1 :]
            sizes = {k: v for k, v in label_sizes(node).items() if k not in summed}
            missing = [label for label in kept if label not in spec.out and label not in others]
            if missing:
                continue  # a number of ones is left: the sizes' business
            return contract(rest, spec.out, sizes, spec.coefficient)
    return None


@rule("logsumexp of two numbers", "logsumexp((a, b)) = ln(e^a + e^b)", "logsumexp")
def logsumexp_of_two(node: Expr) -> Expr | None:
    (v,) = node.args
    if v.ndim != 1 or v.shape[0] != Size.of(2) or node.shape:
        return None
    entries: list[list[tuple[Number, Expr]]] = [[], []]
    waiting: list[tuple[Expr, Expr]] = [(number(1), v)]
    while waiting:
        scale, vector = waiting.pop()
        for c, term in terms_of(vector):
            scalars = [f for f in _factors(term) if not f.labels]
            vectors = [f.base for f in _factors(term) if f.labels]
            factor = contract([*scalars, Factor(scale)], (), coefficient=c)
            if len(vectors) != 1 or vectors[0].op not in ("unit", "linear"):
                return None
            if vectors[0].op == "linear":
                waiting.append((factor, vectors[0]))
            else:
                entries[dict(vectors[0].params)["index"]].append((1, factor))
    return elementwise("logaddexp", linear(entries[0], ()), linear(entries[1], ()))


@rule(
    "softmax's derivative along a vector",
    "(diag(p) − p p') g = p ⊙ (g − (p'g) 1) for p = softmax(z)",
    "contract",
)
def softmax_along_vector(node: Expr) -> Expr | None:
    factors = factors_of(node)
    arrays = [f for f in factors if f.labels]
    if len(arrays) != 2 or node.ndim != 1 or any(f.exponent != 1 for f in arrays):
        return None
    for matrix, g in (arrays, arrays[::-1]):
        if matrix.base.op != "linear" or g.base.ndim != 1 or g.base.args:
            continue  # of a longer g there would be two
        p = next((arg for term in matrix.base.args for arg in term.args if arg.op == "softmax"), None)
        if p is None or p.ndim != 1:
            continue
        same = contract([Factor(p, (0,))], (0, 0))
        outer = contract([Factor(p, (0,)), Factor(p, (1,))], (0, 1))
        sign = 1 if matrix.base is same - outer else -1 if matrix.base is outer - same else 0
        if sign:
            mean = contract([Factor(p, (0,)), Factor(g.base, (0,))], ())
            spread = contract([Factor(mean)], (0,), {0: p.shape[0]})
            rest = [f for f in factors if not f.labels]
            (out,) = spec_of(node).out
            new = [*rest, Factor(p, (out,)), Factor(g.base - spread, (out,))]
            return contract(new, (out,), coefficient=sign * spec_of(node).coefficient)
    return None
