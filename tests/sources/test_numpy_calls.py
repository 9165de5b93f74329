"""NumPy's calls with all their keywords and methods: value, gradient and Hessian against JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
from tests.sources.numpy_calls import CALLS, REFUSED, Call

import closedform as cf
from closedform.errors import ClosedformError


class _Special:
    """SciPy's special functions as JAX has them."""

    def __getattr__(self, name: str) -> Any:
        import jax

        renamed = {"psi": jax.scipy.special.digamma, "log_expit": jax.nn.log_sigmoid}
        if name in {"softmax", "log_softmax"}:
            function = getattr(jax.nn, name)
            return lambda x, axis=None: function(x, tuple(range(x.ndim)) if axis is None else axis)
        return renamed.get(name) or getattr(jax.scipy.special, name)


def weighted(call: Callable[..., Any], module: Any, weights: np.ndarray, count: int) -> Callable[..., Any]:
    """A number made of the result of a call, of which no derivative vanishes."""
    functions: list[Callable[..., Any]] = [
        lambda a: module.sum(weights * module.sin(call(a))),
        lambda a, b: module.sum(weights * module.sin(call(a, b))),
    ]
    return functions[count - 1]


def operands(call: Call) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.uniform(*call.domain, shape) for shape in call.shapes]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.text)
def test_derivatives_of_a_call(call: Call) -> None:
    arrays, count = operands(call), len(call.shapes)
    plain = call.function(np, scipy.special)
    value = np.asarray(plain(*arrays))
    rng = np.random.default_rng(1)
    weights = rng.standard_normal(value.shape)
    f = weighted(plain, np, weights, count)
    every = tuple(range(count))
    gradients = cf.grad(f, every)
    found, hessian = gradients(*arrays), cf.hessian(f, every)(*arrays)
    assert gradients.at(*arrays).text and gradients.at(*arrays).latex
    moves = [rng.standard_normal(a.shape) for a in arrays]
    along = [sum(np.tensordot(h, v, v.ndim) for h, v in zip(row, moves, strict=True)) for row in hessian]
    expected, expected_along = (by_jax if call.in_jax else by_differences)(call, f, weights, arrays, moves)
    tolerance = 1e-9 if call.in_jax else 1e-5
    for one, other in zip([*found, *along], [*expected, *expected_along], strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


Lists = tuple[Any, Any]


def by_jax(
    call: Call, _: Any, weights: np.ndarray, arrays: list[np.ndarray], moves: list[np.ndarray]
) -> Lists:
    """Gradients, and their derivative along directions."""
    import jax

    jax.config.update("jax_enable_x64", True)
    f = weighted(call.function(jax.numpy, _Special()), jax.numpy, weights, len(arrays))
    gradient = jax.grad(f, tuple(range(len(arrays))))
    result: Lists = jax.jvp(lambda *x: gradient(*x), tuple(arrays), tuple(moves))
    return result


def by_differences(
    call: Call, f: Callable[..., Any], _: Any, arrays: list[np.ndarray], moves: list[np.ndarray]
) -> Lists:
    """The same by central differences: the gradient's of the value, the other's of the gradient."""

    def slope(i: int, entry: tuple[int, ...], step: float = 1e-6) -> float:
        up, down = ([a.copy() for a in arrays] for _ in range(2))
        up[i][entry] += step
        down[i][entry] -= step
        return float(f(*up) - f(*down)) / (2 * step)

    gradients = [
        np.array([slope(i, e) for e in np.ndindex(a.shape)]).reshape(a.shape) for i, a in enumerate(arrays)
    ]
    gradient = cf.grad(f, tuple(range(len(arrays))))
    ahead, behind = (
        gradient(*(a + s * v for a, v in zip(arrays, moves, strict=True))) for s in (1e-6, -1e-6)
    )
    return gradients, [(x - y) / 2e-6 for x, y in zip(ahead, behind, strict=True)]


@pytest.mark.parametrize("call", REFUSED, ids=lambda call: call.text)
def test_a_call_that_is_not_known_is_refused(call: Call) -> None:
    f = call.function(np, scipy.special)
    with pytest.raises((ClosedformError, AttributeError)):
        cf.grad(lambda a: np.sum(f(a)))(*operands(call))
