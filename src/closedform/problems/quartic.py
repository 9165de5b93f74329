"""The fourth power of the Euclidean norm."""

import numpy as np

from closedform.problems.record import Array, Problem, register


def quartic(x: Array) -> Array:
    """The function x'x x'x."""
    return (x @ x) * (x @ x)


def gradient(x: Array) -> Array:
    """The gradient 4 (x'x) x."""
    return 4 * (x @ x) * x


def hessian(x: Array) -> Array:
    """The Hessian 4 (x'x) I + 8 x x'."""
    H = np.outer(8 * x, x)
    H[np.diag_indices(x.size)] += 4 * (x @ x)
    return H


register(
    Problem(
        number=11,
        name="quartic",
        title="Fourth power of the norm",
        statement=r"f(x) = x^\top x \, x^\top x",
        asked="The gradient and the Hessian.",
        function=quartic,
        arguments=lambda rng, n: (rng.standard_normal(n),),
        answers={"grad": gradient, "hessian": hessian},
        sizes={"grad": (10, 100, 1000, 10_000, 100_000), "hessian": (10, 30, 100, 300, 1000)},
        quick_sizes={"grad": (10, 10_000), "hessian": (10, 100)},
    )
)
