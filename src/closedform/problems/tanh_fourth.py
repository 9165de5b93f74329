"""Higher derivatives of the hyperbolic tangent."""

import numpy as np

from closedform.problems.record import Array, Problem, register


def tanh(x: Array) -> Array:
    """The hyperbolic tangent."""
    return np.tanh(x)


def fourth(x: Array) -> Array:
    """Its 4th derivative 8 t (1 - t^2) (2 - 3 t^2) for t = tanh x, with 1 - t^2 = 1 / cosh(x)^2."""
    t = np.tanh(x)
    return 8 * t * (2 - 3 * t * t) / np.cosh(x) ** 2


register(
    Problem(
        number=3,
        name="tanh-fourth",
        title="Fourth derivative of tanh",
        statement=r"f(x) = \tanh x",
        asked="The 4th derivative with JAX. Orders 1 to 10 show how nested differentiation, Taylor mode and "
        "the closed form grow.",
        function=tanh,
        arguments=lambda rng, n: (rng.uniform(0.2, 2.0, None if n == 1 else n),),
        answers={"derivative:4": fourth},
        sizes={"derivative:4": (10, 100, 1000, 10_000, 100_000)},
        quick_sizes={"derivative:4": (10, 1000)},
        shown_size=1,
    )
)
