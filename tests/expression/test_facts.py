"""What the rules say of an expression is so for its values, at random expressions and inputs."""

import math

import numpy as np
import pytest
from tests.dense import evaluate

from closedform.expression.calculus import (
    Factor,
    contract,
    dot,
    identity,
    multiply,
    power,
    transpose,
)
from closedform.expression.expr import Expr, constant, input_
from closedform.expression.facts import STRUCTURES, bounds, holds, structure
from closedform.expression.interval import REALS, interval
from closedform.expression.size import Size
from closedform.primitives.structure import triangle

N = Size.axis("X", 0, 4)
M = Size.axis("A", 0, 6)
RNG = np.random.default_rng(0)


def square(name, *facts):
    return input_(name, (N, N), facts)


X, Y = square("X"), square("Y")
S, P, D, Q = square("S", "symmetric"), square("P", "spd"), square("D", "diagonal"), square("Q", "orthogonal")
L, U, W = square("L", "lower"), square("U", "upper"), square("W", "symmetric", "positive")
A = input_("A", (M, N))
x = input_("x", (N,))
p, g, q = (
    input_("p", (N,), ("positive",)),
    input_("g", (N,), ("negative",)),
    input_("q", (N,), ("nonnegative",)),
)
h, y, t = input_("h", (N,), ("probability",)), input_("y", (N,), ("sign",)), input_("t", (N,), ("simplex",))
w = input_("w", (M,), ("positive",))
s, a = input_("s", (), ("positive",)), input_("a", ())
LEAVES = [X, Y, S, P, D, Q, L, U, W, A, x, p, g, q, h, y, t, w, s, a]


def fn(op, v):
    return Expr(op, (v,), (), v.shape)


def inv(m):
    return fn("inv", m)


def diag(v):
    return contract([Factor(v, "i")], "ii")


def outer(u, v):
    return contract([Factor(u, "i"), Factor(v, "j")], "ij")


def turned(m):
    return transpose(m, (1, 0))


def gram(m, weights=None):
    middle = [] if weights is None else [Factor(weights, "k")]
    return contract([Factor(m, "ki"), *middle, Factor(m, "kj")], "ij")


def form(v, m):
    return contract([Factor(v, "i"), Factor(m, "ij"), Factor(v, "j")], "")


EYE = identity((N,))
LOWER = triangle(N, N)

# Expressions, and facts that must be found of them.
FOUND = {
    "symmetric": [
        gram(A),
        X + turned(X),
        inv(S),
        S * P,
        outer(x, x),
        diag(x),
        S + D,
        P + P,
        D * X,
        fn("expm", S),
    ],
    "psd": [gram(A), gram(A, w), outer(x, x), diag(q), gram(A) * gram(X), outer(x, x) * P, s * gram(A) + P],
    "spd": [P, inv(P), P + gram(A), gram(A) + s * EYE, diag(p), inv(gram(A)), fn("expm", S), P * P, 2 * P],
    "diagonal": [D, D * X, dot(D, D), inv(D), D + EYE, diag(x), L * U, dot(D, turned(D)), power(D, 2)],
    "orthogonal": [Q, turned(Q), dot(Q, Q), dot(Q, turned(inv(Q))), -Q, EYE, -EYE],
    "lower": [L, turned(U), dot(L, L), inv(L), L + D, L * X, X * LOWER, dot(turned(U), L), fn("expm", L)],
    "upper": [U, turned(L), dot(U, D), inv(U), X * turned(LOWER)],
    "nonnegative": [
        x**2,
        fn("abs", x),
        p * q,
        q / p,
        t + q,
        1 - h,
        gram(A) ** 2,
        form(x, P),
        dot(x, x),
        1 - t,
    ],
    "positive": [
        p,
        fn("exp", x),
        p + q,
        p / h,
        1 - h,
        1 + x**2,
        power(p, 0.5),
        1 / (1 + fn("exp", x)),
        p**-3,
    ],
    "negative": [g, -p, g - q, p * g, fn("log", h), h - 1, g**3, -1 - x**2, -fn("expit", x)],
    "sign": [y],
    "simplex": [t],
}
FOUND["spd"] += [contract([Factor(Q, "ai"), Factor(P, "ab"), Factor(Q, "bj")], "ij")]
FOUND["psd"] += [contract([Factor(A, "ia"), Factor(P, "ab"), Factor(A, "jb")], "ij")]
FOUND["psd"] += [contract([Factor(x, "i"), Factor(P, "ij"), Factor(x, "j")], "ij")]
# Expressions that are none of it, although they look like it.
NOT_FOUND = {
    "symmetric": [X, dot(S, P), dot(D, X), outer(x, p), X - turned(X)],
    "psd": [S, gram(A, input_("v", (M,))), outer(x, p), P - gram(A), -P, a * P, dot(P, P) - P, P * S],
    "spd": [gram(A), gram(A) + s * outer(x, x), diag(q), a * P, P - EYE, outer(p, p), fn("expm", X)],
    "diagonal": [X, dot(D, X), D + outer(x, x), inv(X), power(D, -1)],
    "orthogonal": [2 * Q, Q + Q, Q * Q, a * Q, diag(y) * 2, dot(Q, P)],
    "lower": [U, dot(L, U), turned(L), L + X, X * turned(LOWER)],
    "upper": [L, dot(U, L)],
    "nonnegative": [x, x**3, a * p, p - q, form(x, S), 1 - p, dot(x, p), q - t, h - t, S],
    "positive": [q, x**2, gram(A), 1 - t, diag(p), fn("abs", x), p - p + q, dot(p, p)],
    "negative": [x, -q, g**2, g * g, fn("log", p), g + p],
}


@pytest.mark.parametrize("fact", FOUND)
def test_facts_are_found(fact):
    for node in FOUND[fact]:
        assert holds(node, fact), node
    for node in NOT_FOUND.get(fact, ()):
        assert not holds(node, fact), node


def values(seed):
    rng = np.random.default_rng(seed)
    normal = {leaf.params[0]: rng.standard_normal([n.value for n in leaf.shape]) for leaf in LEAVES}
    found = dict(normal)
    for name in "SW":
        found[name] = normal[name] + normal[name].T
    found["W"] = abs(found["W"]) + 0.01
    found["P"] = normal["P"] @ normal["P"].T + 0.1 * np.eye(4)
    found["D"], found["L"], found["U"] = np.diag(normal["D"][0]), np.tril(normal["L"]), np.triu(normal["U"])
    found["Q"] = np.linalg.qr(normal["Q"])[0]
    found["p"], found["g"], found["w"], found["s"] = (abs(normal[n]) for n in "pgws")
    found["g"] = -found["g"]
    found["q"] = np.maximum(normal["q"], 0)
    found["h"] = 1 / (1 + np.exp(-normal["h"]))
    found["y"] = np.sign(normal["y"])
    found["t"] = abs(normal["t"]) / abs(normal["t"]).sum()
    return found


IS = {
    "symmetric": lambda v, e: np.abs(v - v.T).max() <= e,
    "diagonal": lambda v, e: np.abs(v - np.diag(np.diag(v))).max() <= e,
    "lower": lambda v, e: np.abs(np.triu(v, 1)).max() <= e,
    "upper": lambda v, e: np.abs(np.tril(v, -1)).max() <= e,
    "orthogonal": lambda v, e: np.abs(v.T @ v - np.eye(len(v))).max() <= 1e-8,
    "psd": lambda v, e: np.linalg.eigvalsh(v).min() >= -e,
    "spd": lambda v, e: np.linalg.eigvalsh(v).min() >= -e,
}


def check(node, inputs):
    """Compare what is known of a node with its value; how much is known."""
    with np.errstate(all="ignore"):
        try:
            value = evaluate(node, inputs)
        except np.linalg.LinAlgError:
            return 0
    size = np.abs(value).max(initial=0)
    if not np.isfinite(size) or size > 1e8:
        return 0
    margin = 1e-9 * (1 + size)
    known = bounds(node)
    assert value.min() >= known.low.at - margin, (node, known)
    assert value.max() <= known.high.at + margin, (node, known)
    facts = structure(node) | ({"symmetric"} if holds(node, "symmetric") else set())
    for fact in facts:
        assert IS[fact](value, margin), (node, fact, value)
    return len(facts) + (known != REALS)


def test_the_examples_are_so():
    for seed in range(3):
        for nodes in (*FOUND.values(), *NOT_FOUND.values()):
            for node in nodes:
                check(node, values(seed) | {"v": RNG.standard_normal(6)})


FUNCTIONS = (
    "exp",
    "abs",
    "tanh",
    "expit",
    "sin",
    "log",
    "softplus",
    "cosh",
    "expm1",
    "sign",
    "arctan",
    "log1p",
)


def grown(rng, count):
    """Random expressions, each made of earlier ones."""
    pool = list(LEAVES)
    while len(pool) < len(LEAVES) + count:
        node, other = (pool[rng.integers(len(pool))] for _ in range(2))
        made = []
        if node.shape == other.shape:
            made += [node + other, node - other, node * other, 2 * node - 3 * other]
            made += [Expr(op, (node, other), (), node.shape) for op in ("maximum", "minimum")]
        if node.shape == (N, N) == other.shape:
            made += [
                dot(node, other),
                gram(node),
                node * node,
                inv(node),
                turned(node),
                dot(gram(node), node),
            ]
            made += [contract([Factor(node, "ai"), Factor(other, "ab"), Factor(node, "bj")], "ij")]
            made += [
                contract([Factor(node, "ij"), Factor(node, "ji")], ""),
                contract([Factor(node, "ij")], "i"),
            ]
        if node.shape == (N,) == other.shape:
            made += [outer(node, other), outer(node, node), diag(node), gram(A, w) * outer(node, node)]
            made += [contract([Factor(node, "i"), Factor(other, "i")], "")]
        if node.shape == (N, N) and other.shape == (N,):
            made += [form(other, node), contract([Factor(node, "ij"), Factor(other, "i")], "ij")]
            made += [contract([Factor(node, "ij"), Factor(other, "i"), Factor(other, "j")], "ij")]
            made += [contract([Factor(node, "ia"), Factor(other, "a"), Factor(node, "ja")], "ij")]
        if not other.shape:
            made += [multiply(node, other), node + other]
        made += [power(node, e) for e in (2, 3, -1, -2, 0.5)] + [1 - node, node + 1, -node]
        made += [fn(op, node) for op in FUNCTIONS]
        new = made[rng.integers(len(made))]
        if new.weight < 60:
            pool.append(new)
    return pool[len(LEAVES) :]


@pytest.mark.parametrize("seed", range(12))
def test_random_expressions_are_what_is_said_of_them(seed):
    nodes = grown(np.random.default_rng(seed), 80)
    inputs = values(seed)
    known = sum(check(node, inputs) for node in nodes)
    assert known > 20


def test_captured_arrays_are_bounded_by_their_entries():
    node = constant(np.array([0.25, 2.0]))
    assert bounds(node) == interval(0.25, 2)
    assert holds(1 / node, "positive")
    assert bounds(constant(np.array([np.nan]))) == REALS == bounds(constant(np.zeros(0)))


def test_long_expressions_are_read_without_recursion():
    node = p
    for _ in range(3000):
        node = fn("softplus", node)
        node = node + p
    assert holds(node, "positive")
    assert holds(power(p, 10**6), "positive")
    assert bounds(power(constant(np.full(2, 0.1)), 999)).low.at >= 0
    assert math.isinf(bounds(power(1 + p, 10**6)).high.at)


def test_all_structures_are_tested():
    assert set(FOUND) >= STRUCTURES
