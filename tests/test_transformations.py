"""The public transformations: shapes, argnums, errors, dtypes, empty and special inputs."""

import numpy as np
import pytest
import scipy.linalg
import scipy.special

import closedform as cf
from closedform.errors import InvalidArgumentError, InvalidFunctionError, UnsupportedError

RNG = np.random.default_rng(5)


def least_squares(x, A, b):
    return 0.5 * np.sum((A @ x - b) ** 2)


def data(m=6, n=4, dtype=float):
    return tuple(
        a.astype(dtype) for a in (RNG.standard_normal(n), RNG.standard_normal((m, n)), RNG.standard_normal(m))
    )


def test_gradient_hessian_and_value():
    x, A, b = data()
    np.testing.assert_allclose(cf.grad(least_squares)(x, A, b), A.T @ (A @ x - b), rtol=1e-12)
    np.testing.assert_allclose(cf.hessian(least_squares)(x, A, b), A.T @ A, rtol=1e-12)
    value, gradient = cf.value_and_grad(least_squares)(x, A, b)
    np.testing.assert_allclose(value, least_squares(x, A, b), rtol=1e-14)
    np.testing.assert_allclose(gradient, A.T @ (A @ x - b), rtol=1e-12)


def test_argnums_by_position_name_and_tuple():
    x, A, b = data()
    r = A @ x - b
    np.testing.assert_allclose(cf.grad(least_squares, "b")(x, A, b), -r, rtol=1e-12)
    np.testing.assert_allclose(cf.grad(least_squares, -1)(x, A, b), -r, rtol=1e-12)
    gx, gA = cf.grad(least_squares, ("x", 1))(x, A, b)
    np.testing.assert_allclose(gx, A.T @ r, rtol=1e-12)
    np.testing.assert_allclose(gA, np.outer(r, x), rtol=1e-12)
    ((xx, xb), (bx, bb)) = cf.hessian(least_squares, ("x", "b"))(x, A, b)
    np.testing.assert_allclose(xx, A.T @ A, rtol=1e-12)
    np.testing.assert_allclose(xb, -A.T, rtol=1e-12)
    np.testing.assert_allclose(bx, -A, rtol=1e-12)
    np.testing.assert_allclose(bb, np.eye(6))
    for wrong in (3, "z", (), ("x", "z")):
        with pytest.raises(InvalidArgumentError, match="argnums"):
            cf.grad(least_squares, wrong)(x, A, b)


def test_jacobian_has_the_shape_of_the_result_then_of_the_variable():
    x, A, _ = data()
    J = cf.jacobian(lambda x, A: np.sin(A @ x))(x, A)
    np.testing.assert_allclose(J, np.cos(A @ x)[:, None] * A, rtol=1e-12)
    J = cf.jacobian(lambda x, A: np.outer(x, x))(x, A)
    assert J.shape == (4, 4, 4)
    np.testing.assert_allclose(J[1, 2], np.eye(4)[1] * x[2] + np.eye(4)[2] * x[1])


def test_hessian_vector_product():
    x, A, b = data()
    v = RNG.standard_normal(4)
    np.testing.assert_allclose(cf.hvp(least_squares)(x, A, b, v), A.T @ (A @ v), rtol=1e-12)
    assert "A.T @ A" not in cf.hvp(least_squares).at(x, A, b).source()
    with pytest.raises(InvalidArgumentError, match=r"vector has shape \(3,\), the variable \(4,\)"):
        cf.hvp(least_squares)(x, A, b, v[:3])


def test_derivatives_of_any_order():
    t = np.tanh(0.7)
    assert abs(cf.derivative(np.tanh, order=4)(0.7) - 8 * t * (1 - t * t) * (2 - 3 * t * t)) < 1e-15
    grid = np.linspace(-2, 2, 9)
    np.testing.assert_allclose(
        cf.derivative(lambda x: x**3 + np.sin(x), order=2)(grid), 6 * grid - np.sin(grid), rtol=1e-14
    )
    third = cf.derivative(lambda x: np.sum(x**4), order=3)(np.array([1.0, 2.0]))
    expected = np.zeros((2, 2, 2))
    expected[0, 0, 0], expected[1, 1, 1] = 24, 48
    np.testing.assert_allclose(third, expected)
    with pytest.raises(InvalidArgumentError, match="whole number from 1 on, not 0"):
        cf.derivative(np.tanh, order=0)(0.5)
    with pytest.raises(InvalidFunctionError, match="each entry alone"):
        cf.derivative(lambda x: np.cumsum(x), order=1)(grid)


@pytest.mark.parametrize("order", range(1, 11))
def test_derivatives_of_tanh_against_exact_arithmetic(order):
    import flint

    x = 0.6
    flint.ctx.prec, flint.ctx.cap = 200, 20
    series = flint.arb_series([flint.arb(x), 1], prec=order + 1)
    exponential = (2 * series).exp()
    exact = ((exponential - 1) / (exponential + 1))[order] * flint.arb.fac_ui(order)
    assert abs(float(exact) - cf.derivative(np.tanh, order=order)(x)) < 1e-13 * abs(float(exact))


def test_formulas_of_the_readme_functions():
    d = cf.grad(least_squares).at(cf.vector("n"), cf.matrix("m", "n"), cf.vector("m"))
    assert d.text == "Aᵀ(Ax − b)"
    assert d.latex == r"A^\top (A x - b)"
    assert repr(d) == d.text


def test_source_is_right_at_other_sizes():
    source = cf.grad(least_squares).at(*data(6, 4)).source(name="gradient")
    namespace = {}
    exec(source, namespace)
    x, A, b = data(9, 5)
    np.testing.assert_allclose(namespace["gradient"](x, A, b), A.T @ (A @ x - b), rtol=1e-12)


def test_source_asserts_a_size_used_as_a_number():
    source = cf.grad(lambda x: np.sum(x**2) / [1, 2, 3, 3, 4][len(x)]).at(np.ones(4)).source()
    namespace = {}
    exec(source, namespace)
    np.testing.assert_allclose(namespace["derivative"](np.ones(4)), 0.5 * np.ones(4))
    with pytest.raises(AssertionError, match="used this size as a number"):
        namespace["derivative"](np.ones(5))


@pytest.mark.parametrize(
    ("f", "example", "other"),
    [
        (lambda x, y: np.sum((x * y) ** 2), (np.ones(1), np.ones(1)), (np.ones(1), np.ones(3))),
        (lambda x, y: np.sum((x * y) ** 2), (np.ones(3), np.ones(3)), (np.ones(1), np.ones(3))),
        (lambda A: np.sum((A - A.mean(axis=1, keepdims=True)) ** 2), (np.ones((3, 1)),), (np.ones((2, 2)),)),
        (lambda X: np.trace(X) * X.shape[1], (np.eye(3),), (np.ones((2, 4)),)),
        (lambda X: np.sum(np.diag(X) ** 2), (np.eye(3),), (np.ones((2, 4)),)),
    ],
)
def test_source_refuses_shapes_that_numpy_would_stretch_or_cut(f, example, other):
    namespace = {}
    exec(cf.grad(f).at(*example).source(), namespace)
    np.testing.assert_allclose(namespace["derivative"](*example), cf.grad(f)(*example))
    with pytest.raises(AssertionError, match=r"was derived for axes of one size|used this size"):
        namespace["derivative"](*other)


def test_source_asserts_the_branch_that_was_taken():
    def f(x):
        return np.sum(x**2) if x[0] > 0 else np.sum(x**3)

    source = cf.grad(f).at(np.array([1.0, 2.0])).source()
    namespace = {}
    exec(source, namespace)
    np.testing.assert_allclose(namespace["derivative"](np.array([3.0, 2.0])), [6.0, 4.0])
    with pytest.raises(AssertionError, match="branch"):
        namespace["derivative"](np.array([-3.0, 2.0]))


def test_float32_stays_float32():
    x, A, b = data(dtype=np.float32)
    for operator, want in ((cf.grad, A.T @ (A @ x - b)), (cf.hessian, A.T @ A)):
        got = operator(least_squares)(x, A, b)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=1e-4)
    assert cf.derivative(np.tanh, order=4)(np.float32(0.5)).dtype == np.float32


def test_integers_are_taken_as_reals():
    np.testing.assert_allclose(cf.grad(lambda x: np.sum(x**2))(np.array([1, 2])), [2.0, 4.0])
    np.testing.assert_allclose(cf.grad(lambda x: np.sum(x**2))([1, 2]), [2.0, 4.0])
    assert cf.grad(lambda x: x**3)(2) == 12.0


def test_empty_arrays():
    gradient = cf.grad(lambda x: np.sum(x**2))(np.zeros(0))
    assert gradient.shape == (0,)
    x, A, b = np.zeros(3), np.zeros((0, 3)), np.zeros(0)
    np.testing.assert_array_equal(cf.grad(least_squares)(x, A, b), np.zeros(3))
    np.testing.assert_array_equal(cf.hessian(least_squares)(x, A, b), np.zeros((3, 3)))
    assert cf.hessian(lambda x: np.sum(x**2))(np.zeros(0)).shape == (0, 0)


def test_zero_dimensional_arrays():
    assert cf.grad(lambda x: x**2)(np.array(3.0)) == 6.0
    assert np.shape(cf.grad(lambda x: x**2)(np.array(3.0))) == ()


def test_nan_and_infinity_pass_through():
    gradient = cf.grad(lambda x: np.sum(x**2))(np.array([np.nan, np.inf, 1.0]))
    np.testing.assert_array_equal(gradient, [np.nan, np.inf, 2.0])
    np.testing.assert_array_equal(
        cf.grad(lambda x: np.sum(np.exp(x)))(np.array([-np.inf, np.inf])), [0.0, np.inf]
    )


def test_softplus_is_stable_however_it_was_written():
    a = np.array([1.0])
    gradient = cf.grad(lambda x, a: np.log(1 + np.exp(a @ x)))
    hessian = cf.hessian(lambda x, a: np.log(1 + np.exp(a @ x)))
    for z in (-1000.0, -40.0, 0.0, 40.0, 1000.0):
        expected = 1 / (1 + np.exp(-z)) if z > -700 else 0.0
        np.testing.assert_allclose(gradient(np.array([z]), a), [expected], rtol=1e-15)
        e = np.exp(-abs(z))
        np.testing.assert_allclose(hessian(np.array([z]), a), [[e / (1 + e) ** 2]], rtol=1e-14)


def test_results_do_not_share_memory_with_arguments():
    A = RNG.standard_normal((3, 3))
    gradient = cf.grad(lambda X, A: np.trace(A @ X))(np.eye(3), A)
    assert not np.shares_memory(gradient, A)
    gradient[:] = 0
    B = cf.grad(lambda x, b: x @ b)(np.ones(3), A[0])
    assert not np.shares_memory(B, A)
    assert B.flags.writeable


def test_described_arguments():
    d = cf.grad(lambda S: np.linalg.slogdet(S)[1]).at(cf.spd("n"))
    assert d.text == "S⁻¹"
    assert cf.hessian(lambda x, A: x @ A @ x / 2).at(cf.vector("n"), cf.symmetric("n")).text == "A"
    d = cf.grad(lambda x, p: np.sum(np.sqrt(p**2) * x)).at(cf.vector("n"), cf.positive("n"))
    assert d.text == "p"


def test_sizes_that_named_axes_were_tried_as_are_told():
    product = cf.grad(lambda x, A: np.sum(A @ x))
    with pytest.raises(InvalidArgumentError, match="Named axes were tried as n = 5: axes of one"):
        product.at(np.ones(3), cf.matrix("n", "n"))
    with pytest.raises(InvalidArgumentError, match="tried as k = 5, m = 7, n = 4"):
        product.at(cf.vector("k"), cf.matrix("m", "n"))
    with pytest.raises(InvalidArgumentError) as error:
        product.at(np.ones(3), np.ones((4, 4)))
    assert "Named axes" not in str(error.value)


def test_derivations_are_kept_by_shape():
    calls = []

    def f(x):
        calls.append(1)
        return np.sum(x**2)

    gradient = cf.grad(f)
    gradient(np.ones(3))
    traced = len(calls)
    gradient(np.zeros(3))
    assert len(calls) == traced
    gradient(np.ones(4))
    assert len(calls) > traced


def test_importing_stays_light():
    import subprocess
    import sys

    heavy = ("torch", "jax", "autograd", "matplotlib", "flint", "pygraphviz", "ziamath")
    script = f"import closedform, sys; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def network(x, A, b):
    return np.tanh(A @ x - b) * np.sum(x)


def test_products_with_the_jacobian():
    arguments = data()
    u, v, V = RNG.standard_normal(6), RNG.standard_normal(4), RNG.standard_normal((6, 4))
    Jx, JA = cf.jacobian(network, ("x", "A"))(*arguments)
    np.testing.assert_allclose(cf.jvp(network)(*arguments, v), Jx @ v, rtol=1e-12)
    np.testing.assert_allclose(cf.vjp(network)(*arguments, u), u @ Jx, rtol=1e-12)
    both = cf.jvp(network, ("x", "A"))(*arguments, v, V)
    np.testing.assert_allclose(both, Jx @ v + np.tensordot(JA, V, 2), rtol=1e-12)
    gx, gA = cf.vjp(network, ("x", "A"))(*arguments, u)
    np.testing.assert_allclose(gx, u @ Jx, rtol=1e-12)
    np.testing.assert_allclose(gA, np.tensordot(u, JA, 1), rtol=1e-12)


def test_products_with_the_jacobian_never_form_it():
    n = 100_000
    x, v = RNG.standard_normal(n), RNG.standard_normal(n)
    expected = np.cos(x) * v
    np.testing.assert_allclose(cf.jvp(np.sin)(x, v), expected)
    np.testing.assert_allclose(cf.vjp(np.sin)(x, v), expected)


def test_products_with_the_jacobian_of_matrix_functions():
    X = RNG.standard_normal((4, 4)) + 4 * np.eye(4)
    V = RNG.standard_normal((4, 4))
    for f in (
        np.linalg.inv,
        lambda X: scipy.linalg.expm(X),
        lambda X: X @ X.T,
        lambda X: X[1:] * np.linalg.det(X),
    ):
        J = cf.jacobian(f)(X)
        U = RNG.standard_normal(J.shape[:2])
        np.testing.assert_allclose(cf.jvp(f)(X, V), np.tensordot(J, V, 2), rtol=1e-9)
        np.testing.assert_allclose(cf.vjp(f)(X, U), np.tensordot(U, J, 2), rtol=1e-9)
    d = cf.jvp(np.linalg.inv).at(cf.matrix("n", "n"))
    assert d.text == "−a⁻¹Va⁻¹"
    assert d.directions == ("V",)


def test_directions_take_names_that_no_argument_has():
    v, w = RNG.standard_normal(3), RNG.standard_normal(3)
    product = cf.hvp(lambda v, v_1: v_1 @ v**3)
    np.testing.assert_allclose(product(v, v, w), 6 * v * v * w)
    assert product.at(v, v).directions == ("v_2",)
    with pytest.raises(InvalidArgumentError, match=r"vjp: the vector has shape \(3,\), the result \(\)"):
        cf.vjp(lambda x: np.sum(x))(v, w)


def test_printed_sizes_name_rows_and_columns_of_matrices_that_are_gone():
    def distances(x, A):
        return np.sum((A - x) ** 2)

    assert cf.hessian(distances).at(cf.vector("n"), cf.matrix("m", "n")).text == "2mI"
    assert cf.hessian(distances).at(np.ones(3), np.ones((4, 3))).text == "2m_A I"


def test_a_division_by_zero_of_plain_numbers_is_refused():
    df = cf.grad(lambda x: np.sum(x**2) / (len(x) - 1))
    np.testing.assert_allclose(df(np.ones(2)), [2, 2])
    with pytest.raises(InvalidArgumentError, match=r"no finite value for arguments of shapes \(1,\)"):
        df(np.ones(1))


def test_axes_are_called_by_the_names_that_were_given():
    def f(X, w):
        return np.sum((X @ w) ** 2) / len(X)

    assert cf.grad(f, 1).at(cf.matrix("N", "d"), cf.vector("d")).text == "(2/N)XᵀXw"
    assert cf.grad(f, 1).at(cf.matrix("S", "d"), cf.vector("d")).text == "(2/m_X)XᵀXw"  # S is a selection
    assert cf.grad(f, 1).at(cf.matrix("w", "d"), cf.vector("d")).text == "(2/m_X)XᵀXw"
    assert cf.grad(f, 1).at(np.ones((3, 2)), np.ones(2)).text == "(2/m_X)XᵀXw"
    assert cf.parse("(2/N)XᵀXw", X=cf.matrix("N", "d"), w=cf.vector("d"))(np.eye(2), np.ones(2)).tolist() == [
        1,
        1,
    ]


def test_a_formula_for_one_size_says_so():
    def f(x, X):
        return sum(np.sum((row - x) ** 2) for row in X)

    d = cf.hessian(f).at(cf.vector("n"), cf.matrix("m", "n"))
    assert repr(d) == "14I    for m = 7"
    assert d._repr_latex_() == r"$\displaystyle 14 I\qquad\text{for } \mathrm{m} = 7$"
    assert repr(cf.hessian(f).at(np.ones(2), np.ones((3, 2)))) == "6I"


REFUSED = {
    "a repeated variable": (
        lambda: cf.jvp(lambda x, y: x * y, (0, 0)).at(1.0, 2.0),
        "names an argument twice",
    ),
    "several variables": (lambda: cf.derivative(lambda x, y: x * y, 1, (0, 1)).at(1.0, 2.0), "one variable"),
    "a module's name": (lambda: cf.grad(lambda np, x: x * np).at(1.0, 2.0), "argument 'np' otherwise"),
    "a masked array": (lambda: cf.grad(np.sum).at(np.ma.masked_array([1.0], [1])), "is a MaskedArray"),
    "a matrix of NumPy": (lambda: cf.grad(np.sum).at(np.matrix([[1.0]])), "is a matrix, whose operations"),
    "an operator": (
        lambda: cf.check(np.sin, np.sum, 1.0, operator="value"),
        "operator='value' is not one of",
    ),
    "a language": (lambda: cf.grad(np.sum).at(np.ones(2)).source("C"), "idiom 'C' is not one of"),
    "a keyword": (lambda: cf.grad(np.sum).at(np.ones(2)).source(name="class"), "name='class' is no name"),
    "a large constant": (lambda: cf.grad(lambda x: x * 10**400)(1.0), "no finite value"),
}


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused(case):
    call, message = REFUSED[case]
    with pytest.raises(InvalidArgumentError, match=message):
        call()


def test_an_annotated_argument_with_a_default():
    metric = 3 * np.eye(2)

    def f(x: cf.vector("n"), S: cf.spd("n") = metric):
        return x @ S @ x

    np.testing.assert_allclose(cf.grad(f)(np.ones(2)), [6, 6])
    np.testing.assert_allclose(cf.grad(f)(np.ones(2), np.eye(2)), [2, 2])


@pytest.mark.filterwarnings("ignore:Mean of empty slice:RuntimeWarning")
def test_reductions_of_nothing():
    with pytest.raises(UnsupportedError, match="no entries to take the mean of"), np.errstate(all="ignore"):
        cf.grad(lambda x: np.sum(np.mean(x, axis=0)))(np.zeros((0, 2)))
    for f, shape in {
        lambda x: scipy.special.logsumexp(x): (0,),
        lambda x: np.sum(scipy.special.logsumexp(x, axis=0)): (0, 2),
        lambda x: np.logaddexp.reduce(x[:0]) + np.sum(x): (3,),
        lambda x: np.linalg.norm(x[:0], np.inf) + np.sum(x): (3,),
    }.items():
        with pytest.raises(UnsupportedError, match=r"no entries to take the (logsumexp|max) of"):
            cf.grad(f)(np.ones(shape))
    rows = cf.grad(lambda x: np.sum(scipy.special.logsumexp(x, axis=1)))(np.ones((0, 2)))
    assert rows.shape == (0, 2)
    value, slope = cf.value_and_grad(lambda x: scipy.special.logsumexp(x))(2.0)
    assert np.shape(value) == () and value == 2 and slope == 1


def test_a_part_that_stands_in_the_formula_in_another_form_too():
    def f(x):
        clipped = np.clip(x, 0.5, x[0])
        square = clipped @ clipped
        return np.hypot(1 + square**2, square) + np.sum(clipped)

    x, gradient = np.array([0.7]), cf.grad(f)
    slope = (gradient(x + 1e-6) - gradient(x - 1e-6)) / 2e-6
    np.testing.assert_allclose(cf.hessian(f)(x)[0], slope, rtol=1e-7)
    np.testing.assert_allclose(cf.hessian(f)(np.array([0.4])), [[2.748657]], rtol=1e-6)
