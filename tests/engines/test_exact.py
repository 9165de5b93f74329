"""The exact reference: known identities, every primitive, wrong derivatives caught, refusals with reasons."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

import closedform as cf
from closedform.derivation import Derivation
from closedform.derivative.reverse import jacobians
from closedform.engines.exact import Reference, WrongDerivative, errors, evaluate, reference, taylor
from closedform.engines.exact.balls import Ball, KinkError, UndecidedError, working
from closedform.engines.exact.tensors import contract, lift
from closedform.errors import InvalidArgumentError, UnsupportedError
from closedform.expression.calculus import multiply, number
from closedform.expression.expr import Expr, constant, input_
from closedform.expression.size import Size
from closedform.primitives import PRIMITIVES, Primitive
from closedform.simplify.normalise import normalise
from closedform.sources.numpy_function import Trace

flint = pytest.importorskip("flint")

RNG = np.random.default_rng(3)
X, A, B = RNG.standard_normal(4), RNG.standard_normal((4, 4)), RNG.standard_normal((4, 4))


def fractions(array: np.ndarray) -> np.ndarray:
    return np.array([Fraction(v) for v in np.ravel(array).tolist()], dtype=object).reshape(np.shape(array))


def floats(array: np.ndarray) -> np.ndarray:
    return np.array([float(v) for v in array.ravel()]).reshape(array.shape)


# --- known identities -----------------------------------------------------------------------------


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_least_squares_to_thirty_digits(m: int, n: int, seed: int) -> None:
    """Against rational arithmetic: A'(Ax - b) and A'A."""
    rng = np.random.default_rng(seed)
    x, a, b = rng.standard_normal(n), rng.standard_normal((m, n)), rng.standard_normal(m)

    def f(x: Any, A: Any, b: Any) -> Any:
        return 0.5 * np.sum((A @ x - b) ** 2)

    xs, matrix, bs = fractions(x), fractions(a), fractions(b)
    for operator, expected in (("grad", matrix.T @ (matrix @ xs - bs)), ("hessian", matrix.T @ matrix)):
        found = reference(cf.derive(f, (x, a, b), operator))
        gap = fractions(found.value) + fractions(found.remainder) - expected
        assert max(map(abs, gap.ravel())) <= 1e-30 * max(map(abs, expected.ravel()))
        assert found.bound < 1e-20
        assert found.bits == 128


def test_logdet_gradient_is_the_inverse_transposed() -> None:
    found = reference(cf.derive(lambda X: np.linalg.slogdet(X)[1], (A,), "grad"))
    assert np.allclose(found.value, np.linalg.inv(A).T, rtol=1e-12)


def test_derivatives_of_tanh() -> None:
    """tanh x = x - x^3/3 + ... is odd; at order 4 against 8 y (1 - y^2) (2 - 3 y^2)."""
    assert reference(cf.derive(np.tanh, (0.0,), "derivative", order=3)).value == -2.0
    assert reference(cf.derive(np.tanh, (0.0,), "derivative", order=12)).value == 0.0
    y = np.tanh(X)
    found = reference(cf.derive(np.tanh, (X,), "derivative", order=4))
    assert np.allclose(found.value, 8 * y * (1 - y**2) * (2 - 3 * y**2), rtol=1e-12)


FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "norm": (lambda x: np.linalg.norm(x), (X,)),
    "quadratic": (lambda x, A: (x @ A @ x) * np.sum(np.tanh(x)), (X, A)),
    "logsumexp": (lambda x, A: scipy.special.logsumexp(A @ x), (X, A)),
    "logdet": (lambda A: np.linalg.slogdet(A)[1], (A,)),
    "det": (lambda A: np.linalg.det(A), (A,)),
    "solve": (lambda x, A: x @ np.linalg.solve(A, x), (X, A)),
    "prod": (lambda x: np.prod(x), (X,)),
    "relu": (lambda x: np.sum(np.maximum(x, 0) ** 3), (X,)),
    "slices": (lambda x: np.sum((x[1:] - x[:-1]) ** 4), (X,)),
    "spread": (lambda x: np.var(x) * np.std(x), (X,)),
    "special": (lambda x: np.sum(scipy.special.gammaln(np.exp(x))), (X,)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("operator", ["value", "grad", "value_and_grad", "hessian"])
def test_scalar_functions(name: str, operator: str) -> None:
    function, arguments = FUNCTIONS[name]
    found = reference(cf.derive(function, arguments, operator), perturbations=1)
    assert found.bound < 1e-20
    assert found.directions == 2


def test_blocks_of_several_variables_and_jacobians() -> None:
    hessian = reference(cf.derive(lambda x, A: np.sum(np.tanh(A @ x)), (X, A), "hessian", (0, 1)))
    assert [[block.shape for block in row] for row in hessian.value] == [
        [(4, 4), (4, 4, 4)],
        [(4, 4, 4), (4, 4, 4, 4)],
    ]
    jacobian = reference(cf.derive(lambda x, A: np.tanh(A @ x), (X, A), "jacobian"))
    assert np.allclose(jacobian.value, (1 - np.tanh(A @ X) ** 2)[:, None] * A, rtol=1e-14)


def test_hessian_vector_product() -> None:
    derivation = cf.derive(lambda x, A: np.sum(np.exp(A @ x)), (X, A), "hvp")
    found = reference(derivation, B[0])
    assert found.bound < 1e-20
    assert np.allclose(found.value, A.T @ (np.exp(A @ X) * (A @ B[0])), rtol=1e-13)
    with pytest.raises(InvalidArgumentError, match="needs its vector"):
        reference(derivation)


def test_symmetric_input_moves_along_symmetric_directions() -> None:
    S = A + A.T
    derivation = cf.derive(lambda S, x: x @ S @ S @ x, (S, X), "grad")
    n = Size.of(4)
    node = input_("S", (n, n), ("symmetric",))
    x = input_("x", (n,))
    declared = replace(derivation, inputs={"S": node, "x": x})
    assert reference(declared).bound < 1e-20
    crooked = replace(declared, trace=replace(derivation.trace, example=(A, X)))
    with pytest.raises(UnsupportedError, match="'S' was declared symmetric and is not"):
        reference(crooked)


def test_conventions_for_symmetric_variables_have_no_reference() -> None:
    derivation = cf.derive(lambda S: S[0, 0] * S[1, 0], (cf.symmetric("n"),), "grad", symmetric="independent")
    with pytest.raises(UnsupportedError, match="no exact reference with symmetric='independent'"):
        reference(derivation)


def test_declared_zeros_and_rounded_facts() -> None:
    derivation = cf.derive(lambda x, D: x @ D @ D @ x, (cf.vector("n"), cf.diagonal("n")), "grad", "D")
    assert reference(derivation).bound < 1e-20
    derivation = cf.derive(lambda x, Q: x @ Q @ x, (cf.vector("n"), cf.orthogonal("n")), "grad")
    with pytest.raises(UnsupportedError, match="'Q' was declared orthogonal, which no rounding keeps"):
        reference(derivation)


def samples(primitive: Primitive) -> tuple[tuple[np.ndarray, ...], dict[str, Any]]:
    rng = np.random.default_rng(7)
    if primitive.samples is not None:
        operands, parameters = primitive.samples(rng)
        return tuple(np.asarray(o) for o in operands), parameters
    count = max(1, len(primitive.partials))
    parameters = {"n": 1} if primitive.name == "polygamma" else {}
    return tuple(rng.uniform(*primitive.domain, 3) for _ in range(count)), parameters


# Factorisations and functions of matrices that exact arithmetic does not do, itself or in their derivative.
REFUSED = {
    *(
        "qr_orthogonal",
        "qr_triangular",
        "eigvalsh",
        "eigenvectors",
        "singular_values",
        "svd_left",
        "svd_right",
    ),
    *("resolvents", "full_rank", "matrix_rank", "principal"),
    *("sqrtm", "logm", "sinm", "cosm", "sinhm", "coshm", "expm_frechet", "cond"),
    *(f"{name}_frechet" for name in ("logm", "sinm", "cosm", "sinhm", "coshm")),
}
CALLABLE = [
    name for name, primitive in PRIMITIVES.items() if primitive.call is not None and name not in REFUSED
]
TRACED = [name for name in CALLABLE if PRIMITIVES[name].bind is not None and samples(PRIMITIVES[name])[0]]


def node_of(primitive: Primitive) -> tuple[Expr, list[Expr], dict[str, np.ndarray], np.ndarray]:
    operands, parameters = samples(primitive)
    assert primitive.call is not None
    value = np.asarray(primitive.call(*operands, **parameters))
    moving = [o.dtype.kind == "f" for o in operands]
    leaves = [
        input_(f"v{i}", [Size.of(n) for n in o.shape]) if moves else constant(o)
        for i, (o, moves) in enumerate(zip(operands, moving, strict=True))
    ]
    node = Expr(primitive.name, tuple(leaves), tuple(parameters.items()), value.shape)
    values = {f"v{i}": o for i, o in enumerate(operands) if moving[i]}
    return node, [leaf for leaf in leaves if leaf.op == "input"], values, value


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_exact_arithmetic_cannot_do_is_refused(name: str) -> None:
    node, _, values, _ = node_of(PRIMITIVES[name])
    with pytest.raises(UnsupportedError, match="has no rule in exact arithmetic"):
        taylor(node, values, {}, 0, 128)


@pytest.mark.parametrize("name", CALLABLE)
def test_every_primitive_has_its_numpy_value(name: str) -> None:
    node, _, values, expected = node_of(PRIMITIVES[name])
    (found,) = taylor(node, values, {}, 0, 128)
    assert np.allclose(floats(found), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", TRACED)
def test_every_primitive_has_its_derivative(name: str) -> None:
    """The derivative by the library's rule is the one by Taylor arithmetic."""
    node, leaves, values, _ = node_of(PRIMITIVES[name])
    normal = normalise(node, leaves)
    result = tuple(jacobians(normal.root, list(normal.inputs.values())))
    trace = Trace(name, tuple(values), node, {}, tuple(values.values()))
    derivation = Derivation(
        "jacobian", trace, normal.inputs, tuple(values), normal.root, normal.inputs, result, ()
    )
    assert reference(derivation, perturbations=1).bound < 1e-15


# --- wrong derivatives ----------------------------------------------------------------------------


def test_wrong_derivatives_are_caught() -> None:
    right = cf.derive(lambda x, A: x @ A @ x, (X, A), "hessian")
    matrix = right.inputs["A"]
    assert reference(right).bound < 1e-20
    with pytest.raises(
        WrongDerivative, match=r"hessian of .* along a random direction is .* as derived"
    ) as caught:
        reference(replace(right, result=right.expr + right.expr))
    assert caught.value.derived == pytest.approx(2 * caught.value.taylor)
    with pytest.raises(WrongDerivative, match="is not symmetric: along the same directions"):
        reference(replace(right, result=2 * matrix))
    with pytest.raises(WrongDerivative):
        reference(replace(right, result=multiply(number(1 + 2.0**-45), right.expr)))
    pair = cf.derive(lambda x, y: x**2 * y, (2.0, 3.0), "hessian", (0, 1))
    (xx, xy), (yx, yy) = pair.result
    with pytest.raises(WrongDerivative, match="is not symmetric"):
        reference(replace(pair, result=((xx, 0.5 * xy), (1.5 * yx, yy))))


def test_wrong_value_product_and_entries_are_caught() -> None:
    value = cf.derive(lambda x: np.sum(np.exp(x)), (X,), "value_and_grad")
    with pytest.raises(WrongDerivative, match="value_and_grad"):
        reference(replace(value, result=(value.result[0] + 1, value.result[1])))
    product = cf.derive(lambda x: np.sum(np.exp(x)), (X,), "hvp")
    with pytest.raises(WrongDerivative, match="Hessian-vector product"):
        reference(replace(product, result=2 * product.expr), X)
    entrywise = cf.derive(np.exp, (X,), "derivative", order=2)
    with pytest.raises(WrongDerivative, match="derivative of exp"):
        reference(replace(entrywise, result=3 * entrywise.expr))


def test_rounded_coefficients_are_in_the_bound() -> None:
    found = reference(cf.derive(scipy.special.erf, (0.5,), "grad"))
    assert 1e-18 < found.bound < 1e-15


# --- precision ------------------------------------------------------------------------------------


def test_more_bits_where_the_result_cancels() -> None:
    found = reference(cf.derive(lambda x: np.log1p(np.exp(x)) - x, (60.0,), "grad"))
    assert found.bits == 256
    assert found.value == pytest.approx(-np.exp(-60.0), rel=1e-14)
    hilbert = scipy.linalg.hilbert(10)
    found = reference(cf.derive(lambda X: np.linalg.slogdet(X)[1], (hilbert,), "grad"))
    assert found.bound < 1e-20
    assert found.condition > 1e8


def test_small_slopes_beside_large_values() -> None:
    found = reference(cf.derive(lambda x: (1 + 1e-20 * x) ** 2, (1.0,), "grad"))
    assert found.value == pytest.approx(2e-20, rel=1e-15)
    assert found.bound < 1e-20


def test_zero_results() -> None:
    found = reference(cf.derive(lambda x: np.sin(x) ** 2 + np.cos(x) ** 2, (0.3,), "grad"))
    assert found.value == 0.0
    assert reference(cf.derive(np.tanh, (1000.0,), "grad")).value == 0.0  # 1e-868


def test_condition() -> None:
    """Of 2 (x - 1), the condition is |x / (x - 1)|."""
    found = reference(cf.derive(lambda x: (x - 1) ** 2, (1.001,), "grad"))
    assert found.condition == pytest.approx(1001, rel=1e-3)
    assert reference(cf.derive(lambda x: np.sqrt(x), (2.0,), "grad")).condition == 1.0
    assert reference(cf.derive(lambda x: x**2, (0.0,), "grad")).condition == 1.0


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "argument", "message"),
    [
        (lambda x: np.sum(np.maximum(x, 0)), np.array([0.0, 1.0]), "at a kink"),
        (lambda x: np.sum(np.abs(x)), np.array([0.0, 1.0]), "at a kink"),
        (lambda x: np.max(x), np.array([1.0, 1.0]), "at a kink"),
        (lambda x: np.linalg.norm(x), np.zeros(2), "division by zero"),
        (lambda X: np.linalg.slogdet(X)[1], np.ones((2, 2)), "singular matrix"),
        (lambda x: np.exp(x), 1000.0, "too large for float64"),
        (lambda x: np.log(x), -1.0, "log of a number that is not positive"),
    ],
)
def test_no_reference_at_bad_points(function: Any, argument: Any, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        reference(cf.derive(function, (argument,), "grad"))


def test_no_kink_where_the_branches_agree() -> None:
    """Up to the order asked for, x^2 and 0 are equal at 0."""
    assert reference(cf.derive(lambda x: np.maximum(x**2, 0), (0.0,), "grad")).value == 0.0


def test_singular_determinants_have_gradients() -> None:
    singular = np.outer([1.0, 2.0, 3.0], np.ones(3)) + np.diag([1.0, 1.0, 0.0])
    found = reference(cf.derive(lambda X: np.linalg.det(X), (singular,), "grad"))
    assert found.bound < 1e-20
    flat = np.ones((3, 3))
    assert not np.any(reference(cf.derive(lambda X: np.linalg.det(X), (flat,), "grad")).value)


def test_too_large() -> None:
    wide = cf.derive(lambda X: np.linalg.slogdet(X)[1], (np.eye(60),), "hessian")
    with pytest.raises(
        UnsupportedError, match=r"at this size would take .* measure errors at a smaller size"
    ):
        reference(wide)
    slow = cf.derive(lambda X: np.linalg.slogdet(X)[1], (np.eye(60),), "grad")
    with pytest.raises(UnsupportedError, match=r"would take about .* s \(the limit is 0.001 s\)"):
        reference(slow, limit=1e-3)


def test_bad_inputs() -> None:
    x = input_("x", (2,))
    with pytest.raises(InvalidArgumentError, match="no value for the input 'x'"):
        evaluate(x, {}, 64)
    with pytest.raises(InvalidArgumentError, match=r"'x' has the shape \(3,\), expected \(2,\)"):
        evaluate(x, {"x": np.ones(3)}, 64)
    with pytest.raises(UnsupportedError, match="'x' holds nan or infinity"):
        evaluate(x, {"x": np.array([1.0, np.nan])}, 64)
    with pytest.raises(UnsupportedError, match="data type complex128"):
        evaluate(x, {"x": np.ones(2, complex)}, 64)


# --- errors ---------------------------------------------------------------------------------------


def exact_of(*arrays: Any) -> Reference:
    value = tuple(np.asarray(a, float) for a in arrays)
    nest = value if len(value) > 1 else value[0]
    zeros = tuple(np.zeros_like(v) for v in value)
    return Reference(nest, zeros if len(value) > 1 else zeros[0], 0.0, 1.0, 128, 2, 0.0)


def test_errors() -> None:
    found = errors(exact_of([3.0, 4.0]), np.array([3.0, 4.0 + 5 * 2.0**-50]))
    assert found.normwise == found.worst == 2.0**-50
    assert found.ulps == 4.0
    assert found.index == (1,)
    pair = errors(exact_of([3.0], [[4.0]]), (np.array([3.0]), np.array([[9.0]])))
    assert (pair.normwise, pair.index) == (1.0, (1, 0, 0))
    assert errors(exact_of([0.0]), np.array([2.0])).normwise == 2.0
    assert errors(exact_of([1e200, 1e200]), np.array([1e200, 2e200])).normwise == pytest.approx(0.5**0.5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_errors_of_what_is_not_finite(bad: float) -> None:
    found = errors(exact_of([3.0, 4.0]), np.array([3.0, bad]))
    assert found.normwise == found.worst == np.inf
    assert found.index == (1,)


def test_errors_of_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"shapes \[\(2,\)\], the reference \[\(1,\)\]"):
        errors(exact_of([1.0]), np.ones(2))


def test_errors_use_the_remainder() -> None:
    third = reference(cf.derive(lambda x: x / 3, (1.0,), "value"))
    found = errors(third, np.asarray(1 / 3))
    assert found.normwise == pytest.approx(abs(Fraction(1, 3) - Fraction(1 / 3)) * 3, rel=1e-10)


# --- balls and arrays -----------------------------------------------------------------------------


def test_ball_arithmetic_with_numpy_scalars() -> None:
    with working(64, 2):
        t = Ball(flint.arb_series([2, 1]))
        for result in (
            t + np.int64(3),
            np.float64(0.5) - t,
            t * np.float64(0.5),
            t / np.int64(4),
            1 / t,
            2**t,
        ):
            assert isinstance(result, Ball)
        assert [float((t**3).series[k]) for k in range(3)] == [8.0, 12.0, 6.0]
        assert float((t**-0.5).series[1]) == pytest.approx(-0.5 * 2**-1.5)
        assert float(t.polygamma(1).series[2]) == pytest.approx(scipy.special.polygamma(3, 2.0) / 2)


def test_balls_decide_or_refuse_comparisons() -> None:
    with working(64, 1):
        zero, line = Ball(flint.arb_series([0])), Ball(flint.arb_series([0, 1]))
        wide = Ball(flint.arb_series([flint.arb(0, 1)]))
        assert zero == 0
        assert line == line
        assert line + 1 > line
        assert not zero
        with pytest.raises(KinkError):
            abs(line)
        with pytest.raises(UndecidedError, match="very near to one"):
            bool(wide < 0)
        with pytest.raises(UndecidedError, match="division"):
            1 / wide
        with pytest.raises(UndecidedError, match="near to zero"):
            wide.sqrt()
        with pytest.raises(UnsupportedError, match="sqrt of a number"):
            line.sqrt()


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("ij,ij->", [(2, 3), (2, 3)]),
        ("bij,bjk->bik", [(2, 3, 2), (2, 2, 3)]),
        ("i,j,k->jki", [(2,), (3,), (2,)]),
        ("ii,ij->j", [(3, 3), (3, 2)]),
        ("ni,n,nj->ij", [(4, 2), (4,), (4, 3)]),
        ("i,->i", [(3,), ()]),
        ("ij->", [(2, 3)]),
    ],
)
def test_contractions(text: str, shapes: list[tuple[int, ...]]) -> None:
    arrays = [RNG.standard_normal(shape) for shape in shapes]
    left, _, out = text.partition("->")
    terms = left.split(",")
    sizes = {c: n for term, a in zip(terms, arrays, strict=True) for c, n in zip(term, a.shape, strict=True)}
    with working(128):
        for operands in (arrays, [lift(a) for a in arrays]):
            found = contract([(a, tuple(t)) for a, t in zip(operands, terms, strict=True)], tuple(out), sizes)
            plain = np.array([float(b.series[0]) for b in found.ravel()]).reshape(found.shape)
            assert np.allclose(plain, np.einsum(text, *arrays), rtol=1e-14)


def test_contractions_with_deltas_and_broadcasting() -> None:
    v = RNG.standard_normal(3)
    with working(128):
        found = contract([(v, ("i",))], ("i", "j", "i"), {"i": 3, "j": 2})
        plain = np.array([float(b.series[0]) for b in found.ravel()]).reshape(found.shape)
    expected = np.zeros((3, 2, 3))
    expected[np.arange(3), :, np.arange(3)] = v[:, None]
    assert np.array_equal(plain, expected)


def test_taylor_of_linear_algebra() -> None:
    """Coefficients of t -> f(X + tE): inv by the Neumann series, expm by its Frechet derivative."""
    x = input_("X", [Size.of(4)] * 2)
    inverse = Expr("inv", (x,), (), x.shape)
    found = [floats(c) for c in taylor(inverse, {"X": A}, {"X": B}, 2, 128)]
    y = np.linalg.inv(A)
    assert np.allclose(found[2], y @ B @ y @ B @ y, rtol=1e-10)
    exponential = Expr("expm", (x,), (), x.shape)
    found = [floats(c) for c in taylor(exponential, {"X": A}, {"X": B}, 1, 128)]
    assert np.allclose(found[1], scipy.linalg.expm_frechet(A, B, compute_expm=False), rtol=1e-12)


def test_flint_is_loaded_when_it_is_needed() -> None:
    code = "import sys, closedform.engines.exact; sys.exit('flint' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
