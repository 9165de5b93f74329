"""The normal form: equal expressions are one node, and every identity it uses keeps the value."""

import gc
import math
import os
import subprocess
import sys
import weakref
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dense import evaluate

from closedform.expression.calculus import (
    Factor,
    SizeMismatchError,
    _fewest_terms,
    _sums,
    contract,
    dot,
    expand_product,
    identity,
    is_zero,
    linear,
    multiply,
    number,
    power,
    spec_of,
    transpose,
    zeros,
)
from closedform.expression.expr import Expr, constant, input_, toposort
from closedform.expression.size import Size
from closedform.notation.text import text
from closedform.simplify.simplify import simplify

N = Size.axis("A", 0, 3)
A = input_("A", (N, N))
B = input_("B", (N, N))
x = input_("x", (N,))
y = input_("y", (N,))
s = input_("s", ())
VALUES = {
    "A": np.arange(9.0).reshape(3, 3) - 3.3,
    "B": np.sin(np.arange(9.0)).reshape(3, 3),
    "x": np.array([0.5, -1.0, 2.0]),
    "y": np.array([1.5, 0.3, -0.2]),
    "s": np.array(0.7),
}


def test_equal_expressions_are_the_same_object():
    assert dot(A, x) is contract([Factor(x, "j"), Factor(A, "ij")], "i")
    assert dot(dot(A, B), x) is dot(A, dot(B, x))
    assert transpose(transpose(A, (1, 0)), (1, 0)) is A
    assert x + y is y + x
    assert dot(x, x) * dot(x, x) is dot(x, x) ** 2


def test_deltas_and_ones_vanish():
    eye = identity((N,))
    assert dot(eye, x) is x
    assert dot(A, eye) is A
    assert dot(eye, eye) is eye
    assert contract([Factor(eye, "ii")], ()) is contract([], (), coefficient=1) * Expr("size", (), (N,), ())


def test_sums_collect_like_terms_and_take_out_common_factors():
    assert x + x is 2 * x
    assert x - x is zeros((N,))
    assert x - s * x is (1 - s) * x
    assert dot(A, x) - (dot(A, x) - y) is y
    half = multiply(Fraction(1, 2), A + transpose(A, (1, 0)))
    assert spec_of(half).coefficient == Fraction(1, 2)


def test_sums_are_multiplied_out_only_where_terms_cancel():
    t = Expr("tanh", (s,), (), ())
    assert (1 - t**2) * s + t**2 * s is s
    residual = dot(A, x) - y
    assert multiply(residual, residual).op == "contract"
    assert multiply(residual, residual).args == (residual,)


def test_powers_respect_signs():
    assert power(power(x, 2), Fraction(1, 2)).args[0] is power(x, 2)  # |x|, not x
    assert power(power(x, Fraction(1, 2)), 2) is x
    assert power(power(x, 2), 3) is power(x, 6)
    assert power(multiply(4, x), 2) is multiply(16, power(x, 2))


def test_multiples_of_one_irrational_number_cancel_however_they_were_rounded():
    t, root = input_("t", ()), math.sqrt(2 * math.pi)
    assert is_zero(t / root - t * power(2 * math.pi, -0.5))
    assert is_zero(0.7978845608028654 * t - 2 * (t / root))
    assert text(math.sqrt(2) * (math.sqrt(2) * t)) == "2t"
    assert root * (t**2 / root) is t**2


def test_numbers_that_were_written_do_not_cancel_where_they_differ():
    t = input_("t", ())
    near = 1 + np.finfo(float).eps
    for first, second in ((near, 1), (0.1 + 0.2, 0.3), (0.398942280401, 0.398942280402)):
        assert not is_zero(first * t - second * t)
    assert near * t is not t


def test_axes_of_different_sizes_are_refused():
    with pytest.raises(SizeMismatchError, match="used as one"):
        dot(A, input_("z", (Size.axis("z", 0, 3),)))


def test_expressions_are_immutable():
    with pytest.raises(AttributeError, match="immutable"):
        A.op = "other"


def test_the_key_does_not_depend_on_the_run():
    script = (
        "from closedform.expression.calculus import dot\n"
        "from closedform.expression.expr import input_\n"
        "from closedform.expression.size import Size\n"
        "n = Size.axis('A', 0, 3)\n"
        "x, A = input_('x', (n,)), input_('A', (n, n))\n"
        "print(dot(A, x).key.hex())"
    )
    for seed in ("1", "2"):
        command = [sys.executable, "-c", script]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        assert out.stdout.strip() == dot(A, x).key.hex()


def test_long_chains_neither_overflow_nor_explode():
    z = x
    for _ in range(300):
        z = dot(A, z)
    assert len(toposort(z)) < 100


def test_nodes_in_order_without_some_and_what_is_below_them():
    t = Expr("tanh", (dot(A, x),), (), (N,))
    z = Expr("sin", (x + t,), (), (N,))
    assert toposort(z, without=lambda node: node is t) == [x, x + t, z]


def test_what_was_found_of_expressions_goes_with_them():
    def kept():
        z = Expr("exp", (multiply(x, y) + 2 * s * dot(A, x),), (), (N,))
        total = simplify(power(1 + z, -1) * z * z + z)
        return [weakref.ref(node) for node in (z, total)], text(total)

    references, _ = kept()
    gc.collect()
    assert all(reference() is None for reference in references)


def _terms():
    t = Expr("tanh", (dot(A, x),), (), (N,))
    return [x, y, dot(A, x), s * x, t, t * y, dot(B, t) * s, dot(A, dot(B, y)), x**2, number(1, (N,))]


@given(st.permutations(range(10)), st.lists(st.integers(-3, 3), min_size=10, max_size=10))
def test_the_order_of_terms_does_not_matter(order, coefficients):
    terms = [(c, t) for c, t in zip(coefficients, _terms(), strict=True)]
    assert linear(terms, (N,)) is linear([terms[i] for i in order], (N,))


_FACTORS = [
    Factor(A, ("i", "j")),
    Factor(A, ("j", "k")),
    Factor(A, ("k", "i")),
    Factor(x, ("i",), 2),
    Factor(B, ("k", "l")),
    Factor(B, ("l", "l")),
    Factor(y, ("l",)),
    Factor(s),
    Factor(x, ("j",)),
]


@given(st.permutations(range(9)), st.sampled_from(["", "i", "il", "ii", "kj", "lik"]), st.data())
def test_the_order_of_factors_does_not_matter_and_keeps_the_value(order, out, data):
    chosen = data.draw(st.lists(st.integers(0, 8), unique=True, min_size=3, max_size=9))
    first = [_FACTORS[i] for i in range(9) if i in chosen]
    second = [_FACTORS[i] for i in order if i in chosen]
    sizes = dict.fromkeys("ijkl", N)
    one, other = contract(first, tuple(out), sizes), contract(second, tuple(out), sizes)
    assert one is other
    np.testing.assert_allclose(evaluate(one, VALUES), _einsum(first, out), rtol=1e-12)


def _einsum(factors, out):
    letters = ",".join("".join(f.labels) for f in factors)
    arrays = [VALUES[f.base.params[0]] ** f.exponent for f in factors]
    distinct = "".join(dict.fromkeys(out))
    ones = [np.ones(3)] * len(distinct)
    value = np.einsum(letters + "".join("," + c for c in distinct) + "->" + distinct, *arrays, *ones)
    if distinct == out:
        return value
    result = np.zeros((3,) * len(out))
    for index in np.ndindex(*value.shape):
        result[tuple(index[distinct.index(c)] for c in out)] = value[index]
    return result


@given(
    st.lists(
        st.sampled_from([x, y, dot(A, x), s * y, multiply(x, y), number(2, (N,))]), min_size=1, max_size=6
    )
)
def test_products_and_sums_keep_their_value(parts):
    total = linear([(1, p) for p in parts], (N,))
    product = multiply(*parts)
    arrays = [evaluate(p, VALUES) for p in parts]
    np.testing.assert_allclose(evaluate(total, VALUES), sum(arrays), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(evaluate(product, VALUES), np.prod(arrays, axis=0), rtol=1e-12)


PARTS = (x, y, s * x, 1 + x, x - y, dot(A, x), s * (x + y), number(2, (N,)), power(x + y, -1), x**2, x * y)


@given(st.lists(st.tuples(*[st.sampled_from(PARTS)] * 3), min_size=1, max_size=4))
def test_sums_multiplied_out_have_no_fewer_terms_than_is_told_before(products):
    positions = {node: _sums(node) for node in (multiply(*factors) for factors in products)}
    found = {
        term
        for node, at in positions.items()
        for _, term in (expand_product(node, at) if at else [(1, node)])
    }
    assert _fewest_terms(positions) <= len(found)


def test_sums_over_empty_axes_are_zero():
    empty = input_("e", (0,))
    assert contract([Factor(empty, "i")], ()) is number(0)


def test_captured_arrays_are_equal_by_content_and_name():
    assert constant(np.ones(2), "a") is constant(np.ones(2), "a")
    assert constant(np.ones(2), "a") is not constant(np.ones(2), "b")
    assert constant(np.ones(2), "a") is not constant(np.zeros(2), "a")
