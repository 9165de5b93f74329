"""A trace in, its computational graph out, annotated with values, partial derivatives or adjoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from closedform.code.numpy_source import compile_source, source_and_constants
from closedform.derivative.reverse import jacobian
from closedform.errors import InvalidArgumentError, InvalidFunctionError
from closedform.expression.calculus import Factor, contract, dot, number
from closedform.expression.expr import Expr, input_, toposort
from closedform.expression.size import Size
from closedform.notation.graph import Annotations, Graph, names, number_text
from closedform.notation.text import text
from closedform.simplify.normalise import lower_operation
from closedform.simplify.simplify import simplify
from closedform.sources.numpy_function import Trace

PARTIALS = ("none", "edges", "adjoints")
# Formulas longer than this are not written on an edge; the number is.
LONGEST_LABEL = 28


def graph_of(trace: Trace, partials: str = "none") -> Graph:
    """The graph of the primitive operations of a traced function, with its values at the example.

    partials  "none"; "edges" (the partial derivative of each operation with respect to each operand, as
              in forward accumulation); "adjoints" (the derivative of the result with respect to each node,
              as in reverse accumulation)

    Raises InvalidArgumentError for another word, InvalidFunctionError for adjoints of a result that is
    not a number.
    """
    if partials not in PARTIALS:
        raise InvalidArgumentError(f"partials={partials!r}: choose one of {', '.join(PARTIALS)}")
    edges = edge_partials(trace) if partials == "edges" else {}
    reverse = adjoints(trace) if partials == "adjoints" else {}
    return Graph.of(trace.root, Annotations(trace.values, edges, reverse), trace.name)


def _operations(trace: Trace) -> list[Expr]:
    return [node for node in toposort(trace.root) if node.args]


def _active(trace: Trace) -> set[Expr]:
    """Nodes that depend on an input."""
    found: set[Expr] = set()
    for node in toposort(trace.root):
        if node.op == "input" or any(arg in found for arg in node.args):
            found.add(node)
    return found


def _local(node: Expr, labels: Mapping[Expr, str], trace: Trace) -> tuple[Expr, list[Expr], dict[str, Any]]:
    """One operation alone: its formula, its operands as inputs of their own, and their values by name."""
    leaves = []
    values: dict[str, Any] = {}
    for arg in node.args:
        value = trace.values[arg]
        if arg.op == "number":
            leaves.append(number(arg.params[0]))
            continue
        name = labels.get(arg) or f"v{len(values)}"
        leaves.append(input_(name, [Size.of(n) for n in np.shape(value)]))
        values[name] = np.asarray(value, dtype=float)
    return simplify(lower_operation(node.op, tuple(leaves), node.params, {})), leaves, values


def _value(expr: Expr, values: Mapping[str, Any]) -> Any:
    source, constants = source_and_constants(expr, tuple(values), "value")
    return compile_source(source, constants, "value")(*values.values())


def edge_partials(trace: Trace) -> dict[tuple[Expr, int], str]:
    """The partial derivative of each operation with respect to each operand: formula, and number at the
    example for scalars. Operations on arrays that do not act entry by entry have none."""
    labels = names(trace.root, trace.name)
    active = _active(trace)
    found = {}
    for node in _operations(trace):
        formula, leaves, values = _local(node, labels, trace)
        for position, leaf in enumerate(leaves):
            if node.args[position] not in active or leaf.shape != formula.shape:
                continue
            axes = tuple(range(formula.ndim))
            full = simplify(jacobian(formula, leaf))
            entries = contract([Factor(full, axes + axes)], axes)
            if contract([Factor(entries, axes)], axes + axes) is full:
                found[node, position] = _label(entries, values)
    return found


def _label(entries: Expr, values: Mapping[str, Any]) -> str:
    written = text(entries)
    if entries.shape:
        return written if len(written) <= LONGEST_LABEL else ""
    number_ = number_text(_value(entries, values))
    return f"{written} = {number_}" if len(written) <= LONGEST_LABEL and written != number_ else number_


def adjoints(trace: Trace) -> dict[Expr, Any]:
    """The derivative of the result with respect to each node, at the example, by a reverse sweep."""
    if np.shape(trace.values[trace.root]):
        raise InvalidFunctionError(
            f"adjoints belong to a function that returns a number; {trace.name} returned an array of shape "
            f"{np.shape(trace.values[trace.root])}"
        )
    labels = names(trace.root, trace.name)
    active = _active(trace)
    found: dict[Expr, Any] = {trace.root: np.float64(1.0)}
    for node in reversed(_operations(trace)):
        if node not in found:
            continue
        formula, leaves, values = _local(node, labels, trace)
        adjoint = input_("adjoint_", formula.shape)
        weighted = dot(adjoint, formula, formula.ndim)
        for position, leaf in enumerate(leaves):
            arg = node.args[position]
            if arg in active and leaf not in leaves[:position]:
                share = _value(simplify(jacobian(weighted, leaf)), {**values, "adjoint_": found[node]})
                found[arg] = found[arg] + share if arg in found else share
    return found
