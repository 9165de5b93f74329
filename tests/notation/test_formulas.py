"""What is printed for what: `formulas.txt` holds the formulas; tests/sources reads them back."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from tests.notation.formulas import CASES

from closedform.expression.expr import Expr, toposort
from closedform.notation.latex import latex
from closedform.notation.text import text

SNAPSHOT = Path(__file__).with_name("formulas.txt")


def shown() -> str:
    parts = []
    for title, cases in CASES.items():
        parts.append(f"{title}\n{'-' * len(title)}\n")
        parts += [f"{name}\n    {text(expr)}\n    {latex(expr)}\n" for name, expr in cases.items()]
    return "\n".join(parts)


def test_formulas_are_printed_as_in_the_snapshot() -> None:
    assert shown() == SNAPSHOT.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "expr",
    [
        e
        for title, cases in CASES.items()
        if title in {"Textbook derivatives", "Products"}
        for e in cases.values()
    ],
)
def test_matrix_calculus_has_no_index_sums(expr: Expr) -> None:
    assert not any(mark in latex(expr) for mark in (r"\sum", r"\delta", "einsum", "_{ij"))


BRACKETS = re.compile(r"\\left\s*(\\[a-zA-Z]+|.)|\\right\s*(\\[a-zA-Z]+|.)|\\[a-zA-Z]+|[(){}\[\]]")
OPENING = {"(": ")", "[": "]", "{": "}", r"\lVert": r"\rVert", r"\lvert": r"\rvert", r"\lceil": r"\rceil"}


def balanced(formula: str) -> bool:
    """Whether every bracket of a LaTeX formula is closed by one of its kind."""
    waiting: list[str] = []
    for match in BRACKETS.finditer(formula):
        left, right = match.groups()
        sign = left or right or match[0]
        prefix = "left" if left else "right" if right else ""
        if sign in OPENING:
            waiting.append(("right" if prefix else "") + OPENING[sign])
        elif sign in OPENING.values() and (not waiting or waiting.pop() != prefix + sign):
            return False
    return not waiting


@pytest.mark.parametrize("expr", [e for cases in CASES.values() for e in cases.values()])
def test_brackets_of_latex_are_balanced(expr: Expr) -> None:
    assert balanced(latex(expr))


def test_unbalanced_brackets_are_found() -> None:
    assert balanced(r"\left( \frac{a}{b} \right) \lVert x \rVert_{[0]}")
    for formula in ("(x", "x)", "(x]", r"\left( x )", r"\frac{a}{b", r"\lVert x"):
        assert not balanced(formula)


def some_values(expr: Expr) -> dict[str, np.ndarray]:
    """Values of inputs, sizes and captured arrays, by the names that stand in the formula."""
    rng = np.random.default_rng(3)
    values: dict[str, np.ndarray] = {}
    for node in toposort(expr):
        shape = [size.value for size in node.shape]
        if node.op == "input":
            name, facts = node.params
            array = rng.uniform(0.3, 1, shape) + (3 * np.eye(*shape) if len(shape) == 2 else 0)
            values[name] = array + array.T if "symmetric" in facts else array
            for letter, size in zip("mn"[-len(shape) :], shape, strict=False):
                values[f"{letter}_{name}"] = np.array(size)
        elif node.op == "constant":
            values[node.params[0].name or "c_1"] = node.params[0].array
    return values


if __name__ == "__main__":
    SNAPSHOT.write_text(shown(), encoding="utf-8")
