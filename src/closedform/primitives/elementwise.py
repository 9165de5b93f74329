"""Elementwise functions: one record each, with the derivative as a formula."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

from closedform.expression.calculus import (
    add,
    as_number,
    broadcast,
    broadcast_shape,
    exact,
    multiply,
    number,
    power,
)
from closedform.expression.expr import Expr
from closedform.primitives.record import ATOM, CALL, POWER, PRODUCT, SUM, Primitive, emitted, register

Formula = Callable[..., Any]


def elementwise(op: str, *operands: Expr) -> Expr:
    """The node of an elementwise function; operands are broadcast to one shape."""
    shape = broadcast_shape(*(o.shape for o in operands))
    return Expr(op, tuple(broadcast(o, shape) for o in operands), (), shape)


def _operands(*operands: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return operands, {}


def _unary(v: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (v,), {}


def _binary(v: Any, w: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (v, w), {}


def _function(
    name: str,
    derivative: Formula,
    *,
    numpy: tuple[Any, ...] | None = None,
    latex: str = "",
    text: str = "",
    source: str = "",
    **facts: Any,
) -> None:
    """Register a function of one real variable; NumPy's name is its name."""
    callables = (getattr(np, name),) if numpy is None else numpy
    register(
        Primitive(
            name,
            callables,
            _unary,
            partials=(derivative,),
            latex=latex or rf"\{name} {{0}}",
            text=text or f"{name} {{0}}",
            source=source or f"np.{name}({{0}})",
            **facts,
        )
    )


def fn(op: str) -> Formula:
    """The function `op` as a constructor, for use in formulas."""
    return lambda v: Expr(op, (v,), (), v.shape)


exp, log, log1p, sin, cos, sinh, cosh, sign, expit = map(
    fn, ("exp", "log", "log1p", "sin", "cos", "sinh", "cosh", "sign", "expit")
)

POSITIVE = (0.1, 4.0)

_function("exp", lambda v, y: y, latex="e^{{{0}}}", text="exp({0})", strength=POWER, ball=lambda v: v.exp())
_function("expm1", lambda v, y: exp(v), latex=r"\operatorname{{expm1}} {0}", ball=lambda v: v.exp() - 1)
_function("log", lambda v, y: 1 / v, latex=r"\ln {0}", text="ln {0}", ball=lambda v: v.log(), domain=POSITIVE)
_function(
    "log1p",
    lambda v, y: 1 / (1 + v),
    latex=r"\operatorname{{log1p}} {0}",
    ball=lambda v: (1 + v).log(),
    domain=(-0.9, 4.0),
)
_function("sin", lambda v, y: cos(v), ball=lambda v: v.sin())
_function("cos", lambda v, y: -sin(v), ball=lambda v: v.cos())
_function("tan", lambda v, y: 1 + y**2, ball=lambda v: v.tan(), domain=(-1.4, 1.4))
_function("arcsin", lambda v, y: (1 - v**2) ** exact(-0.5), ball=lambda v: v.asin(), domain=(-0.9, 0.9))
_function("arccos", lambda v, y: -((1 - v**2) ** exact(-0.5)), ball=lambda v: v.acos(), domain=(-0.9, 0.9))
_function("arctan", lambda v, y: 1 / (1 + v**2), ball=lambda v: v.atan())
_function("sinh", lambda v, y: cosh(v), ball=lambda v: (v.exp() - (-v).exp()) / 2)
_function("cosh", lambda v, y: sinh(v), ball=lambda v: (v.exp() + (-v).exp()) / 2)
_function("tanh", lambda v, y: 1 - y**2, ball=lambda v: 1 - 2 / ((2 * v).exp() + 1))
_function(
    "arcsinh",
    lambda v, y: (1 + v**2) ** exact(-0.5),
    latex=r"\operatorname{{arsinh}} {0}",
    text="arsinh {0}",
    ball=lambda v: (v + (1 + v * v).sqrt()).log(),
)
_function(
    "arccosh",
    lambda v, y: (v - 1) ** exact(-0.5) * (v + 1) ** exact(-0.5),
    latex=r"\operatorname{{arcosh}} {0}",
    text="arcosh {0}",
    domain=(1.1, 4.0),
    ball=lambda v: (v + (v - 1).sqrt() * (v + 1).sqrt()).log(),
)
_function(
    "arctanh",
    lambda v, y: 1 / (1 - v**2),
    latex=r"\operatorname{{artanh}} {0}",
    text="artanh {0}",
    ball=lambda v: ((1 + v) / (1 - v)).log() / 2,
    domain=(-0.9, 0.9),
)
_function(
    "abs", lambda v, y: sign(v), latex=r"\lvert {0} \rvert", text="|{0}|", strength=ATOM, domain=POSITIVE
)
_function("sign", lambda v, y: number(0, v.shape), latex=r"\operatorname{{sign}} {0}", domain=POSITIVE)
_function(
    "cbrt",
    lambda v, y: number(1, v.shape) / (3 * y**2),
    ball=lambda v: v.sign() * (abs(v).log() / 3).exp(),
    latex=r"\sqrt[3]{{{0}}}",
    text="∛({0})",
    strength=ATOM,
    domain=POSITIVE,
    sources={
        "torch": "torch.sign({0}) * torch.abs({0}) ** (1 / 3)",
        "autograd": "np.sign({0}) * np.abs({0}) ** (1 / 3)",
    },
)
_function(
    "expit",
    lambda v, y: y * (1 - y),
    numpy=(scipy.special.expit,),
    latex=r"\sigma({0})",
    text="σ({0})",
    strength=ATOM,
    source="scipy.special.expit({0})",
    ball=lambda v: 1 / (1 + (-v).exp()),
    sources={"autograd": "1 / (1 + np.exp(-{0}))", "torch": "torch.sigmoid({0})"},
)
_function(
    "softplus",
    lambda v, y: expit(v),
    numpy=(),
    latex=r"\ln(1 + e^{{{0}}})",
    text="ln(1 + exp({0}))",
    strength=ATOM,
    source="np.logaddexp(0, {0})",
    ball=lambda v: (1 + v.exp()).log(),
    call=lambda v: np.logaddexp(0, v),
    sources={"torch": "torch.logaddexp(torch.zeros_like({0}), {0})"},
)
_function(
    "erf",
    lambda v, y: 2 / math.sqrt(math.pi) * exp(-(v**2)),
    numpy=(scipy.special.erf,),
    latex=r"\operatorname{{erf}} {0}",
    source="scipy.special.erf({0})",
    ball=lambda v: v.erf(),
)
_function(
    "gammaln",
    lambda v, y: Expr("digamma", (v,), (), v.shape),
    numpy=(scipy.special.gammaln,),
    latex=r"\ln\Gamma({0})",
    text="ln Γ({0})",
    strength=ATOM,
    source="scipy.special.gammaln({0})",
    ball=lambda v: v.lgamma(),
    domain=POSITIVE,
    sources={"torch": "torch.lgamma({0})"},
)
_function(
    "digamma",
    lambda v, y: polygamma(v, 1),
    numpy=(scipy.special.digamma,),
    latex=r"\psi({0})",
    text="ψ({0})",
    strength=ATOM,
    source="scipy.special.digamma({0})",
    ball=lambda v: v.polygamma(0),
    domain=POSITIVE,
)


_function(
    "gamma",
    lambda v, y: y * Expr("digamma", (v,), (), v.shape),
    numpy=(scipy.special.gamma,),
    latex=r"\Gamma({0})",
    text="Γ({0})",
    strength=ATOM,
    source="scipy.special.gamma({0})",
    ball=lambda v: v.lgamma().exp(),
    domain=POSITIVE,
    sources={"torch": None},
)


def polygamma(v: Expr, order: int) -> Expr:
    """The derivative of order `order` of the digamma function."""
    return Expr("polygamma", (v,), (("n", order),), v.shape)


_function(
    "erfc",
    lambda v, y: -2 / math.sqrt(math.pi) * exp(-(v**2)),
    numpy=(scipy.special.erfc,),
    latex=r"\operatorname{{erfc}} {0}",
    source="scipy.special.erfc({0})",
    ball=lambda v: 1 - v.erf(),
    sources={"autograd": "1 - autograd.scipy.special.erf({0})"},
)
_function(
    "ndtr",
    lambda v, y: multiply(power(2 * math.pi, -0.5), exp(-0.5 * v**2)),
    numpy=(scipy.special.ndtr,),
    latex=r"\Phi({0})",
    text="Φ({0})",
    strength=ATOM,
    source="scipy.special.ndtr({0})",
    ball=lambda v: (1 + (v / (0 * v + 2).sqrt()).erf()) / 2,
    sources={"autograd": "(1 + autograd.scipy.special.erf({0} / 2**0.5)) / 2"},
)
_function(
    "log_ndtr",
    lambda v, y: multiply(power(2 * math.pi, -0.5), exp(-0.5 * v**2 - y)),
    numpy=(scipy.special.log_ndtr,),
    latex=r"\ln\Phi({0})",
    text="ln Φ({0})",
    strength=ATOM,
    source="scipy.special.log_ndtr({0})",
    ball=lambda v: ((1 + (v / (0 * v + 2).sqrt()).erf()) / 2).log(),
    sources={"autograd": "np.log((1 + autograd.scipy.special.erf({0} / 2**0.5)) / 2)"},
)
_function(
    "entr",
    lambda v, y: -1 - log(v),
    numpy=(scipy.special.entr,),
    latex=r"\operatorname{{entr}} {0}",
    source="scipy.special.entr({0})",
    ball=lambda v: -(v * v.log()),
    domain=POSITIVE,
    sources={"autograd": "-{0} * np.log({0})"},
)


def sinc(v: Expr, order: int = 0) -> Expr:
    """The derivative of order `order` of sin(pi v) / (pi v)."""
    return Expr("sinc_derivative", (v,), (("n", order),), v.shape) if order else fn("sinc")(v)


SINC = '''
def sinc_derivative(x, n):
    """Derivative of order n of np.sinc: its series near zero, else y s_k + k s_(k-1) = sin^(k)(y)."""
    y = np.pi * x
    near = abs(y) < n + 1
    apart = np.where(near, n + 1.0, y)
    far = np.sin(apart) / apart
    for k in range(1, n + 1):
        far = (np.sin(apart + k * np.pi / 2) - k * far) / apart
    y = np.where(near, y, 0.0)
    half = (n + 1) // 2
    term, series = (-1) ** half * y ** (n % 2), 0 * y
    for k in range(half, half + 14 + n):
        series = series + term / (2 * k + 1)
        term = -term * y * y / ((2 * k - n + 1) * (2 * k - n + 2))
    return np.pi**n * np.where(near, series, far)
'''

_function(
    "sinc",
    lambda v, y: sinc(v, 1),
    latex=r"\operatorname{{sinc}} {0}",
    ball=lambda v: _exact_sinc(v, 0),
)


def _exact_sinc(v: Any, n: int) -> Any:
    """The recurrence of `sinc_derivative`, where no digits are lost."""
    pi = 4 * (0 * v + 1).atan()
    y = pi * v
    value = y.sin() / y
    for k in range(1, n + 1):
        wave = (y.cos(), -y.sin(), -y.cos(), y.sin())[(k - 1) % 4]
        value = (wave - k * value) / y
    return value * pi**n


register(
    Primitive(
        "sinc_derivative",
        partials=(lambda v, y: sinc(v, dict(y.params)["n"] + 1),),
        latex=r"\operatorname{{sinc}}^{{({n})}}({0})",
        text="sinc⁽{n}⁾({0})",
        strength=ATOM,
        source="sinc_derivative({0}, {n})",
        helper=SINC,
        call=emitted(SINC, "sinc_derivative"),
        ball=_exact_sinc,
        samples=lambda rng: ((rng.uniform(-2, 2, (2, 3)),), {"n": 1}),
    )
)
register(
    Primitive(
        "polygamma",
        (scipy.special.polygamma,),
        lambda n, x: ((x,), {"n": int(n)}),
        lambda v, n: polygamma(v, n) if n else Expr("digamma", (v,), (), v.shape),
        partials=(lambda v, y: polygamma(v, dict(y.params)["n"] + 1),),
        latex=r"\psi^{{({n})}}({0})",
        text="ψ⁽{n}⁾({0})",
        strength=ATOM,
        source="scipy.special.polygamma({n}, {0})",
        call=lambda v, n: scipy.special.polygamma(n, v),
        ball=lambda v, n: v.polygamma(n),
        samples=lambda rng: ((rng.uniform(*POSITIVE, (2, 3)),), {"n": 1}),
    )
)


def _composed(name: str, lower: Formula, *, numpy: tuple[Any, ...] | None = None, **facts: Any) -> None:
    """Register a function of one variable that is a composition in the calculus."""
    facts.setdefault("latex", rf"\operatorname{{{{{name}}}}} {{0}}")
    facts.setdefault("text", f"{name} {{0}}")
    facts.setdefault("source", f"np.{name}({{0}})")
    register(Primitive(name, (getattr(np, name),) if numpy is None else numpy, _unary, lower, **facts))


_composed("negative", lambda v: -v, latex="-{0}", text="−{0}", strength=SUM, source="-{0}", ball=lambda v: -v)
_composed(
    "positive",
    lambda v: v,
    latex="{0}",
    text="{0}",
    source="+{0}",
    sources={"autograd": "1 * {0}"},
    ball=lambda v: v,
)
_composed("square", lambda v: v**2, latex="{0}^{{2}}", text="{0}²", strength=POWER, ball=lambda v: v * v)
_composed(
    "sqrt",
    lambda v: power(v, 0.5),
    latex=r"\sqrt{{{0}}}",
    text="√({0})",
    strength=ATOM,
    domain=POSITIVE,
    ball=lambda v: v.sqrt(),
)
_composed(
    "reciprocal",
    lambda v: 1 / v,
    latex="{0}^{{-1}}",
    text="{0}⁻¹",
    strength=POWER,
    domain=POSITIVE,
    ball=lambda v: 1 / v,
)
_composed(
    "log2",
    lambda v: log(v) / log(number(2)),
    latex=r"\log_2 {0}",
    domain=POSITIVE,
    ball=lambda v: v.log() / (0 * v + 2).log(),
)
_composed(
    "log10",
    lambda v: log(v) / log(number(10)),
    latex=r"\log_{{10}} {0}",
    domain=POSITIVE,
    ball=lambda v: v.log() / (0 * v + 10).log(),
)
_composed(
    "exp2",
    lambda v: exp(log(number(2)) * v),
    latex="2^{{{0}}}",
    text="2^({0})",
    strength=POWER,
    ball=lambda v: (v * (0 * v + 2).log()).exp(),
)
_composed(
    "logit",
    lambda v: log(v) - Expr("log1p", (-v,), (), v.shape),
    numpy=(scipy.special.logit,),
    source="scipy.special.logit({0})",
    domain=(0.1, 0.9),
    ball=lambda v: (v / (1 - v)).log(),
    sources={"autograd": "np.log({0} / (1 - {0}))"},
)


_composed(
    "log_expit",
    lambda v: -Expr("softplus", (-v,), (), v.shape),
    numpy=(scipy.special.log_expit,),
    latex=r"\ln\sigma({0})",
    text="ln σ({0})",
    strength=ATOM,
    source="scipy.special.log_expit({0})",
    ball=lambda v: -(1 + (-v).exp()).log(),
    sources={
        "autograd": "-np.logaddexp(0, -{0})",
        "jax": "-jnp.logaddexp(0.0, -{0})",
        "torch": "torch.nn.functional.logsigmoid({0})",
    },
)
_composed(
    "exp10",
    lambda v: exp(log(number(10)) * v),
    numpy=(scipy.special.exp10,),
    latex="10^{{{0}}}",
    text="10^({0})",
    strength=POWER,
    source="scipy.special.exp10({0})",
    ball=lambda v: (v * (0 * v + 10).log()).exp(),
    sources=dict.fromkeys(("autograd", "jax", "torch"), "10.0 ** {0}"),
)
for _name, _callables, _factor in (
    ("deg2rad", (np.deg2rad, np.radians), math.pi / 180),
    ("rad2deg", (np.rad2deg, np.degrees), 180 / math.pi),
):
    _composed(
        _name,
        lambda v, factor=_factor: factor * v,
        numpy=_callables,
        ball=lambda v, factor=_factor: factor * v,
    )


def _two_arrays(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (rng.standard_normal((2, 3)), rng.standard_normal(3)), {}


def _infix(
    name: str, sign_: str, lower: Formula, *, latex: str, text: str, strength: int, **facts: Any
) -> None:
    """Register an arithmetic operator."""
    register(
        Primitive(
            name,
            (getattr(np, name),),
            _binary,
            lower,
            latex=latex,
            text=text,
            strength=strength,
            source=f"{{0}} {sign_} {{1}}",
            **{"samples": _two_arrays, **facts},
        )
    )


def _broadcast_pair(combine: Formula) -> Formula:
    def lower(v: Expr, w: Expr) -> Expr:
        shape = broadcast_shape(v.shape, w.shape)
        result: Expr = combine(broadcast(v, shape), broadcast(w, shape))
        return result

    return lower


def _lower_power(v: Expr, w: Expr) -> Expr:
    exponent = as_number(w)
    base = as_number(v)
    if exponent is not None:
        return power(v, exponent)
    if base is not None and base > 0:
        return exp(multiply(log(v), w))
    return elementwise("power", v, w)


_infix(
    "add",
    "+",
    _broadcast_pair(add),
    latex="{0} + {1}",
    text="{0} + {1}",
    strength=SUM,
    ball=lambda v, w: v + w,
)
_infix(
    "subtract",
    "-",
    _broadcast_pair(lambda v, w: v - w),
    latex="{0} - {1}",
    text="{0} − {1}",
    strength=SUM,
    ball=lambda v, w: v - w,
)
_infix(
    "multiply",
    "*",
    _broadcast_pair(multiply),
    latex=r"{0} \cdot {1}",
    text="{0} · {1}",
    strength=PRODUCT,
    ball=lambda v, w: v * w,
)
_infix(
    "divide",
    "/",
    _broadcast_pair(lambda v, w: v / w),
    latex=r"\frac{{{0}}}{{{1}}}",
    text="{0} / {1}",
    strength=PRODUCT,
    ball=lambda v, w: v / w,
    samples=lambda rng: ((rng.standard_normal(3), rng.uniform(0.5, 2, 3)), {}),
)
_infix(
    "power",
    "**",
    _lower_power,
    latex="{0}^{{{1}}}",
    text="{0}^{1}",
    strength=POWER,
    partials=(
        lambda v, w, y: multiply(w, elementwise("power", v, w - number(1, w.shape))),
        lambda v, w, y: multiply(y, log(v)),
    ),
    samples=lambda rng: ((rng.uniform(0.5, 2, 3), rng.standard_normal(3)), {}),
)


def _pair(name: str, partials: tuple[Formula, ...], *, numpy: tuple[Any, ...] = (), **facts: Any) -> None:
    """Register an elementwise function of several variables."""
    facts.setdefault("latex", rf"\operatorname{{{{{name}}}}}({{0}}, {{1}})")
    facts.setdefault("text", f"{name}({{0}}, {{1}})")
    facts.setdefault("source", f"np.{name}({{0}}, {{1}})")
    register(
        Primitive(
            name,
            numpy or (getattr(np, name),),
            _operands,
            facts.pop("lower", lambda *v: elementwise(name, *v)),
            partials=partials,
            strength=CALL if "strength" not in facts else facts.pop("strength"),
            **facts,
        )
    )


def _greater(v: Expr, w: Expr) -> Expr:
    """1 where v > w, 1/2 where they are equal, 0 elsewhere: the convention of JAX."""
    return 0.5 * (1 + sign(v - w))


_pair(
    "maximum",
    (lambda v, w, y: _greater(v, w), lambda v, w, y: _greater(w, v)),
    latex=r"\max({0}, {1})",
    text="max({0}, {1})",
    strength=ATOM,
)
_pair(
    "minimum",
    (lambda v, w, y: _greater(w, v), lambda v, w, y: _greater(v, w)),
    latex=r"\min({0}, {1})",
    text="min({0}, {1})",
    strength=ATOM,
)
_pair(
    "logaddexp",
    (lambda v, w, y: expit(v - w), lambda v, w, y: expit(w - v)),
    latex=r"\ln(e^{{{0}}} + e^{{{1}}})",
    text="ln(exp({0}) + exp({1}))",
    strength=ATOM,
    ball=lambda v, w: (v.exp() + w.exp()).log(),
)
_pair(
    "logaddexp2",
    (
        lambda v, w, y: expit(math.log(2) * (v - w)),
        lambda v, w, y: expit(math.log(2) * (w - v)),
    ),
    latex=r"\log_2(2^{{{0}}} + 2^{{{1}}})",
    text="log2(2^({0}) + 2^({1}))",
    strength=ATOM,
    ball=lambda v, w: (
        ((v * (0 * v + 2).log()).exp() + (w * (0 * w + 2).log()).exp()).log() / (0 * v + 2).log()
    ),
)
_pair(
    "heaviside",
    (lambda v, w, y: number(0, v.shape), lambda v, w, y: elementwise("equal", v, number(0))),
    ball=lambda v, w: (1 + v.sign()) / 2,
    sources={"autograd": None, "torch": None},
)
_pair(
    "copysign",
    (
        lambda v, w, y: sign(v) * elementwise("copysign", number(1, w.shape), w),
        lambda v, w, y: number(0, w.shape),
    ),
    latex=r"\operatorname{{copysign}}({0}, {1})",
    text="copysign({0}, {1})",
    domain=POSITIVE,
    ball=lambda v, w: v * v.sign() * w.sign(),
    sources={"autograd": None},
)


def _entropy(name: str, partials: tuple[Formula, Formula], latex: str, text: str, **facts: Any) -> None:
    """Register one of SciPy's functions of two variables that are 0 ln 0 = 0 at zero."""
    _pair(
        name,
        partials,
        numpy=(getattr(scipy.special, name),),
        latex=latex,
        text=text,
        source=f"scipy.special.{name}({{0}}, {{1}})",
        **{"domain": POSITIVE, "strength": PRODUCT, **facts},
    )


_entropy(
    "xlogy",
    (lambda v, w, y: log(w), lambda v, w, y: v / w),
    r"{0} \ln {1}",
    "{0} ln({1})",
    ball=lambda v, w: v * w.log(),
    sources={"autograd": "{0} * np.log({1})"},
)
_entropy(
    "xlog1py",
    (lambda v, w, y: log1p(w), lambda v, w, y: v / (1 + w)),
    r"{0} \operatorname{{log1p}}({1})",
    "{0} log1p({1})",
    ball=lambda v, w: v * (1 + w).log(),
    sources={"autograd": "{0} * np.log1p({1})"},
)
_entropy(
    "rel_entr",
    (lambda v, w, y: 1 + log(v / w), lambda v, w, y: -v / w),
    r"{0} \ln({0} / {1})",
    "{0} ln({0} / {1})",
    ball=lambda v, w: v * (v / w).log(),
    sources={"autograd": "{0} * np.log({0} / {1})", "torch": "{0} * torch.log({0} / {1})"},
)
_entropy(
    "kl_div",
    (lambda v, w, y: log(v / w), lambda v, w, y: 1 - v / w),
    r"({0} \ln({0} / {1}) - {0} + {1})",
    "({0} ln({0} / {1}) − {0} + {1})",
    strength=ATOM,
    ball=lambda v, w: v * (v / w).log() - v + w,
    sources={
        "autograd": "{0} * np.log({0} / {1}) - {0} + {1}",
        "torch": "{0} * torch.log({0} / {1}) - {0} + {1}",
    },
)
_pair(
    "arctan2",
    (lambda v, w, y: w / (v**2 + w**2), lambda v, w, y: -v / (v**2 + w**2)),
    latex=r"\operatorname{{atan2}}({0}, {1})",
    text="atan2({0}, {1})",
    strength=ATOM,
    domain=POSITIVE,
    ball=lambda v, w: 2 * (v / (w + (v * v + w * w).sqrt())).atan(),
)
_pair(
    "hypot",
    (lambda v, w, y: v / y, lambda v, w, y: w / y),
    lower=_broadcast_pair(lambda v, w: power(v**2 + w**2, 0.5)),
    latex=r"\sqrt{{{0}^2 + {1}^2}}",
    text="√({0}² + {1}²)",
    strength=ATOM,
    ball=lambda v, w: (v * v + w * w).sqrt(),
)


def _lower_where(condition: Expr, v: Expr, w: Expr) -> Expr:
    return elementwise("where", condition, v, w)


register(
    Primitive(
        "where",
        (np.where,),
        lambda condition, x, y: ((condition, x, y), {}),
        _lower_where,
        partials=(
            lambda c, v, w, y: number(0, c.shape),
            lambda c, v, w, y: elementwise("where", c, number(1, c.shape), number(0, c.shape)),
            lambda c, v, w, y: elementwise("where", c, number(0, c.shape), number(1, c.shape)),
        ),
        latex=r"\operatorname{{where}}({0}, {1}, {2})",
        text="where({0}, {1}, {2})",
        strength=ATOM,
        source="np.where({0}, {1}, {2})",
        samples=lambda rng: (
            (rng.standard_normal(3) > 0, rng.standard_normal(3), rng.standard_normal(3)),
            {},
        ),
    )
)

for _name, _sign, _latex in (
    ("greater", ">", ">"),
    ("greater_equal", ">=", r"\geq"),
    ("less", "<", "<"),
    ("less_equal", "<=", r"\leq"),
    ("equal", "==", "="),
    ("not_equal", "!=", r"\neq"),
):
    register(
        Primitive(
            _name,
            (getattr(np, _name),),
            _binary,
            lambda v, w, name=_name: elementwise(name, v, w),
            partials=(lambda v, w, y: number(0, v.shape), lambda v, w, y: number(0, v.shape)),
            latex=f"{{0}} {_latex} {{1}}",
            text=f"{{0}} {_sign} {{1}}",
            strength=SUM,
            source=f"{{0}} {_sign} {{1}}",
            boolean=True,
        )
    )


def _step(
    name: str, count: int = 1, numpy: tuple[Any, ...] = (), *, text: str = "", latex: str = "", **facts: Any
) -> None:
    """Register a function that is constant between its jumps: its derivative is zero, as JAX has it."""
    operands = ", ".join(f"{{{i}}}" for i in range(count))
    register(
        Primitive(
            name,
            numpy or (getattr(np, name),),
            _unary if count == 1 else _binary,
            partials=tuple(lambda v, *_: number(0, v.shape) for _ in range(count)),
            latex=latex or rf"\operatorname{{{{{name.replace('_', chr(92) + '_')}}}}}({operands})",
            text=text or f"{name}({operands})",
            strength=ATOM,
            source=f"np.{name}({operands})",
            **facts,
        )
    )


_step("floor", ball=lambda v: v.floor(), latex=r"\lfloor {0} \rfloor")
_step("ceil", ball=lambda v: -(-v).floor(), latex=r"\lceil {0} \rceil")
_step(
    "rint",
    ball=lambda v: (v + 0.5).floor(),
    latex=r"\operatorname{{round}}({0})",
    text="round({0})",
    sources={"torch": "torch.round({0})"},
)
_step("trunc", ball=lambda v: v.sign() * abs(v).floor(), numpy=(np.trunc, np.fix))
_step("isfinite", boolean=True, ball=lambda v: 1)
_step("isnan", boolean=True, ball=lambda v: 0)
_step("isinf", boolean=True, ball=lambda v: 0)
_step("logical_not", boolean=True, ball=lambda v: int(not v), latex=r"\neg({0})")
for _name, _latex, _ball in (
    ("logical_and", r"\wedge", lambda v, w: int(bool(v) and bool(w))),
    ("logical_or", r"\vee", lambda v, w: int(bool(v) or bool(w))),
    ("logical_xor", r"\oplus", lambda v, w: int(bool(v) != bool(w))),
):
    _step(_name, 2, boolean=True, latex=rf"({{0}} {_latex} {{1}})", ball=_ball)
_step(
    "floor_divide",
    2,
    ball=lambda v, w: (v / w).floor(),
    latex=r"\lfloor {0} / {1} \rfloor",
    domain=POSITIVE,
    sources={"torch": "torch.floor({0} / {1})"},
)

_pair(
    "remainder",
    (
        lambda v, w, y: number(1, v.shape),
        lambda v, w, y: -1 * elementwise("floor_divide", v, w),
    ),
    latex=r"({0} \bmod {1})",
    text="remainder({0}, {1})",
    ball=lambda v, w: v - (v / w).floor() * w,
    strength=ATOM,
    domain=POSITIVE,
)


def _lower_clip(v: Expr, low: Expr, high: Expr) -> Expr:
    return elementwise("minimum", elementwise("maximum", v, low), high)


def _bind_clip(
    a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (a, a_min if min is None else min, a_max if max is None else max), {}


register(
    Primitive(
        "clip",
        (np.clip,),
        _bind_clip,
        _lower_clip,
        text="clip({0}, {1}, {2})",
        latex=r"\operatorname{{clip}}({0}, {1}, {2})",
        strength=ATOM,
        source="np.clip({0}, {1}, {2})",
        samples=lambda rng: ((rng.standard_normal(3), -0.5, 0.5), {}),
    )
)
