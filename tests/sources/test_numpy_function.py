"""Tracing: what is traced has the function's value, what is not is refused with the user's line."""

import functools
import math
from types import ModuleType

import numpy as np
import pytest
import scipy.linalg
import scipy.special
from tests.dense import central_differences, evaluate

import closedform as cf
from closedform.errors import ClosedformError, InvalidArgumentError, InvalidFunctionError, UnsupportedError

RNG = np.random.default_rng(3)
x = RNG.standard_normal(4)
A = RNG.standard_normal((4, 4))
captured = np.array([1.0, 2.0, 3.0, 4.0])


def assigned(x):
    y = np.zeros_like(x)
    y[1:] = x[:-1] ** 2
    y[0] = x[1]
    y *= 2
    return np.sum(y**2)


def looped(x):
    total = 0.0
    for value in x:
        if value > 0:
            total = total + value**2
    return total


def counted(x, n):
    return sum(x[i] ** 2 for i in range(n))


TRACED = {
    "operators": (lambda x, A: -x @ (2 * A + A.T - 1) @ x / 3, x, A),
    "methods": (
        lambda x, A: (A.T.dot(x) * x.sum()).mean() + A.trace() + x.copy().reshape(2, 2).ravel().max(),
        x,
        A,
    ),
    "captured": (lambda x: np.sum(captured * x), x),
    "assigned": (assigned, x),
    "looped": (looped, x),
    "counted": (counted, x, 2),
    "slogdet": (lambda A: np.linalg.slogdet(A).logabsdet + np.linalg.slogdet(A)[1], A),
    "scipy": (
        lambda A: np.trace(scipy.linalg.expm(A)) + scipy.special.logsumexp(A) + scipy.special.expit(A[0, 0]),
        A,
    ),
    "sizes": (lambda A: np.trace(A @ np.eye(A.shape[0])) / A.shape[1] + A.size + np.sum(np.ones(A.shape)), A),
    "joined": (lambda x: np.sum(np.hstack([x, x[:2]]) ** 2) + np.sum(np.vstack([x, x]) ** 3), x),
    "constant": (lambda x: 1.5, x),
    "newaxis": (lambda x: np.sum((x[:, None] - x[None, :]) ** 2), x),
    "inf": (lambda x: np.min(np.minimum(x, np.inf)), x),
}


@pytest.mark.parametrize("case", TRACED)
def test_the_trace_has_the_value_of_the_function(case):
    f, *args = TRACED[case]
    d = cf.trace(f, *args)
    values = dict(zip(d.arguments, args, strict=True))
    np.testing.assert_allclose(evaluate(d.expr, values), f(*args), rtol=1e-12)


buffer = np.zeros(4)


def mutates_captured(x):
    buffer[0] += 1
    return np.sum(x**2) * buffer[0]


def writes_into_captured(x):
    buffer[0] = x[0]
    return np.sum(buffer)


def adds_to_captured(x):
    np.add(buffer, x, out=buffer)
    return np.sum(buffer)


def mutates_argument(x):
    x += 1
    return np.sum(x)


def branches_on_array(x):
    if x > 0:
        return np.sum(x)
    return 0.0


def changes_shape(x):
    y = x[:1] * 1.0
    y += x
    return np.sum(y)


def fills_float32(x):
    y = np.zeros(4, dtype=np.float32)
    y[0] = x[0]
    return np.sum(y)


def fills_copy(x):
    y = captured.copy()
    y[1:] = x[1:]
    return np.sum(y)


def caught(x):
    try:
        scale = float(x[0])
    except Exception:
        scale = 0.0
    return max(scale, 0.0) + x[1]


def fills_integers(x):
    y = np.zeros_like(x, dtype=int)
    y[:] = x
    return np.sum(y * x)


REFUSED = {
    "captured": (
        mutates_captured,
        InvalidFunctionError,
        "mutates_captured changes the captured 'buffer'",
    ),
    "written": (
        writes_into_captured,
        InvalidFunctionError,
        r"Python float \(in writes_into_captured.*np.zeros_like",
    ),
    "added": (adds_to_captured, InvalidFunctionError, "changes a plain array, captured or made by np.zeros"),
    "argument": (
        mutates_argument,
        InvalidFunctionError,
        r"own argument 'x' \(in mutates_argument, line \d+ .*x.copy",
    ),
    "branch": (branches_on_array, InvalidFunctionError, r"a branch on an array of shape \(4,\).*np.where"),
    "shape": (changes_shape, InvalidFunctionError, r"change the shape \(1,\) to \(4,\)"),
    "math": (lambda x: math.exp(x[0]), InvalidFunctionError, "use NumPy functions"),
    "array": (lambda x: np.sum(np.array([x[0], 1], dtype=int)), UnsupportedError, "of int64"),
    "complex": (lambda x: np.sum(x * 1j), InvalidFunctionError, "complex"),
    "unknown": (lambda x: np.sum(np.unwrap(x)), UnsupportedError, r"np.unwrap is not supported .*\(4,\)"),
    "option": (
        lambda x: np.sum(x, like=x),
        UnsupportedError,
        r"^np.sum was called .*\(in <lambda>.*: got an unexpected keyword argument 'like'",
    ),
    "too many": (lambda x: np.exp(x, 1, 2, 3), TypeError, "exp"),
    "single precision": (
        lambda x: np.sum(x.astype(np.float32)),
        InvalidFunctionError,
        "numbers of float32.*float64",
    ),
    "filled in single precision": (
        fills_float32,
        InvalidFunctionError,
        "numbers of float32.*leave the dtype out",
    ),
    "undefined": (
        lambda x: np.sum(np.log(x, where=x > 0)),
        InvalidFunctionError,
        "np.log with `where` leaves",
    ),
    "own module": (
        lambda x: np.sum(scipy.special.jv(1, x)),
        UnsupportedError,
        "scipy.special.jv is not supported",
    ),
    "a copy of a plain array": (fills_copy, InvalidFunctionError, r"start from np.array\(y, dtype=float\)"),
    "an axis too many": (
        lambda x: np.insert(x, 0, x[0], axis=2),
        InvalidArgumentError,
        "np.insert failed on",
    ),
    "reduce": (lambda x: np.hypot.reduce(x), UnsupportedError, "np.hypot.reduce is not supported"),
    "shapes": (lambda x: np.sum(A[:, :3] @ x), InvalidArgumentError, r"matmul failed on .*\(4, 3\), \(4,\)"),
    "random": (
        lambda x: np.sum(x) * np.random.default_rng().random(),
        InvalidFunctionError,
        "random numbers",
    ),
    "random arrays": (lambda x: np.sum(np.random.rand(4) * x), InvalidFunctionError, "random numbers"),
    "type": (
        lambda x: np.sum(x**2) if type(x) is np.ndarray else np.sum(x),
        InvalidFunctionError,
        "asks for the type of its arguments",
    ),
    "caught": (caught, InvalidFunctionError, r"Python float \(in caught"),
    "asked for": (
        lambda x: np.sum(x) if hasattr(x, "strides") else np.sum(2 * x),
        AttributeError,
        "arrays have no attribute 'strides' that can be traced",
    ),
    "integers": (fills_integers, InvalidFunctionError, "turned into a plain array"),
    "key": (lambda x: {x[0]: 1}, InvalidFunctionError, "put into a set or a dict as a key"),
    "hidden": (
        lambda x, by=scipy.special.logsumexp: by(x),
        InvalidFunctionError,
        r"where SciPy's logsumexp is called, write its own name",
    ),
    "nothing": (lambda x: None, InvalidFunctionError, "return statement"),
    "tuple": (lambda x: (x, x), InvalidFunctionError, "returned a tuple"),
    "attribute": (lambda x: x.tobytes(), AttributeError, "supported methods"),
    "trace": (
        lambda x: np.trace(np.outer(x, x)[:2], offset=5),
        UnsupportedError,
        r"no entries with column - row = 5 \(in <lambda>",
    ),
    "integer": (lambda x: np.sum(np.eye(int(x[0]))), InvalidFunctionError, "Python integer"),
    "cast": (lambda x: np.sum(x.astype(int)), InvalidFunctionError, "int64 has no derivative"),
    "vector": (lambda x: x**2, InvalidFunctionError, r"returned an array of shape \(4,\). Use cf.jacobian"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_traced_is_refused_with_a_reason(case):
    f, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        cf.grad(f)(x.copy())


def test_the_types_that_a_function_asks_for_are_those_of_arrays_and_numbers():
    def f(x):
        assert isinstance(x, np.ndarray) and not isinstance(x, float)
        assert isinstance(len(x), int) and isinstance(x.shape[0], int)
        return sum(v if isinstance(v, float) and isinstance(v, np.float64) else v**3 for v in x)

    np.testing.assert_allclose(cf.grad(f)(2 * np.ones(2)), np.ones(2))


def test_bad_arguments_are_refused_by_name():
    f = cf.grad(lambda x, y: np.sum(x * y))
    with pytest.raises(InvalidArgumentError, match="argument 'y' is complex"):
        f(x, x + 1j)
    with pytest.raises(InvalidArgumentError, match="argument 'x' of type list"):
        f(["a"], x)
    with pytest.raises(InvalidArgumentError, match=r"takes the arguments \(x, y\): too many"):
        cf.grad(lambda x, y: x)(1.0, 2.0, 3.0)
    with pytest.raises(InvalidArgumentError, match="must be a function"):
        cf.grad(3.0)


def test_a_call_that_breaks_a_guard_is_traced_anew():
    gradient = cf.grad(looped)
    np.testing.assert_allclose(gradient(np.array([1.0, -1.0])), [2.0, 0.0])
    np.testing.assert_allclose(gradient(np.array([-1.0, 3.0])), [0.0, 6.0])
    np.testing.assert_allclose(gradient(np.array([5.0, -3.0])), [10.0, 0.0])


def test_counts_are_guarded():
    gradient = cf.grad(counted)
    np.testing.assert_allclose(gradient(x, 1), [2 * x[0], 0, 0, 0])
    np.testing.assert_allclose(gradient(x, 3), [*(2 * x[:3]), 0])
    with pytest.raises(InvalidFunctionError, match="'n' to count"):
        cf.grad(counted, argnums="n")(x, 2)


def test_named_arguments_and_partial():
    def f(x, A, scale=2.0):
        return scale * (x @ A @ x)

    expected = 2.0 * (A + A.T) @ x
    np.testing.assert_allclose(cf.grad(f)(x, A=A), expected)
    np.testing.assert_allclose(cf.grad(f)(x, A, scale=1.0), expected / 2)
    np.testing.assert_allclose(cf.grad(functools.partial(f, scale=4.0))(x, A), expected * 2)
    with pytest.raises(InvalidArgumentError, match="missing a required argument"):
        cf.grad(f)(A=A)


def same_array_twice(x):
    y = x.copy()
    z = y
    z += x
    return np.sum(y**2)


def short_lived_views(x):
    y = x * 1.0
    s = np.sum(y[1:] * y[:-1]) + np.sum(y.T * y)
    y *= 2
    y[0] = s
    return np.sum(y**2)


def last_holder(x):
    y = (x * 2.0)[1:]
    y[0] = 1.0
    return np.sum(y**3)


@pytest.mark.parametrize("f", [same_array_twice, short_lived_views, last_holder])
def test_assignment_where_no_memory_is_shared(f):
    np.testing.assert_allclose(cf.grad(f)(x), central_differences(f, x), rtol=1e-7)


def slices_in_place(x):
    y = x.copy()
    y[1:] += y[:-1]
    y[:2] *= x[2:]
    return np.sum(y**3)


def test_slices_are_changed_in_place():
    np.testing.assert_allclose(
        cf.grad(slices_in_place)(x), central_differences(slices_in_place, x), rtol=1e-7
    )


def executed(source):
    namespace = {}
    exec(source, namespace)
    return namespace["derivative"]


SIZES_OF_RESULTS = {
    "len": lambda x: len(x[1:]) * np.sum(x**2),
    "size": lambda x: (x**2).size * np.sum(x),
    "shape": lambda x: np.sum(x[: (x * 2).shape[0] - 1] ** 2),
    "loop": lambda x: sum(v**2 for v in x[1:]),
    "branch": lambda x: np.sum(x**2) if len(x[1:]) == 2 else np.sum(x**3),
    "mean": lambda x: np.sum((x[1:] - x[:-1]) ** 2) / (x[1:] * 2).shape[0],
}


@pytest.mark.parametrize("case", SIZES_OF_RESULTS)
def test_sizes_of_computed_arrays_are_followed(case):
    f = SIZES_OF_RESULTS[case]
    gradient = cf.grad(f)
    derivative = executed(gradient.at(np.ones(3)).source())
    other = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    expected = central_differences(f, other)
    np.testing.assert_allclose(gradient(other), expected, rtol=1e-6)
    try:
        np.testing.assert_allclose(derivative(other), expected, rtol=1e-6)
    except AssertionError as error:
        assert "used this size as a number" in str(error)


def test_a_number_as_a_condition_is_guarded():
    gradient = cf.grad(lambda x: x or 3 * x)
    assert gradient(2.0) == 1.0
    assert gradient(0.0) == 3.0
    assert executed(gradient.at(2.0).source())(5.0) == 1.0


def test_nested_derivatives_are_refused_with_the_way_out():
    with pytest.raises(UnsupportedError, match=r"cf.hessian, cf.jacobian or cf.derivative"):
        cf.grad(lambda x: x * cf.grad(lambda y: x + y)(1.0))(1.0)
    with pytest.raises(UnsupportedError, match="called inside a function that is being derived"):
        cf.grad(cf.grad(lambda x: x**3))(1.0)


def test_missing_arguments_are_named():
    with pytest.raises(InvalidArgumentError, match=r"takes the arguments \(x, y\): missing .*'y'"):
        cf.grad(lambda x, y: x * y)(1.0)


def test_arrays_made_inside_the_function_go_into_libraries_as_they_are():
    import scipy.linalg

    def f(x):
        D = np.zeros((4, 4))
        for i in range(4):
            D[i, i] = 2
        return x @ D @ x + x @ scipy.linalg.toeplitz(np.ones(4)) @ x

    x = np.arange(1.0, 5.0)
    np.testing.assert_allclose(cf.grad(f)(x), 4 * x + 2 * np.sum(x))


def test_arrays_like_a_captured_one_can_be_assigned_to():
    captured = np.arange(6.0).reshape(3, 2)

    def f(x):
        a, b = np.zeros_like(captured), np.ones_like(captured)
        c, d, e = np.full_like(captured, 3.0), np.empty_like(captured), np.empty(2)
        a[0] = x
        b[1:] *= x
        d[:] = x
        e[:] = x**2
        return np.sum(a * b) + np.sum(c * d) * np.sum(b[1] * e)

    x = np.array([0.5, -1.0])
    np.testing.assert_allclose(cf.grad(f)(x), 1 + 9 * (np.sum(x**3) + 3 * np.sum(x) * x**2))


# --- integers and truth values as arguments ---------------------------------------------------------


def cross_entropy_of_labels(W, X, y):
    Z = X @ W.T
    log_probabilities = Z - np.log(np.sum(np.exp(Z), axis=1, keepdims=True))
    return -np.mean(log_probabilities[np.arange(len(y)), y])


def cross_entropy_label_by_label(W, X, y):
    total = 0.0
    for x, label in zip(X, y, strict=True):
        total += np.log(np.sum(np.exp(W @ x))) - (W @ x)[label]
    return total / len(y)


@pytest.mark.parametrize("f", [cross_entropy_of_labels, cross_entropy_label_by_label])
def test_labels_are_indices(f):
    rng = np.random.default_rng(0)
    W, X = rng.standard_normal((3, 2)), rng.standard_normal((4, 2))
    gradient, hessian = cf.grad(f), cf.hessian(f)
    softmax = np.exp(X @ W.T) / np.sum(np.exp(X @ W.T), axis=1, keepdims=True)
    second = np.einsum("na,ab->nab", softmax, np.eye(3)) - np.einsum("na,nb->nab", softmax, softmax)
    for y in (np.array([0, 2, 1, 0]), np.array([2, 2, 1, 1]), [0, 0, 0, 1]):
        np.testing.assert_allclose(gradient(W, X, y), (softmax - np.eye(3)[y]).T @ X / 4)
        np.testing.assert_allclose(
            hessian(W, X, y), np.einsum("nab,ni,nj->aibj", second, X, X) / 4, atol=1e-14
        )
    with pytest.raises(ClosedformError):
        gradient(W, X, np.array([0.0, 2.0, 1.0, 0.0]))
    with pytest.raises(InvalidFunctionError, match="'y' to count or as an index"):
        cf.grad(f, "y")(W, X, np.array([0, 2, 1, 0]))


def test_an_index_array_of_truth_values_is_no_array_of_integers():
    gradient = cf.grad(lambda x, chosen: np.sum(x[chosen] ** 2))
    x = np.array([1.0, 2.0])
    for chosen, wanted in (
        ([1, 0], [2, 4]),
        ([True, False], [2, 0]),
        ([0, 0], [4, 0]),
        ([False, False], [0, 0]),
        ([1, 0], [2, 4]),
    ):
        np.testing.assert_allclose(gradient(x, np.array(chosen)), wanted)


def test_truth_values_are_negated_and_counted():
    def f(x, chosen):
        return np.sum(x[~chosen] ** 2) + np.sum(chosen) * np.sum(np.where(chosen & ~chosen[::-1], x, 0.0))

    gradient, x = cf.grad(f), np.array([1.0, 2.0])
    for chosen, wanted in (([True, False], [1, 4]), ([False, True], [2, 1]), ([True, True], [0, 0])):
        np.testing.assert_allclose(gradient(x, np.array(chosen)), wanted)


def test_positions_as_arguments():
    gradient, x = cf.grad(lambda x, i: x[i] ** 2 + x[i - 1] * np.arange(3.0)[i]), np.array([1.0, 2.0, 4.0])
    for i, wanted in ((0, [2, 0, 0]), (2, [0, 2, 8]), (np.int64(1), [1, 4, 0])):
        np.testing.assert_allclose(gradient(x, i), wanted)


LENGTHS = {
    "mean": (lambda x: np.sum(x**2) / len(x), "(2/n)x"),
    "arithmetic": (lambda x: x.sum() * (2 * len(x) - 1), "(2n − 1)𝟏"),
    "position": (lambda x: x[len(x) - 1] ** 2, "2x₋₁e₋₁"),
    "shape": (lambda x: np.ones((len(x), len(x))) @ x @ x, "2(𝟏ᵀx)𝟏"),
    "of rows": (lambda x: len(np.outer(x, x)[0]) * x.sum(), "n𝟏"),
    "list": (lambda x: np.array([0.5] * len(x)) @ x, "c₀"),
    "key": (lambda x: {3: 1.0, 5: 2.0}[len(x)] * x.sum(), "2𝟏"),
    "root": (lambda x: math.sqrt(len(x)) * x.sum(), "√5 𝟏"),
    "counter": (lambda x: sum(x[i] for i in range(0, len(x), 2)), "e₂ + e₄ + e₀"),
    "library": (lambda x: x[np.random.default_rng(0).permutation(len(x))] @ x, None),
}


@pytest.mark.parametrize("case", LENGTHS)
def test_a_length_is_the_size_of_an_axis(case):
    f, formula = LENGTHS[case]
    d = cf.grad(f).at(cf.vector("n"))
    values = RNG.standard_normal(5)
    np.testing.assert_allclose(d.function(values), central_differences(f, values), rtol=1e-6)
    assert formula in (None, d.text)
    assert "len" not in globals()


def test_plain_arrays_of_compiled_code_stay_plain():
    rng = np.random.default_rng(0)

    def f(x):
        y = np.zeros(3)
        y[0] = x[0]
        return np.sum(y * np.random.default_rng(0).normal(size=3)) + np.zeros(3)[0]

    np.testing.assert_allclose(cf.grad(f)(np.ones(3)), [rng.normal(size=3)[0], 0, 0])


LISTS = {
    "mean": lambda x: np.mean([np.exp(t) for t in x]),
    "norm": lambda x: np.linalg.norm([x[0] - 1, x[1] - 2]),
    "dot": lambda x: np.dot([x[0], x[1]], [1.0, 2.0]),
    "max": lambda x: np.max([x[0], x[1]]),
    "prod": lambda x: np.prod([x[0], x[1]]),
}


@pytest.mark.parametrize("f", LISTS.values(), ids=LISTS)
def test_functions_of_lists_of_traced_numbers(f):
    np.testing.assert_allclose(cf.grad(f)(x), central_differences(f, x), rtol=1e-6)


def test_scipy_functions_are_found_where_other_modules_have_them_by_name():
    library = ModuleType("library")
    exec("from scipy.special import logsumexp\ndef smooth(x): return logsumexp(x) * len(x)", library.__dict__)
    expected = len(x) * scipy.special.softmax(x)
    np.testing.assert_allclose(cf.grad(lambda x: library.smooth(x))(x), expected)
    np.testing.assert_allclose(cf.grad(lambda x, by={0: library.smooth}: by[0](x))(x), expected)


STRUCTURED = {
    "toeplitz": lambda x: np.sum(scipy.linalg.toeplitz(x) @ x**2),
    "toeplitz of two": lambda x: np.sum(scipy.linalg.toeplitz(x[:3], x) @ x**2),
    "circulant": lambda x: x**2 @ scipy.linalg.circulant(x) @ captured,
}


@pytest.mark.parametrize("f", STRUCTURED.values(), ids=STRUCTURED)
def test_structured_matrices_of_scipy(f):
    np.testing.assert_allclose(cf.grad(f)(x), central_differences(f, x), rtol=1e-6)


def test_interpolation_follows_the_part_of_the_line():
    gradient = cf.grad(lambda t: np.interp(t, np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, -4.0])))
    assert [gradient(t) for t in (0.5, 2.0, 0.25, -1.0, 4.0)] == [2, -3, 2, 0, 0]


def test_positions_of_what_is_not_zero_are_guarded():
    gradient = cf.grad(lambda x: np.sum(x[np.nonzero(x > 0)] ** 2))
    for values in ([1.0, -2.0, 3.0], [-1.0, 2.0, 3.0], [1.0, 2.0, 3.0]):
        np.testing.assert_allclose(gradient(np.array(values)), 2 * np.maximum(values, 0))


def test_diagonals_are_filled_with_a_number_or_a_vector():
    def f(x):
        a, b = np.outer(x, x), np.zeros((3, 3))
        np.fill_diagonal(a, 2.0)
        np.fill_diagonal(b, x**2)
        return np.sum(a) + np.sum(b**2)

    def too_short(x):
        a = np.outer(x, x)
        np.fill_diagonal(a, x[:2])
        return np.sum(a)

    x = np.array([1.0, 2.0, -1.0])
    np.testing.assert_allclose(cf.grad(f)(x), 2 * (np.sum(x) - x) + 4 * x**3)
    with pytest.raises(UnsupportedError, match="not as long as the diagonal"):
        cf.grad(too_short)(x)


def test_what_cancels_may_be_rounded_another_way_when_traced():
    def cancels(x):
        values = np.linalg.eigh(np.outer(x, x))[0][:, None]
        return np.sum((np.sum(values) - values) * values)

    x = np.array([0.41081352, 0.0765968, -0.09919077, 0.74120106])
    assert abs(cf.trace(cancels, x).function(x)) < 1e-15

    rng = np.random.default_rng(0)
    with pytest.raises(InvalidFunctionError, match="random numbers or state"):
        cf.grad(lambda x: np.sum(x) - np.sum(x) + 1e-18 * rng.random())(x)


def test_truth_values_and_integers_become_integers():
    X, y = np.arange(12.0).reshape(4, 3), np.array([0, 2, 1, 1])
    picked = cf.grad(lambda X, y: np.sum(X[np.arange(len(y)), y.astype(int)] ** 2))
    np.testing.assert_array_equal(picked(X, y), 2 * X * (np.arange(3) == y[:, None]))
    np.testing.assert_array_equal(picked(X, y[::-1]), 2 * X * (np.arange(3) == y[::-1, None]))
    assert cf.grad(lambda x: np.sum(x * (x > 0).astype(int))).at(x).text == "where(x > 0, 1, 0)"
    halves = cf.grad(lambda X, y: np.sum(X * (y / 2).astype(int)[:, None]))
    np.testing.assert_array_equal(halves(X, 2 * y)[:, 0], y)
    with pytest.raises(InvalidFunctionError, match="conversion to int64 has no derivative"):
        halves(X, y)
