"""Products of arrays: each is its einsum, and has no derivative rule of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform.expression.calculus import Factor, Label, broadcast_shape, contract, transpose
from closedform.expression.expr import Expr
from closedform.expression.size import Size
from closedform.primitives.record import CALL, POWER, PRODUCT, Primitive, register

Bound = tuple[tuple[Any, ...], dict[str, Any]]


def _two(a: Any, b: Any) -> Bound:
    return (a, b), {}


def _matrices(rng: np.random.Generator) -> Bound:
    return (rng.standard_normal((3, 4)), rng.standard_normal((4, 2))), {}


def _lower_matmul(a: Expr, b: Expr) -> Expr:
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


def _lower_vdot(a: Expr, b: Expr) -> Expr:
    if a.ndim != b.ndim:
        raise TypeError("operands of different rank")
    labels = tuple(range(a.ndim))
    return contract([Factor(a, labels), Factor(b, labels)], ())


def _lower_outer(a: Expr, b: Expr) -> Expr:
    if a.ndim != 1 or b.ndim != 1:
        raise TypeError("only vectors: flatten the operands first")
    return contract([Factor(a, ("i",)), Factor(b, ("j",))], ("i", "j"))


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
    if not isinstance(subscripts, str):
        raise TypeError("write the subscripts as a string")
    return operands, {"subscripts": subscripts.replace(" ", "")}


def _lower_einsum(*operands: Expr, subscripts: str) -> Expr:
    if "..." in subscripts:
        raise NotImplementedError("an ellipsis in the subscripts: name the axes")
    terms, arrow, out = subscripts.partition("->")
    inputs = terms.split(",")
    if not arrow:
        letters = terms.replace(",", "")
        out = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    return contract([Factor(o, tuple(t)) for o, t in zip(operands, inputs, strict=True)], tuple(out))


def _bind_trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Bound:
    if offset != 0 or (axis1, axis2) != (0, 1):
        raise TypeError("only the main diagonal of a matrix")
    return (a,), {}


def _lower_trace(a: Expr) -> Expr:
    if a.ndim != 2 or a.shape[0].value != a.shape[1].value:
        raise TypeError("only of a square matrix")
    return contract([Factor(a, ("i", "i"))], ())


def _bind_transpose(a: Any, axes: Any = None) -> Bound:
    return (a,), {"axes": _hashable(axes)}


def _lower_transpose(a: Expr, axes: tuple[int, ...] | None) -> Expr:
    order = range(a.ndim)[::-1] if axes is None else [axis % a.ndim for axis in axes]
    return transpose(a, order)


def _bind_swapaxes(a: Any, axis1: int, axis2: int) -> Bound:
    return (a,), {"axis1": axis1, "axis2": axis2}


def _lower_swapaxes(a: Expr, axis1: int, axis2: int) -> Expr:
    order = list(range(a.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(a, order)


def _lower_diag(v: Expr) -> Expr:
    if v.ndim == 1:
        return contract([Factor(v, ("i",))], ("i", "i"))
    if v.ndim != 2 or v.shape[0].value != v.shape[1].value:
        raise TypeError("only of a vector or a square matrix")
    return contract([Factor(v, ("i", "i"))], ("i",))


def _bind_diag(v: Any, k: int = 0) -> Bound:
    if k != 0:
        raise TypeError("only the main diagonal")
    return (v,), {}


def _lower_kron(a: Expr, b: Expr) -> Expr:
    from closedform.primitives.structure import merge_axes  # structure builds on this module

    if a.ndim != b.ndim:
        raise TypeError("operands of different rank")
    left: tuple[Label, ...] = tuple(("a", i) for i in range(a.ndim))
    right: tuple[Label, ...] = tuple(("b", i) for i in range(b.ndim))
    both = [label for pair in zip(left, right, strict=True) for label in pair]
    product = contract([Factor(a, left), Factor(b, right)], both)
    return merge_axes(product, [2] * a.ndim)


register(
    Primitive(
        "matmul",
        (np.matmul,),
        _two,
        _lower_matmul,
        latex="{0} {1}",
        text="{0}{1}",
        strength=PRODUCT,
        source="{0} @ {1}",
        samples=_matrices,
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
        samples=lambda rng: ((rng.standard_normal((2, 3)), rng.standard_normal(3)), {}),
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
        samples=lambda rng: ((rng.standard_normal(3), rng.standard_normal(3)), {}),
        sources={"torch": "torch.sum({0} * {1})", "autograd": "np.sum({0} * {1})"},
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
        samples=lambda rng: ((rng.standard_normal(3), rng.standard_normal(2)), {}),
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
        samples=lambda rng: ((rng.standard_normal((2, 3)), rng.standard_normal((3, 2))), {"axes": 1}),
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
        samples=lambda rng: (
            (rng.standard_normal((2, 3)), rng.standard_normal((3, 3))),
            {"subscripts": "ij,jj->i"},
        ),
    )
)
register(
    Primitive(
        "trace",
        (np.trace,),
        _bind_trace,
        _lower_trace,
        latex=r"\operatorname{{tr}}({0})",
        text="tr({0})",
        source="np.trace({0})",
        samples=lambda rng: ((rng.standard_normal((3, 3)),), {}),
    )
)
register(
    Primitive(
        "transpose",
        (np.transpose, np.permute_dims, np.matrix_transpose),
        _bind_transpose,
        _lower_transpose,
        latex=r"{0}^\top",
        text="{0}ᵀ",
        strength=POWER,
        source="np.transpose({0}{params})",
        samples=lambda rng: ((rng.standard_normal((3, 2)),), {"axes": None}),
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
        samples=lambda rng: ((rng.standard_normal((3, 2)),), {"axis1": 0, "axis2": 1}),
        latex=r"{0}^\top",
        text="{0}ᵀ",
        strength=POWER,
    )
)
register(
    Primitive(
        "diag",
        (np.diag,),
        _bind_diag,
        _lower_diag,
        latex=r"\operatorname{{diag}}({0})",
        text="diag({0})",
        source="np.diag({0})",
        samples=lambda rng: ((rng.standard_normal((3, 3)),), {}),
        strength=CALL,
    )
)
register(
    Primitive(
        "diagonal",
        (np.diagonal,),
        lambda a: ((a,), {}),
        _lower_diag,
        latex=r"\operatorname{{diag}}({0})",
        text="diag({0})",
        source="np.diagonal({0})",
        sources={"autograd": "np.diagonal({0}, axis1=-1, axis2=-2)"},
        samples=lambda rng: ((rng.standard_normal((3, 3)),), {}),
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
        samples=lambda rng: ((rng.standard_normal((2, 3)), rng.standard_normal((2, 2))), {}),
    )
)
