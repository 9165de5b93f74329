"""Emitted code computes what the formula says, at any size, and reads as a person would write it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from tests.code.cases import CASES, Case, M, N, arrays, dot, fn, x
from tests.code.reference import ARGUMENTS, STRUCTURES, arguments, evaluate, formulas

from closedform.code.numpy_source import compile_source, source, source_and_constants
from closedform.errors import UnsupportedError
from closedform.expression.calculus import dot as product
from closedform.expression.calculus import number
from closedform.expression.expr import Expr, constant, input_

SNAPSHOTS = Path(__file__).parent / "snapshots"
RELAXED = settings(
    deadline=None,
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
by_name = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def agree(got: object, want: object, tolerance: float) -> None:
    """Equal to rounding, relative to the largest entry."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    assert np.max(np.abs(got - want), initial=0) <= tolerance * np.max(np.abs(want), initial=1e-3)


@RELAXED
@given(formulas())
def test_random_formulas_at_two_sizes(expr: Expr) -> None:
    text, constants = source_and_constants(expr, ARGUMENTS)
    function = compile_source(text, constants)
    for m, n in ((3, 4), (5, 6)):
        given_arrays = arguments(m, n)
        before = {name: value.copy() for name, value in given_arrays.items()}
        with np.errstate(all="ignore"):
            want = np.asarray(evaluate(expr, given_arrays))
            assume(np.all(np.isfinite(want)) and np.max(np.abs(want), initial=0) < 1e6)
            got = np.asarray(function(**given_arrays))
        agree(got, want, 1e-9)
        assert all(np.array_equal(before[name], value) for name, value in given_arrays.items())
        assert not any(np.shares_memory(got, value) for value in given_arrays.values())


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_structured_constants_by_themselves(structure: Expr) -> None:
    text, constants = source_and_constants(structure, ARGUMENTS)
    agree(compile_source(text, constants)(**arguments(5, 6)), evaluate(structure, arguments(5, 6)), 0)


@by_name
def test_snapshot(case: Case) -> None:
    assert source(case.expr, list(case.arguments)) == (SNAPSHOTS / f"{case.name}.txt").read_text()


@by_name
@pytest.mark.parametrize("n", [7, 11])
def test_snapshot_computes_what_is_written_by_hand(case: Case, n: int) -> None:
    namespace: dict[str, object] = {}
    exec((SNAPSHOTS / f"{case.name}.txt").read_text(), namespace)
    values = arrays(case, n)
    got = namespace["derivative"](**values)  # type: ignore[operator]
    agree(got, case.by_hand(**values), 1e-13)
    assert not any(np.shares_memory(got, value) for value in values.values())
    assert np.ndim(got) == 0 or got.flags.writeable


@by_name
def test_no_example_size_is_in_the_text(case: Case) -> None:
    assert not re.search(r"\b(7|14)\b", source(case.expr, list(case.arguments)))


@by_name
def test_float32_gives_float32(case: Case) -> None:
    values = arrays(case, 7, np.float32)
    got = compile_source(*source_and_constants(case.expr, list(case.arguments)))(**values)
    assert np.ndim(got) == 0 or got.dtype == np.float32
    agree(got, case.by_hand(**{name: np.asarray(v, dtype=float) for name, v in values.items()}), 1e-4)


@by_name
@pytest.mark.parametrize("idiom", ["jax", "torch", "autograd"])
def test_other_idioms(case: Case, idiom: str) -> None:
    values = arrays(case, 7)
    function = compile_source(*source_and_constants(case.expr, list(case.arguments), idiom=idiom))
    if idiom == "jax":
        jax = pytest.importorskip("jax")
        jax.config.update("jax_enable_x64", True)
        got = function(**{name: jax.numpy.asarray(value) for name, value in values.items()})
    elif idiom == "torch":
        torch = pytest.importorskip("torch")
        tensors = {name: torch.as_tensor(value, dtype=torch.float64) for name, value in values.items()}
        got = function(**tensors)
    else:
        pytest.importorskip("autograd")
        got = function(**values)
    agree(got, case.by_hand(**values), 1e-12)


def test_saturated_values_raise_no_warning() -> None:
    slope = fn("expit", x) * (1 - fn("expit", x)) + (1 - fn("tanh", x) ** 2) + fn("cosh", x) ** -2
    got = compile_source(*source_and_constants(slope, ["x"]))(np.array([-900.0, 0.0, 40.0, 900.0]))
    agree(got, [0, 2.25, np.exp(-40), 0], 1e-15)
    assert got[2] == pytest.approx(np.exp(-40), rel=1e-12)


def test_scalar_functions_take_numbers_and_arrays() -> None:
    (case,) = (case for case in CASES if case.name == "tanh_fourth")
    function = compile_source(*source_and_constants(case.expr, ["c"]))
    points = np.array([0.3, -1.2])
    agree(function(points), [function(0.3), function(np.array(-1.2))], 1e-15)


@pytest.mark.parametrize(("one", "zero"), [(1, 0), (0, 1), (3, 0.5), (-1, 2), (0, 3)])
def test_chosen_numbers_have_the_type_of_the_arguments(one: float, zero: float) -> None:
    condition = Expr("greater", (x, number(0, x.shape)), (), x.shape)
    chosen = Expr("where", (condition, number(one, x.shape), number(zero, x.shape)), (), x.shape)
    for expr, factor in ((chosen, 1), (2 * chosen * x, 2)):
        got = compile_source(*source_and_constants(expr, ["x"]))(np.float32([-1, 2]))
        want = factor * np.array([zero, one]) * (1 if factor == 1 else [-1, 2])
        assert got.dtype == np.float32
        agree(got, want, 1e-7)


def test_shared_parts_are_computed_once() -> None:
    A, v = input_("A", (M, N)), input_("v", (M,))
    both = multiply_twice(product(A, x), v)
    assert source(both, ["A", "x", "v"]).count("A @ x") == 1


def multiply_twice(w: Expr, v: Expr) -> Expr:
    """(v'w) tanh(w) + w."""
    return dot(v, w) * fn("tanh", w) + w


def test_tuples_share_their_parts() -> None:
    A = input_("A", (M, N))
    residual = product(A, x) - input_("b", (M,))
    text = source((dot(residual, residual), (dot(residual, A),)), ["x", "A", "b"])
    assert text.endswith("    r = A @ x - b\n    return r @ r, (r @ A,)\n")


def test_small_arrays_are_literals_and_large_ones_constants() -> None:
    small, large = constant(np.array([1.0, 2.5]), "w"), constant(np.arange(70.0), "w")
    assert "w = np.array([1.0, 2.5])" in source(2 * small, ["x"])
    text, constants = source_and_constants(2 * large, ["x"])
    assert compile_source(text, constants)(0)[3] == 6
    with pytest.raises(UnsupportedError, match=r"w of shape \(70,\).*which can be arguments instead"):
        source(2 * large, ["x"])


def test_docstring_and_assertions() -> None:
    text = source(2 * x, ["x"], "f", docstring='twice "x" \\ 1', assertions=["assert x.shape[0] > 1"])
    assert text == 'def f(x):\n    """twice \'x\' \\\\ 1"""\n    assert x.shape[0] > 1\n    return 2 * x\n'


def test_unknown_idiom() -> None:
    with pytest.raises(ValueError, match="'matlab' is not one of numpy"):
        source(x, ["x"], idiom="matlab")


def test_missing_operation_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="no source is known for frobnicate"):
        source(Expr("frobnicate", (x,), (), x.shape), ["x"])
    B = input_("B", (N, N))
    with pytest.raises(UnsupportedError, match="autograd has no expm"):
        source(Expr("expm", (B,), (), B.shape), ["B"], idiom="autograd")


def test_a_thousand_steps() -> None:
    B, v = input_("B", (N, N)), x
    for _ in range(1000):
        v = fn("tanh", v - 0.1 * product(B, v))
    text, constants = source_and_constants(v, ["x", "B"])
    assert len(text.splitlines()) < 1010
    rng = np.random.default_rng(0)
    w, matrix = rng.standard_normal(7), rng.standard_normal((7, 7))
    got = compile_source(text, constants)(w, matrix)
    for _ in range(1000):
        w = np.tanh(w - 0.1 * matrix @ w)
    agree(got, w, 1e-9)


if __name__ == "__main__":  # write the snapshots anew: PYTHONPATH=. python tests/code/test_numpy_source.py
    SNAPSHOTS.mkdir(exist_ok=True)
    for case in CASES:
        (SNAPSHOTS / f"{case.name}.txt").write_text(source(case.expr, list(case.arguments)))
    sys.exit()
