"""Derivatives keep their digits where the sums in a function cancel: simplifying multiplies nothing out that
was small in all its digits."""

from __future__ import annotations

import numpy as np
import pytest

import closedform as cf
from closedform.engines.exact import reference

DIFFERENCES = (
    "(x - y) / (1 + (x - z)**2)",
    "(x - y) * y / (1 + (x - z)**2)",
    "(x - y)**2 * (x - z)",
    "(x - y) * (x - z) * (y - z)",
    "(x - y)**2 / x",
    "(x - y)**2 * x**2",
    "(x**2 - y * z) * (x - y)",
    "(x - y) / ((x - z)**2 + (x - y)**2 + 1)",
    "((x - y)**2 + (x - z)**2) * (x - y)",
    "np.log(1 + (x - y)**2) * (x - z)",
    "np.sqrt(1 + (x - y)**2 * (x - z)**2)",
    "np.sqrt(y**2 + ((y - x) * x**2)**2)",
    "np.exp(-((x - y)**2)) * (x - z)**2",
    "(x - y)**3 / (1 + (x - y)**2)",
    "x * (x - y) * (x - z) / (2 + x**2)",
)
SATURATED = (
    "np.tanh(x) / x",
    "np.tanh(x)**2 * x",
    "x / (1 + np.exp(-x))",
    "x**2 / (1 + np.exp(-x))",
    "np.sqrt(y**2 + (x**2 / z + np.tanh(x) * (z + x))**2)",
    "np.tanh(x) * (x - 3) + y / x",
    "y * np.tanh(x)**3 + np.tanh(x)",
    "x * (1 - np.exp(-(x**2)))",
)
# Data far from zero, near each other, and where functions come near their bounds.
FAR, NEAR = (1e6 + 0.37, 1e6 - 1.21, 1e6 + 2.05), (0.7 + 3e-7, 0.7 - 2e-7, 0.7 + 1e-7)
LARGE = (12.0, 17.0, -14.0)


@pytest.mark.parametrize("operator", [cf.grad, cf.hessian])
@pytest.mark.parametrize(
    ("source", "point"),
    [(source, point) for source in DIFFERENCES for point in (FAR, NEAR)]
    + [(source, LARGE) for source in SATURATED],
)
def test_the_error_is_within_the_condition(operator, source, point):
    """The error is below a hundred roundings of the inputs."""
    namespace = {"np": np}
    exec(f"def f(x, y, z):\n    return {source}", namespace)
    derivation = operator(namespace["f"], "x").at(*point)
    exact = reference(derivation)
    error = abs(float(derivation.function(*point)) - float(exact.value)) / abs(float(exact.value))
    assert error <= 100 * np.finfo(float).eps * (1 + exact.condition), derivation.text


def test_sums_are_multiplied_out_where_they_keep_their_digits():
    """A product of a sum that does not cancel, or only one that does, may be; complements are found again."""
    assert cf.grad(lambda x, y: (x - y) * (x + y) + 2 * x * y).at(1.0, 2.0).text == "2(x + y)"
    hessian = cf.hessian(lambda x: np.tanh(x) / x).at(1.0)
    assert hessian.text == "2(p − (1 − p²)(px² + x))/x³, where p = tanh x"


def test_loops_keep_their_digits():
    def f(x, z):
        total = 0.0
        for i in range(4):
            for j in range(4):
                total = total + (x[i] - x[j]) * x[j] / (1 + (x[i] - z[j]) ** 2)
        return total

    rng = np.random.default_rng(0)
    point = rng.normal(size=(2, 4)) + 1e6
    derivation = cf.grad(f).at(*point)
    exact = reference(derivation)
    error = np.abs(derivation.function(*point) - exact.value.astype(float)).max()
    assert error <= np.finfo(float).eps * exact.condition * np.abs(exact.value).max(), derivation.text
