"""Products of arrays: each is its einsum, and has no derivative rule of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform.expression.calculus import Factor, Label, broadcast, broadcast_shape, contract, transpose
from closedform.expression.expr import Expr
from closedform.expression.size import Size
from closedform.primitives.record import CALL, POWER, PRODUCT, Primitive, register, shape

Bound = tuple[tuple[Any, ...], dict[str, Any]]


def _two(a: Any, b: Any) -> Bound:
    return (a, b), {}


def _matrices(rng: np.random.Generator) -> Bound:
    m, k, n = shape(rng, 3)
    return (rng.standard_normal((m, k)), rng.standard_normal((k, n))), {}


def _stacks(rng: np.random.Generator) -> Bound:
    """Operands of matmul: stacks of matrices, matrices and vectors."""
    (a, b), _ = _matrices(rng)
    stack = rng.standard_normal((*shape(rng, 1), 1, *a.shape))
    others = [(a, b), (stack, b), (a[0], b), (a, b[:, 0]), (stack, np.stack([b, 2 * b]))]
    return others[rng.integers(len(others))], {}


def _inner_operands(rng: np.random.Generator) -> Bound:
    m, k, n = shape(rng, 3)
    return (rng.standard_normal((m, k)), rng.standard_normal((n, k))), {}


def _einsum_operands(rng: np.random.Generator) -> Bound:
    m, n, k = shape(rng, 3)
    a, b, c = (rng.standard_normal(s) for s in ((m, n), (n, n), (k, 1, n)))
    given = [
        ((a, b), "ij,jj->i"),
        ((a, b), "ij,jk"),
        ((c, a), "...i,...i"),
        ((a, c, b), "mi,kmi,ij->kj"),
        ((c, b), "k...i,ij->...kj"),
    ]
    operands, subscripts = given[rng.integers(len(given))]
    return operands, {"subscripts": subscripts}


def matmul(a: Expr, b: Expr) -> Expr:
    """The product of matrices, of stacks of them or with vectors, as NumPy's @."""
    left: tuple[Label, ...] = ("k",) if a.ndim == 1 else ("i", "k")
    right: tuple[Label, ...] = ("k",) if b.ndim == 1 else ("k", "j")
    stack = broadcast_shape(a.shape[:-2], b.shape[:-2])
    axes = tuple(range(len(stack)))
    sizes: dict[Label, Size] = dict(enumerate(stack))
    out = axes + tuple(label for label in left + right if label != "k")
    return contract([_stacked(a, left, stack), _stacked(b, right, stack)], out, sizes)


def _stacked(a: Expr, core: tuple[Label, ...], stack: Sequence[Size]) -> Factor:
    """A factor whose leading axes are broadcast to a stack of matrices."""
    lead = a.ndim - len(core)
    labels: list[Label] = []
    for i, size in enumerate(a.shape[:lead]):
        axis = len(stack) - lead + i
        labels.append(axis if size == stack[axis] else ("one", id(a), i))
    return Factor(a, (*labels, *core))


def _lower_dot(a: Expr, b: Expr) -> Expr:
    if not a.shape or not b.shape:
        return a * b
    left: tuple[Label, ...] = (*(("a", i) for i in range(a.ndim - 1)), "k")
    right: tuple[Label, ...] = ("k",) if b.ndim == 1 else (*(("b", i) for i in range(b.ndim - 2)), "k", "j")
    out = tuple(label for label in left + right if label != "k")
    return contract([Factor(a, left), Factor(b, right)], out)


def _lower_inner(a: Expr, b: Expr) -> Expr:
    if not a.shape or not b.shape:
        return a * b
    left: tuple[Label, ...] = (*(("a", i) for i in range(a.ndim - 1)), "k")
    right: tuple[Label, ...] = (*(("b", i) for i in range(b.ndim - 1)), "k")
    return contract([Factor(a, left), Factor(b, right)], left[:-1] + right[:-1])


def _flat(a: Expr) -> Expr:
    from closedform.primitives.structure import flattened  # structure builds on this module

    return flattened(a)


def _lower_vdot(a: Expr, b: Expr) -> Expr:
    if [s.value for s in a.shape] != [s.value for s in b.shape]:
        a, b = _flat(a), _flat(b)
    labels = tuple(range(a.ndim))
    return contract([Factor(a, labels), Factor(b, labels)], ())


def _vdot_sample(rng: np.random.Generator) -> Bound:
    a, b = rng.standard_normal((2, *shape(rng, 2)))
    return (a, b if rng.integers(2) else b.reshape(b.shape[::-1])), {}


def _lower_outer(a: Expr, b: Expr) -> Expr:
    return contract([Factor(_flat(a), ("i",)), Factor(_flat(b), ("j",))], ("i", "j"))


def _lower_tensordot(a: Expr, b: Expr, axes: Any) -> Expr:
    if isinstance(axes, int):
        pairs = list(zip(range(a.ndim - axes, a.ndim), range(axes), strict=True))
    else:
        first, second = (np.atleast_1d(x).tolist() for x in axes)
        pairs = [(i % a.ndim, j % b.ndim) for i, j in zip(first, second, strict=True)]
    left: list[Label] = [("a", i) for i in range(a.ndim)]
    right: list[Label] = [("b", i) for i in range(b.ndim)]
    for n, (i, j) in enumerate(pairs):
        left[i] = right[j] = ("k", n)
    out = [label for label in left + right if not (isinstance(label, tuple) and label[0] == "k")]
    return contract([Factor(a, tuple(left)), Factor(b, tuple(right))], out)


def _hashable(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_hashable(v) for v in value)
    return value.item() if isinstance(value, np.generic) else value


def _bind_tensordot(a: Any, b: Any, axes: Any = 2) -> Bound:
    return (a, b), {"axes": _hashable(axes)}


def _bind_einsum(subscripts: Any, *operands: Any, optimize: Any = None) -> Bound:
    if isinstance(subscripts, str):
        return operands, {"subscripts": subscripts.replace(" ", "")}
    given = (subscripts, *operands)  # array, labels, array, labels, ..., and maybe those of the result
    terms = ",".join(map(_letters, given[1::2]))
    if len(given) % 2:
        terms += f"->{_letters(given[-1])}"
    return given[: len(given) // 2 * 2 : 2], {"subscripts": terms}


def _letters(labels: Sequence[Any]) -> str:
    return "".join("..." if label is Ellipsis else chr(ord("a") + label) for label in labels)


def _lower_einsum(*operands: Expr, subscripts: str) -> Expr:
    terms, arrow, out = subscripts.partition("->")
    if not arrow:
        letters = terms.replace(",", "").replace(".", "")
        once = sorted(c for c in set(letters) if letters.count(c) == 1)
        out = "..." * ("..." in terms) + "".join(once)
    named = [_einsum_labels(term, o.ndim) for o, term in zip(operands, terms.split(","), strict=True)]
    extra = max((sum(isinstance(x, int) for x in labels) for labels in named), default=0)
    sizes: dict[Label, Size] = {}
    for operand, labels in zip(operands, named, strict=True):
        for label, size in zip(labels, operand.shape, strict=True):
            if sizes.setdefault(label, size) == Size.of(1):
                sizes[label] = size
    factors = []
    for position, (operand, labels) in enumerate(zip(operands, named, strict=True)):
        stretched = [
            ("one", position, axis) if size == Size.of(1) != sizes[label] else label
            for axis, (label, size) in enumerate(zip(labels, operand.shape, strict=True))
        ]
        factors.append(Factor(operand, tuple(stretched)))
    return contract(factors, tuple(_einsum_labels(out, extra + len(out.replace(".", "")))), sizes)


def _einsum_labels(term: str, ndim: int) -> list[Label]:
    """The labels of an operand: letters, and for the axes of an ellipsis their distance from its end."""
    before, dots, after = term.partition("...")
    count = ndim - len(before) - len(after) if dots else 0
    return [*before, *range(-count, 0), *after]


def diagonal_of(a: Expr, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Expr:
    """The entries with column - row = offset, along a last axis."""
    from closedform.primitives.structure import select  # structure builds on this module

    if a.ndim < 2:
        raise TypeError("of an array that is no matrix")
    row, column = axis1 % a.ndim, axis2 % a.ndim
    labels: list[Label] = list(range(a.ndim))
    kept = [label for label in labels if label not in (row, column)]
    rows, columns = a.shape[row], a.shape[column]
    if not offset and rows.value == columns.value:
        labels[row] = labels[column] = "along"
        return contract([Factor(a, tuple(labels))], (*kept, "along"))
    down, right = max(-offset, 0), max(offset, 0)
    length = min(rows - down, columns - right, key=lambda size: size.value)
    if length.value <= 0:
        raise TypeError(f"the array has no entries with column - row = {offset}")
    factors = [
        Factor(a, tuple(labels)),
        Factor(select(length, rows, down), ("along", row)),
        Factor(select(length, columns, right), ("along", column)),
    ]
    return contract(factors, (*kept, "along"))


def _lower_trace(a: Expr) -> Expr:
    if a.ndim != 2 or a.shape[0].value != a.shape[1].value:
        raise TypeError("only of a square matrix")
    diagonal = diagonal_of(a)
    labels = tuple(range(diagonal.ndim))
    return contract([Factor(diagonal, labels)], labels[:-1])


def _bind_transpose(a: Any, axes: Any = None) -> Bound:
    return (a,), {"axes": None if axes is None else tuple(int(axis) % np.ndim(a) for axis in axes)}


def _lower_transpose(a: Expr, axes: tuple[int, ...] | None) -> Expr:
    order = range(a.ndim)[::-1] if axes is None else [axis % a.ndim for axis in axes]
    return transpose(a, order)


def _bind_swapaxes(a: Any, axis1: int, axis2: int) -> Bound:
    return (a,), {"axis1": axis1, "axis2": axis2}


def _lower_swapaxes(a: Expr, axis1: int, axis2: int) -> Expr:
    order = list(range(a.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(a, order)


def _lower_diag(v: Expr, k: int) -> Expr:
    from closedform.primitives.structure import select  # structure builds on this module

    if v.ndim == 2:
        return diagonal_of(v, k)
    if v.ndim != 1:
        raise TypeError("only of a vector or a matrix")
    if not k:
        return contract([Factor(v, ("i",))], ("i", "i"))
    (size,) = v.shape
    whole = size + abs(k)
    rows, columns = select(size, whole, max(-k, 0)), select(size, whole, max(k, 0))
    return contract([Factor(v, ("p",)), Factor(rows, ("p", "i")), Factor(columns, ("p", "j"))], ("i", "j"))


def _lower_kron(a: Expr, b: Expr) -> Expr:
    from closedform.primitives.structure import merge_axes  # structure builds on this module

    ndim = max(a.ndim, b.ndim)
    a, b = (broadcast(x, (*(Size.of(1),) * (ndim - x.ndim), *x.shape)) for x in (a, b))
    left: tuple[Label, ...] = tuple(("a", i) for i in range(ndim))
    right: tuple[Label, ...] = tuple(("b", i) for i in range(ndim))
    both = [label for pair in zip(left, right, strict=True) for label in pair]
    product = contract([Factor(a, left), Factor(b, right)], both)
    return merge_axes(product, [2] * ndim)


register(
    Primitive(
        "matmul",
        (np.matmul,),
        _two,
        matmul,
        latex="{0} {1}",
        text="{0}{1}",
        strength=PRODUCT,
        source="{0} @ {1}",
        samples=_stacks,
    )
)
register(
    Primitive(
        "dot",
        (np.dot,),
        _two,
        _lower_dot,
        latex="{0} {1}",
        text="{0}{1}",
        strength=PRODUCT,
        source="np.dot({0}, {1})",
        samples=_matrices,
        sources={"torch": "{0} @ {1}"},
    )
)
register(
    Primitive(
        "inner",
        (np.inner,),
        _two,
        _lower_inner,
        latex=r"\langle {0}, {1} \rangle",
        text="⟨{0}, {1}⟩",
        source="np.inner({0}, {1})",
        samples=_inner_operands,
    )
)
register(
    Primitive(
        "vdot",
        (np.vdot,),
        _two,
        _lower_vdot,
        latex=r"\langle {0}, {1} \rangle",
        text="⟨{0}, {1}⟩",
        source="np.vdot({0}, {1})",
        samples=_vdot_sample,
        sources={
            "torch": "torch.dot({0}.ravel(), {1}.ravel())",
            "autograd": "np.dot(np.ravel({0}), np.ravel({1}))",
        },
    )
)
register(
    Primitive(
        "outer",
        (np.outer,),
        _two,
        _lower_outer,
        latex=r"{0} {1}^\top",
        text="{0}{1}ᵀ",
        strength=PRODUCT,
        source="np.outer({0}, {1})",
        sources={
            "autograd": "np.outer(np.ravel({0}), np.ravel({1}))",
            "torch": "torch.outer(torch.ravel({0}), torch.ravel({1}))",
        },
        samples=lambda rng: ((rng.standard_normal(shape(rng, 2)), rng.standard_normal(shape(rng, 1))), {}),
    )
)
register(
    Primitive(
        "tensordot",
        (np.tensordot,),
        _bind_tensordot,
        _lower_tensordot,
        source="np.tensordot({0}, {1}{params})",
        latex=r"\operatorname{{tensordot}}({0}, {1})",
        text="tensordot({0}, {1})",
        call=np.tensordot,
        samples=lambda rng: (_matrices(rng)[0], {"axes": 1}),
        sources={"torch": "torch.tensordot({0}, {1}, dims={axes})"},
    )
)
register(
    Primitive(
        "einsum",
        (np.einsum,),
        _bind_einsum,
        _lower_einsum,
        source="np.einsum({subscripts}, {args})",
        latex=r"\operatorname{{einsum}}({args})",
        text="einsum({args})",
        call=lambda *operands, subscripts: np.einsum(subscripts, *operands),
        samples=_einsum_operands,
    )
)
register(
    Primitive(
        "trace",
        (np.trace,),
        lambda a: ((a,), {}),
        _lower_trace,
        latex=r"\operatorname{{tr}}({0})",
        text="tr({0})",
        source="np.trace({0})",
        samples=lambda rng: ((rng.standard_normal(shape(rng, 1) * 2),), {}),
    )
)
register(
    Primitive(
        "transpose",
        (np.transpose, np.permute_dims),
        _bind_transpose,
        _lower_transpose,
        latex=r"{0}^\top",
        text="{0}ᵀ",
        strength=POWER,
        source="np.transpose({0}{params})",
        samples=lambda rng: ((rng.standard_normal(shape(rng, 3)),), {"axes": (1, 2, 0)}),
        sources={"torch": "{0}.permute(*{axes} or range({0}.ndim - 1, -1, -1))"},
    )
)
register(
    Primitive(
        "swapaxes",
        (np.swapaxes,),
        _bind_swapaxes,
        _lower_swapaxes,
        source="np.swapaxes({0}, {axis1}, {axis2})",
        samples=lambda rng: ((rng.standard_normal(shape(rng, 3)),), {"axis1": 0, "axis2": -1}),
        latex=r"{0}^\top",
        text="{0}ᵀ",
        strength=POWER,
    )
)
register(
    Primitive(
        "diag",
        (np.diag,),
        lambda v, k=0: ((v,), {"k": int(k)}),
        _lower_diag,
        latex=r"\operatorname{{diag}}({0})",
        text="diag({0})",
        source="np.diag({0}, {k})",
        samples=lambda rng: (
            (rng.standard_normal(shape(rng, int(rng.integers(1, 3)), 2)),),
            {"k": int(rng.integers(-1, 2))},
        ),
        strength=CALL,
    )
)
register(
    Primitive(
        "diagonal",
        (np.diagonal,),
        lambda a: ((a,), {}),
        diagonal_of,
        latex=r"\operatorname{{diag}}({0})",
        text="diag({0})",
        source="np.diagonal({0})",
        sources={"autograd": "np.diagonal({0}, axis1=-1, axis2=-2)"},
        samples=lambda rng: ((rng.standard_normal(shape(rng, 1) * 2),), {}),
    )
)
register(
    Primitive(
        "diagonals",
        (),
        lambda a, offset, axis1, axis2: ((a,), {"offset": offset, "axis1": axis1, "axis2": axis2}),
        diagonal_of,
        call=np.diagonal,
        latex=r"\operatorname{{diag}}({0})",
        text="diag({0})",
        source="np.diagonal({0}, {offset}, {axis1}, {axis2})",
        sources={"autograd": None},
        samples=lambda rng: (
            (rng.standard_normal(shape(rng, 3, 2)),),
            {"offset": int(rng.integers(-1, 2)), "axis1": 2, "axis2": -2},
        ),
    )
)
register(
    Primitive(
        "kron",
        (np.kron,),
        _two,
        _lower_kron,
        latex=r"{0} \otimes {1}",
        text="{0} ⊗ {1}",
        strength=PRODUCT,
        source="np.kron({0}, {1})",
        samples=lambda rng: ((rng.standard_normal(shape(rng, 2)), rng.standard_normal(shape(rng, 2))), {}),
    )
)
