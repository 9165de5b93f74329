"""Reductions along axes: sums are contractions; the others have a Jacobian of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special

from closedform.expression.calculus import (
    Factor,
    Label,
    broadcast,
    contract,
    exact,
    multiply,
    power,
    size_number,
)
from closedform.expression.expr import Expr
from closedform.expression.size import Size
from closedform.primitives.contraction import Bound, _hashable
from closedform.primitives.record import CALL, Primitive, emitted, register

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
    return multiply(total, power(_count(node, axis), -1))


def _lower_variance(node: Expr, axis: Axis, ddof: int, keepdims: bool) -> Expr:
    centred = node - broadcast(mean_over(node, axis, True), node.shape)
    count = _count(node, axis) - ddof
    return multiply(sum_over(centred**2, axis, keepdims), power(count, -1))


def _lower_deviation(node: Expr, axis: Axis, ddof: int, keepdims: bool) -> Expr:
    return power(_lower_variance(node, axis, ddof, keepdims), 0.5)


def _bind(a: Any, axis: Any = None, *, keepdims: Any = False) -> Bound:
    return (a,), {"axis": _axis(axis), "keepdims": bool(keepdims)}


def _bind_scipy(a: Any, axis: Any = None, *, keepdims: Any = False) -> Bound:
    return _bind(a, axis, keepdims=keepdims)


def _bind_spread(a: Any, axis: Any = None, *, ddof: int = 0, keepdims: Any = False) -> Bound:
    return (a,), {"axis": _axis(axis), "ddof": ddof, "keepdims": bool(keepdims)}


def _axis(axis: Any) -> Axis:
    found: Axis = _hashable(axis)
    return found


def _matrix(rng: np.random.Generator) -> Bound:
    return (rng.standard_normal((3, 4)),), {"axis": 1, "keepdims": False}


def _spread(rng: np.random.Generator) -> Bound:
    return (rng.standard_normal((3, 4)),), {"axis": 0, "ddof": 0, "keepdims": False}


register(
    Primitive(
        "sum",
        (np.sum,),
        _bind,
        sum_over,
        latex=r"\textstyle\sum {0}",
        text="Σ {0}",
        source="np.sum({0}{params})",
        samples=_matrix,
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
        samples=_matrix,
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


def _reduction(name: str, node: Expr, axis: Axis, keepdims: bool) -> Expr:
    axes = axes_of(node, axis)
    kept = [size for a, size in enumerate(node.shape) if a not in axes]
    return keep_axes(Expr(name, (node,), (("axis", axes),), kept), node, axes, keepdims)


def logsumexp(node: Expr, axis: Axis = None, keepdims: bool = False) -> Expr:
    """ln of the sum of exponentials over axes."""
    return _reduction("logsumexp", node, axis, keepdims)


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
        _bind_scipy,
        logsumexp,
        jacobian=_logsumexp_jacobian,
        latex=r"\operatorname{{logsumexp}}({0})",
        text="logsumexp({0})",
        strength=CALL,
        source="scipy.special.logsumexp({0}{params})",
        samples=_matrix,
        sources={"torch": "torch.logsumexp({0}, {axis} or tuple(range({0}.ndim)), keepdim={keepdims})"},
    )
)
register(
    Primitive(
        "softmax",
        (scipy.special.softmax,),
        lambda x, axis=None: ((x,), {"axis": _axis(axis)}),
        softmax,
        jacobian=_softmax_jacobian,
        latex=r"\operatorname{{softmax}}({0})",
        text="softmax({0})",
        source="scipy.special.softmax({0}, axis={axis})",
        samples=lambda rng: ((rng.standard_normal((3, 4)),), {"axis": 1}),
        sources={"autograd": "np.exp({0}) / np.sum(np.exp({0}), axis={axis}, keepdims=True)"},
    )
)


def prod_over(node: Expr, axis: Axis = None, keepdims: bool = False) -> Expr:
    """The product of the entries of a vector, or of all entries of an array."""
    from closedform.primitives.structure import merge_axes  # structure builds on this module

    axes = axes_of(node, axis)
    if len(axes) != node.ndim:
        raise NotImplementedError("a product along one axis of several")
    flat = merge_axes(node, [node.ndim]) if node.ndim > 1 else node
    return keep_axes(products_without(flat, 0), node, axes, keepdims)


def products_without(v: Expr, order: int) -> Expr:
    """The derivative of order `order` of the product of a vector's entries: at [k1, ..., kn] the product
    of all entries but those, and zero where two of the indices are equal."""
    if not v.shape:
        return v
    if order == 0:
        return Expr("prod", (v,), (), ())
    return Expr("products_without", (v,), (("order", order),), v.shape * order)


def _products_jacobian(node: Expr, _: int) -> Expr:
    """The derivative of prod without some entries leaves out one more."""
    order = dict(node.params).get("order", 0)
    return products_without(node.args[0], order + 1)


PRODUCTS_WITHOUT = '''
def products_without(v, order):
    """At [k1, ..., k_order] the product of the entries of v but those; zero where indices are equal."""
    if order == 0:
        return np.prod(v)
    before = np.concatenate((np.ones(1, v.dtype), np.cumprod(v[:-1])))
    after = np.concatenate((np.cumprod(v[:0:-1])[::-1], np.ones(1, v.dtype)))
    if order == 1:
        return before * after
    result = np.zeros((len(v),) * order, dtype=v.dtype)
    for k in range(len(v)):
        rest = products_without(np.delete(v, k), order - 1)
        others = np.delete(np.arange(len(v)), k)
        result[(k, *np.ix_(*[others] * (order - 1)))] = rest
    return result
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


def one_plus_products(v: Expr, order: int) -> Expr:
    """`products_without` of 1 + v."""
    return Expr("one_plus_products", (v,), (("order", order),), v.shape * order)


def _one_plus_jacobian(node: Expr, _: int) -> Expr:
    """The derivative leaves out one entry more, as that of `products_without`."""
    return one_plus_products(node.args[0], dict(node.params)["order"] + 1)


register(
    Primitive(
        "one_plus_products",
        lower=one_plus_products,
        jacobian=_one_plus_jacobian,
        latex=r"\nabla^{{{order}}}\textstyle\prod(1 + {0})",
        text="∇{order}∏(1 + {0})",
        source="one_plus_products({0}, {order})",
        sources={"torch": None},
        helper=ONE_PLUS_PRODUCTS,
        call=emitted(ONE_PLUS_PRODUCTS, "one_plus_products"),
        samples=lambda rng: ((rng.standard_normal(4),), {"order": 1}),
    )
)
register(
    Primitive(
        "prod",
        (np.prod,),
        _bind,
        prod_over,
        jacobian=_products_jacobian,
        latex=r"\textstyle\prod {0}",
        text="∏ {0}",
        source="np.prod({0}{params})",
        samples=lambda rng: ((rng.standard_normal(4),), {"axis": None, "keepdims": False}),
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
        sources={"torch": None},
        helper=PRODUCTS_WITHOUT,
        call=emitted(PRODUCTS_WITHOUT, "products_without"),
        samples=lambda rng: ((rng.standard_normal(4),), {"order": 1}),
    )
)


def _extreme(name: str) -> None:
    """Register max or min over axes; at ties the derivative is shared equally, as in JAX."""

    def lower(node: Expr, axis: Axis = None, keepdims: bool = False) -> Expr:
        return _reduction(name, node, axis, keepdims)

    def jacobian(node: Expr, _: int) -> Expr:
        (v,) = node.args
        axes = _reduced_axes(node)
        kept = tuple(a for a in range(v.ndim) if a not in axes)
        labels = tuple(range(v.ndim))
        return contract([Factor(chosen(v, axes), labels)], kept + labels)

    def chosen(v: Expr, axis: Axis = None) -> Expr:
        return Expr(f"arg{name}_share", (v,), (("axis", axes_of(v, axis)),), v.shape)

    def share(node: Expr, _: int) -> Expr:
        from closedform.expression.calculus import zeros

        return zeros((*node.shape, *node.shape))

    helper = f'''
def arg{name}_share(v, axis):
    """1 at the {name}imum along the axes, shared equally where it is attained more than once."""
    best = v == np.{name}(v, axis=axis, keepdims=True)
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
            samples=_matrix,
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
            samples=lambda rng: ((rng.standard_normal((3, 4)),), {"axis": (1,)}),
        )
    )


_extreme("max")
_extreme("min")


def _bind_norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Bound:
    return (x,), {"ord": ord, "axis": _axis(axis), "keepdims": bool(keepdims)}


def _lower_norm(x: Expr, ord: Any, axis: Axis, keepdims: bool) -> Expr:
    vector = axis is not None or x.ndim == 1
    if ord is None or (ord == "fro" and not vector) or (ord == 2 and vector):
        return power(sum_over(x**2, axis, keepdims), exact(0.5))
    if vector and ord == 1:
        return sum_over(Expr("abs", (x,), (), x.shape), axis, keepdims)
    if vector and ord in (np.inf, -np.inf):
        return _reduction("max" if ord > 0 else "min", Expr("abs", (x,), (), x.shape), axis, keepdims)
    raise NotImplementedError(f"norm with ord={ord!r} of an array of {x.ndim} axes")


register(
    Primitive(
        "norm",
        (np.linalg.norm,),
        _bind_norm,
        _lower_norm,
        latex=r"\lVert {0} \rVert",
        text="‖{0}‖",
        source="np.linalg.norm({0}{params})",
        samples=lambda rng: ((rng.standard_normal(4),), {"ord": None, "axis": None, "keepdims": False}),
    )
)
