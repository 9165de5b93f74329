"""The lines of a derivation by differentials: every one is the directional derivative, over the registry."""

import numpy as np
import pytest
from tests.dense import evaluate
from tests.primitives.test_registry import OPERATIONS, differentiable, lowered, named, sample, traced

from closedform.derivative.by_differentials import along, differential_of, expanded, lines
from closedform.derivative.forward import differential
from closedform.derivative.reverse import jacobians
from closedform.expression.calculus import dot
from closedform.expression.expr import input_, toposort
from closedform.notation.latex import latex
from closedform.notation.text import text


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_line_is_the_directional_derivative(name):
    operands, parameters = sample(name, 6)
    root, leaves, _ = traced(name, operands, parameters)
    result = lowered(root, leaves)
    variables = [leaves[i] for i in differentiable(operands)][1 if name == "expm_frechet" else 0 :]
    tangents = {x: input_(f"d{x.params[0]}", x.shape) for x in variables}
    rng = np.random.default_rng(7)
    values = named(operands)
    values |= {t.params[0]: rng.standard_normal([s.value for s in t.shape]) for t in tangents.values()}
    weights = input_("weights", result.shape)
    values["weights"] = rng.standard_normal([s.value for s in result.shape])
    for whole in (result, dot(weights, result, result.ndim)):
        want = evaluate(differential(whole, tangents), values)
        written, derivatives = lines(whole, variables)
        for expr in (*(line.expr for line in written), along(derivatives, variables, whole)):
            np.testing.assert_allclose(
                evaluate(expanded(expr, tangents), values), want, rtol=1e-9, atol=1e-10
            )
        assert derivatives == jacobians(whole, variables)
        left = [node for node in toposort(along(derivatives, variables, whole)) if node.op == "differential"]
        assert {node.args[0] for node in left} <= set(variables)
        for line in written:
            rule = line.rule
            assert rule.name
            assert rule.words[0] or (text(rule.left) and latex(rule.right))
            if rule.left is not None:
                check_equation(rule)


def check_equation(rule):
    """The equation of a rule is true."""
    leaves = [node for node in toposort(rule.left) if node.op == "input"]
    (function,) = rule.left.args
    rng = np.random.default_rng(8)
    values, tangents = {}, {}
    for leaf in leaves:
        shape = [s.value for s in leaf.shape]
        values[leaf.params[0]] = rng.uniform(1.1, 1.9, shape) + (3 * np.eye(*shape) if len(shape) == 2 else 0)
        if function.op in {"arcsin", "arccos", "arctanh"}:
            values[leaf.params[0]] /= 2
    moving = {node.args[0] for node in toposort(rule.right) if node.op == "differential"}
    for leaf in moving:
        tangents[leaf] = input_(f"d_{leaf.params[0]}", leaf.shape)
        values[f"d_{leaf.params[0]}"] = rng.standard_normal([s.value for s in leaf.shape])
    got = evaluate(expanded(rule.right, tangents), values)
    np.testing.assert_allclose(got, evaluate(differential(function, tangents), values), rtol=1e-12)


@pytest.mark.parametrize(
    ("build", "rule"),
    [
        (lambda x, A: dot(x, x), "squared norm"),
        (lambda x, A: dot(dot(x, A), x), "product rule"),
        (lambda x, A: dot(x, A[0] if isinstance(A, tuple) else dot(A, x)) / dot(x, x), "quotient rule"),
        (lambda x, A: dot(A, x), "linearity"),
        (lambda x, A: x**3, "power rule"),
        (lambda x, A: dot(A, x) + 2 * x, "linearity"),
    ],
)
def test_names_of_the_rules(build, rule):
    x = input_("x", (3,))
    A = input_("A", (x.shape[0], x.shape[0]))
    assert lines(build(x, A), [x])[0][0].rule.name == rule


def test_a_differential_is_written_d():
    x = input_("x", (3,))
    A = input_("A", (x.shape[0], x.shape[0]))
    assert text(dot(A, differential_of(x))) == "A dx"
    assert latex(dot(A, differential_of(x))) == r"A \mathrm{d}x"
    assert text(dot(differential_of(dot(A, x)), x)) == "xᵀ d(Ax)"
