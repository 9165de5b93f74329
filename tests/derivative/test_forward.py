"""The forward differential is the Jacobian times the direction: over the registry, and for sums of inputs."""

import numpy as np
import pytest
from tests.dense import evaluate
from tests.primitives.test_registry import OPERATIONS, differentiable, lowered, named, sample, traced

from closedform.derivative.forward import differential
from closedform.derivative.reverse import jacobian
from closedform.expression.calculus import dot, is_zero
from closedform.expression.expr import input_


def directions(leaves, rng):
    tangents = {leaf: input_(f"d{leaf.params[0]}", leaf.shape) for leaf in leaves}
    values = {t.params[0]: rng.standard_normal([s.value for s in t.shape]) for t in tangents.values()}
    return tangents, values


def along(result, tangents):
    """The sum of Jacobians times directions, by the reverse pass."""
    return [dot(jacobian(result, x), v, x.ndim) for x, v in tangents.items()]


@pytest.mark.parametrize("name", OPERATIONS)
def test_forward_agrees_with_reverse(name):
    operands, parameters = sample(name, 4)
    root, leaves, _ = traced(name, operands, parameters)
    result = lowered(root, leaves)
    variables = [leaves[i] for i in differentiable(operands)]
    tangents, values = directions(variables, np.random.default_rng(5))
    values |= named(operands)
    first = differential(result, tangents)
    assert first.shape == result.shape
    for result_, along_ in ((result, tangents), (first, tangents)):
        got = evaluate(differential(result_, along_), values)
        want = sum((evaluate(part, values) for part in along(result_, along_)), np.zeros(got.shape))
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-10)


def test_a_result_that_does_not_depend_on_the_variable_has_no_differential():
    x, y = input_("x", (3,)), input_("y", (3,))
    assert is_zero(differential(dot(y, y), {x: y}))
    assert differential(x, {x: y}) is y
