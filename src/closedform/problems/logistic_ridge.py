"""Logistic regression with an l2 penalty."""

import numpy as np

from closedform.problems.record import Arguments, Array, Problem, register, sigmoid


def logistic_ridge(w: Array, X: Array, y: Array, gamma: Array) -> Array:
    """The loss sum ln(1 + exp(-y (Xw))) + gamma |w|^2 / 2, with labels of +1 and -1."""
    return np.sum(np.log(1 + np.exp(-y * (X @ w)))) + 0.5 * gamma * (w @ w)


def gradient(w: Array, X: Array, y: Array, gamma: Array) -> Array:
    """The gradient -X'(y sigma(-y (Xw))) + gamma w."""
    return gamma * w - X.T @ (y * sigmoid(-y * (X @ w)))


def hessian(w: Array, X: Array, y: Array, gamma: Array) -> Array:
    """The Hessian X' diag(y^2 sigma(z) sigma(-z)) X + gamma I for z = y (Xw)."""
    z = y * (X @ w)
    H = (X.T * (y * y * sigmoid(z) * sigmoid(-z))) @ X
    H[np.diag_indices(w.size)] += gamma
    return H


def arguments(rng: np.random.Generator, n: int) -> Arguments:
    """Twice as many observations as features; the margins are of order one at every n."""
    m = 2 * n
    labels = np.where(rng.uniform(size=m) < 0.5, -1.0, 1.0)
    return rng.standard_normal(n) / n**0.5, rng.standard_normal((m, n)), labels, 0.1


register(
    Problem(
        number=14,
        name="logistic-ridge",
        title="Logistic regression with a penalty",
        statement=r"f(w) = \sum_{i} \ln\left(1 + e^{-y_i x_i^\top w}\right) + \tfrac{\gamma}{2} \| w \|^2",
        asked="The gradient and the Hessian.",
        function=logistic_ridge,
        arguments=arguments,
        answers={"grad": gradient, "hessian": hessian},
        sizes={"grad": (10, 30, 100, 300, 1000), "hessian": (10, 30, 100, 300)},
        quick_sizes={"grad": (10, 300), "hessian": (10, 100)},
    )
)
