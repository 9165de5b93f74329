"""Formulas as people type them: text and what its names are go in; expression, code and values come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from inspect import Parameter, Signature
from typing import Any

import numpy as np

from closedform.arguments import Described, check_declared, prepare
from closedform.code.numpy_source import compile_source, source, source_and_constants
from closedform.errors import InvalidArgumentError
from closedform.expression.calculus import factors_of, is_zero, size_number
from closedform.expression.expr import Expr, input_, toposort
from closedform.expression.size import Size
from closedform.notation.latex import latex
from closedform.notation.text import spelled, text
from closedform.simplify.simplify import replaced, simplify
from closedform.sources.text import DIVISION_BY_ZERO, read
from closedform.sources.tokens import refuse
from closedform.sources.traced import Traced


@dataclass(frozen=True)
class Formula:
    """A formula that was read: call it with arrays, print it, or get its code.

    expr      the expression, simplified by what was declared of its arguments
    inputs    its arguments by name, in their order
    declared  the descriptions among them, which a call and the derivatives rely on and check
    written   the expression, simplified by nothing that was declared
    """

    expr: Expr
    inputs: Mapping[str, Expr]
    declared: Mapping[str, Described]
    written: Expr = field(repr=False)

    def __post_init__(self) -> None:
        # Where `closedform.arguments.annotated` finds what a function's arguments are.
        object.__setattr__(self, "__annotations__", dict(self.declared))

    @cached_property
    def text(self) -> str:
        """The formula in Unicode."""
        return text(self.expr, self.inputs.values())

    @cached_property
    def latex(self) -> str:
        """The formula in LaTeX."""
        return latex(self.expr, self.inputs.values())

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The compiled function itself, of the arguments in their order: no checks."""
        return self._compiled(self.expr)

    @cached_property
    def _traced(self) -> Callable[..., Any]:
        """The function of what is not known to be as declared."""
        return self._compiled(self.written)

    def _compiled(self, expr: Expr) -> Callable[..., Any]:
        program = source_and_constants(expr, tuple(self.inputs), "formula", "numpy", self.text)
        return compile_source(*program, "formula")

    def source(self, idiom: str = "numpy", name: str = "formula") -> str:
        """A standalone Python module with the formula as a function."""
        return source(self.expr, tuple(self.inputs), name, idiom, self.text, [], [])

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        bound = self.__signature__.bind(*arguments, **named).args
        if any(isinstance(a, Traced) for a in bound):
            return self._traced(*bound)
        arrays = [np.asarray(a, dtype=float) for a in bound]
        names = list(self.inputs)
        declared = {i: self.declared[name] for i, name in enumerate(names) if name in self.declared}
        check_declared(dict(enumerate(arrays)), declared, names, "formula")
        return self.function(*arrays)

    @property
    def __signature__(self) -> Signature:
        return Signature([Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in self.inputs])

    @property
    def __name__(self) -> str:
        return "formula"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"

    def __repr__(self) -> str:
        return self.text


def parse(text: str, *, shape: str | Sequence[int] | None = None, **names: Any) -> Formula:
    """The formula that a text stands for: what the library prints, or what a person types.

    text   Unicode as in `.text`, with "..., where p = ..." if need be; or ASCII: * or nothing for products,
           / ^ and ' for quotients, powers and transposes, .* ./ .^ for those of each entry, sqrt(x), log(x)
           and all NumPy functions of the library by name
    names  what stands in it: example arrays, or descriptions such as cf.vector("n"), which calls check
    shape  of the result, where the text alone does not tell it ("0", "2I"): a name whose shape it has, or
           the numbers of example arrays

    Side by side is the product: Ax is A times x if A and x are declared, and the longest declared name is
    taken. 𝟏 and I are ones and the identity, eₖ unit vectors (counted from 0), ∑ᵢ xᵢyᵢ and [xᵢyⱼ]ᵢⱼ use
    indices that are not declared, [a, b] is the vector of two numbers, [[a, b], [c, d]] the matrix with these
    rows, [A, B; C, D] an array of blocks, in which 0 takes the size of its neighbours; A ⊗ B and vec(A) are
    for results of order 4. A number is added to every entry of a vector. n_x is the length of x; m_A and n_A
    are the rows and columns of A. The names are the arguments of the function, in the order given.
    `closedform.notation.matrix` states the conventions.

    Raises InvalidArgumentError, which shows the position and what to write, for what is unknown, ambiguous,
    or does not fit together.

    >>> import closedform as cf
    >>> f = cf.parse("1/2 * ||A x - b||^2", A=cf.matrix("m", "n"), x=cf.vector("n"), b=cf.vector("m"))
    >>> f
    ½‖Ax − b‖²
    >>> cf.grad(f, "x").at()
    Aᵀ(Ax − b)
    >>> cf.parse("A x", A=cf.matrix("m", "n"), x=cf.vector("m"))
    Traceback (most recent call last):
    ...
    closedform.errors.InvalidArgumentError: the sizes of these factors A.shape[1] and A.shape[0] differ
        A x
          ^ position 2
    """
    _, leaves = prepare(list(names.values()), list(names), "parse")
    free = {name: input_(name, leaf.shape) for name, leaf in zip(names, leaves, strict=True)}
    wanted: Sequence[Size] | None = None
    if isinstance(shape, str):
        wanted = free[shape].shape
    elif shape is not None:
        wanted = [Size.of(n) for n in shape]
    try:
        written = read(text, spellings(free), wanted)
    except RecursionError:
        raise InvalidArgumentError("the formula is nested too deeply to be read") from None
    free |= {node.params[0]: node for node in toposort(written) if node.op == "input"}
    facts = {name: leaf.params[1] for name, leaf in zip(names, leaves, strict=True)}
    inputs = {name: input_(name, node.shape, facts[name]) for name, node in free.items()}
    try:
        expr = simplify(replaced(written, {node: inputs[name] for name, node in free.items()}))
        written = simplify(written)
    except ZeroDivisionError:
        refuse(text, 0, DIVISION_BY_ZERO)
    if any(map(_divides_by_zero, toposort(expr))):
        refuse(text, 0, DIVISION_BY_ZERO)
    declared = {name: value for name, value in names.items() if isinstance(value, Described)}
    return Formula(expr, inputs, declared, written)


def _divides_by_zero(node: Expr) -> bool:
    if node.op != "contract":
        return False
    return any(factor.exponent < 0 and is_zero(factor.base) for factor in factors_of(node))


def spellings(inputs: Mapping[str, Expr]) -> dict[str, Expr]:
    """What stands for inputs and their sizes in a formula: their names, and how these are printed."""
    names: dict[str, Expr] = {}
    for name, node in inputs.items():
        for axis, size in enumerate(node.shape):
            if size.label:
                names[size.label] = names[spelled(size.label)] = size_number(size)
            letter = "mn"[axis] if node.ndim == 2 else "n" if node.ndim == 1 else f"n_{axis}"
            for spelling in (f"{letter}_{name}", spelled(f"{letter}_{name}"), f"dim_{axis}_{name}"):
                names[spelling] = size_number(size)
    printed = [spelled(name) for name in inputs]
    for name, shown in zip(inputs, printed, strict=True):
        if printed.count(shown) == 1:
            names[shown] = inputs[name]
    return {**names, **inputs}
