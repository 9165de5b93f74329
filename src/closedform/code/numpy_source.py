"""From derived formulas to the source of a Python module that computes them, and to the compiled function."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from closedform.code.idioms import IMPORTS, imports_of
from closedform.code.plan import plan
from closedform.code.sparse import sparse_plan, structure_of
from closedform.code.steps import Step
from closedform.code.text import literal, translated
from closedform.code.writer import LARGEST_LITERAL, Writer
from closedform.errors import InvalidArgumentError, UnsupportedError
from closedform.expression.expr import Expr

Nested = Any  # an Expr, or a tuple of these


def source_and_constants(
    expr: Nested,
    arguments: Sequence[str],
    name: str = "derivative",
    idiom: str = "numpy",
    docstring: str = "",
    assertions: Sequence[str] = (),
    helpers: Sequence[str] = (),
    sparse: bool = False,
) -> tuple[str, dict[str, np.ndarray]]:
    """The source of a module whose function computes the expression, and the arrays it reads as global names.

    expr        a formula of the calculus, or a tuple of them: the function returns a tuple like it
    arguments   names of the function's arguments, in order
    name        the function's name
    idiom       "numpy", "jax", "torch" or "autograd"
    assertions  statements on the arguments that come first in the function
    helpers     definitions that the assertions use, written in the idiom
    sparse      whether the result, a matrix or a tensor with two pairs of axes, is a sparse matrix

    Captured arrays of up to 16 entries are written as literals; the second result holds the larger ones.
    Raises UnsupportedError where the idiom has no such operation, or a sparse result is dense.
    """
    if idiom not in IMPORTS:
        raise InvalidArgumentError(f"idiom {idiom!r} is not one of {', '.join(IMPORTS)}")
    writer = Writer(_sparse_steps(expr) if sparse else plan(list(_leaves(expr))), arguments, idiom)
    lines = [*assertions, *writer.lines, f"return {_tuple(expr, iter(writer.results))}"]
    body = [f"    {translated(line, idiom)}\n" for line in lines]
    if docstring:
        body.insert(0, f'    """{_escaped(docstring)}"""\n')
    function = f"def {name}({', '.join(arguments)}):\n" + "".join(body)
    literals = "".join(f"{translated(line, idiom)}\n" for line in writer.literals.values())
    used = [f"{translated(helper.strip(), idiom)}\n" for helper in writer.helpers.values()]
    text = "\n\n".join([*([literals] if literals else []), *used, *helpers, function])
    imports = ["import numpy"] * (
        idiom == "autograd" and bool(re.search(r"\bnumpy\.\w+\.at\(", text))
    ) + imports_of(text, idiom)
    return "\n".join(imports) + "\n\n\n" * bool(imports) + text, writer.constants


def _sparse_steps(expr: Expr) -> list[Step]:
    steps = sparse_plan(expr)
    if steps is None:
        raise UnsupportedError(
            f"form='sparse': the matrix is {structure_of(expr, expr.ndim // 2)}, its entries are not zero "
            f"by structure; use form='dense', or form='operator', which never forms it"
        )
    return steps


def _leaves(expr: Nested) -> Iterator[Expr]:
    if isinstance(expr, Expr):
        yield expr
    else:
        for item in expr:
            yield from _leaves(item)


def _tuple(expr: Nested, results: Iterator[str], depth: int = 0) -> str:
    """The results in a tuple like that of the expressions."""
    if isinstance(expr, Expr):
        return next(results)
    items = [_tuple(item, results, depth + 1) for item in expr]
    text = ", ".join(items) + "," * (len(items) == 1)
    return f"({text})" if depth or len(items) < 2 else text


def _escaped(docstring: str) -> str:
    """A docstring that ends where it should."""
    return docstring.replace("\\", "\\\\").replace('"', "'")


def source(
    expr: Nested,
    arguments: Sequence[str],
    name: str = "derivative",
    idiom: str = "numpy",
    docstring: str = "",
    assertions: Sequence[str] = (),
    helpers: Sequence[str] = (),
    sparse: bool = False,
) -> str:
    """The source of a standalone module whose function computes the expression, see `source_and_constants`.

    >>> from closedform.expression.calculus import dot
    >>> from closedform.expression.expr import input_
    >>> from closedform.expression.size import Size
    >>> n = Size.axis("x", 0, 3)
    >>> A, x, b = input_("A", (n, n)), input_("x", (n,)), input_("b", (n,))
    >>> print(source(dot(dot(A, x) - b, A), ["x", "A", "b"]))
    def derivative(x, A, b):
        return (A @ x - b) @ A
    <BLANKLINE>

    Raises UnsupportedError where the function captured an array that is too large for a literal.
    """
    text, constants = source_and_constants(
        expr, arguments, name, idiom, docstring, assertions, helpers, sparse
    )
    _refuse_large(constants)
    return text


def _refuse_large(constants: Mapping[str, np.ndarray]) -> None:
    if constants:
        listed = ", ".join(f"{key} of shape {value.shape}" for key, value in constants.items())
        raise UnsupportedError(
            f"the source would hold arrays that are too large to write ({listed}): ones that the function "
            "captures, which can be arguments instead, or the values of an argument that it reads as an "
            "index, which are part of the derivation. The compiled function has them"
        )


def array_literals(constants: Mapping[str, np.ndarray], idiom: str) -> list[str]:
    """Statements that define small arrays.

    >>> array_literals({"mask": np.array([True, False])}, "jax")
    ['mask = jnp.array([True, False])']

    Raises UnsupportedError where one is too large for a literal.
    """
    _refuse_large({name: array for name, array in constants.items() if array.size > LARGEST_LITERAL})
    make = "torch.tensor" if idiom == "torch" else "np.array"
    lines = [f"{name} = {make}({literal(array.tolist())})" for name, array in constants.items()]
    return [translated(line, idiom) for line in lines]


def compile_source(
    text: str, constants: Mapping[str, np.ndarray], name: str = "derivative"
) -> Callable[..., Any]:
    """The function of a module that this package wrote, with the arrays that it reads.

    >>> compile_source("def double(x):\\n    return 2 * x\\n", {}, "double")(3)
    6
    """
    namespace: dict[str, Any] = dict(constants)
    exec(compile(text, f"<{name}>", "exec"), namespace)
    function: Callable[..., Any] = namespace[name]
    return function
