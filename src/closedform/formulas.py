"""Formulas as people type them: text and the description of its names in, an expression, code and values out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from closedform.arguments import prepare
from closedform.code.numpy_source import compile_source, source, source_and_constants
from closedform.errors import InvalidArgumentError
from closedform.expression.calculus import size_number
from closedform.expression.expr import Expr
from closedform.notation.latex import latex
from closedform.notation.text import spelled, text
from closedform.simplify.simplify import simplify
from closedform.sources.text import read


def spellings(inputs: Mapping[str, Expr]) -> dict[str, Expr]:
    """What stands for inputs and their sizes in a formula: their names, and how these are printed."""
    names: dict[str, Expr] = {}
    for name, node in inputs.items():
        letters = ("m", "n") if node.ndim == 2 else ("n",) if node.ndim == 1 else tuple(
            f"n_{axis}" for axis in range(node.ndim)
        )
        for letter, size in zip(letters, node.shape, strict=True):
            names[f"{letter}_{name}"] = names[spelled(f"{letter}_{name}")] = size_number(size)
    printed = [spelled(name) for name in inputs]
    for name, shown in zip(inputs, printed, strict=True):
        if printed.count(shown) == 1:
            names[shown] = inputs[name]
    return {**names, **inputs}
