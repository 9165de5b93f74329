"""Every problem of the registry: its answers against numerical differentiation, at random points."""

import subprocess
import sys

import numpy as np
import pytest

from closedform.problems import PROBLEMS, Problem
from closedform.problems.linear_regression import gradient, line, sheet_gradient
from closedform.problems.record import register
from closedform.problems.taylor_cosine import partial_sum, slope, until_small

ANSWERS = [pytest.param(p, o, id=f"{p.name}-{o}") for p in PROBLEMS.values() for o in p.operators]
STEP = 1e-5


def difference_quotient(f, x: np.ndarray) -> np.ndarray:
    """Central differences of an array-valued function in every entry of x: shape f(x).shape + x.shape."""
    columns = []
    for index in np.ndindex(x.shape):
        move = np.zeros_like(x)
        move[index] = STEP
        columns.append((np.asarray(f(x + move)) - np.asarray(f(x - move))) / (2 * STEP))
    return np.stack(columns, axis=-1).reshape((*np.shape(columns[0]), *x.shape))


@pytest.mark.parametrize("problem, operator", ANSWERS)
@pytest.mark.parametrize("n", [1, 4, 7])
def test_an_answer_is_the_derivative(problem: Problem, operator: str, n: int) -> None:
    arguments = problem.arguments(np.random.default_rng(n), n)
    answer = problem.answers[operator](*arguments)
    positions = problem.argnums if isinstance(problem.argnums, tuple) else (problem.argnums,)
    answers = answer if isinstance(problem.argnums, tuple) else (answer,)
    for position, found in zip(positions, answers, strict=True):
        x = np.asarray(arguments[position], dtype=float)

        def at(x: np.ndarray, position: int = position):
            return problem.function(*arguments[:position], x, *arguments[position + 1 :])

        def gradient_at(x: np.ndarray, position: int = position):
            replaced = (*arguments[:position], x, *arguments[position + 1 :])
            by_hand = problem.answers.get("grad")
            return by_hand(*replaced) if by_hand else difference_quotient(at, x)

        if operator.startswith("derivative"):
            expected = fourth_difference(at, x)
            tolerance = 1e-4
        else:
            expected = difference_quotient(gradient_at if operator == "hessian" else at, x)
            tolerance = 1e-6 if "grad" in problem.answers else 1e-3
        assert np.shape(found) == expected.shape
        np.testing.assert_allclose(
            found, expected, rtol=tolerance, atol=tolerance * (1 + np.abs(expected).max())
        )


def fourth_difference(f, x: np.ndarray, h: float = 1e-2) -> np.ndarray:
    """The 4th derivative of an elementwise function by central differences of order four."""
    weights = {0: 56 / 6, 1: -39 / 6, 2: 2.0, 3: -1 / 6}
    return sum(w * (f(x + k * h) + f(x - k * h)) / (2 if k == 0 else 1) for k, w in weights.items()) / h**4


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_is_complete(problem: Problem) -> None:
    assert set(problem.sizes) == set(problem.quick_sizes) == set(problem.answers)
    for operator in problem.operators:
        sizes = problem.sizes[operator]
        assert list(sizes) == sorted(sizes)
        assert min(sizes) <= problem.exact_size, "its error is measured at one size at least"
        assert min(problem.quick_sizes[operator]) <= problem.exact_size
    assert problem.statement and problem.asked.endswith(".")


def test_the_registry_is_in_the_order_of_the_sheet() -> None:
    assert list(PROBLEMS) == [
        "taylor-cosine", "linear-regression", "tanh-fourth", "quadratic", "trace-axb", "least-squares",
        "softplus", "graph", "logdet", "step-sizes", "quartic", "expm-trace", "det-shift", "logistic-ridge",
    ]  # fmt: skip
    assert [p.number for p in PROBLEMS.values()] == list(range(1, len(PROBLEMS) + 1))


def test_a_name_can_be_taken_once() -> None:
    with pytest.raises(ValueError, match="'quartic', is registered twice"):
        register(PROBLEMS["quartic"])


def test_problems_import_numpy_and_scipy_only() -> None:
    code = (
        "import sys; sys.modules['closedform'] = type(sys)('closedform'); "
        "import importlib.util as u; from pathlib import Path; import closedform; "
        f"closedform.__path__ = [{str(next(iter(__import__('closedform').__path__)))!r}]; "
        "import closedform.problems; "
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'torch', 'jax', 'autograd', 'rich', "
        "'matplotlib'}), "
        "sorted(m for m in sys.modules if m.startswith('closedform.') and not "
        "m.startswith('closedform.problems')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"


@pytest.mark.parametrize("n", [4, 10, 25])
def test_the_gradient_of_the_sheet_is_n_times_too_large(n: int) -> None:
    x, y = line(n)
    assert sheet_gradient(0.0, x, y) == pytest.approx(n * gradient(0.0, x, y))


def test_the_gradient_of_the_sheet_on_its_four_points() -> None:
    x, y = line(4)
    assert (sheet_gradient(0.0, x, y), gradient(0.0, x, y)) == (-120.0, -30.0)


@pytest.mark.parametrize("x", [-2.0, 0.0, 0.5, 3.0])
def test_the_series_is_the_cosine(x: float) -> None:
    assert partial_sum(20)(x) == pytest.approx(np.cos(x), abs=1e-14)
    assert until_small(x) == pytest.approx(np.cos(x), abs=1e-14)
    assert slope(x, terms=20) == pytest.approx(-np.sin(x), abs=1e-14)


def test_softplus_by_hand_does_not_overflow() -> None:
    softplus = PROBLEMS["softplus"]
    a = np.ones(2)
    with np.errstate(over="raise", invalid="raise"):
        assert softplus.answers["grad"](500 * a, a) == pytest.approx(a)
        assert softplus.answers["grad"](-500 * a, a) == pytest.approx(0 * a)
        assert not softplus.answers["hessian"](500 * a, a).any()
