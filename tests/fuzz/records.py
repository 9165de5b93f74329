"""Statements of random programs made from the records of the registry: no operation can be forgotten."""

from __future__ import annotations

import ast

import numpy as np
from tests.primitives.test_registry import sample

from closedform.code.idioms import trace_source
from closedform.expression.expr import Expr, input_
from closedform.expression.size import Size
from closedform.primitives import PRIMITIVES

# The records that users call by a NumPy or SciPy function.
CALLED = sorted(name for name, record in PRIMITIVES.items() if record.numpy)
# Calls of records whose emitted source is a helper of the library instead.
HELPED = {
    "pad": "np.pad({0}, {pad_width}, mode={mode!r})",
    "sylvester": "scipy.linalg.solve_sylvester({0}, {1}, {2})",
}


def expression(name: str, operands: list[str], parameters: dict, values: list) -> str:
    """The call of a record as its users write it, on operands given as source text."""
    if name in HELPED:
        return HELPED[name].format(*operands, **parameters)
    leaves = tuple(input_(f"operand{i}", [Size.of(n) for n in np.shape(v)]) for i, v in enumerate(values))
    with np.errstate(all="ignore"):
        shape = np.shape(PRIMITIVES[name].call(*values, **parameters))
    root = Expr(name, leaves, tuple(parameters.items()), shape)
    module, constants = trace_source(root, [leaf.params[0] for leaf in leaves], "f", "numpy")
    (result,) = ast.parse(module).body[-1].body
    texts = {leaf.params[0]: text for leaf, text in zip(leaves, operands, strict=True)}
    texts.update({constant: literal(array) for constant, array in constants.items()})
    return ast.unparse(_Replaced(texts).visit(result.value))


def literal(value: np.ndarray) -> str:
    """An array written out."""
    value = np.asarray(value)
    return f"np.array({value.tolist()})" if value.ndim else repr(value.item())


def fitted(name: str, have: np.ndarray, shape: tuple[int, ...]) -> str:
    """An array of the wanted shape from the entries of the one there is."""
    if have.shape == shape:
        return name
    size = int(np.prod(shape))
    entries = f"np.ravel({name})[np.array({[k % have.size for k in range(size)]})]"
    return entries if len(shape) == 1 else f"np.reshape({entries}, {shape})"


def near_sample(name: str, seed: int, pick) -> str:
    """The record's call on its sample operands, moved a little by values of the program.

    pick  () -> name and value of an array of the program
    """
    operands, parameters = sample(name, seed)
    values = [np.round(o, 2) if np.asarray(o).dtype.kind == "f" else np.asarray(o) for o in operands]
    texts = []
    for value in values:
        text = literal(value)
        if value.dtype.kind == "f" and value.size:
            array = f"np.tanh({fitted(*pick(), value.shape)})"
            symmetric = value.ndim == 2 and value.shape[0] == value.shape[1] and np.all(value == value.T)
            text = f"({text} + 0.1 * {array})" if not symmetric else f"({text} + 0.1 * {array} @ {array}.T)"
        texts.append(text)
    return expression(name, texts, parameters, values)


def on_values(name: str, operands: list[tuple[str, np.ndarray]]) -> str:
    """An elementwise record on values of the program, moved into its domain where they are outside."""
    low, high = PRIMITIVES[name].domain
    texts = []
    for text, value in operands:
        inside = np.all((value > low) & (value < high))
        middle, half = (low + high) / 2, (high - low) / 2
        texts.append(text if inside else f"({middle:.6g} + {0.9 * half:.6g} * np.tanh({text}))")
    return expression(name, texts, {}, [value for _, value in operands])


def arity(name: str) -> int:
    """How many operands an elementwise record without samples of its own takes; 0 for other records."""
    record = PRIMITIVES[name]
    return 0 if record.samples else len(record.partials) or len(sample(name)[0])


class _Replaced(ast.NodeTransformer):
    """Names replaced by expressions."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.parse(self.texts[node.id], mode="eval").body if node.id in self.texts else node
