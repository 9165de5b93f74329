"""Derivatives built by hand in the calculus, each with the NumPy formula that a person would write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from closedform.expression.calculus import (
    Factor,
    contract,
    dot,
    identity,
    linear,
    multiply,
    number,
    transpose,
)
from closedform.expression.expr import Expr, input_
from closedform.expression.size import Size
from closedform.primitives.linalg import inv
from closedform.primitives.reductions import softmax
from closedform.primitives.structure import select, unit

N, M, K = Size.axis("x", 0, 7), Size.axis("A", 0, 14), Size.axis("V", 1, 5)
P = Size.axis("V", 0, 8)
x, a, y, b, u = (input_(name, (N,)) for name in ("x", "a", "y", "b", "u"))
A, B, r = input_("A", (M, N)), input_("B", (N, N)), input_("r", (M,))
V, U, T = input_("V", (P, K)), input_("U", (N, K)), input_("T", (N, P))
c = input_("c", ())


def fn(op: str, v: Expr) -> Expr:
    """A function of one array, entry by entry."""
    return Expr(op, (v,), (), v.shape)


def outer(v: Expr, w: Expr) -> Expr:
    """v w'."""
    return contract([Factor(v, ("i",)), Factor(w, ("j",))], ("i", "j"))


def diagonal(v: Expr) -> Expr:
    """diag(v)."""
    return contract([Factor(v, ("i",) * v.ndim)], ("i", "i"), {"i": N})


def sigmoid(z: Any) -> Any:
    """1 / (1 + exp(-z))."""
    return 1 / (1 + np.exp(-z))


def _quartic(x: Any) -> Any:
    return 8 * np.outer(x, x) + 4 * (x @ x) * np.eye(len(x))


def _rosenbrock(x: Any) -> Any:
    g = np.zeros(len(x))
    g[1:] += 200 * (x[1:] - x[:-1] ** 2)
    g[:-1] -= 400 * x[:-1] * (x[1:] - x[:-1] ** 2)
    return g


def _tanh_fourth(c: Any) -> Any:
    t = np.tanh(c)
    return 8 * t * (1 - t * t) * (2 - 3 * t * t)


def _softmax_hessian(x: Any) -> Any:
    p = np.exp(x) / np.sum(np.exp(x))
    return np.diag(p) - np.outer(p, p)


class Case(NamedTuple):
    """A formula, the names of its arguments, and the same by hand."""

    name: str
    expr: Expr
    arguments: str
    by_hand: Callable[..., Any]


_logit = fn("expit", -1 * (r * dot(A, x)))
_shift, _start = select(N - 1, N, 1), select(N - 1, N, 0)
_head, _tail = dot(_start, x), dot(_shift, x)
_gap = _tail - _head**2
_tanh = fn("tanh", c)
_p = softmax(x)

CASES = [
    Case(
        "quadratic_gradient",
        0.5 * (dot(B, x) + dot(x, B)) + b,
        "xBb",
        lambda x, B, b: 0.5 * (B + B.T) @ x + b,
    ),
    Case("quadratic_hessian", 0.5 * (B + transpose(B, (1, 0))), "xB", lambda x, B: 0.5 * (B + B.T)),
    Case("trace_gradient", transpose(dot(V, transpose(U, (1, 0))), (1, 0)), "UV", lambda U, V: U @ V.T),
    Case("least_squares_gradient", dot(dot(A, x) - r, A), "xAr", lambda x, A, r: A.T @ (A @ x - r)),
    Case("least_squares_hessian", dot(transpose(A, (1, 0)), A), "xA", lambda x, A: A.T @ A),
    Case("softplus_gradient", multiply(fn("expit", dot(a, x)), a), "xa", lambda x, a: sigmoid(a @ x) * a),
    Case(
        "softplus_hessian",
        multiply(fn("expit", dot(a, x)) * (1 - fn("expit", dot(a, x))), outer(a, a)),
        "xa",
        lambda x, a: sigmoid(a @ x) * sigmoid(-a @ x) * np.outer(a, a),
    ),
    Case("logdet_gradient", -1 * transpose(inv(B), (1, 0)), "B", lambda B: -np.linalg.inv(B).T),
    Case("solve", dot(inv(B), x), "xB", lambda x, B: np.linalg.solve(B, x)),
    Case("quartic_gradient", 4 * dot(x, x) * x, "x", lambda x: 4 * (x @ x) * x),
    Case("quartic_hessian", 8 * outer(x, x) + 4 * dot(x, x) * identity((N,)), "x", _quartic),
    Case(
        "logistic_gradient",
        -1 * dot(r * _logit, A),
        "xAr",
        lambda x, A, r: -A.T @ (r * sigmoid(-r * (A @ x))),
    ),
    Case(
        "logistic_hessian",
        contract([Factor(A, "ki"), Factor(_logit * (1 - _logit), "k"), Factor(A, "kj")], "ij"),
        "xAr",
        lambda x, A, r: (A.T * (sigmoid(r * (A @ x)) * sigmoid(-r * (A @ x)))) @ A,
    ),
    Case(
        "weighted_gram",
        contract([Factor(A, "ki"), Factor(r, "k"), Factor(A, "kj")], "ij"),
        "Ar",
        lambda A, r: (A.T * r) @ A,
    ),
    Case(
        "factorisation_gradient",
        -2 * dot(T - dot(U, transpose(V, (1, 0))), V),
        "UVT",
        lambda U, V, T: 2 * (U @ V.T - T) @ V,
    ),
    Case(
        "factorisation_hessian",
        contract([Factor(V, "mj"), Factor(V, "ml")], "ijil", {"i": N}, 2),
        "xUV",
        lambda x, U, V: np.einsum("ik,jl->ijkl", np.eye(len(U)), 2 * V.T @ V),
    ),
    Case("tanh_fourth", 8 * _tanh * (1 - _tanh**2) * (2 - 3 * _tanh**2), "c", _tanh_fourth),
    Case("softmax_hessian", diagonal(_p) - outer(_p, _p), "x", _softmax_hessian),
    Case(
        "rosenbrock_gradient",
        200 * dot(_gap, _shift) - 400 * dot(_head * _gap, _start),
        "x",
        _rosenbrock,
    ),
    Case("ones", number(1, (N,)), "x", lambda x: np.ones(len(x))),
    Case("half_identity", 0.5 * identity((N,)), "x", lambda x: 0.5 * np.eye(len(x))),
    Case("last_entry", unit(N, -1), "x", lambda x: np.eye(len(x))[-1]),
    Case("polynomial", 3 * y**4 - 4 * y**2 + 1, "y", lambda y: 3 * y**4 - 4 * y**2 + 1),
    Case("mean", x / Expr("size", (), (N,), ()), "x", lambda x: x / len(x)),
    Case("shared_factor", dot(A, x) - dot(A, b), "xAb", lambda x, A, b: A @ (x - b)),
    Case(
        "damped",
        linear([(1, dot(transpose(A, (1, 0)), A)), (1, multiply(c, identity((N,))))], (N, N)),
        "xAc",
        lambda x, A, c: A.T @ A + c * np.eye(len(x)),
    ),
]


def arrays(case: Case, n: int, dtype: Any = float) -> dict[str, Any]:
    """Random arguments for a case; the sizes follow n."""
    rng = np.random.default_rng(n)
    sizes = {N: n, M: 2 * n, K: 5, P: n + 1}
    nodes = {node.params[0]: node for node in (x, a, y, b, u, A, B, r, V, U, T, c)}
    values = {}
    for name in case.arguments:
        shape = [sizes[size] for size in nodes[name].shape]
        value = rng.standard_normal(shape) + (n * np.eye(n) if name == "B" else 0)
        values[name] = np.asarray(value).astype(dtype) if shape else float(value)
    return values
