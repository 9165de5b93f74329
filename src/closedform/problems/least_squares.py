"""Least squares."""

import numpy as np

from closedform.problems.record import Arguments, Array, Problem, register


def least_squares(x: Array, A: Array, b: Array) -> Array:
    """The function |Ax - b|^2 / 2."""
    return 0.5 * np.sum((A @ x - b) ** 2)


def gradient(x: Array, A: Array, b: Array) -> Array:
    """The gradient A'(Ax - b)."""
    return A.T @ (A @ x - b)


def hessian(x: Array, A: Array, b: Array) -> Array:
    """The Gram matrix A'A."""
    return A.T @ A


def arguments(rng: np.random.Generator, n: int) -> Arguments:
    """Twice as many equations as unknowns, normal entries."""
    return rng.standard_normal(n), rng.standard_normal((2 * n, n)), rng.standard_normal(2 * n)


register(
    Problem(
        number=6,
        name="least-squares",
        title="Least squares",
        statement=r"f(x) = \tfrac{1}{2} \| A x - b \|_2^2",
        asked="The gradient and the Hessian.",
        function=least_squares,
        arguments=arguments,
        answers={"grad": gradient, "hessian": hessian},
        sizes={"grad": (10, 30, 100, 300, 1000), "hessian": (10, 30, 100, 300)},
        quick_sizes={"grad": (10, 300), "hessian": (10, 100)},
    )
)
