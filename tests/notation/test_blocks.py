"""Arrays written by their entries and blocks: what is printed, and that it means the array."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dense import evaluate
from tests.notation.evaluate import meaning
from tests.reading import read_back

import closedform as cf
from closedform.expression.calculus import Factor, contract, linear
from closedform.expression.expr import Expr, input_, inputs, toposort
from closedform.expression.size import Size
from closedform.notation.matrix import notation
from closedform.notation.text import text
from closedform.primitives.structure import interval, roll, select, unit


def polar(p):
    return np.array([p[0] * np.cos(p[1]), p[0] * np.sin(p[1])])


def rotated(t, v):
    return np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) @ v


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def booth(x):
    return (x[0] + 2 * x[1] - 7) ** 2 + (2 * x[0] + x[1] - 5) ** 2


def with_intercept(b, X, y):
    Z = np.column_stack([np.ones(len(y)), X])
    return np.sum((Z @ b - y) ** 2)


def intercept_apart(b, X, y):
    return np.sum((b[0] + X @ b[1:] - y) ** 2)


def split(x, A):
    k = A.shape[1]
    return np.sum((A @ x[:k]) ** 2) + np.sum(np.sin(x[k:]))


def bordered(A, B, x):
    return np.block([[A, B], [B.T, A]]) @ x


def triple(a, b, c):
    return np.cross(a, b) @ c


def covariance(a, b, c, x):
    return x @ np.linalg.solve(np.array([[a, b], [b, c]]), x)


def lorenz(u, s, r, b):
    x, y, z = u
    return np.array([s * (y - x), x * (r - z) - y, x * y - b * z])


N = cf.scalar()
PRINTED: dict[str, tuple[Callable[[], Any], str]] = {
    "polar coordinates": (
        lambda: cf.jacobian(polar).at(cf.vector(2)),
        "[[cos p₁, −p₀ sin p₁], [sin p₁, p₀ cos p₁]]",
    ),
    "rotation": (lambda: cf.trace(rotated, N, cf.vector(2)), "[[cos t, −sin t], [sin t, cos t]]v"),
    "in the angle": (
        lambda: cf.jacobian(rotated).at(N, cf.vector(2)),
        "[−v₁ cos t − v₀ sin t, v₀ cos t − v₁ sin t]",
    ),
    "Rosenbrock": (
        lambda: cf.hessian(rosenbrock).at(np.ones(2)),
        "[[1200x₀² − 400x₁ + 2, −400x₀], [−400x₀, 200]]",
    ),
    "two entries of many": (
        lambda: cf.grad(lambda x: x[0] ** 2 * x[1]).at(cf.vector("n")),
        "x₀(2x₁e₀ + x₀e₁)",
    ),
    "Booth": (lambda: cf.hessian(booth).at(np.ones(2)), "[[10, 8], [8, 10]]"),
    "column of ones": (
        lambda: cf.grad(with_intercept).at(cf.vector("p"), cf.matrix("m", "n"), cf.vector("m")),
        "2Pᵀ(Pb − y), where P = [𝟏, X]",
    ),
    "intercept": (
        lambda: cf.grad(intercept_apart).at(cf.vector("p"), cf.matrix("m", "n"), cf.vector("m")),
        "2[𝟏ᵀp; Xᵀp], where p = Xb[1:] + b₀𝟏 − y",
    ),
    "split vector": (
        lambda: cf.grad(split).at(np.ones(5), np.ones((3, 2))),
        "[2AᵀAx[:n_A]; cos x[n_A:]]",
    ),
    "its Hessian": (
        lambda: cf.hessian(split).at(np.ones(5), np.ones((3, 2))),
        "[2AᵀA, 0; 0, −diag(sin x[n_A:])]",
    ),
    "blocks of a matrix": (
        lambda: cf.trace(bordered, np.eye(2), np.eye(2), np.ones(4)),
        "[[A, B]; [Bᵀ, A]]x",
    ),
    "joined": (
        lambda: cf.jacobian(lambda x, y: np.concatenate([x, y])).at(cf.vector("m"), cf.vector("n")),
        "S[:m]ᵀ",
    ),
    "cross product": (
        lambda: cf.jacobian(lambda a, b: np.cross(a, b)).at(cf.vector(3), cf.vector(3)),
        "[[0, b₂, −b₁], [−b₂, 0, b₀], [b₁, −b₀, 0]]",
    ),
    "triple product": (
        lambda: cf.grad(triple).at(cf.vector(3), cf.vector(3), cf.vector(3)),
        "[b₁c₂ − b₂c₁, b₂c₀ − b₀c₂, b₀c₁ − b₁c₀]",
    ),
    "covariance": (lambda: cf.grad(covariance, "x").at(N, N, N, cf.vector(2)), "2[[a, b], [b, c]]⁻¹x"),
    "Lorenz": (
        lambda: cf.jacobian(lorenz).at(cf.vector(3), N, N, N),
        "[[−s, s, 0], [r − u₂, −1, −u₀], [u₁, u₀, −b]]",
    ),
    "slices that overlap": (
        lambda: cf.grad(lambda x: np.sum((x[1:] - x[:-1]) ** 2)).at(cf.vector("n")),
        "2(S[:-1] − S[1:])ᵀ(x[:-1] − x[1:])",
    ),
}


@pytest.mark.parametrize(("derived", "formula"), PRINTED.values(), ids=PRINTED.keys())
def test_formulas_by_entries_and_blocks(derived: Callable[[], Any], formula: str) -> None:
    assert derived().text == formula


def test_latex_of_blocks() -> None:
    found = cf.jacobian(polar).at(cf.vector(2)).latex
    assert (
        found
        == r"\begin{bmatrix} \cos p_{1} & -p_{0} \sin p_{1} \\ \sin p_{1} & p_{0} \cos p_{1} \end{bmatrix}"
    )


def test_entries_are_those_of_the_size_that_was_given() -> None:
    """x[0] and x[1] of two entries have a formula for two, which the code asserts; of others another."""
    derived = cf.grad(rosenbrock)
    two = derived.at(np.ones(2))
    assert two.text.startswith("[") and ("x", 0, 2) in two.fixed and "assert x.shape == (2,)" in two.source()
    assert "e₀" in derived.at(np.ones(3)).text
    np.testing.assert_allclose(derived(np.array([1.0, 2.0, 5.0])), [-400.0, 200.0, 0.0])
    described = cf.grad(lambda x: x[0] * x[1] * x[2] * x[3] * x[4]).at(cf.vector("n"))
    assert "[" not in described.text


# --- any sum of parts ------------------------------------------------------------------------------

n = Size.axis("x", 0, 6)
x, y, v, w, X = (
    input_("x", (n,)),
    input_("y", (n - 2,)),
    input_("v", (n - 1,)),
    input_("w", (Size.of(3),)),
    input_("X", (n, Size.of(3))),
)
ENDS = [Size.of(0), Size.of(1), Size.of(2), n - 2, n - 1, n]
three = Size.of(3)


def placed(axis: Size, start: int, stop: int, name: str) -> Expr:
    """A vector of an axis that is zero outside of an interval."""
    ends = ENDS if axis == n else [Size.of(k) for k in range(4)]
    constant = interval(ends[start], ends[stop], axis)
    if constant.ndim == 1:
        return input_(f"{name}s", ()) * constant
    part = input_(f"{name}{start}{stop}", constant.shape[:1])
    return contract([Factor(constant, "ij"), Factor(part, "i")], "j")


axes = st.sampled_from([n, three])


@st.composite
def vectors(draw: st.DrawFn, axis: Size, name: str) -> Expr:
    """Pieces that follow on one another, or any; sometimes a whole vector with them."""
    last = 5 if axis == n else 3
    if draw(st.booleans()):
        cuts = sorted({0, last, *draw(st.lists(st.integers(0, last), max_size=3))})
        parts = list(itertools.pairwise(cuts))
    else:
        pairs = st.tuples(st.integers(0, last), st.integers(0, last)).filter(lambda p: p[0] < p[1])
        parts = draw(st.lists(pairs, min_size=1, max_size=3))
    terms = [placed(axis, start, stop, f"{name}{k}") for k, (start, stop) in enumerate(parts)]
    if draw(st.integers(0, 3)) == 0:
        terms.append(x if axis == n else w)
    if axis == three and draw(st.booleans()):
        terms.append(contract([Factor(roll(three, 1), "ij"), Factor(w, "j")], "i"))
    signs = draw(st.lists(st.sampled_from([1, -1, 2]), min_size=len(terms), max_size=len(terms)))
    return linear(list(zip(signs, terms, strict=True)), (axis,))


@st.composite
def matrices(draw: st.DrawFn) -> Expr:
    """Sums of outer products of such vectors, and of their products with a matrix."""
    rows, columns = draw(axes), draw(axes)
    terms = [
        contract(
            [Factor(draw(vectors(rows, f"a{k}")), "i"), Factor(draw(vectors(columns, f"b{k}")), "j")], "ij"
        )
        for k in range(draw(st.integers(1, 2)))
    ]
    if (rows, columns) == (n, three) and draw(st.booleans()):
        terms.append(X)
    return linear([(draw(st.sampled_from([1, -1, 3])), term) for term in terms], (rows, columns))


def values_of(expr: Expr) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        str(node.params[0]): rng.uniform(0.5, 1.5, [s.value for s in node.shape]) for node in inputs(expr, x)
    }


def assert_means(expr: Expr) -> None:
    values = values_of(expr)
    sizes = {"n_x": np.array(6)}
    want = evaluate(expr, values)
    np.testing.assert_allclose(
        meaning(notation(expr), {**values, **sizes}).reshape(want.shape), want, atol=1e-12
    )


@settings(max_examples=200, deadline=None)
@given(st.one_of(axes.flatmap(lambda axis: vectors(axis, "a")), matrices()))
def test_blocks_mean_the_array(expr: Expr) -> None:
    assert_means(expr)


@settings(max_examples=100, deadline=None)
@given(st.one_of(axes.flatmap(lambda axis: vectors(axis, "a")), matrices()))
def test_blocks_read_back(expr: Expr) -> None:
    if "0" not in text(expr) or expr.ndim == 1:
        found = read_back(expr, {leaf.params[0]: leaf for leaf in inputs(expr, x)})
        np.testing.assert_allclose(
            evaluate(found, values_of(expr)), evaluate(expr, values_of(expr)), atol=1e-12
        )


@settings(max_examples=100, deadline=None)
@given(matrices())
def test_the_transpose_of_blocks_means_the_transpose(expr: Expr) -> None:
    values = values_of(expr)
    want = evaluate(expr, values).T
    np.testing.assert_allclose(meaning(notation(expr, turned=True), values), want, atol=1e-12)


def test_slices_that_follow_on_one_another_are_blocks() -> None:
    parts = [select(Size.of(2), n), select(n - 2, n, 2)]
    expr = linear(
        [
            (1, contract([Factor(part, "ij"), Factor(input_(c, part.shape[:1]), "i")], "j"))
            for part, c in zip(parts, "ab", strict=True)
        ],
        (n,),
    )
    assert [node.op for node in toposort(notation(expr))].count("blocks") == 1
    assert text(linear([(1, expr), (1, unit(n, 0))], (n,))) != text(expr)
