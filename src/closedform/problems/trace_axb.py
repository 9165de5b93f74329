"""The trace of a product of three matrices, linear in the middle one."""

import numpy as np

from closedform.problems.record import Arguments, Array, Problem, register


def trace_axb(X: Array, A: Array, B: Array) -> Array:
    """The function tr(AXB)."""
    return np.trace(A @ X @ B)


def gradient(X: Array, A: Array, B: Array) -> Array:
    """The constant matrix A'B'."""
    return A.T @ B.T


def arguments(rng: np.random.Generator, n: int) -> Arguments:
    """Normal entries; three different lengths, so that no transpose goes unnoticed."""
    return (
        rng.standard_normal((n, n + 1)),
        rng.standard_normal((n + 2, n)),
        rng.standard_normal((n + 1, n + 2)),
    )


register(
    Problem(
        number=5,
        name="trace-axb",
        title="Gradient of a trace",
        statement=r"f(X) = \mathrm{tr}(A X B)",
        asked="The gradient in X.",
        function=trace_axb,
        arguments=arguments,
        answers={"grad": gradient},
        sizes={"grad": (10, 30, 100, 300, 1000)},
        quick_sizes={"grad": (10, 100)},
    )
)
