"""Ten steps of gradient descent, as a function of the ten step sizes."""

import numpy as np

from closedform.problems.record import Arguments, Array, Problem, register

STEPS = 10


def after_descent(alpha: Array, x0: Array) -> Array:
    """The value |x|^2 / 2 after one step of descent on it for each step size in alpha, from x0."""
    x = x0
    for k in range(STEPS):
        x = x - alpha[k] * x
    return 0.5 * (x @ x)


def gradient(alpha: Array, x0: Array) -> Array:
    """The gradient -|x0|^2 (1 - alpha_k) prod over j != k of (1 - alpha_j)^2."""
    rest = 1 - alpha
    before, after = np.ones(STEPS), np.ones(STEPS)
    np.cumprod(rest[:-1], out=before[1:])
    np.cumprod(rest[:0:-1], out=after[-2::-1])
    return -(x0 @ x0) * rest * (before * after) ** 2


def arguments(rng: np.random.Generator, n: int) -> Arguments:
    """Step sizes well below one, and a point of the unit cube."""
    return rng.uniform(0, 0.1, STEPS), rng.uniform(0, 1, n)


register(
    Problem(
        number=10,
        name="step-sizes",
        title="Ten step sizes of gradient descent",
        statement=r"L(\alpha) = \tfrac{1}{2} \| x_{10} \|^2, \qquad x_{k+1} = x_k - \alpha_k \nabla f(x_k), "
        r"\qquad "
        r"f(x) = \tfrac{1}{2} \| x \|^2",
        asked="L minimised over the ten step sizes by gradient descent from all ones, for a random starting "
        "point in the unit cube of dimension 1000. Describe the result.",
        function=after_descent,
        arguments=arguments,
        answers={"grad": gradient},
        sizes={"grad": (10, 100, 1000, 10_000, 100_000)},
        quick_sizes={"grad": (10, 1000)},
        symbol="L",
    )
)
