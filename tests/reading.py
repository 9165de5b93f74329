"""Printed formulas read back: an expression in, the expression of its text out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from tests.dense import evaluate

from closedform.expression.expr import Expr, toposort
from closedform.formulas import spellings
from closedform.notation.text import text
from closedform.simplify.simplify import simplify
from closedform.sources.text import read


def read_back(expr: Expr, arguments: Mapping[str, Expr]) -> Expr:
    """The expression of the printed formula."""
    captured = {
        node.params[0].name or "c₁": node for node in toposort(expr) if node.op == "constant" and node.shape
    }
    return simplify(read(text(expr, arguments.values()), {**spellings(arguments), **captured}, expr.shape))


def assert_same(expr: Expr, found: Expr, values: Mapping[str, Any]) -> None:
    """The two expressions are one node, or have one value."""
    if found is expr:
        return
    with np.errstate(all="ignore"):
        want, got = evaluate(expr, values), evaluate(found, values)
    np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-10 * np.nanmax(np.abs(want), initial=1))
