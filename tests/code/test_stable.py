"""Every stable form equals what it stands for, and is exact where that loses digits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.code.reference import evaluate

from closedform.code.numpy_source import compile_source, source_and_constants
from closedform.code.stable import STABLE_FORMS, stable
from closedform.expression.calculus import (
    Factor,
    broadcast,
    contract,
    dot,
    exact,
    identity,
    number,
    size_number,
)
from closedform.expression.expr import Expr, input_
from closedform.primitives.reductions import logsumexp, softmax

z = input_("z", (5,))


def fn(op: str, v: Expr = z) -> Expr:
    return Expr(op, (v,), (), v.shape)


def outer(v: Expr, w: Expr) -> Expr:
    return contract([Factor(v, (0,)), Factor(w, (1,))], (0, 1))


first = Expr("unit", (), (("index", 0),), z.shape) * z
_p = np.array([1.0, *[math.exp(-60)] * 4])
# Of the first entry, to all digits: 1 - p, and that of the others where it is no problem.
SLOPES = np.eye(5) * np.array([4 * math.exp(-60), 1, 1, 1, 1]) - (1 - np.eye(5)) * _p


# A formula that the form rewrites, where it holds, and a point with the value that the plain formula loses.
EXAMPLES = {
    "tanh of expit": (1 - 2 * fn("expit"), (-20, 20), 1e-9, -5e-10),
    "complement": (1 - fn("erf") + fn("exp", -50 * z), (-2, 2), 5.0, math.erfc(5)),
    "log cosh": (fn("log", fn("cosh")), (-20, 20), 1e-9, 5e-19),
    "log of softmax": (
        broadcast(logsumexp(first), z.shape) - first,
        (-20, 20),
        60.0,
        np.array([4 * math.exp(-60), *[60.0] * 4]),
    ),
    "other probabilities": (
        identity(z.shape) - contract([Factor(softmax(first), (1,))], (0, 1), dict(enumerate(z.shape * 2))),
        (-20, 20),
        60.0,
        SLOPES,
    ),
    "log(1 - exp)": (fn("log", 1 - fn("exp")), (-20, -0.1), -1e-20, math.log(1e-20)),
    "log(1 + square)": (fn("log", 1 + z**2), (-20, 20), 1e200, 400 * math.log(10)),
    "projection": (
        (dot(z, z) * identity(z.shape) - outer(z, z)) * dot(z, z) ** exact(-1.5),
        (-2, 2),
        1e200,
        (np.eye(5) - 0.2) / math.sqrt(5) * 1e-200,
    ),
    "outer difference": (outer(z, z) - dot(z, z) * identity(z.shape), (-2, 2), 3.0, 9 - 45 * np.eye(5)),
    "powers apart": (z * (1 + z) ** -2 * (2 + z) ** -2, (0, 5), 1e90, 1e-270),
    "squares": (
        z**2 / (1 + z**2) * (z**2 + input_("w", z.shape) ** 2) ** exact(-0.5),
        (-2, 2),
        1e200,
        1e-200,
    ),
    "difference of squares": (9 - 4 * z**2, (-5, 5), 1.5 + 2.0**-30, -12 * 2.0**-30 - 4 * 2.0**-60),
    "root minus number": (2 - (4 + z**2) ** exact(0.5), (-5, 5), 1e-9, -2.5e-19),
    "opposite of expit": (1 - fn("expit"), (-20, 20), 40.0, math.exp(-40)),
    "sech from tanh": (1 - fn("tanh") ** 2, (-5, 5), 20.0, 4 * math.exp(-40)),
    "1 - tanh": (1 - fn("tanh"), (-5, 5), 20.0, 2 * math.exp(-40)),
    "1 + tanh": (1 + fn("tanh"), (-5, 5), -20.0, 2 * math.exp(-40)),
    "cos from sin": (1 - fn("sin") ** 2, (-5, 5), math.pi / 2 + 1e-9, math.cos(math.pi / 2 + 1e-9) ** 2),
    "sin from cos": (1 - fn("cos") ** 2, (-5, 5), 1e-9, 1e-18),
    "half angle": (1 - fn("cos"), (-5, 5), 1e-9, 5e-19),
    "expm1": (1 - fn("exp"), (-5, 5), 1e-12, -1e-12 - 5e-25),
    "log1p": (fn("log", 1 + z), (-0.9, 9), 1e-12, 1e-12 - 5e-25),
    "product": (Expr("prod", (1 + z,), (), ()), (-2, 2), 1e-17, 1 + 5e-17),
    "products": (Expr("products_without", (1 + z,), (("order", 1),), z.shape), (-2, 2), -1.0, 0.0),
    "slope of expit": (fn("expit") * (1 - fn("expit")), (-20, 20), 40.0, math.exp(-40)),
    "sech": (3 / fn("cosh"), (-20, 20), 800.0, 0.0),
}


@pytest.mark.parametrize("form", STABLE_FORMS, ids=lambda form: form.name)
def test_stable_form(form):
    plain, (low, high), point, value = EXAMPLES[form.name]
    rewritten = stable(plain)
    assert rewritten is not plain
    assert form.equation
    points = {"z": np.random.default_rng(0).uniform(low, high, 5), "w": np.ones(5)}
    np.testing.assert_allclose(evaluate(rewritten, points), evaluate(plain, points), rtol=1e-7)
    np.testing.assert_allclose(
        evaluate(rewritten, {"z": np.full(5, point), "w": np.ones(5)}), value, rtol=1e-12
    )


@pytest.mark.parametrize("idiom", ["jax", "torch", "autograd"])
@pytest.mark.parametrize("form", STABLE_FORMS, ids=lambda form: form.name)
def test_stable_form_in_other_idioms(form, idiom):
    plain, (low, high), *_ = EXAMPLES[form.name]
    points = np.random.default_rng(1).uniform(low, high, 5)
    given = [points, np.ones(5)]
    if idiom == "jax":
        jax = pytest.importorskip("jax")
        jax.config.update("jax_enable_x64", True)
    if idiom == "torch":
        torch = pytest.importorskip("torch")
        given = [torch.as_tensor(array) for array in given]
    text, constants = source_and_constants(plain, ["z", "w"], idiom=idiom)
    function = compile_source(text, constants)
    got = jax.jit(function)(*given) if idiom == "jax" else function(*given)
    want = evaluate(plain, {"z": points, "w": np.ones(5)})
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-7)


def test_polynomials_are_divided_as_often_as_they_can_be():
    s = fn("expit")
    assert stable(1 - 2 * s + s**2) is fn("expit", -z) ** 2


@pytest.mark.parametrize("same", [2 - fn("tanh"), fn("exp") + 1, number(1, z.shape) - z, fn("log", 2 + z)])
def test_other_formulas_stay(same):
    assert stable(same) is same


def test_sums_of_sizes_stay():
    n = size_number(z.shape[0])
    for same in (1 - 1 / n, (1 + 1 / n) ** -1, 4 - n):
        assert stable(same) is same
