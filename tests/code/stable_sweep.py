"""How often the code of this library, and that of others, is wrong where the true value is a normal number.

python -m tests.code.stable_sweep [COUNT] [SEED]

One row a function: for the value and the derivatives of orders 1 and 2, the share of the points (see
`stable_cases.inputs`) at which an entry is not finite or has a relative error above 1e-10.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from tests.code.stable_cases import (
    COMPOSITES,
    ELEMENTWISE,
    LIMITS,
    TOLERANCE,
    Case,
    emitted,
    example,
    largest_errors,
    points_and_truth,
)

import closedform as cf
from closedform.code.idioms import trace_source
from closedform.code.numpy_source import compile_source

LIBRARIES = ("autograd", "torch", "jax")


def compute(name: str, case: Case, order: int, points: np.ndarray) -> Any:
    """The derivative by a library, of the function as it is written; for all points."""
    trace = cf.trace(case.function, *([0.5] if case.size is None else example(case))).trace
    function = compile_source(*trace_source(trace.root, trace.arguments, "f", name), "f")
    if case.arguments > 1:

        def whole(v: Any) -> Any:
            return function(v[0], v[1])
    else:
        whole = function
    if name == "autograd":
        import autograd

        derived: Callable[..., Any] = whole
        for _ in range(order):
            derived = autograd.jacobian(derived)
        return np.array([derived(point) for point in points])
    if name == "torch":
        import torch

        derived = whole
        for _ in range(order):
            derived = torch.func.jacrev(derived)
        return torch.func.vmap(derived)(torch.as_tensor(points)).numpy()
    import jax

    derived = whole
    for _ in range(order):
        derived = jax.jacrev(derived)
    return np.asarray(jax.jit(jax.vmap(derived))(points))


def library(case: Case, order: int, points: np.ndarray) -> Any:
    """The derivative by this library's code."""
    return emitted(case, order)(points)


ENGINES: dict[str, Callable[[Case, int, np.ndarray], Any]] = {
    "closedform": library,
    **{name: partial(compute, name) for name in LIBRARIES},
}


def errors_of(title: str, case: Case, order: int, points: np.ndarray, true: np.ndarray) -> np.ndarray | None:
    """The error at each point where the truth is a normal number; None where the engine refuses."""
    try:
        with np.errstate(all="ignore"):
            errors = largest_errors(ENGINES[title](case, order, points), true)
    except Exception:  # another library's own refusal, of any class
        if title == "closedform":
            raise
        return None
    return errors[~np.isnan(errors)]


def percent(errors: np.ndarray | None) -> str:
    """The share of the points that are wrong; "-" for a refusal."""
    if errors is None:
        return "-"
    return f"{100 * np.mean(errors > TOLERANCE):.0f}" if errors.size else ""


def main(count: int = 1000, seed: int = 0) -> int:
    """Print the table; the exit code is 1 if the library is wrong at a point that no stated limit covers."""
    import jax

    jax.config.update("jax_enable_x64", True)
    warnings.simplefilter("ignore")
    print(f"{'percent wrong, orders 0 1 2':30s}" + "".join(f"{title:>15s}" for title in ENGINES))
    failures = []
    for case in [*ELEMENTWISE, *COMPOSITES]:
        points, true = points_and_truth(case, count, seed)
        row = f"{case.name:30s}"
        for title in ENGINES:
            found = [errors_of(title, case, k, points, true[k]) for k in case.orders]
            row += f"{' '.join(f'{percent(errors):>4s}' for errors in found):>15s}"
            for k, errors in zip(case.orders, found, strict=True):
                wrong = errors is not None and np.any(errors > TOLERANCE)
                if title == "closedform" and wrong and (case.name, k) not in LIMITS:
                    failures.append(f"{case.name}, order {k}: {np.max(errors):.1e}")
        print(row, flush=True)
    print("\nStated limits:", *(f"{name}, order {k}: {why}" for (name, k), why in LIMITS.items()), sep="\n  ")
    print("\nWrong and not a stated limit:", *(failures or ["nothing"]), sep="\n  ")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main(*(int(a) for a in sys.argv[1:])))
