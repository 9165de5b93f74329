"""A quadratic function whose matrix is not symmetric."""

import numpy as np

from closedform.problems.record import Arguments, Array, Problem, register


def quadratic(x: Array, A: Array, b: Array, c: Array) -> Array:
    """The function x'Ax/2 + b'x + c."""
    return 0.5 * (x @ A @ x) + b @ x + c


def hessian(x: Array, A: Array, b: Array, c: Array) -> Array:
    """The symmetric part of A, (A + A')/2."""
    return 0.5 * (A + A.T)


def arguments(rng: np.random.Generator, n: int) -> Arguments:
    """Normal entries; A is not symmetric."""
    return rng.standard_normal(n), rng.standard_normal((n, n)), rng.standard_normal(n), 0.7


register(
    Problem(
        number=4,
        name="quadratic",
        title="Hessian of a quadratic",
        statement=r"f(x) = \tfrac{1}{2} x^\top A x + b^\top x + c",
        asked="The Hessian. A need not be symmetric.",
        function=quadratic,
        arguments=arguments,
        answers={"hessian": hessian},
        sizes={"hessian": (10, 30, 100, 300, 1000)},
        quick_sizes={"hessian": (10, 100)},
    )
)
