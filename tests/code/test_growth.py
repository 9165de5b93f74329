"""Unrolled loops: right, and no larger than linear in their steps, formula and code."""

import jax
import numpy as np
import pytest
from tests.code.growth import LOOPS, main

import closedform as cf
from closedform.expression.expr import toposort

jax.config.update("jax_enable_x64", True)


@pytest.mark.parametrize("name", LOOPS)
def test_gradients_of_loops_are_right(name, monkeypatch):
    loop, arguments = LOOPS[name]
    f, given = loop(16), arguments(16)
    found = cf.grad(f)(*given)
    monkeypatch.setitem(f.__globals__, "np", jax.numpy)
    np.testing.assert_allclose(found, jax.grad(f)(*map(jax.numpy.asarray, given)), rtol=1e-9)


@pytest.mark.parametrize("name", LOOPS)
def test_formula_and_code_grow_linearly(name):
    loop, arguments = LOOPS[name]
    derivations = [cf.grad(loop(steps)).at(*arguments(steps)) for steps in (30, 45, 60)]
    for sizes in (
        [len(toposort(d.expr)) for d in derivations],
        [len(d.source().splitlines()) for d in derivations],
    ):
        assert sizes[2] - sizes[1] < 1.5 * (sizes[1] - sizes[0]) + 10, sizes


def test_hessian_of_a_long_loop():
    loop, given = LOOPS["descent"]
    arguments = given(12)
    second = cf.hessian(loop(12))(*arguments)
    step = 1e-4
    first = cf.grad(loop(12))
    up, down = (first(arguments[0] + s, *arguments[1:]) for s in (step, -step))
    np.testing.assert_allclose(second, (up - down) / (2 * step), rtol=1e-6)


def test_the_table_has_a_line_for_each_loop(capsys):
    main([2, 4])
    assert len(capsys.readouterr().out.splitlines()) == 1 + 2 * len(LOOPS)
