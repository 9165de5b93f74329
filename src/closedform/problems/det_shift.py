"""The characteristic polynomial of a matrix, as a function of its variable."""

import numpy as np

from closedform.problems.record import Arguments, Array, Problem, register


def det_shift(t: Array, A: Array) -> Array:
    """The function det(A - tI)."""
    return np.linalg.det(A - t * np.eye(A.shape[0]))


def gradient(t: Array, A: Array) -> Array:
    """The derivative -det(A - tI) tr((A - tI)^-1), where A - tI is invertible."""
    shifted = A - t * np.eye(A.shape[0])
    return -np.linalg.det(shifted) * np.trace(np.linalg.inv(shifted))


def arguments(rng: np.random.Generator, n: int) -> Arguments:
    """A matrix with eigenvalues about 1, and t away from them: the determinant keeps its order at every n."""
    return 0.1, np.eye(n) + 0.3 * rng.standard_normal((n, n)) / n**0.5


register(
    Problem(
        number=13,
        name="det-shift",
        title="Determinant of a shifted matrix",
        statement=r"f(t) = \det(A - t I)",
        asked="The derivative in t.",
        function=det_shift,
        arguments=arguments,
        answers={"grad": gradient},
        sizes={"grad": (10, 30, 100, 200)},
        quick_sizes={"grad": (10, 50)},
    )
)
