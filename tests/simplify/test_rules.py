"""Every rewrite, proven from outside: before and after have the same value on random inputs of its domain."""

import numpy as np
import pytest
from tests.dense import evaluate

from closedform.expression.calculus import (
    Factor,
    contract,
    dot,
    identity,
    number,
    power,
    size_number,
    transpose,
)
from closedform.expression.expr import Expr, input_
from closedform.expression.size import Size
from closedform.primitives.reductions import logsumexp, products_without, softmax
from closedform.primitives.structure import reshaping, roll, select, triangle, unit
from closedform.simplify.rules import RULES
from closedform.simplify.simplify import BY_OP, simplify

N = Size.axis("X", 0, 4)
X = input_("X", (N, N))
Y = input_("Y", (N, N))
M = input_("M", (Size.axis("M", 0, 3), N))
K = input_("K", M.shape)
u = input_("u", M.shape[:1])
z = input_("z", (N,))
w = input_("w", (N,))
s = input_("s", ())
p = input_("p", (N,), ("positive",))
t = input_("t", (N,), ("simplex",))
Q = input_("Q", (N, N), ("orthogonal",))
signs = input_("signs", (N,), ("sign",))
v = input_("v", (Size.of(4),))


def fn(op, *args, shape=None, **params):
    return Expr(op, args, tuple(params.items()), args[0].shape if shape is None else shape)


def entry(k):
    return contract([Factor(v, ("i",)), Factor(unit(Size.of(4), k), ("i",))], ())


def sum_of_exp(node):
    return contract([Factor(fn("exp", node), tuple(range(node.ndim)))], tuple(range(node.ndim - 1)))


def at_gaps(node, at, out):
    """X_ij / (values_j - values_i) times a vector at i or j."""
    gaps = fn("reciprocal_gaps", values, shape=(N, N))
    return contract([Factor(X, "ij"), Factor(gaps, "ij"), Factor(node, at)], out)


def columns(node):
    """A vector as each column of a matrix like M."""
    return contract([Factor(node, "i")], "ij", {"j": N})


merged = reshaping(M.shape)
values = fn("eigvalsh", X, shape=(N,))
RATIO = values / (1 + s**2 * values**2)

# A positive definite matrix.
SPD = dot(X, transpose(X, (1, 0)))
# A product with its inverse, beside a matrix of weights.
GRAM = s * dot(transpose(X, (1, 0)), dot(Y, X))
# Slices x[:-1] and x[1:], and a diagonal matrix between them.
SLICE, NEXT = select(N - 1, N, 0, 1), select(N - 1, N, 1, 1)
BAND = contract([Factor(dot(SLICE, z), "i")], "ii")

# The slice [1:] of a vector.
TAIL = select(N - 1, N, 1)

# For each rule an expression that it must change.
EXAMPLES = {
    "log of exp": fn("log", fn("exp", z)),
    "exp of log": fn("exp", fn("log", p)),
    "softplus": fn("log", 1 + fn("exp", z)),
    "softplus of log1p": fn("log1p", fn("exp", z)),
    "softplus of logaddexp": fn("logaddexp", z, number(0, (N,))),
    "power of exp": fn("exp", z) ** 3 * fn("exp", w),
    "expit": fn("exp", z) / (1 + fn("exp", z)) * w,
    "expit of opposite": fn("exp", z) * fn("expit", -z),
    "logsumexp": fn("log", sum_of_exp(M)),
    "softmax": contract([Factor(fn("exp", M), "ij"), Factor(sum_of_exp(M), "i", -1)], "ij"),
    "logaddexp": fn("log", fn("exp", z) + fn("exp", w)),
    "ratio of exponentials": fn("exp", z) * w / (fn("exp", z) + fn("exp", w)),
    "hyperbolic functions": fn("exp", z) - fn("exp", -z),
    "tanh of expit": (fn("exp", z) - 1) * fn("expit", -z) * w,
    "arsinh": fn("log", 2 * z + power(1 + 4 * z**2, 0.5)),
    "artanh": fn("log", (1 + w / 3) / (1 - w / 3)),
    "denominator multiplied out": p**2 * (w - z / p),
    "common denominator": w / z**2 / (1 + (w / z) ** 2),
    "special values": fn("expit", z - z) * z,
    "root of square": power(3 * z**2 * w**4, 0.5),
    "log of expit": fn("log", fn("expit", z)),
    "log of the other probability": fn("log", 1 - fn("expit", z)) * w,
    "log of softmax": fn("log", softmax(M, 1)),
    "log of product": fn("log", fn("exp", z) * p / s**2),
    "softmax in a product": contract([Factor(fn("exp", M + K), "ij"), Factor(sum_of_exp(M), "i", -1)], "ij"),
    "softmax in a sum": dot(fn("exp", z), w) / dot(fn("exp", z), number(1, (N,))),
    "shift of logsumexp": logsumexp(M + columns(u), 1),
    "shift of softmax": softmax(M + columns(u), 1),
    "opposite arguments": w * fn("softplus", -z) + (1 - w) * fn("softplus", z),
    "probabilities sum to one": contract([Factor(softmax(M, 1), "ij"), Factor(u, "k")], "ik"),
    "function of a broadcast array": fn("sin", columns(u)),
    "sum distributed": dot(number(1, (N,)), z * w - dot(z, w) / size_number(N)),
    "cofactors by the determinant": contract(
        [
            Factor(fn("cofactor", X), "ij"),
            Factor(fn("cofactor", X), "kl"),
            Factor(fn("det", X, shape=()), "", -1),
        ],
        "ijkl",
    ),
    "cofactors of a regular matrix": fn("cofactor", X) * fn("det", X, shape=()) ** -0.5
    + fn("det", SPD, shape=()) * fn("cofactor", SPD)
    + fn("cofactor", Y) * dot(dot(z, fn("inv", Y)), w),
    "product of the others": products_without(p, 2),
    "tangent": fn("sinh", z) ** 2 * w / fn("cosh", z) ** 3,
    "sign times abs": fn("sign", z) * fn("abs", z) ** 3,
    "ramp times step": fn("maximum", z, number(0, (N,))) * (1 + fn("sign", z)) * w,
    "determinant of inverse": fn("det", fn("inv", X), shape=()) * fn("logdet", fn("inv", Y), shape=()),
    "cofactors of inverse": fn("cofactor", fn("inv", X)),
    "determinant of product": fn("det", dot(transpose(X, (1, 0)), dot(Y, X)), shape=()),
    "log determinant of product": fn("logdet", dot(X, Y), shape=()),
    "cofactors of product": fn("cofactor", dot(X, transpose(Y, (1, 0)))),
    "log of a determinant": fn("log", fn("abs", fn("det", X, shape=())))
    + fn("log", fn("det", SPD, shape=())),
    "cofactors times the matrix": dot(Y, dot(fn("cofactor", X), transpose(X, (1, 0)))),
    "sum over a flat axis": contract([Factor(merged, "kij"), Factor(M, "ij"), Factor(z, "j")], "j"),
    "reshape there and back": contract(
        [Factor(merged, "kij"), Factor(merged, "kpq"), Factor(M, "ij"), Factor(M, "pr")], "qr"
    ),
    "choice": w * fn("where", z, number(1, (N,)), number(0, (N,)))
    + 2 * p * fn("where", z, number(0, (N,)), number(1, (N,))),
    "either choice": dot(w, fn("where", z, number(1, (N,)), number(0, (N,))))
    + dot(w, fn("where", z, number(0, (N,)), number(1, (N,))))
    - s,
    "choices by one condition": fn("where", z, number(0, (N,)), number(1, (N,))) * w * fn("where", z, w, p),
    "triangles on both sides": triangle(N, N, 0) + transpose(triangle(N, N, 0), (1, 0)) + X,
    "log of an entry": fn(
        "log", contract([Factor(softmax(v, 0), "i"), Factor(unit(Size.of(4), 1), "i")], "")
    ),
    "Frechet derivative along the matrix": fn("expm_frechet", 2 * X, 3 * X)
    + fn("logm_frechet", SPD / 9 + identity((N,)), SPD + 9 * identity((N,))),
    "Sylvester equation of the identity": fn("sylvester", SPD, SPD, s * identity((N,))),
    "spectral powers": contract(
        [
            Factor(fn("eigenvectors", X), "ik"),
            Factor(fn("eigvalsh", X, shape=(N,)), "k", -2),
            Factor(fn("eigenvectors", X), "jk"),
        ],
        "ij",
    )
    + contract(
        [
            Factor(fn("svd_left", X), "ik"),
            Factor(fn("singular_values", X, shape=(N,)), "k"),
            Factor(fn("svd_right", X), "kj"),
        ],
        "ij",
    ),
    "divided differences": at_gaps(fn("tanh", values), "j", "ij")
    - at_gaps(fn("tanh", values), "i", "ij")
    + contract([Factor(w, "i"), Factor(at_gaps(RATIO, "j", "i") - at_gaps(RATIO, "i", "i"), "j")], "ij")
    + at_gaps(1 / (1 + s * values), "i", "ii")
    - at_gaps(1 / (1 + s * values), "j", "ii"),
    "softmax's derivative along a vector": dot(
        contract([Factor(softmax(v, 0), "i")], "ii")
        - contract([Factor(softmax(v, 0), "i"), Factor(softmax(v, 0), "j")], "ij"),
        unit(Size.of(4), 2),
    )
    * s,
    "logsumexp of two numbers": logsumexp(
        contract([Factor(s), Factor(unit(Size.of(2), 0), "i")], "i")
        - 2 * contract([Factor(s, (), 2), Factor(unit(Size.of(2), 1), "i")], "i")
    ),
    "square of abs": fn("abs", z) ** 2,
    "abs of nonnegative": fn("abs", fn("exp", z)),
    "square of sign": signs**2 * z / (signs * w) ** 3,
    "function of signs": fn("arctan", signs * z) + fn("cosh", signs * w),
    "variable power of exp": fn("power", fn("exp", z), 2 - w),
    "cube root beside its cube": z * power(fn("cbrt", z), -2) + w * power(fn("cbrt", w), -3),
    "sign times variable": z**2 * fn("sign", z) + w * fn("sign", w) ** 2 + fn("sign", z) / fn("abs", z),
    "factors of known sign": fn("sign", -2 * z) + fn("abs", -w * z**2),
    "signs through a sum": signs * z / (1 + signs * w),
    "variance of a probability": w * fn("expit", -signs * z) * (1 - fn("expit", -signs * z)),
    "Pythagoras": fn("sin", z) ** 2 * w + fn("cos", z) ** 2 * w + z,
    "power of zeros and ones": power(unit(Size.of(4), 1), 3) * v,
    "product of unit vectors": entry(1)
    * contract([Factor(unit(Size.of(4), 1), "i"), Factor(unit(Size.of(4), 2), "i")], ()),
    "sum of a unit vector": contract([Factor(unit(Size.of(4), 1), "i"), Factor(s)], ()),
    "slice of a slice's transpose": contract(
        [Factor(TAIL, "ai"), Factor(TAIL, "bi"), Factor(z, "j"), Factor(TAIL, "bj")], "a"
    ),
    "slice of a unit vector": contract([Factor(TAIL, "ai"), Factor(unit(N, 2), "i"), Factor(z, "i")], "a"),
    "entry of a slice": contract([Factor(TAIL, "ai"), Factor(unit(N - 1, 2), "a"), Factor(z, "i")], ""),
    "slice of a slice": contract(
        [Factor(select(N - 2, N - 1, 1), "ab"), Factor(TAIL, "bi"), Factor(z, "i")], "a"
    ),
    "slices that have no entry in common": contract(
        [Factor(select(Size.of(2), N), "ai"), Factor(select(N - 2, N, 2), "bi"), Factor(z, "i")], "ab"
    ),
    "part of a sum of parts": contract(
        [Factor(unit(N, 0), "i"), Factor(z + contract([Factor(unit(N, 1), "j"), Factor(w, "k")], "j"), "i")],
        "",
    ),
    "entry of a shift": s
    * contract([Factor(roll(Size.of(4), 3), "ij"), Factor(unit(Size.of(4), 2), "j")], "i"),
    "product of cyclic shifts": contract(
        [
            Factor(roll(N, 3), "ik"),
            Factor(roll(N, 1), "jk"),
            Factor(z, "j"),
            Factor(roll(N, 2), "lm"),
            Factor(w, "m"),
        ],
        "i",
    ),
    "function of transpose": fn("inv", transpose(X, (1, 0))),
    "invariant of transpose": fn("det", transpose(X, (1, 0)), shape=()),
    "inverse of inverse": fn("inv", fn("inv", X)),
    "inverse of product": fn("inv", s * dot(X, Y)),
    "inverse of multiple": fn("inv", s**2 / 7 * dot(transpose(M, (1, 0)), M) + s**2 / 7 * identity((N,))),
    "product with inverse": dot(dot(fn("inv", GRAM), GRAM), Y),
    "quotient of products": contract(
        [Factor(dot(M, z), "i", -2), Factor(M, "ij"), Factor(z, "j"), Factor(u, "i")], "i"
    ),
    "factors cancel in a sum": dot(identity((N,)) - dot(fn("inv", GRAM), GRAM) - dot(fn("inv", X), Y), X),
    "terms cancel in a sum": fn("exp", -z) * w - fn("exp", -2 * z) * (fn("exp", z) * w - p),
    "sum taken out": X + transpose(Y, (1, 0)) - dot(dot(X + transpose(Y, (1, 0)), Q), X),
    "constants cancel in a sum": s
    * contract([Factor(s * fn("power", p, 1 + z) + (1 - s) * number(1, (N,)), "i")], "")
    - s * size_number(N),
    "power times its factors": p * t * fn("power", p * t / s, 2 + z) * z,
    "triangle read backwards": contract(
        [
            Factor(select(N, N, N - 1, -1), "ai"),
            Factor(triangle(N, N, 0), "ba"),
            Factor(select(N, N, N - 1, -1), "bj"),
            Factor(z, "i"),
        ],
        "j",
    ),
    "slices of slices in sums": dot(
        select(N - 2, N - 1, 1, 1) - select(N - 2, N - 1, 0, 1), dot(NEXT, z) - dot(SLICE, z)
    ),
    "differences of differences": dot(select(N - 2, N - 1, 1, 1), dot(NEXT, z) - dot(SLICE, z))
    - dot(select(N - 2, N - 1, 0, 1), dot(NEXT, z) - dot(SLICE, z)),
    "bands": dot(dot(2 * transpose(SLICE, (1, 0)), BAND) - transpose(NEXT, (1, 0)), SLICE)
    + 3 * dot(transpose(SLICE, (1, 0)), dot(BAND, SLICE)),
    "Frechet derivative along the identity": fn("expm_frechet", X, s * identity((N,))),
    "variable times abs": z * power(fn("abs", z), -0.5) * w,
    "abs of nonpositive": fn("abs", -fn("exp", z)) * w,
    "sign of a known sign": fn("sign", -p) * z,
    "larger of ordered": fn("maximum", 1 + z**2, -p),
    "smaller of ordered": fn("minimum", fn("tanh", z), 1 + p),
    "log of power": fn("log", power(p, 3)) * w,
    "sum of a simplex": contract([Factor(t, "k"), Factor(z, "i")], "i"),
    "inverse of orthogonal": dot(fn("inv", Q), X),
    "norm through orthogonal": contract([Factor(dot(transpose(Q, (1, 0)), X), "ij", 2), Factor(w, "j")], ""),
    "orthogonal": dot(dot(transpose(Q, (1, 0)), Q), X),
    "log det of orthogonal": fn("logdet", dot(Q, Q), shape=()) + s,
    "inverse of diagonal": dot(fn("inv", contract([Factor(z, "i")], "ii")), X),
    "log det of diagonal": fn("logdet", contract([Factor(p, "i")], "ii"), shape=()),
    "determinant of diagonal": fn("det", contract([Factor(z, "i")], "ii"), shape=()),
    "Frechet derivative along a commuting matrix": contract(
        [Factor(fn("expm_frechet", s * transpose(X, (1, 0)), Y), "ij"), Factor(X, "ij")], ()
    ),
    "power times its base": fn("power", p, w) * p**2,
    "derivative of the matrix logarithm along the identity": fn("logm_frechet", X, s * identity((N,))),
    "logarithm and exponential of a matrix": fn("expm", fn("logm", dot(X, transpose(X, (1, 0))))),
    "Cholesky factors": contract(
        [Factor(fn("inv", fn("cholesky", SPD)), "ki"), Factor(fn("inv", fn("cholesky", SPD)), "kj")], "ij"
    ),
    "determinant by the Cholesky factor": 3
    * contract([Factor(fn("log", contract([Factor(fn("cholesky", SPD), "ii")], "i")), "i")], ()),
    "roll up a sum": sum((fn("sin", entry(k)) ** 2 for k in range(1, 4)), entry(0)),
    "roll up a product": (1 - entry(0)) * (1 - entry(1)) * (1 - entry(2)) * (1 - entry(3)),
}


def _values(seed):
    rng = np.random.default_rng(seed)
    return {
        "X": rng.standard_normal((4, 4)) + 3 * np.eye(4),
        "Y": rng.standard_normal((4, 4)) + 3 * np.eye(4),
        "M": rng.standard_normal((3, 4)),
        "z": rng.standard_normal(4),
        "w": rng.standard_normal(4),
        "s": rng.uniform(0.5, 2),
        "p": rng.uniform(0.1, 3, 4),
        "signs": np.sign(rng.standard_normal(4)),
        "v": rng.standard_normal(4),
        "t": rng.dirichlet(np.ones(4)),
        "Q": np.linalg.qr(rng.standard_normal((4, 4)))[0],
        "K": rng.standard_normal((3, 4)),
        "u": rng.standard_normal(3),
    }


def test_every_rule_has_an_example():
    assert {r.name for r in RULES} == set(EXAMPLES)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_rule_applies_and_keeps_the_value(rule):
    before = EXAMPLES[rule.name]
    after = simplify(before)
    assert after is not before
    for seed in range(3):
        np.testing.assert_allclose(
            evaluate(after, _values(seed)), evaluate(before, _values(seed)), rtol=1e-10, atol=1e-14
        )


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_simplifying_twice_changes_nothing_more(rule):
    once = simplify(EXAMPLES[rule.name])
    assert simplify(once) is once


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_rule_states_its_equation(rule):
    assert "=" in rule.equation and rule.ops and all(op in BY_OP for op in rule.ops)
