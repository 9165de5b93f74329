"""The logarithm of a determinant."""

import numpy as np

from closedform.problems.record import Arguments, Array, Problem, register


def negative_logdet(X: Array) -> Array:
    """The function -ln|det X|."""
    return -np.linalg.slogdet(X)[1]


def gradient(X: Array) -> Array:
    """The gradient, minus the transposed inverse."""
    return -np.linalg.inv(X).T


def arguments(rng: np.random.Generator, n: int) -> Arguments:
    """A well-conditioned matrix that is not symmetric: a multiple of I plus normal entries."""
    return (rng.standard_normal((n, n)) / n**0.5 + 3 * np.eye(n),)


register(
    Problem(
        number=9,
        name="logdet",
        title="Logarithm of a determinant",
        statement=r"f(X) = -\log \det X",
        asked="The gradient in X.",
        function=negative_logdet,
        arguments=arguments,
        answers={"grad": gradient},
        sizes={"grad": (10, 30, 100, 300)},
        quick_sizes={"grad": (10, 100)},
    )
)
