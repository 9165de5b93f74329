"""Linear regression with one weight: the mean squared error, and the gradient as the sheet has it."""

import numpy as np

from closedform.problems.record import Array, Problem, register


def mean_squared_error(w: Array, x: Array, y: Array) -> Array:
    """The loss mean((w x - y)^2)."""
    return np.mean((w * x - y) ** 2)


def gradient(w: Array, x: Array, y: Array) -> Array:
    """Its derivative in w, 2 mean(x (w x - y))."""
    return 2 * (x @ (w * x - y)) / x.size


def sheet_gradient(w: Array, x: Array, y: Array) -> Array:
    """The sheet's manual gradient: `np.dot` gives one number, so its mean divides by one and not by N."""
    return np.dot(2 * x, w * x - y).mean()


register(
    Problem(
        number=2,
        name="linear-regression",
        title="Linear regression by gradient descent",
        statement=r"f(w) = \frac{1}{N} \sum_{i=1}^{N} (w x_i - y_i)^2, \qquad y_i = 2 x_i",
        asked="Gradient descent to a loss of 1e-9 with the manual gradient and with automatic "
        "differentiation: the total time for n in np.logspace(1, 4), at least three runs each.",
        function=mean_squared_error,
        arguments=lambda rng, n: (rng.uniform(0, 1), *line(n)),
        answers={"grad": gradient},
        sizes={"grad": (10, 100, 1000, 10_000, 100_000)},
        quick_sizes={"grad": (10, 1000)},
    )
)


def line(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The sheet's data for n points: x = 1, ..., n and y = 2x."""
    x = np.arange(1.0, n + 1)
    return x, 2 * x
