"""A reference evaluator of the calculus: one dense einsum a contraction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from closedform.expression.calculus import label_sizes, spec_of
from closedform.expression.expr import Expr, toposort
from closedform.primitives import PRIMITIVES
from closedform.primitives.structure import DENSE, dense


def evaluate(root: Expr, values: Mapping[str, Any]) -> np.ndarray:
    """The value of a level-two expression, given its inputs by name."""
    known: dict[Expr, Any] = {}
    for node in toposort(root):
        if node.op == "input":
            known[node] = np.asarray(values[node.params[0]])
        elif node.op == "constant":
            known[node] = node.params[0].array
        elif node.op == "size":
            known[node] = node.params[0].value
        elif node.op in DENSE:
            known[node] = dense(node)
        elif node.op == "linear":
            known[node] = sum(float(c) * known[a] for c, a in zip(node.params, node.args, strict=True))
        elif node.op == "contract":
            known[node] = _contraction(node, [known[a] for a in node.args])
        else:
            value = PRIMITIVES[node.op].call(*(known[a] for a in node.args), **dict(node.params))
            # NumPy's sums of truth values in einsum are truth values again.
            known[node] = value * 1.0 if np.asarray(value).dtype == bool else value
    return np.asarray(known[root])


def _contraction(node: Expr, arrays: list[Any]) -> np.ndarray:
    spec = spec_of(node)
    sizes = label_sizes(node)
    operands: list[Any] = []
    for array, labels, p in zip(arrays, spec.labels, spec.exponents, strict=True):
        operands += [array if p == 1 else np.asarray(array) ** float(p), list(labels)]
    distinct = list(dict.fromkeys(spec.out))
    for label in distinct:
        operands += [np.ones(sizes[label].value), [label]]
    product = np.einsum(*operands, distinct, optimize="greedy") if operands else np.array(1.0)
    result = np.zeros(tuple(s.value for s in node.shape))
    grid = np.indices(product.shape) if product.ndim else None
    if len(distinct) == len(spec.out):
        result = np.array(product, dtype=float)
    else:
        result[tuple(grid[distinct.index(label)] for label in spec.out)] = product
    return result * float(spec.coefficient)


def central_differences(function: Any, x: Any, step: float = 1e-5) -> np.ndarray:
    """The Jacobian of a function by central differences, of shape out.shape + x.shape."""
    x = np.asarray(x, dtype=float)
    columns = []
    for i in range(x.size):
        shift = np.zeros(x.size)
        shift[i] = step
        shift = shift.reshape(x.shape)
        columns.append((np.asarray(function(x + shift)) - np.asarray(function(x - shift))) / (2 * step))
    stacked = np.stack(columns, axis=-1) if columns else np.zeros((*np.shape(function(x)), 0))
    return stacked.reshape((*stacked.shape[:-1], *x.shape))
