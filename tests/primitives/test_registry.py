"""Every record of the registry: value, first and second derivative, against NumPy and JAX."""

import re
import warnings

import numpy as np
import pytest
from tests.dense import central_differences, evaluate
from tests.notation.test_formulas import balanced

from closedform.code.idioms import trace_source
from closedform.derivative.reverse import jacobian
from closedform.expression.calculus import Factor, contract, dot
from closedform.expression.expr import Expr, input_
from closedform.expression.size import Size
from closedform.notation.latex import latex
from closedform.notation.names import GREEK
from closedform.notation.text import text
from closedform.primitives import PRIMITIVES
from closedform.primitives.record import shape
from closedform.simplify.normalise import normalise
from closedform.simplify.simplify import simplify

# Structured constants are leaves of the calculus: their meaning is tested where slices are.
LEAVES = {"select", "unit", "gather", "shift", "triangle"}
OPERATIONS = sorted(set(PRIMITIVES) - LEAVES)
# Functions that JAX lacks under any name, or does not differentiate, or that are not the user's to call.
NOT_IN_JAX = {
    "lyapunov",
    "sqrtm",
    "principal",
    "softplus",
    "logdet",
    "cofactor",
    "expm_frechet",
    "products_without",
    "argmax_share",
    "argmin_share",
    "polygamma",
    "setitem",
    "add_at",
}
IN_JAX = [n for n in OPERATIONS if n not in NOT_IN_JAX and PRIMITIVES[n].sources.get("jax", "") is not None]


def sample(name, seed=0):
    """Operands of random shapes and parameters, from the record's domain."""
    record = PRIMITIVES[name]
    rng = np.random.default_rng([seed, *name.encode()])
    if record.samples is not None:
        return record.samples(rng)
    low, high = record.domain
    sizes = shape(rng, int(rng.integers(0, 3)))
    return tuple(rng.uniform(low, high, sizes) for _ in record.partials or (0,)), {}


def traced(name, operands, parameters):
    """The operation on inputs of its own, as traced, with float operands as variables."""
    leaves = []
    for i, operand in enumerate(operands):
        shape = [Size.of(n) for n in np.shape(operand)]
        leaves.append(input_(f"x{i}", shape))
    value = np.asarray(PRIMITIVES[name].call(*operands, **parameters))
    return Expr(name, tuple(leaves), tuple(parameters.items()), value.shape), leaves, value


def lowered(root, leaves):
    record = PRIMITIVES[root.op]
    if record.lower is None and not record.numpy:  # an operation of the calculus alone
        return simplify(root)
    return simplify(normalise(root, leaves).root)


def named(operands):
    return {f"x{i}": np.asarray(o) for i, o in enumerate(operands)}


def differentiable(operands):
    return [i for i, o in enumerate(operands) if np.asarray(o).dtype.kind == "f"]


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("seed", range(12))
def test_the_calculus_has_the_value_of_numpy(name, seed):
    operands, parameters = sample(name, seed)
    root, leaves, value = traced(name, operands, parameters)
    np.testing.assert_allclose(
        evaluate(lowered(root, leaves), named(operands)), value, rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("seed", range(3))
def test_derivatives_agree_with_finite_differences(name, seed):
    operands, parameters = sample(name, seed)
    root, leaves, value = traced(name, operands, parameters)
    weights = np.random.default_rng(2).standard_normal(value.shape)
    weighted = dot(input_("weights", [Size.of(n) for n in value.shape]), lowered(root, leaves), value.ndim)
    call = PRIMITIVES[name].call

    for i in differentiable(operands):

        def at(x, i=i):
            return [x if j == i else o for j, o in enumerate(operands)]

        gradient = simplify(jacobian(weighted, leaves[i]))
        values = {**named(operands), "weights": weights}
        expected = central_differences(lambda x: np.sum(weights * call(*at(x), **parameters)), operands[i])
        np.testing.assert_allclose(evaluate(gradient, values), expected, rtol=1e-6, atol=1e-8)
        hessian = simplify(jacobian(gradient, leaves[i]))
        expected = central_differences(
            lambda x, i=i, gradient=gradient, values=values: evaluate(gradient, {**values, f"x{i}": x}),
            operands[i],
        )
        np.testing.assert_allclose(evaluate(hessian, values), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", IN_JAX)
def test_derivatives_agree_with_jax(name):
    import jax

    jax.config.update("jax_enable_x64", True)
    operands, parameters = sample(name, 3)
    root, leaves, value = traced(name, operands, parameters)
    names = [leaf.params[0] for leaf in leaves]
    source, constants = trace_source(root, names, "function", "jax")
    namespace = dict(constants)
    exec(source, namespace)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_allclose(
            namespace["function"](*map(jax.numpy.asarray, operands)), value, rtol=1e-12, atol=1e-14
        )
    weights = np.random.default_rng(2).standard_normal(value.shape)
    weighted = dot(input_("weights", [Size.of(n) for n in value.shape]), lowered(root, leaves), value.ndim)
    for i in differentiable(operands):

        def scalar(*args, weights=weights):
            return (weights * namespace["function"](*args)).sum()

        values = {**named(operands), "weights": weights}
        gradient = simplify(jacobian(weighted, leaves[i]))
        np.testing.assert_allclose(
            evaluate(gradient, values), jax.grad(scalar, i)(*operands), rtol=1e-10, atol=1e-12
        )
        hessian = simplify(jacobian(gradient, leaves[i]))
        np.testing.assert_allclose(
            evaluate(hessian, values), jax.hessian(scalar, i)(*operands), rtol=1e-9, atol=1e-11
        )


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_record_is_complete(name):
    record = PRIMITIVES[name]
    assert record.call is not None
    assert record.latex and record.text and record.source
    assert record.lower or record.partials or record.jacobian or record.pullback
    assert not record.numpy or record.bind is not None


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_variable_may_be_called_as_the_function_is_printed(name):
    record = PRIMITIVES[name]
    words = {*record.words, *(GREEK.get(w, w) for w in re.findall("[a-zA-Z]+", record.latex))}
    operands, parameters = sample(name)
    root, leaves, _ = traced(name, operands, parameters)
    expr = lowered(root, leaves)
    for word in words - {leaf.params[0] for leaf in leaves}:
        both = contract([Factor(expr, range(expr.ndim)), Factor(input_(word, ()), ())], range(expr.ndim))
        assert balanced(latex(both))
        text(both)


def test_a_name_is_taken_once():
    from closedform.primitives.record import Primitive, register

    with pytest.raises(ValueError, match="'sin' is registered twice"):
        register(Primitive("sin"))
