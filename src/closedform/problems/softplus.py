"""The softplus of an inner product, as the sheet writes it: it overflows where the inner product is large."""

import numpy as np

from closedform.problems.record import Arguments, Array, Problem, register, sigmoid


def softplus(x: Array, a: Array) -> Array:
    """The function ln(1 + exp<a, x>)."""
    return np.log(1 + np.exp(a @ x))


def gradient(x: Array, a: Array) -> Array:
    """The gradient sigma(<a, x>) a."""
    return sigmoid(a @ x) * a


def hessian(x: Array, a: Array) -> Array:
    """The Hessian sigma(<a, x>) sigma(-<a, x>) a a'."""
    z = a @ x
    return np.outer((sigmoid(z) * sigmoid(-z)) * a, a)


def arguments(rng: np.random.Generator, n: int) -> Arguments:
    """Vectors whose inner product is of order one at every n."""
    return rng.standard_normal(n), rng.standard_normal(n) / n**0.5


register(
    Problem(
        number=7,
        name="softplus",
        title="Softplus of an inner product",
        statement=r"f(x) = \ln\left(1 + \exp\langle a, x\rangle\right)",
        asked="The gradient and the Hessian. Written as it stands, the function overflows where the inner "
        "product is beyond 709.",
        function=softplus,
        arguments=arguments,
        answers={"grad": gradient, "hessian": hessian},
        sizes={"grad": (10, 100, 1000, 10_000, 100_000), "hessian": (10, 30, 100, 300, 1000)},
        quick_sizes={"grad": (10, 10_000), "hessian": (10, 100)},
    )
)
