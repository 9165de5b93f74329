"""Reductions along axes: sums are contractions; the others have a Jacobian of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

from closedform.expression.calculus import (
    Factor,
    Label,
    broadcast,
    contract,
    multiply,
    number,
    power,
    size_number,
    transpose,
    zeros,
)
from closedform.expression.expr import Expr
from closedform.expression.size import Size
from closedform.primitives.contraction import Bound, _hashable
from closedform.primitives.record import ATOM, CALL, Primitive, emitted, register, shape

Axis = int | tuple[int, ...] | None


def axes_of(node: Expr, axis: Axis) -> tuple[int, ...]:
    """The axes that a reduction runs over, as positions from the front."""
    if axis is None:
        return tuple(range(node.ndim))
    chosen = axis if isinstance(axis, tuple) else (axis,)
    return tuple(a % node.ndim for a in chosen)


def keep_axes(reduced: Expr, node: Expr, axes: tuple[int, ...], keepdims: bool) -> Expr:
    """The reduction's result, with axes of size 1 where `keepdims` asks for them."""
    if not keepdims:
        return reduced
    kept = [a for a in range(node.ndim) if a not in axes]
    shape = [Size.of(1) if a in axes else node.shape[a] for a in range(node.ndim)]
    return contract([Factor(reduced, tuple(kept))], tuple(range(node.ndim)), dict(enumerate(shape)))


def sum_over(node: Expr, axis: Axis = None, keepdims: bool = False) -> Expr:
    """The sum over axes."""
    axes = axes_of(node, axis)
    kept: tuple[Label, ...] = tuple(a for a in range(node.ndim) if a not in axes)
    reduced = contract([Factor(node, tuple(range(node.ndim)))], kept)
    return keep_axes(reduced, node, axes, keepdims)


def _count(node: Expr, axis: Axis) -> Expr:
    return multiply(1, *(size_number(node.shape[a]) for a in axes_of(node, axis)))


def mean_over(node: Expr, axis: Axis = None, keepdims: bool = False) -> Expr:
    """The mean over axes."""
    total = sum_over(node, axis, keepdims)
    return multiply(total, power(_some(_count(node, axis)), -1))


def _some(count: Expr) -> Expr:
    """A number of entries to divide by."""
    if count is number(0):
        raise NotImplementedError("there are no entries to take the mean of")
    return count


def _lower_variance(node: Expr, axis: Axis, ddof: int, keepdims: bool) -> Expr:
    centred = node - broadcast(mean_over(node, axis, True), node.shape)
    count = _count(node, axis) - ddof
    return multiply(sum_over(centred**2, axis, keepdims), power(_some(count), -1))


def _lower_deviation(node: Expr, axis: Axis, ddof: int, keepdims: bool) -> Expr:
    return power(_lower_variance(node, axis, ddof, keepdims), 0.5)


def _bind(a: Any, axis: Any = None, *, keepdims: Any = False) -> Bound:
    if keepdims and axis is None:
        axis = tuple(range(np.ndim(a)))  # PyTorch needs them
    return (a,), {"axis": axis_parameter(axis), "keepdims": bool(keepdims)}


def _bind_where(neutral: float) -> Any:
    """The call of a reduction with the keyword `where`: other entries do not count."""

    def bind(a: Any, axis: Any = None, *, keepdims: Any = False, where: Any = True) -> Bound:
        return _bind(a if where is True else np.where(where, a, neutral), axis, keepdims=keepdims)

    return bind


def _bind_spread(
    a: Any, axis: Any = None, *, ddof: int = 0, keepdims: Any = False, correction: int | None = None
) -> Bound:
    ddof = ddof if correction is None else correction
    return (a,), {"axis": axis_parameter(axis), "ddof": ddof, "keepdims": bool(keepdims)}


def axis_parameter(axis: Any) -> Axis:
    """An axis, or several, as a hashable parameter."""
    found: Axis = _hashable(axis)
    return found


def _some_axes(rng: np.random.Generator) -> Bound:
    """An array of any rank and some of its axes."""
    ndim = int(rng.integers(1, 4))
    axes: list[Axis] = [None, 0, -1, tuple(range(ndim)), (-1, 0)[: min(ndim, 2)]]
    axis = axes[rng.integers(len(axes))]
    keepdims = axis is not None and bool(rng.integers(2))
    return (rng.standard_normal(shape(rng, ndim)),), {"axis": axis, "keepdims": keepdims}


def _one_axis(rng: np.random.Generator) -> Bound:
    """An array and one of its axes."""
    ndim = int(rng.integers(1, 4))
    return (rng.standard_normal(shape(rng, ndim)),), {"axis": int(rng.integers(-ndim, ndim))}


def _spread(rng: np.random.Generator) -> Bound:
    ndim = int(rng.integers(1, 4))
    a = rng.standard_normal(shape(rng, ndim, 2))
    return (a,), {"axis": (None, 0, -1)[rng.integers(3)], "ddof": int(rng.integers(2)), "keepdims": False}


register(
    Primitive(
        "sum",
        (np.sum,),
        _bind_where(0),
        sum_over,
        latex=r"\textstyle\sum {0}",
        text="Σ {0}",
        source="np.sum({0}{params})",
        samples=_some_axes,
    )
)
register(
    Primitive(
        "mean",
        (np.mean,),
        _bind,
        mean_over,
        latex=r"\operatorname{{mean}}({0})",
        text="mean({0})",
        source="np.mean({0}{params})",
        samples=_some_axes,
        call=np.mean,
    )
)
register(
    Primitive(
        "var",
        (np.var,),
        _bind_spread,
        _lower_variance,
        latex=r"\operatorname{{var}}({0})",
        text="var({0})",
        source="np.var({0}{params})",
        samples=_spread,
        sources={"torch": "torch.var({0}, dim={axis}, correction={ddof}, keepdim={keepdims})"},
    )
)
register(
    Primitive(
        "std",
        (np.std,),
        _bind_spread,
        _lower_deviation,
        latex=r"\operatorname{{std}}({0})",
        text="std({0})",
        source="np.std({0}{params})",
        samples=_spread,
        sources={"torch": "torch.std({0}, dim={axis}, correction={ddof}, keepdim={keepdims})"},
    )
)


# --- reductions that the calculus keeps -----------------------------------------------------------


# Reductions that have no finite value where there are no entries.
OF_ENTRIES = frozenset({"max", "min", "logsumexp"})


def reduction(name: str, node: Expr, axis: Axis, keepdims: bool) -> Expr:
    """A reduction of a name over axes."""
    axes = axes_of(node, axis)
    if name in OF_ENTRIES and any(node.shape[a] == Size.of(0) for a in axes):
        raise NotImplementedError(f"there are no entries to take the {name} of")
    kept = [size for a, size in enumerate(node.shape) if a not in axes]
    return keep_axes(Expr(name, (node,), (("axis", axes),), kept), node, axes, keepdims)


def logsumexp(node: Expr, axis: Axis = None, keepdims: bool = False) -> Expr:
    """ln of the sum of exponentials over axes; over none it is the node."""
    if not axes_of(node, axis):
        return node
    return reduction("logsumexp", node, axis, keepdims)


def softmax(node: Expr, axis: Axis = None) -> Expr:
    """exp(node) divided by its sum over axes."""
    return Expr("softmax", (node,), (("axis", axes_of(node, axis)),), node.shape)


def _reduced_axes(node: Expr) -> tuple[int, ...]:
    axes: tuple[int, ...] = dict(node.params)["axis"]
    return axes


def _logsumexp_jacobian(node: Expr, _: int) -> Expr:
    """d logsumexp(v) / dv = softmax(v), along the reduced axes."""
    (v,) = node.args
    axes = _reduced_axes(node)
    kept = tuple(a for a in range(v.ndim) if a not in axes)
    labels = tuple(range(v.ndim))
    return contract([Factor(softmax(v, axes), labels)], kept + labels)


def _softmax_jacobian(node: Expr, _: int) -> Expr:
    """d p_i / dv_j = p_i (delta_ij - p_j), along the normalised axes."""
    axes = _reduced_axes(node)
    first: tuple[Label, ...] = tuple(range(node.ndim))
    second: tuple[Label, ...] = tuple(("other", a) if a in axes else a for a in range(node.ndim))
    sizes = {**dict(zip(first, node.shape, strict=True)), **dict(zip(second, node.shape, strict=True))}
    same = contract([Factor(node, first)], first + first)
    outer = contract([Factor(node, first), Factor(node, second)], first + second, sizes)
    return same - outer


register(
    Primitive(
        "logsumexp",
        (scipy.special.logsumexp,),
        _bind,
        logsumexp,
        jacobian=_logsumexp_jacobian,
        latex=r"\operatorname{{logsumexp}}({0})",
        text="logsumexp({0})",
        strength=CALL,
        source="scipy.special.logsumexp({0}{params})",
        samples=_some_axes,
        sources={"torch": "torch.logsumexp({0}, {axis} or tuple(range({0}.ndim)), keepdim={keepdims})"},
    )
)
register(
    Primitive(
        "softmax",
        (scipy.special.softmax,),
        lambda x, axis=None: ((x,), {"axis": axis_parameter(axis)}),
        softmax,
        jacobian=_softmax_jacobian,
        latex=r"\operatorname{{softmax}}({0})",
        text="softmax({0})",
        source="scipy.special.softmax({0}, axis={axis})",
        samples=_one_axis,
        sources={
            "autograd": "np.exp({0}) / np.sum(np.exp({0}), axis={axis}, keepdims=True)",
            # PyTorch's own takes one axis only
            "torch": "torch.exp({0} - torch.logsumexp({0}, {axis} or tuple(range({0}.ndim)), keepdim=True))",
        },
    )
)


def _lower_log_softmax(x: Expr, axis: Axis = None) -> Expr:
    return x - broadcast(logsumexp(x, axis, True), x.shape)


register(
    Primitive(
        "log_softmax",
        (scipy.special.log_softmax,),
        lambda x, axis=None: ((x,), {"axis": axis_parameter(axis)}),
        _lower_log_softmax,
        latex=r"\ln\operatorname{{softmax}}({0})",
        text="ln softmax({0})",
        source="scipy.special.log_softmax({0}, axis={axis})",
        samples=_one_axis,
        sources={
            "autograd": "{0} - autograd.scipy.special.logsumexp({0}, axis={axis}, keepdims=True)",
            "jax": "{0} - jax.scipy.special.logsumexp({0}, axis={axis}, keepdims=True)",
        },
    )
)


def _moved_to_end(node: Expr, axes: tuple[int, ...]) -> Expr:
    """The array with some of its axes merged into one, the last."""
    from closedform.primitives.structure import merge_axes  # structure builds on this module

    kept = [a for a in range(node.ndim) if a not in axes]
    return merge_axes(transpose(node, [*kept, *axes]), [*([1] * len(kept)), len(axes)])


def prod_over(node: Expr, axis: Axis = None, keepdims: bool = False) -> Expr:
    """The product over axes."""
    axes = axes_of(node, axis)
    if not axes:
        return node
    if len(axes) == node.ndim:
        product = products_without(_moved_to_end(node, axes), 0)
    elif len(axes) == 1:
        kept = [size for a, size in enumerate(node.shape) if a not in axes]
        product = Expr("prod", (node,), (("axis", axes[0]),), kept)
    else:
        product = prod_over(_moved_to_end(node, axes), -1)
    return keep_axes(product, node, axes, keepdims)


def products_without(v: Expr, order: int) -> Expr:
    """The derivative of order `order` of the product along the last axis: at [..., k1, ..., kn] the product
    of all entries but those, and zero where two of the indices are equal."""
    if not v.shape:
        return v
    if order:
        size = v.shape[-1]
        return Expr("products_without", (v,), (("order", order),), (*v.shape[:-1], *[size] * order))
    axis = (("axis", v.ndim - 1),) if v.ndim > 1 else ()
    return Expr("prod", (v,), axis, v.shape[:-1])


def _products_jacobian(node: Expr, _: int) -> Expr:
    """The derivative of prod without some entries leaves out one more."""
    (v,) = node.args
    parameters = dict(node.params)
    axis, order = parameters.get("axis", v.ndim - 1), parameters.get("order", 0)
    more = products_without(_moved_to_end(v, (axis,)), order + 1)
    return _along(v, axis, more, order)


def _along(v: Expr, axis: int, more: Expr, order: int) -> Expr:
    """The Jacobian of a function along one axis of v: `more` has the other axes, `order` axes of the
    function's own and the axis of v."""
    lead: list[Label] = [a for a in range(v.ndim) if a != axis]
    own: list[Label] = [("own", k) for k in range(order)]
    inner: list[Label] = ["entry" if a == axis else a for a in range(v.ndim)]
    return contract([Factor(more, (*lead, *own, "entry"))], (*lead, *own, *inner))


PRODUCTS_WITHOUT = '''
def products_without(v, order):
    """At [..., k1, ..., k_order] the product along the last axis but those; zero where indices are equal."""
    if order == 0:
        return np.prod(v, axis=-1)
    if v.shape[-1] < order:
        return np.zeros(v.shape[:-1] + v.shape[-1:] * order, v.dtype)
    ones = np.ones_like(v[..., :1])
    before = np.concatenate((ones, np.cumprod(v[..., :-1], axis=-1)), axis=-1)
    after = np.concatenate((np.cumprod(v[..., :0:-1], axis=-1)[..., ::-1], ones), axis=-1)
    if order == 1:
        return before * after
    parts = []
    for k in range(v.shape[-1]):
        part = products_without(np.delete(v, k, axis=-1), order - 1)
        for axis in range(1, order):
            part = np.insert(part, k, 0, axis=-axis)
        parts.append(part)
    return np.stack(parts, axis=-order)
'''
ONE_PLUS_PRODUCTS = (
    PRODUCTS_WITHOUT
    + '''

def one_plus_products(v, order):
    """products_without(1 + v, order), in the widest precision there is: 1 + v is not rounded."""
    wide = np.asarray(v, dtype=getattr(np, "longdouble", v.dtype))
    return np.asarray(products_without(1 + wide, order), dtype=v.dtype)[()]
'''
)


# PyTorch has neither slices with a negative step nor np.delete.
PRODUCTS_WITHOUT_IN_TORCH = '''
def products_without(v, order):
    """At [..., k1, ..., k_order] the product along the last axis but those; zero where indices are equal."""
    n = v.shape[-1]
    omitted = torch.zeros(n, dtype=v.dtype)
    for _ in range(order):
        omitted = omitted[..., None, :] + torch.eye(n, dtype=v.dtype)
    factors = torch.where(omitted > 0, 1, v.reshape((*v.shape[:-1], *[1] * order, n)))
    return torch.prod(factors, -1) * torch.all(omitted <= 1, -1)
'''
ONE_PLUS_PRODUCTS_IN_TORCH = (
    PRODUCTS_WITHOUT_IN_TORCH
    + '''

def one_plus_products(v, order):
    """products_without(1 + v, order)."""
    return products_without(1 + v, order)
'''
)


def one_plus_products(v: Expr, order: int) -> Expr:
    """`products_without` of 1 + v."""
    shape = (*v.shape[:-1], *[v.shape[-1]] * order)
    return Expr("one_plus_products", (v,), (("order", order),), shape)


def _one_plus_jacobian(node: Expr, _: int) -> Expr:
    """The derivative leaves out one entry more, as that of `products_without`."""
    (v,) = node.args
    order = dict(node.params)["order"]
    return _along(v, v.ndim - 1, one_plus_products(v, order + 1), order)


register(
    Primitive(
        "one_plus_products",
        lower=one_plus_products,
        jacobian=_one_plus_jacobian,
        latex=r"\nabla^{{{order}}}\textstyle\prod(1 + {0})",
        text="∇{order}∏(1 + {0})",
        source="one_plus_products({0}, {order})",
        helper=ONE_PLUS_PRODUCTS,
        helpers={"torch": ONE_PLUS_PRODUCTS_IN_TORCH},
        call=emitted(ONE_PLUS_PRODUCTS, "one_plus_products"),
        samples=lambda rng: (
            (rng.standard_normal(shape(rng, int(rng.integers(1, 3)))),),
            {"order": int(rng.integers(1, 3))},
        ),
    )
)
register(
    Primitive(
        "prod",
        (np.prod,),
        _bind_where(1),
        prod_over,
        jacobian=_products_jacobian,
        latex=r"\textstyle\prod {0}",
        text="∏ {0}",
        source="np.prod({0}{params})",
        samples=lambda rng: (_one_axis(rng)[0], {"axis": (None, 0, -1)[rng.integers(3)], "keepdims": False}),
    )
)
register(
    Primitive(
        "products_without",
        lower=products_without,
        jacobian=_products_jacobian,
        latex=r"\nabla^{{{order}}}\textstyle\prod({0})",
        text="∇{order}∏({0})",
        source="products_without({0}, {order})",
        helper=PRODUCTS_WITHOUT,
        helpers={"torch": PRODUCTS_WITHOUT_IN_TORCH},
        call=emitted(PRODUCTS_WITHOUT, "products_without"),
        samples=lambda rng: (
            (rng.standard_normal(shape(rng, int(rng.integers(1, 3)))),),
            {"order": int(rng.integers(1, 3))},
        ),
    )
)


# --- running products, order ------------------------------------------------------------------------


def _single(axis: Axis) -> int:
    """The one axis of a function that has one."""
    (found,) = axis if isinstance(axis, tuple) else (axis,)
    assert found is not None
    return found


def _lower_cumprod(a: Expr, axis: Axis) -> Expr:
    if axis is None:
        a, axis = _moved_to_end(a, tuple(range(a.ndim))), 0
    return Expr("cumprod", (a,), (("axis", _single(axis) % a.ndim),), a.shape)


def _cumprod_jacobian(node: Expr, _: int) -> Expr:
    """d (v_0 ... v_i) / d v_j is the product of the others for j <= i: that of row i of the matrix
    with v_j for j <= i and ones elsewhere."""
    from closedform.primitives.structure import triangle  # structure builds on this module

    (v,) = node.args
    axis = dict(node.params)["axis"]
    size = v.shape[axis]
    moved = _moved_to_end(v, (axis,))
    lead = list(range(v.ndim - 1))
    below = triangle(size, size)
    rows = contract([Factor(moved, (*lead, "j")), Factor(below, ("i", "j"))], (*lead, "i", "j"))
    rows = rows + broadcast(1 - below, rows.shape)
    others = contract(
        [Factor(products_without(rows, 1), (*lead, "i", "j")), Factor(below, ("i", "j"))], (*lead, "i", "j")
    )
    before, after = lead[:axis], lead[axis:]
    out = [*before, "i", *after, *before, "j", *after]
    return contract([Factor(others, (*lead, "i", "j"))], out)


register(
    Primitive(
        "cumprod",
        (np.cumprod,),
        lambda a, axis=None: ((a,), {"axis": axis}),
        _lower_cumprod,
        jacobian=_cumprod_jacobian,
        latex=r"\operatorname{{cumprod}}({0})",
        text="cumprod({0})",
        source="np.cumprod({0}, axis={axis})",
        sources={"autograd": None},
        samples=_one_axis,
    )
)


def _nothing(node: Expr, operand: int, cotangent: Expr) -> Expr:
    """The share of an operand that only decides: its derivative is zero."""
    lead = cotangent.shape[: cotangent.ndim - node.ndim]
    return zeros((*lead, *node.args[operand].shape))


def _decision(name: str, lower: Callable[..., Expr], bind: Callable[..., Bound], **facts: Any) -> None:
    """Register a function whose values are positions or truth values: its derivative is zero."""
    register(
        Primitive(
            name,
            (getattr(np, name),),
            bind,
            lower,
            pullback=_nothing,
            **{
                "source": f"np.{name}({{0}}{{params}})",
                "latex": rf"\operatorname{{{{{name}}}}}({{0}})",
                "text": f"{name}({{0}})",
                **facts,
            },
        )
    )


def _lower_argsort(a: Expr, axis: Axis) -> Expr:
    return Expr("argsort", (a,), (("axis", _single(axis) % a.ndim),), a.shape)


def _lower_position(name: str) -> Callable[..., Expr]:
    def lower(a: Expr, axis: int | None = None, keepdims: bool = False) -> Expr:
        if axis is None:
            reduced = lower(_moved_to_end(a, tuple(range(a.ndim))), 0)
            return keep_axes(reduced, a, tuple(range(a.ndim)), keepdims)
        return reduction(name, a, axis, keepdims)

    return lower


def _call_position(name: str) -> Callable[..., Any]:
    def call(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return getattr(np, name)(a, axis[0] if isinstance(axis, tuple) else axis, keepdims=keepdims)

    return call


def _reduced(name: str) -> Callable[..., Expr]:
    def lower(a: Expr, axis: Axis = None, keepdims: bool = False) -> Expr:
        return reduction(name, a, axis, keepdims)

    return lower


_decision(
    "argsort",
    _lower_argsort,
    lambda a, axis=-1: ((a,), {"axis": axis}),
    source="np.argsort({0}, axis={axis})",
    sources={"autograd": None},
    samples=_one_axis,
)
for _name in ("argmax", "argmin"):
    _decision(
        _name,
        _lower_position(_name),
        _bind,
        call=_call_position(_name),
        latex=rf"\operatorname{{{{index\_of\_{_name[3:]}}}}}({{0}})",
        text=f"index_of_{_name[3:]}({{0}})",
        samples=lambda rng: (_one_axis(rng)[0], {"axis": (None, 0)[rng.integers(2)], "keepdims": False}),
    )
for _name in ("all", "any"):
    _decision(_name, _reduced(_name), _bind, boolean=True, samples=_some_axes)


def _lower_sort(a: Expr, axis: Axis) -> Expr:
    if axis is None:
        a, axis = _moved_to_end(a, tuple(range(a.ndim))), 0
    return Expr("sort", (a,), (("axis", _single(axis) % a.ndim),), a.shape)


def take_along(values: Expr, order: Expr, axis: int) -> Expr:
    """values[..., order, ...]: the order, a permutation along the axis `axis` of `order`, is that of the last
    axes of the values."""
    if values.ndim == 1:
        return Expr("rearranged", (values, order), (), values.shape)
    return Expr("take_along", (values, order), (("axis", axis - order.ndim),), values.shape)


def _sort_pullback(node: Expr, _: int, cotangent: Expr) -> Expr:
    """Each entry's cotangent is that of its rank."""
    axis = dict(node.params)["axis"]
    return take_along(cotangent, _lower_argsort(_lower_argsort(node.args[0], axis), axis), axis)


def _take_along_pullback(node: Expr, operand: int, cotangent: Expr) -> Expr:
    """The inverse permutation puts the entries back."""
    order = node.args[1]
    if operand:
        return _nothing(node, operand, cotangent)
    axis = order.ndim + dict(node.params).get("axis", -1)
    return take_along(cotangent, _lower_argsort(order, axis), axis)


TAKE_ALONG = '''
def take_along(values, order, axis):
    """The values, along an axis counted from the end, in an order that is the same for all leading axes."""
    order = order.reshape((1,) * (values.ndim - order.ndim) + order.shape)
    return np.take_along_axis(values, order, axis)
'''


def _permuted(rng: np.random.Generator) -> Bound:
    values = rng.standard_normal(shape(rng, 3))
    return (values, np.argsort(rng.standard_normal(values.shape[1:]), axis=0)), {"axis": -2}


register(
    Primitive(
        "sort",
        (np.sort,),
        lambda a, axis=-1: ((a,), {"axis": axis}),
        _lower_sort,
        pullback=_sort_pullback,
        latex=r"\operatorname{{sort}}({0})",
        text="sort({0})",
        source="np.sort({0}, axis={axis})",
        sources={"autograd": None, "torch": "torch.sort({0}, dim={axis}).values"},
        samples=_one_axis,
    )
)
register(
    Primitive(
        "take_along",
        pullback=_take_along_pullback,
        latex=r"\operatorname{{take\_along}}({0}, {1})",
        text="take_along({0}, {1})",
        source="take_along({0}, {1}, {axis})",
        sources={
            "autograd": None,
            "torch": "torch.take_along_dim({0}, torch.broadcast_to({1}, {0}.shape), {axis})",
        },
        helper=TAKE_ALONG,
        call=emitted(TAKE_ALONG, "take_along"),
        samples=_permuted,
    )
)
register(
    Primitive(
        "rearranged",
        pullback=_take_along_pullback,
        latex=r"{0}_{{{1}}}",
        text="{0}[{1}]",
        strength=ATOM,
        source="{0}[{1}]",
        call=lambda values, order: values[order],
        samples=lambda rng: ((rng.standard_normal(4), rng.permutation(4)), {}),
    )
)


def _extreme(name: str) -> None:
    """Register max or min over axes; at ties the derivative is shared equally, as in JAX."""

    def lower(node: Expr, axis: Axis = None, keepdims: bool = False) -> Expr:
        return reduction(name, node, axis, keepdims)

    def jacobian(node: Expr, _: int) -> Expr:
        (v,) = node.args
        axes = _reduced_axes(node)
        kept = tuple(a for a in range(v.ndim) if a not in axes)
        labels = tuple(range(v.ndim))
        return contract([Factor(chosen(v, axes), labels)], kept + labels)

    def chosen(v: Expr, axis: Axis = None) -> Expr:
        return Expr(f"arg{name}_share", (v,), (("axis", axes_of(v, axis)),), v.shape)

    def share(node: Expr, _: int) -> Expr:
        return zeros((*node.shape, *node.shape))

    helper = f'''
def arg{name}_share(v, axis):
    """1 at the {name}imum along the axes, shared equally where it is attained more than once."""
    best = np.ones_like(v) * (v == np.a{name}(v, axis=axis, keepdims=True))
    return best / np.sum(best, axis=axis, keepdims=True)
'''
    register(
        Primitive(
            name,
            (getattr(np, name), getattr(np, f"a{name}")),
            _bind,
            lower,
            jacobian=jacobian,
            latex=rf"\{name}({{0}})",
            text=f"{name}({{0}})",
            source=f"np.{name}({{0}}{{params}})",
            samples=_some_axes,
            sources={"torch": f"torch.a{name}({{0}}{{params}})"},
        )
    )
    register(
        Primitive(
            f"arg{name}_share",
            lower=chosen,
            jacobian=share,
            call=emitted(helper, f"arg{name}_share"),
            latex=rf"\operatorname{{{{arg{name}}}}}({{0}})",
            text=f"arg{name}({{0}})",
            source=f"arg{name}_share({{0}}, {{axis}})",
            helper=helper,
            samples=lambda rng: ((rng.standard_normal(shape(rng, 2)),), {"axis": (1,)}),
        )
    )


_extreme("max")
_extreme("min")
