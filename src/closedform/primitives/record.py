"""What a primitive operation is: one record of facts, read by every part of the library."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy.linalg

from closedform.expression.expr import Expr
from closedform.expression.facts import ELEMENTWISE
from closedform.expression.size import Size

# Binding strength of printed operations, loosest first.
SUM, PRODUCT, POWER, CALL, ATOM = range(5)

IDIOMS = ("numpy", "autograd", "jax", "torch")


@dataclass(frozen=True)
class Primitive:
    """One operation, as NumPy names it.

    name         the `op` of its expression nodes
    title        in words, where the name is not one: "the inverse"
    numpy        the NumPy and SciPy callables that are traced to it
    bind         called as the NumPy function is; returns (array operands, other parameters)
    lower        (operands, **parameters) -> Expr of the calculus; None when the calculus has it itself
    partials     for an elementwise function: one formula per operand, of (*operands, value)
    jacobian     for other functions of the calculus: (node, operand number) -> the Jacobian as an expression
                 of shape node.shape + operand.shape, its products kept symbolic
    pullback     instead of `jacobian` in the reverse pass: (node, operand number, cotangent of shape
                 lead + node.shape) -> cotangent of shape lead + operand.shape
    pushforward  the same forwards, where the pullback of the identity would be a large tensor:
                 (node, operand number, tangent of operand.shape) -> tangent of node.shape
    expand       node of the calculus -> what it stands for, written out when nothing more is derived
    latex, text  templates with {0}, {1} for the operands (already in brackets where `strength` asks for it);
                 `text` is also the syntax by which a formula that is read calls the function
    strength     binding strength of the printed form
    call         (*operands, **parameters) -> value, by default the first of `numpy`
    source       NumPy source template: {0}, {1}, ... operands, {args} all of them, {name} a parameter,
                 {params} ", name=value" for each parameter that is not at its default
    sources      templates of other idioms where they differ; None says that the idiom cannot do it
    helper       source of a function that `source` calls, put into the emitted module
    helpers      the same for other idioms where it differs
    ball         (operands, **parameters) -> value, on entries that are exact real balls with the methods
                 exp, log, sqrt, sin, ... (closedform.engines.exact.balls)
    domain       open interval of real operands on which it is smooth, for tests
    samples      (rng) -> operands and parameters for tests, where `domain` does not tell
    part         (source template of a function with several results, their names, the position of this one):
                 it is called once where more than one of the results is needed
    ordered      (node of the calculus) -> two sizes: its formulas hold where the first is at most the second
    boolean      whether the values are truth values
    requires     what the first operand must be, by the record that tells: "symmetric", ... (REQUIREMENTS)
    """

    name: str
    numpy: tuple[Any, ...] = ()
    bind: Callable[..., tuple[tuple[Any, ...], dict[str, Any]]] | None = None
    lower: Callable[..., Expr] | None = None
    partials: tuple[Callable[..., Any], ...] = ()
    jacobian: Callable[[Expr, int], Expr] | None = None
    pullback: Callable[[Expr, int, Expr], Expr] | None = None
    pushforward: Callable[[Expr, int, Expr], Expr] | None = None
    expand: Callable[[Expr], Expr] | None = None
    latex: str = ""
    text: str = ""
    strength: int = CALL
    call: Callable[..., Any] | None = None
    source: str = ""
    sources: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))
    helper: str = ""
    helpers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    ball: Callable[..., Any] | None = None
    title: str = ""
    domain: tuple[float, float] = (-2.0, 2.0)
    samples: Callable[[np.random.Generator], tuple[tuple[Any, ...], dict[str, Any]]] | None = None
    part: tuple[str, tuple[str, ...], int] | None = None
    requires: str = ""
    ordered: Callable[[Expr], tuple[Size, Size]] | None = None
    boolean: bool = False

    def __post_init__(self) -> None:
        if self.call is None and self.numpy:
            object.__setattr__(self, "call", self.numpy[0])

    def helper_in(self, idiom: str) -> str:
        """The helper's source, if the idiom's template calls a function that it defines."""
        template = self.sources.get(idiom, self.source) or ""
        helper = self.helpers.get(idiom, self.helper)
        defined = re.findall(r"^def (\w+)", helper, re.MULTILINE)
        return helper if any(f"{name}(" in template for name in defined) else ""

    @property
    def words(self) -> frozenset[str]:
        """The words of its printed form, as "ln" and "det"."""
        return frozenset(re.findall(r"[^\W\d_]\w*", re.sub(r"\{\w+\}", " ", self.text)))

    @property
    def elementwise(self) -> bool:
        """Whether the operation acts on each entry alone."""
        return bool(self.partials)


PRIMITIVES: dict[str, Primitive] = {}
# NumPy's and SciPy's functions, and the records they are traced to.
BY_CALLABLE: dict[Any, Primitive] = {}


def register(primitive: Primitive) -> Primitive:
    """Add a record to the registry; a name can be taken once."""
    if primitive.name in PRIMITIVES:
        raise ValueError(f"primitive {primitive.name!r} is registered twice")
    PRIMITIVES[primitive.name] = primitive
    BY_CALLABLE.update(dict.fromkeys(primitive.numpy, primitive))
    if primitive.elementwise:
        ELEMENTWISE.add(primitive.name)
    return primitive


def shape(rng: np.random.Generator, ndim: int, least: int = 1) -> tuple[int, ...]:
    """A random shape of sample operands, each axis between `least` and `least` + 3 long."""
    return tuple(int(n) for n in rng.integers(least, least + 4, ndim))


# A function of several results: called as the NumPy function is; returns the results by their names, each as
# (primitive, array operands, other parameters) or a plain value. One result alone is not put in a tuple.
Results = dict[str, Any]
SEVERAL: dict[Any, Callable[..., Results]] = {}


def register_results(*functions: Any) -> Callable[[Callable[..., Results]], Callable[..., Results]]:
    """Register what NumPy's and SciPy's functions of several results return."""

    def register(bind: Callable[..., Results]) -> Callable[..., Results]:
        SEVERAL.update(dict.fromkeys(functions, bind))
        return bind

    return register


# What an operation may require of its first operand, by the record that tells whether it is so: what to say
# where it is not.
REQUIREMENTS: dict[str, str] = {
    "symmetric": "the matrix is not symmetric, and NumPy reads one triangle only: write (A + A.T) / 2 for A",
    "full_rank": "the matrix has not full rank: there is no derivative",
    "principal": "an eigenvalue of the matrix is zero or a negative number: there is no real value near it",
}


def called_name(function: Any) -> str:
    """The name under which people call a function."""
    name = getattr(function, "__name__", str(function))
    module = str(getattr(function, "__module__", "")) or "numpy"
    if isinstance(function, np.ufunc):
        module = "numpy" if getattr(np, name, None) is function else "scipy.special"
    public = module.replace("numpy.", "np.", 1) if module.startswith("numpy.") else module
    return f"{'np' if public == 'numpy' else public.split('._')[0]}.{name}"


def emitted(helper: str, name: str) -> Callable[..., Any]:
    """The function that a helper's text defines, so that there is one text of it for running and emitting."""
    namespace: dict[str, Any] = {"np": np, "scipy": scipy}
    exec(helper, namespace)  # the library's own text
    function: Callable[..., Any] = namespace[name]
    return function
