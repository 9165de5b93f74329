"""Verdicts: each diagnosis is found, and is found only where it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import closedform as cf
from closedform.comparison.check import Verdict, check, diagnose
from closedform.errors import InvalidArgumentError
from closedform.problems import linear_regression

RNG = np.random.default_rng(3)
X, Y, A = RNG.standard_normal(5), RNG.standard_normal(5), RNG.standard_normal((5, 5))


def loss(x: Any, y: Any) -> Any:
    return np.mean((x - y) ** 2)


def form(x: Any, A: Any) -> Any:
    return x @ A @ x


def trace_axb(X: Any, A: Any, B: Any) -> Any:
    return np.trace(A @ X @ B)


def right(x: Any, y: Any) -> Any:
    return 2 * (x - y) / 5


LOSS: dict[str, Callable[..., Any]] = {
    "right: agrees with the derived gradient at 5 points": right,
    "the sign is flipped: minus the gradient": lambda x, y: -right(x, y),
    "5 times the gradient (5 = the length of x = the length of y: a mean taken twice, or a sum in place "
    "of a mean?)":
        lambda x, y: 5 * right(x, y),
    "1/5 of the gradient (5 = the length of x = the length of y: divided twice, or a mean in place of a "
    "sum?)":
        lambda x, y: right(x, y) / 5,
    "2 times the gradient (the 2 of a square taken twice, or not cancelled by a 1/2?)":
        lambda x, y: 2 * right(x, y),
    "half the gradient (the 2 of a square is missing?)": lambda x, y: right(x, y) / 2,
    "-3 times the gradient": lambda x, y: -3 * right(x, y),
    "0.7 times the gradient": lambda x, y: 0.7 * right(x, y),
    "zero, where the gradient is not": lambda x, y: np.zeros(5),
    "wrong shape: (5, 1), where the gradient has (5,); the entries themselves are right":
        lambda x, y: right(x, y)[:, None],
    "wrong shape: (), where the gradient has (5,)": lambda x, y: 1.0,
    "wrong number of arrays: 2, where the gradient has 1": lambda x, y: (right(x, y), right(y, x)),
    "it raised ZeroDivisionError: division by zero": lambda x, y: 1 / 0,
}  # fmt: skip


@pytest.mark.parametrize("diagnosis", LOSS)
def test_a_diagnosis_of_a_gradient(diagnosis: str) -> None:
    verdict = check(LOSS[diagnosis], loss, X, Y)
    assert str(verdict) == verdict.diagnosis == diagnosis
    assert verdict.ok == bool(verdict) == diagnosis.startswith("right")


def test_nan_and_where() -> None:
    def broken(x: Any, y: Any) -> Any:
        gradient = right(x, y)
        gradient[3] = np.nan
        return gradient

    verdict = check(broken, loss, X, Y)
    assert verdict.diagnosis == f"nan at [3], where the gradient is {right(X, Y)[3]:.6g}"
    assert verdict.worst is not None
    assert verdict.worst[0] == (3,)


def test_a_factor_that_depends_on_the_arguments() -> None:
    verdict = check(lambda x, y: right(x, y) * (x @ x), loss, X, Y)
    assert verdict.diagnosis == (
        f"a multiple of the gradient by a factor that depends on the arguments ({X @ X:.6g} at those given): "
        f"a scalar factor is missing, or one too many"
    )


def test_some_entries() -> None:
    verdict = check(lambda x, y: right(x, y) + np.array([0, 0.1, 0, 0, 0]), loss, X, Y)
    assert verdict.diagnosis.startswith("not the gradient: 1 of 5 entries are wrong; relative error")
    assert verdict.worst == ((1,), pytest.approx(right(X, Y)[1] + 0.1), pytest.approx(right(X, Y)[1]))


def test_right_at_the_arguments_only() -> None:
    kept = right(X, Y)
    verdict = check(lambda x, y: kept, loss, X, Y)
    assert verdict.diagnosis.startswith("right at the arguments given, wrong at points near by")
    assert check(kept, loss, X, Y).diagnosis == "right: agrees with the derived gradient at 1 point"


def test_a_transposed_gradient() -> None:
    B, M = RNG.standard_normal((5, 5)), RNG.standard_normal((5, 5))
    assert check(lambda X, A, B: B @ A, trace_axb, M, A, B).diagnosis == "the transpose of the gradient"
    wide = trace_axb, RNG.standard_normal((2, 3)), RNG.standard_normal((4, 2)), RNG.standard_normal((3, 4))
    assert check(lambda X, A, B: B @ A, *wide).diagnosis == (
        "wrong shape: (3, 2), where the gradient has (2, 3); it is the transpose"
    )


def test_a_hessian_that_is_not_symmetric() -> None:
    verdict = check(lambda x, A: 2 * A, form, X, A, operator="hessian")
    assert verdict.diagnosis == "not symmetric: with G for it, (G + Gᵀ) / 2 is the Hessian"
    assert check(lambda x, A: A + A.T, form, X, A, operator="hessian").ok


def test_the_sheets_own_gradient() -> None:
    x, y = linear_regression.line(4)
    verdict = check(linear_regression.sheet_gradient, linear_regression.mean_squared_error, 0.5, x, y)
    assert verdict.diagnosis.startswith(
        "4 times the gradient (4 = the length of x = the length of y: a mean taken twice"
    )
    assert verdict.worst == ((), pytest.approx(-90.0), pytest.approx(-22.5))


def test_several_variables() -> None:
    assert check(lambda x, y: (right(x, y), -right(x, y)), loss, X, Y, argnums=(0, 1)).ok
    swapped = check(lambda x, y: (right(x, y), right(x, y)), loss, X, Y, argnums=(0, 1))
    assert swapped.worst is not None
    assert swapped.worst[0][0] == 1


def test_text_is_no_derivative() -> None:
    assert (
        check(np.array(["a"] * 5), loss, X, Y).diagnosis
        == "not an array of real numbers, nor a function that returns one: <U1"
    )


def test_a_derivative_that_is_not_finite_cannot_be_compared() -> None:
    with pytest.raises(
        InvalidArgumentError, match="check: the gradient of root is not finite at these arguments"
    ):
        check(lambda x: x, root, 0.0)


def root(x: Any) -> Any:
    return np.sqrt(x)


def test_an_explanation_must_hold_at_every_point() -> None:
    verdict = diagnose([(2 * X, X), (3 * X, X)])
    assert not verdict.ok
    assert "depends on the arguments" in verdict.diagnosis
    assert Verdict(True, "right").ok


AT_SPECIAL_POINTS: dict[str, tuple[Any, Any, Any]] = {
    "at zero": (lambda x: 5 * x, lambda x: x**2, 0.0),
    "another power": (lambda x: x**3, lambda x: np.sum(x**2), np.zeros(3)),
    "one entry": (lambda x: np.array([2, 7]) * x, lambda x: np.sum(x**2), np.array([1.0, 0.0])),
    "the transpose": (np.linalg.inv, lambda X: np.linalg.slogdet(X)[1], np.diag([1.0, 2.0, 3.0])),
}


@pytest.mark.parametrize("case", AT_SPECIAL_POINTS)
def test_zeros_and_symmetry_of_the_arguments_hide_nothing(case: str) -> None:
    assert not check(*AT_SPECIAL_POINTS[case]).ok


def test_symmetry_that_is_declared_or_asked_for_may_be_used() -> None:
    def f(X: Any) -> Any:
        return np.linalg.slogdet(X)[1]

    assert check(np.linalg.inv, f, cf.spd("n")).ok
    assert check(lambda x: [2 * v for v in x], lambda x: np.sum(x**2), np.ones(3)).ok


@pytest.mark.parametrize("f", [3, None, X, "loss"])
def test_what_is_no_function_is_refused(f: Any) -> None:
    name = type(f).__name__
    with pytest.raises(InvalidArgumentError, match=rf"not {name}: write check\(candidate, f, \*args\)"):
        check(right, f, X, Y)
    for call in (cf.trace, cf.compare):
        with pytest.raises(InvalidArgumentError, match=f"first argument must be a function, not {name}"):
            call(f, X)


@pytest.mark.parametrize("empty", [np.ones(0), np.ones((0, 3)), []])
@pytest.mark.parametrize("operator", ["grad", "hessian"])
def test_a_derivative_without_entries_is_refused(empty: Any, operator: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"no entries at arguments of shapes \(0.*not empty"):
        check(lambda x: 2 * x, lambda x: np.sum(x**2), empty, operator=operator)


def test_one_of_two_variables_may_be_empty() -> None:
    def f(x: Any, y: Any) -> Any:
        return np.sum(x**2) + np.sum(y)

    empty = np.ones(0)
    assert check(lambda x, y: (2 * x, np.ones_like(y)), f, X, empty, argnums=(0, 1)).ok
    verdict = check(lambda x, y: (2 * x, np.zeros_like(y)), f, empty, X, argnums=(0, 1))
    assert verdict.worst == ((1, 0), 0.0, 1.0)


def test_lists_that_are_no_arrays() -> None:
    verdict = check(lambda x, y: [[1.0], [1.0, 2.0]], loss, X, Y)
    assert verdict.diagnosis.startswith("it raised ValueError: setting an array element with a sequence")
