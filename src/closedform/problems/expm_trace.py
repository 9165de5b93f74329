"""The trace of a matrix exponential."""

import numpy as np
import scipy.linalg

from closedform.problems.record import Arguments, Array, Problem, register


def expm_trace(A: Array) -> Array:
    """The function tr(exp(A)), with the exponential of a matrix."""
    return np.trace(scipy.linalg.expm(A))


def gradient(A: Array) -> Array:
    """The transposed exponential."""
    return scipy.linalg.expm(A).T


def arguments(rng: np.random.Generator, n: int) -> Arguments:
    """Normal entries, scaled to a spectral radius of about one half."""
    return (0.5 * rng.standard_normal((n, n)) / n**0.5,)


register(
    Problem(
        number=12,
        name="expm-trace",
        title="Trace of a matrix exponential",
        statement=r"f(A) = \mathrm{tr}(e^A)",
        asked="The gradient in A.",
        function=expm_trace,
        arguments=arguments,
        answers={"grad": gradient},
        sizes={"grad": (10, 30, 100, 200)},
        quick_sizes={"grad": (10, 50)},
    )
)
