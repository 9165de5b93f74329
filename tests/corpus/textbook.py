"""The textbooks' formulas, read as text and evaluated: what we compare with must be right itself."""

from __future__ import annotations

import re

import numpy as np
from tests.corpus import truth
from tests.corpus.record import Entry
from tests.dense import evaluate

import closedform as cf
from closedform.arguments import Described
from closedform.derivation import Derivation
from closedform.expression.calculus import size_number
from closedform.expression.expr import Expr, input_
from closedform.formulas import spellings
from closedform.sources.text import read

# A linear map is written as what it does to a direction: H[V] = ...
_MAP = re.compile(r"[HJ]\[(\w+)\] = (.*)")


def _axes(entry: Entry, function: Derivation) -> dict[str, Expr]:
    """The sizes, by the names of the axes in the descriptions of the arguments."""
    return {
        axis: size_number(size)
        for argument, node in zip(entry.arguments, function.inputs.values(), strict=True)
        if isinstance(argument, Described)
        for axis, size in zip(argument.axes, node.shape, strict=True)
        if isinstance(axis, str)
    }


def values(entry: Entry, formula: str, order: int) -> tuple[np.ndarray, np.ndarray]:
    """The value of a textbook's formula at a random point, and the true one: of the derivative, or of what it
    does to a random direction."""
    function = cf.trace(entry.function, *entry.arguments)
    names = _axes(entry, function) | spellings(function.inputs)
    sizes = truth.example_sizes(entry)
    arguments = truth.point(entry.function, entry.arguments, 0, sizes)
    known = dict(zip(function.arguments, arguments, strict=True))
    variable = function.inputs[function.arguments[entry.argnums]]
    shape = (*function.expr.shape, *variable.shape * order)
    truths = (truth.exact, truth.by_jax)
    wanted = truth.first(truths, entry.function, arguments, entry.argnums, order)
    found = _MAP.fullmatch(formula)
    if found:
        name, formula = found.groups()
        names[name] = input_(name, variable.shape)
        known[name] = np.random.default_rng(0).standard_normal([s.value for s in variable.shape])
        shape = shape[: len(shape) - variable.ndim]
        wanted = np.tensordot(wanted, known[name], variable.ndim)
    return evaluate(read(formula, names, shape), known), wanted
