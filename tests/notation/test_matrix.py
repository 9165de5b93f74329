"""Formulas of deep, long and ambiguous expressions; names and numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from closedform.expression.calculus import (
    Factor,
    contract,
    dot,
    identity,
    linear,
    number,
    power,
    transpose,
)
from closedform.expression.expr import Expr, constant, input_
from closedform.notation.latex import latex
from closedform.notation.text import text
from closedform.primitives import PRIMITIVES, Primitive

x = input_("x", (3,))
n = x.shape[0]
A, B = input_("A", (n, n)), input_("B", (n, n))
s = input_("s", ())

DEEP: dict[str, tuple[Expr, Callable[[Expr], Expr]]] = {
    "functions": (s, lambda e: Expr("sin", (e,), (), ())),
    "products": (x, lambda e: dot(A, e)),
    "sums of matrices": (A, lambda e: dot(B, contract([Factor(e, (1, 0))], (0, 1)) + B)),
    "inverses": (A, lambda e: Expr("inv", (e + B,), (), A.shape)),
    "layers": (x, lambda e: Expr("tanh", (dot(A, e) + x,), (), x.shape)),
    "shared": (s, lambda e: Expr("sin", (e,), (), ()) * e + Expr("cos", (e,), (), ())),
}


@pytest.mark.parametrize("start, step", DEEP.values(), ids=DEEP.keys())
def test_deep_expressions_do_not_overflow(start: Expr, step: Callable[[Expr], Expr]) -> None:
    expr = start
    for _ in range(400):
        expr = step(expr)
    assert "\\" in latex(expr) or "A" in latex(expr)
    assert len(text(expr)) < 100_000


def test_a_repeated_part_of_a_long_formula_has_a_name() -> None:
    part = Expr("exp", (dot(x, dot(A, x)) + dot(x, dot(B, x)),), (), ())
    expr = Expr("sin", (part,), (), ()) * part * Expr("cos", (2 + part,), (), ())
    for _ in range(2):
        expr = Expr("tanh", (expr + part,), (), ()) * expr
    assert text(expr).count("xᵀAx") == 1


def test_letters_of_the_notation_give_way_to_names() -> None:
    I, K, i, k = input_("I", (n, n)), input_("K", (n, n)), input_("i", (n,)), input_("k", (n,))
    assert text(linear([(1, I), (1, contract([], (0, 0), {0: n}))], I.shape)) == "I + 𝐈"
    assert text(contract([Factor(K, (0, 3)), Factor(K, (1, 2))], (0, 1, 2, 3))) == "(K ⊗ K)𝐊"
    assert text(contract([Factor(i, (0,)), Factor(k, (1,)), Factor(x, (2,))], (0, 1, 2))) == "iⱼkₗxₚ"


def test_an_array_gets_a_name_that_no_input_has() -> None:
    captured = constant(np.array([4.0, 5, 6]), "s")
    assert text(contract([Factor(captured, (0,)), Factor(s)], (0,))) == "ss₁"
    assert text(constant(np.array(0.25))) == "¼"


@pytest.mark.parametrize(
    ("value", "shown", "tex"),
    [
        (2, "2s", "2 s"),
        (-1, "−s", "-s"),
        (Fraction(1, 2), "½s", r"\tfrac{1}{2} s"),
        (Fraction(-5, 7), "−(5/7)s", r"-\tfrac{5}{7} s"),
        (0.1, "0.1s", "0.1 s"),
        (1e-8, "10⁻⁸s", "10^{-8} s"),
        (2.5e-9, "(2.5·10⁻⁹)s", r"(2.5 \cdot 10^{-9}) s"),
        (1e20, "100000000000000000000s", "100000000000000000000 s"),
        (math.pi, "πs", r"\pi s"),
        (-2 * math.pi, "−2πs", r"-2 \pi s"),
        (math.pi / 4, "¼πs", r"\tfrac{\pi}{4} s"),
        (math.e, "es", "e s"),
    ],
)
def test_numbers(value: float, shown: str, tex: str) -> None:
    expr = number(value) * s
    assert (text(expr), latex(expr)) == (shown, tex)


@pytest.mark.parametrize(
    ("name", "shown", "tex"),
    [
        ("x", "x", "x"),
        ("x0", "x₀", "x_{0}"),
        ("x_0", "x₀", "x_{0}"),
        ("lambda_", "λ", r"\lambda"),
        ("lam", "λ", r"\lambda"),
        ("Sigma", "Σ", r"\Sigma"),
        ("sigma2", "σ₂", r"\sigma_{2}"),
        ("θ", "θ", r"\theta"),
        ("loss", "loss", r"\mathrm{loss}"),
        ("w_out", "wₒᵤₜ", r"w_{\mathrm{out}}"),
        ("x_y", "x_y", "x_{y}"),
        ("A_1_2", "A_1_2", "A_{1,2}"),
    ],
)
def test_names(name: str, shown: str, tex: str) -> None:
    expr = input_(name, ())
    assert (text(expr), latex(expr)) == (shown, tex)


@pytest.mark.parametrize("primitive", [p for p in PRIMITIVES.values() if p.elementwise], ids=lambda p: p.name)
def test_every_elementwise_function_is_printed_with_its_operands(primitive: Primitive) -> None:
    operands = [input_(name, (n,)) for name in "uvw"[: len(primitive.partials)]]
    node = Expr(
        primitive.name,
        tuple(operands),
        (("n", 2),) if primitive.name in {"polygamma", "sinc_derivative"} else (),
        (n,),
    )
    for shown in (text(node), latex(node)):
        assert all(operand.params[0] in shown for operand in operands)
        assert "{0}" not in shown


def test_terms_that_a_sum_shares_with_its_transpose_count_twice() -> None:
    whole = A + Expr("exp", (A,), (), A.shape) + identity(A.shape[:1])
    assert text(whole + transpose(whole, (1, 0))) == "2I + exp_⊙(A) + exp_⊙(A)ᵀ + A + Aᵀ"
    difference = Expr("tanh", (A - transpose(A, (1, 0)),), (), A.shape)
    slopes = number(1, A.shape) - power(difference, 2)
    assert "𝟏" not in text(slopes - transpose(slopes, (1, 0)))


def test_a_long_number_that_all_terms_share_is_written_once_or_before_each() -> None:
    third = Fraction(40564819207303346393761349247529, 20282409603651670423947251286016)
    assert text(linear([(third, dot(A, x)), (third, x)], x.shape)).count("x") == 2
