"""A function of two numbers, whose computational graph is to be drawn."""

import numpy as np

from closedform.problems.record import Array, Problem, register


def bump(x: Array, y: Array) -> Array:
    """The function exp(-(sin x - cos y)^2)."""
    return np.exp(-((np.sin(x) - np.cos(y)) ** 2))


def gradient(x: Array, y: Array) -> tuple[Array, Array]:
    """The partial derivatives -2 (sin x - cos y) cos(x) f and -2 (sin x - cos y) sin(y) f."""
    u = np.sin(x) - np.cos(y)
    f = np.exp(-u * u)
    return -2 * u * np.cos(x) * f, -2 * u * np.sin(y) * f


register(
    Problem(
        number=8,
        name="graph",
        title="A computational graph",
        statement=r"f(x, y) = e^{-(\sin x - \cos y)^2}",
        asked="The computational graph, of primitive operations only, drawn automatically.",
        function=bump,
        arguments=lambda rng, n: (rng.uniform(0.5, 1.5), rng.uniform(0.5, 1.5)),
        answers={"grad": gradient},
        sizes={"grad": (1,)},
        quick_sizes={"grad": (1,)},
        exact_size=1,
        argnums=(0, 1),
        graph=True,
    )
)
