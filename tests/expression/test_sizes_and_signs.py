"""A size less a number may be negative: no rule takes it for a length."""

import numpy as np
import pytest
from tests.dense import central_differences

import closedform as cf

FUNCTIONS = [
    lambda X: np.sum(X**2) * abs(X.shape[0] - X.shape[1]),
    lambda X: np.linalg.norm(X * (X.shape[0] - 5)),
    lambda X: np.sum(X**2) * np.sqrt((X.shape[0] - 5) ** 2),
    lambda X: np.sum(X**2) * np.clip(X.shape[0] - 5, -1, 1),
    lambda X: np.sum(X**2) * np.exp(-abs(X.shape[0] - 5)),
    lambda X: np.sum(np.abs(X.shape[0] - 5 + X**2)),
    lambda X: np.sum(X**2) * np.log((X.shape[0] - X.shape[1] + 0.5) ** 2),
    lambda X: np.sum(X**2) * np.sqrt(abs(X.shape[0] - 5)),
    lambda X: np.sum(np.sqrt(9 + (X.shape[0] - 5) * X**2)),
    lambda X: np.sum(np.hypot(X.shape[0] - 5, X)),
    lambda X: np.std(X, ddof=1),
]


@pytest.mark.parametrize("shape", [(2, 3), (6, 2), (3, 7)])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_derivatives(function, shape):
    rng = np.random.default_rng(0)
    derivation = cf.grad(function).at(rng.uniform(0.1, 1, (2, 3)))
    X = rng.uniform(0.1, 1, shape)
    wanted = central_differences(function, X)
    np.testing.assert_allclose(cf.grad(function)(X), wanted, rtol=1e-5, atol=1e-7)
    scope: dict[str, object] = {}
    exec(derivation.source(), scope)
    try:
        found = scope["derivative"](X)  # type: ignore[operator]
    except AssertionError:
        return  # it says that it was derived for one size
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7)
