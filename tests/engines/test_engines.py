"""Every engine on tiny tasks, in its child process: right answers, honest rows, reasons where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from closedform.comparison.compare import case_of
from closedform.comparison.rows import Row
from closedform.comparison.timing import Case, Effort, measure
from closedform.engines import ENGINES, USUAL, Engine, Program, Task
from closedform.engines.by_hand import resolve
from closedform.engines.finite_differences import FiniteDifferences
from closedform.errors import UnsupportedError

RNG = np.random.default_rng(5)
X, A = RNG.standard_normal(3), RNG.standard_normal((3, 3))
BRIEF = Effort(rounds=3, seconds=0.01, least=1e-4)


def form(x: Any, A: Any) -> Any:
    return x @ A @ x + np.sum(np.exp(x))


def entrywise(x: Any, A: Any) -> Any:
    return np.exp(A @ x) * x


def grad_of_form(x: Any, A: Any) -> Any:
    return (A + A.T) @ x + np.exp(x)


GRADIENT, HESSIAN = grad_of_form(X, A), A + A.T + np.diag(np.exp(X))
JACOBIAN = np.exp(A @ X)[:, None] * (A * X[:, None] + np.eye(3))
T = np.tanh(0.7)

# name -> (function, arguments, operator, argnums, exact answer)
TASKS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], str, Any, Any]] = {
    "gradient": (form, (X, A), "grad", 0, GRADIENT),
    "two gradients": (form, (X, A), "grad", (0, 1), (GRADIENT, np.outer(X, X))),
    "Hessian": (form, (X, A), "hessian", 0, HESSIAN),
    "Hessian blocks": (
        lambda x, y: np.sum(x * x * y), (X, X + 1), "hessian", (0, 1),
        ((2 * np.diag(X + 1), 2 * np.diag(X)), (2 * np.diag(X), np.zeros((3, 3)))),
    ),
    "Jacobian": (entrywise, (X, A), "jacobian", 0, JACOBIAN),
    "number": (np.tanh, (0.7,), "derivative:4", 0, 8 * T * (1 - T**2) * (2 - 3 * T**2)),
    "entry by entry": (np.exp, (X,), "derivative:3", 0, np.exp(X)),
    "tensor": (
        lambda x: np.sum(x**3), (X,), "derivative:3", 0, 6 * np.einsum("ij,jk->ijk", np.eye(3), np.eye(3))
    ),
    "single precision": (form, (X.astype(np.float32), A.astype(np.float32)), "grad", 0, GRADIENT),
}  # fmt: skip

CANNOT = {
    ("finite differences", "tensor"): "higher differences are taken entry by entry only",
    **{
        ("JAX (taylor)", name): "Taylor mode is for"
        for name in TASKS
        if name not in {"number", "entry by entry"}
    },
}


BY_HAND = {"gradient", "single precision"}


def case(name: str) -> Case:
    f, arguments, operator, argnums, exact = TASKS[name]
    by_hand = "tests.engines.test_engines:grad_of_form" if name in BY_HAND else None
    found, _ = case_of(
        f, arguments, operator, argnums=argnums, by_hand=by_hand, exact=False, memory=False, problem=name
    )
    return replace(found, exact=exact, exact_value=found.value)


@pytest.fixture(scope="session")
def rows() -> dict[tuple[str, str], Row]:
    installed = [name for name, engine in ENGINES.items() if engine.available() is None]
    return {(row.engine, row.problem): row for row in measure(map(case, TASKS), installed, BRIEF)}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("engine", ENGINES)
def test_each_engine_is_right_and_is_timed(engine: str, task: str, rows: dict[tuple[str, str], Row]) -> None:
    if (engine, task) not in rows:
        pytest.skip(f"{engine}: {ENGINES[engine].available()}")
    row = rows[engine, task]
    if engine == "by hand" and task not in BY_HAND:
        assert (row.status, row.reason) == ("unsupported", "no derivative by hand was given")
        return
    if (engine, task) in CANNOT:
        assert row.status == "unsupported"
        assert row.reason.startswith(CANNOT[engine, task])
        return
    assert row.status == "measured", row.reason
    single = task == "single precision"
    rounding = 1e-5 if single else 1e-14
    truncation = 0.05 if task == "number" else 1e-2 if single else 1e-5
    assert row.error is not None
    assert row.error < (truncation if engine == "finite differences" else rounding)
    assert row.value_error is not None
    assert row.value_error < rounding
    assert row.dtype == ("float32" if single else "float64")
    assert len(row.samples) == 3
    assert row.median is not None
    assert row.function_seconds is not None
    assert 0 < row.median < 0.1
    assert 0 < row.function_seconds < 0.1
    assert row.version.split()[1][0].isdigit()


def test_usual_engines_are_engines_in_display_order() -> None:
    assert [name for name in ENGINES if name in USUAL] == list(USUAL)


def test_an_engine_that_is_not_installed_says_how_to_get_it() -> None:
    class Absent(Engine):
        name, distribution, module = "absent", "absent-package", "absent_module"

        def prepare(self, task: Task) -> Callable[[], Any]:
            raise NotImplementedError

    assert Absent().available() == "absent-package is not installed: pip install absent-package"


def test_a_task_without_a_program_gives_the_reason() -> None:
    task = Task("f", "grad", (1.0,), programs={"torch": "PyTorch has no such thing"})
    with pytest.raises(UnsupportedError, match=r"^PyTorch has no such thing$"):
        task.program("torch")
    with pytest.raises(UnsupportedError, match=r"^the function was not written for jax$"):
        task.program("jax")
    with pytest.raises(UnsupportedError, match=r"^no closed form was derived for numpy$"):
        task.closed_program("numpy")


def test_a_task_refuses_operators_and_orders_that_there_are_not() -> None:
    with pytest.raises(ValueError, match="operator 'curl' is not one of value, grad"):
        Task("f", "curl", (1.0,))
    with pytest.raises(ValueError, match="the order of a derivative is 1 or more, not 0"):
        Task("f", "derivative", (1.0,), order=0)


def test_by_hand_needs_a_derivative() -> None:
    with pytest.raises(UnsupportedError, match="no derivative by hand was given"):
        resolve(None)
    assert resolve("closedform.problems.logdet:gradient").__name__ == "gradient"


def test_finite_differences_refuse_to_take_minutes() -> None:
    task = Task(
        "f", "hessian", (np.zeros(200),), programs={"numpy": Program("def f(x):\n    return x @ x", "f")}
    )
    with pytest.raises(UnsupportedError, match="160,000 evaluations of the function would be needed"):
        FiniteDifferences().prepare(task)
