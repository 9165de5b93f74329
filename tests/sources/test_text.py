"""Formulas read from text: what is printed reads back, what people type is read, the rest is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.notation import formulas
from tests.notation.formulas import CASES
from tests.notation.test_formulas import some_values
from tests.primitives.test_registry import OPERATIONS, lowered, named, sample, traced
from tests.reading import assert_same, read_back

import closedform as cf
from closedform.errors import InvalidArgumentError
from closedform.expression.calculus import Factor, contract, number
from closedform.expression.expr import Expr, input_, inputs
from closedform.notation.text import text
from closedform.primitives.structure import unit

ARGUMENTS = {
    node.params[0]: node for node in vars(formulas).values() if isinstance(node, Expr) and node.op == "input"
}


@pytest.mark.parametrize(
    "expr",
    [expr for cases in CASES.values() for expr in cases.values()],
    ids=[name for cases in CASES.values() for name in cases],
)
def test_formulas_read_back(expr: Expr) -> None:
    arguments = ARGUMENTS | {node.params[0]: node for node in inputs(expr)}
    assert_same(expr, read_back(expr, arguments), some_values(expr))


# Printed in a way that is refused where it is read: entries in a computed order, sums over reshapes, products
# along one axis of a matrix.
NOT_READ = {"rearranged", "take_along", "repeat", "products_without"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_of_the_registry_read_back(name: str) -> None:
    operands, parameters = sample(name)
    root, leaves, _ = traced(name, operands, parameters)
    expr = lowered(root, leaves)
    if name in NOT_READ:
        with pytest.raises(InvalidArgumentError):
            read_back(expr, {leaf.params[0]: leaf for leaf in leaves})
        return
    assert_same(expr, read_back(expr, {leaf.params[0]: leaf for leaf in leaves}), named(operands))


NAMES = {
    "A": cf.matrix("m", "n"),
    "x": cf.vector("n"),
    "y": cf.vector("n"),
    "b": cf.vector("m"),
    "B": cf.matrix("n", "n"),
    "s": cf.scalar(),
}


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("0.5 (Ax − b)ᵀ(Ax − b)", "½‖Ax − b‖²"),
        ("A'*(A*x - b)", "Aᵀ(Ax − b)"),
        ("A.T @ (A @ x - b)", "Aᵀ(Ax − b)"),
        ("||A x - b||", "‖Ax − b‖"),
        ("x'x y", "(xᵀx)y"),
        ("x .* y ./ (1 + x.^2)", "(x ⊙ y) ⊘ (x^⊙2 + 1)"),
        ("x.^2", "x^⊙2"),
        ("Ax + 1", "Ax + 1"),
        ("B^-1 x", "B⁻¹x"),
        ("inv(B)' x", "B⁻ᵀx"),
        ("tr(B^2)", "tr(B²)"),
        ("e^s x", "exp(s)x"),
        ("e^B", "e^B"),
        ("log(1 + e^x)", "ln(1 + exp(x))"),
        ("sqrt(s) + s^(1/3)", "s^(1/3)(s^(1/6) + 1)"),
        ("sum(x) / n_x + m_A", "𝟏ᵀx/n + m"),
        ("mean(x .* y)", "xᵀy/n"),
        ("x[1:]'y[:-1] + B[0, 1]", "x[1:]ᵀy[:-1] + B[0, 1]"),
        ("∑ᵢ xᵢ yᵢ", "xᵀy"),
        ("∑_(i, j) B[i, j] x[i]", "xᵀB𝟏"),
        ("[xᵢ yⱼ]ᵢⱼ", "xyᵀ"),
        ("xᵢyⱼ", "xyᵀ"),
        ("1ᵀx", "𝟏ᵀx"),
        ("p'x, where p = softmax(Bx)", "xᵀ softmax(Bx)"),
        ("max(x, 0) - maximum(y, 0)", "max(x, 0) − max(y, 0)"),
        ("where(x > 0, x, y)", "where(x > 0, x, y)"),
        ("tril(B, -1) x", "tril(B, -1)x"),
        ("(B ⊗ B) vec(B)", "B²Bᵀ"),
        ("K vec(B)", "Bᵀ"),
        ("sin²(s) + tanh² s", "sin² s + tanh² s"),
        ("2π s − x'Bx/3", "2πs − ⅓xᵀBx"),
        ("∏_(k ≠ i) xₖ", "∏_(k ≠ i) xₖ"),
        ("softmax₀(B)", "softmax₀(B)"),
        ("det(B) B^-T", "det(B)B⁻ᵀ"),
        ("ln |det B|", "ln |det B|"),
        ("δᵢⱼ xᵢ", "diag(x)"),
    ],
)
def test_what_people_type_is_read(typed: str, printed: str) -> None:
    assert cf.parse(typed, **NAMES).text == printed


@pytest.mark.parametrize(
    ("typed", "position", "reason"),
    [
        ("", 0, "the end of the formula stands where a factor is expected"),
        ("x +", 3, "the end of the formula stands where a factor is expected"),
        ("(x + y", 6, "')' is missing here, before the end"),
        ("x )", 2, "')' is not expected here"),
        ("x & y", 2, "'&' has no meaning in a formula"),
        ("x; y", 1, "';' is not expected here"),
        ("[x; y, x]", 0, "unequal numbers of blocks"),
        ("[x, A]", 4, "sizes of blocks"),
        ("[xᵢ, yᵢ]", 0, "not entries with indices"),
        ("a x", 0, "'a' is not declared"),
        ("foo(x)", 0, "'foo' is not declared"),
        ("p, where p", 0, "'p' is not declared"),
        ("x y", 2, "write xᵀy, xyᵀ, or x ⊙ y"),
        ("xᵀ A", 3, "the sizes of these factors A.shape[1] and A.shape[0] differ"),
        ("x + A", 0, "do not go together"),
        ("A x + s", 0, "are added: write s𝟏"),
        ("B + 1", 0, "write s𝟏𝟏ᵀ or sI"),
        ("A ⊙ B", 2, "sizes A.shape[0] and A.shape[1] differ"),
        ("s ⊙ x", 2, "⊙ stands between a scalar and a column"),
        ("B ⊗ B ⊙ B", 6, "⊗ and ⊙ stand side by side: write brackets"),
        ("x ⊗ x", 2, "⊗ stands between matrices"),
        ("1/2 x", 4, "write (a/b)c or a/(bc)"),
        ("s/x", 1, "write ⊘ for the quotient of entries"),
        ("x 2", 2, "a number after a factor"),
        ("2e-3 x", 1, "write 2·10⁻³ or 0.002"),
        ("x^2", 1, "write ^⊙2 for that of each entry"),
        ("B^s", 1, "write power_⊙(A, B)"),
        ("√B", 0, "write ^(⊙1/2) for that of each entry"),
        ("sin²(B)", 3, "a power at a function of a matrix"),
        ("5ᵀ", 1, "the row of ones is 𝟏ᵀ"),
        ("sin x y", 4, "write brackets around it"),
        ("sin 2x", 4, "write brackets around it"),
        ("ln s/2", 4, "write f(x)/a or f(x/a)"),
        ("sin exp(s)", 4, "a function's operand is to be in brackets, unless it is a name"),
        ("sin", 3, "a function's operand is to be in brackets"),
        ("sin(x, y)", 0, "sin takes 1 operands, not 2"),
        ("maximum(x)", 0, "maximum takes 2 operands, not 1"),
        ("ln(1 + exp(B))", 0, "for the entries of a matrix, write softplus(...)"),
        ("sin s, where x y", 15, "'=' is missing here"),
        ("‖B‖", 0, "write ‖A‖_F for a matrix"),
        ("tr(A)", 0, "only of a square matrix"),
        ("vec(x)", 0, "vec takes a matrix"),
        ("diag(B)", 0, "write diagonal(A) for that of A"),
        ("diagonal(x)", 0, "diagonal takes a square matrix"),
        ("reshape(x, 2, 3)", 0, "cannot reshape"),
        ("reshape(x, s)", 11, "a size is expected here"),
        ("xᵢⱼ", 1, "2 indices at a column"),
        ("∑ᵢ s", 0, "i does not stand in what is summed over it"),
        ("∑ x", 2, "indices are missing here"),
        ("[xᵢ]", 4, "indices are missing here"),
        ("[xᵢ]ᵢᵢ", 0, "an index stands twice"),
        ("[x]ᵢ", 0, "are to be written with its indices"),
        ("δᵢⱼₖ", 0, "δ takes two indices"),
        ("∏ᵢ xᵢyⱼ", 0, "are to have this index alone"),
        ("x[0.5]", 5, "an index is to be a number, a slice, or a letter"),
        ("x[[0,…,9]]", 5, "the indices left out here are not known"),
        ("B[i, 0]", 1, "indices beside slices"),
        ("x[0, 1]", 1, "2 indices at a column"),
        ("I", 0, "the size of I does not follow from the formula: give shape="),
        ("𝟏ᵀ𝟏", 2, "the size of 𝟏 does not follow"),
        ("S x", 0, "declare S if it is an argument"),
        ("(" * 2000 + "x" + ")" * 2000, None, "nested too deeply"),
        ("s/" * 2000 + "s", None, "nested too deeply"),
        ("2^3^2", 3, "a power of a power: write brackets"),
        ("B^100000", 1, "a power of more than 200"),
        ("s/0", 1, "a division by zero"),
    ],
)
def test_what_is_unknown_or_ambiguous_is_refused(typed: str, position: int | None, reason: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        cf.parse(typed, **NAMES)
    assert reason in str(caught.value)
    assert position is None or str(caught.value).endswith(f"^ position {position}")


@pytest.mark.parametrize(
    ("typed", "position"),
    [
        ("0/0", 1),
        ("s + (s-s)/(s-s)", 9),
        ("(s - s)⁻¹", 7),
        ("0^-1", 1),
        ("s/(0·b₁)", 1),
        ("x/‖y − y‖", 0),
        ("y + x⊘(x-x)", 5),
        ("(x-x)^⊙(-1)", 5),
        ("∑ᵢ 1/(xᵢ-xᵢ)", 4),
        ("A/tr(I-I)", 1),
        ("s/ln 1", 0),
        ("sin⁻²(0)", 0),
        ("(B-B)⁻¹x", 0),
        ("inv(0B)", 0),
    ],
)
def test_a_division_by_zero_is_refused(typed: str, position: int) -> None:
    with pytest.raises(InvalidArgumentError, match="a division by zero") as caught:
        cf.parse(typed, **NAMES)
    assert str(caught.value).endswith(f"^ position {position}")


def test_zero_above_and_powers_of_zero_are_read() -> None:
    for typed, printed in {"0/s": "0", "(x-x)⊘x": "0", "(s-s)⁰": "1", "s + 0²": "s"}.items():
        assert cf.parse(typed, **NAMES).text == printed


LONG = "1" * 5000


@pytest.mark.parametrize(
    ("typed", "position", "reason"),
    [
        (f"s + {LONG}", 4, "too large"),
        (f"s + {LONG}.5", 4, "too large"),
        (f"s^{LONG}", 2, "too large"),
        ("s²" + "²" * 5000, 1, "too large"),
        ("e₁" + "₁" * 5000, 1, "too large"),
        (f"x[{LONG}]", 2, "too large"),
        (f"x[0:{LONG}]", 4, "too large"),
        ("x[[9" + "9" * 30 + "]]", 1, "an index that is too large"),
        ("s·10⁻" + "¹" * 5000, 2, "too small"),
        ("1.5·10⁻⁴⁰⁰s", 0, "too small"),
        (f"0.{'0' * 400}1 s", 0, "too small"),
        ("π^999999", 1, "a power of more than 200"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_numbers_that_floats_do_not_reach_are_refused(typed: str, position: int, reason: str) -> None:
    with pytest.raises(InvalidArgumentError, match=reason) as caught:
        cf.parse(typed, **NAMES)
    assert str(caught.value).endswith(f"^ position {position}")


def test_digits_beyond_those_of_a_float_are_rounded() -> None:
    assert cf.parse(f"0.{LONG}s", **NAMES).text == "(1/9)s"
    assert cf.parse("√(-1) s", **NAMES).text == "s√(−1)"


def test_names_of_the_notation_can_be_arguments() -> None:
    """Functions, letters and indices give way to names that are written alike; the formula reads back."""
    n = input_("sigma", (3,)).shape[0]
    sigma, e, delta, S, det = (input_(name, (n,)) for name in ("sigma", "e", "delta", "S", "det"))
    x0, x_0, a, ab, b = (input_(name, ()) for name in ("x0", "x_0", "a", "ab", "b"))
    P, a_k, e0 = input_("P", (n, n)), input_("a_k", ()), input_("e0", ())
    u, i = input_("u", (n,)), input_("i", (n,))
    arguments = {
        str(node.params[0]): node for node in (sigma, e, delta, S, det, x0, x_0, a, ab, b, P, a_k, e0, u, i)
    }
    cases = {
        "𝛔(σ)": Expr("expit", (sigma,), (), sigma.shape),
        "𝐝𝐞𝐭(P) det": Expr("det", (P,), (), ()) * det,
        "e₀𝐞₁ + e": unit(n, 1) * e0 + e,
        "𝐞a": number(math.e) * a,
        "a ab b": a * b * ab,
        "x0 x_0": x0 * x_0,
        "𝛅ⱼₖδⱼuₗ": contract([Factor(delta, (0,)), Factor(u, (1,))], (0, 0, 1)),
        "δₗiⱼuₖ": contract([Factor(i, (0,)), Factor(u, (1,)), Factor(delta, (2,))], (0, 1, 2)),
    }
    for shown, expr in cases.items():
        assert text(expr, arguments.values()) == shown
        assert read_back(expr, arguments) is expr


def test_a_formula_is_a_function() -> None:
    f = cf.parse("½‖Ax − b‖²", A=cf.matrix("m", "n"), x=cf.vector("n"), b=cf.vector("m"))
    rng = np.random.default_rng(0)
    A, x, b = rng.standard_normal((3, 2)), rng.standard_normal(2), rng.standard_normal(3)
    want = 0.5 * np.sum((A @ x - b) ** 2)
    assert np.isclose(f(A, x, b), want)
    assert np.isclose(f(A, b=b, x=x), want)
    assert np.allclose(cf.grad(f, "x")(A, x, b), A.T @ (A @ x - b))
    gradient = cf.parse("Aᵀ(Ax − b)", A=A, x=x, b=b)
    assert cf.check(gradient, f, A, x, b, argnums="x").ok
    assert "def gradient(A, x, b)" in gradient.source(name="gradient")
    assert gradient.latex == r"A^\top (A x - b)"
    assert gradient._repr_latex_() == r"$\displaystyle A^\top (A x - b)$"


def test_a_formula_relies_on_what_was_declared_and_checks_it() -> None:
    f = cf.parse("sum(sqrt(x .^ 2))", x=cf.positive("n"))
    assert f.text == "𝟏ᵀx" and cf.grad(f).at().text == "𝟏"
    right, wrong = np.array([1.0, 2.0]), np.array([-1.0, 2.0])
    assert f(right) == 3 and np.allclose(cf.grad(f)(right), 1)
    for call in (f, cf.grad(f), cf.hessian(f)):
        with pytest.raises(InvalidArgumentError, match="'x' was declared positive and is not positive"):
            call(wrong)
    with pytest.raises(InvalidArgumentError, match=r"argument 'x' has shape \(1, 2\)"):
        f(right[None])


def test_a_formula_within_a_function_relies_on_nothing() -> None:
    f = cf.parse("sum(sqrt(x .^ 2))", x=cf.positive("n"))
    slope = cf.grad(lambda x: f(-x))
    assert np.allclose(slope(np.array([-1.0, -2.0])), -1)
    assert np.allclose(slope(np.array([1.0, -2.0])), [1, -1]), "derived once, for numbers of any sign"
    g = cf.parse("Aᵀx", A=cf.symmetric("n"), x=cf.vector("n"))
    assert g.text == "Ax"
    x, A = np.array([1.0, 5.0]), np.array([[1.0, 2.0], [3.0, 4.0]])
    jacobian = cf.jacobian(lambda x, A: g(A, x))
    assert np.allclose(jacobian(x, A + A.T), A + A.T)
    assert np.allclose(jacobian(x, A), A.T)


def test_a_formula_s_gradient_is_that_of_the_same_function_in_numpy() -> None:
    A, X = cf.matrix("n", "n"), cf.symmetric("n")
    formula = cf.parse("tr(A X)", A=A, X=X)
    for which in ("ambient", "projected", "independent"):
        wanted = cf.grad(lambda A, X: np.trace(A @ X), "X", symmetric=which).at(A, X).text
        assert cf.grad(formula, "X", symmetric=which).at().text == wanted


def test_the_shape_tells_what_the_text_does_not() -> None:
    assert cf.parse("2I", shape=(3, 3), x=cf.vector(3)).text == "2I"
    assert cf.parse("𝟏", shape="x", x=cf.vector("n")).text == "𝟏"
    with pytest.raises(InvalidArgumentError, match="where 2 axes are expected"):
        cf.parse("x", shape=(3, 3), x=cf.vector(3))
