"""Expressions that the snapshot of formulas shows."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from closedform.expression.calculus import (
    Factor,
    broadcast,
    contract,
    dot,
    identity,
    number,
    power,
    size_number,
    transpose,
    zeros,
)
from closedform.expression.expr import Expr, constant, input_
from closedform.primitives.structure import gather, reshaping, roll, select, triangle, unit

x = input_("x", (5,))
n = x.shape[0]
A = input_("A", (7, n))
m = A.shape[0]
a, c, w, alpha, x0 = (input_(name, (n,)) for name in ("a", "c", "w", "alpha", "x0"))
b, y = input_("b", (m,)), input_("y", (m,))
B, C, X = (input_(name, (n, n)) for name in "BCX")
S = input_("S", (n, n), ["symmetric"])
U = input_("U", (n, 3))
V = input_("V", (m, U.shape[1]))
T = input_("T", (n, m))
W = input_("W", (n, n, n))
s, t, lam = input_("s", ()), input_("t", ()), input_("lam", ())
u = input_("u", (n * n,))


def call(name: str, *args: Expr, shape: tuple[object, ...] | None = None, **params: object) -> Expr:
    return Expr(name, args, tuple(params.items()), args[0].shape if shape is None else shape)  # type: ignore[arg-type]


def turned(matrix: Expr) -> Expr:
    return transpose(matrix, (1, 0))


def total(array: Expr) -> Expr:
    return contract([Factor(array, tuple(range(array.ndim)))], ())


def einsum(spec: str, *operands: Expr, coefficient: int = 1) -> Expr:
    inputs, out = spec.split("->")
    parts = [
        Factor(base, tuple(at))
        for at, base in zip(inputs.split(",") if inputs else [], operands, strict=True)
    ]
    sizes = dict.fromkeys(out, n)
    for part in parts:
        sizes.update(zip(part.labels, part.base.shape, strict=True))
    return contract(parts, tuple(out), {label: sizes[label] for label in out}, coefficient)


residual = dot(A, x) - b
sigma = call("expit", dot(a, x))
tanh = call("tanh", t)
difference = call("sin", s) - call("cos", t)
margin = -y * dot(A, w)
weight = call("expit", margin)
vectors, values = call("eigenvectors", B), call("eigvalsh", B, shape=(n,))
slopes = call("exp", values)
differences = call("divided_differences", slopes, slopes, values, shape=(n, n))
half_square = total(residual**2) * 0.5
inverse = call("inv", X)
centred = x - c
quadratic = dot(centred, dot(call("inv", S), centred))
factorisation = T - dot(U, turned(V))
remaining = 1 - alpha
products = call("prod", remaining, shape=())
norm = power(dot(x, x), 0.5)

CASES: dict[str, dict[str, Expr]] = {
    "Textbook derivatives": {
        "quadratic form": dot(B, x) * 0.5 + dot(turned(B), x) * 0.5 + c,
        "its Hessian": 0.5 * (B + turned(B)),
        "trace": dot(turned(A), turned(T)),
        "least squares": half_square,
        "its gradient": dot(turned(A), residual),
        "its Hessian again": dot(turned(A), A),
        "softplus": sigma * a,
        "its Hessian too": einsum(",,i,j->ij", sigma, 1 - sigma, a, a),
        "log determinant": -turned(inverse),
        "its Hessian, an operator": einsum("jk,li->ijkl", inverse, inverse),
        "quartic": 4 * dot(x, x) * x,
        "its Hessian, unequal coefficients": einsum("k,k->", x, x) * 4 * identity((n,))
        + 8 * einsum("i,j->ij", x, x),
        "tanh, 4th derivative": 8 * tanh * (1 - tanh**2) * (2 - 3 * tanh**2),
        "graph": -2 * difference * call("cos", s) * call("exp", -(difference**2)),
        "matrix exponential": turned(call("expm", X)),
        "trace of a matrix exponential, its Hessian along a direction": dot(
            dot(vectors, differences * dot(dot(turned(vectors), S), vectors)), turned(vectors)
        ),
        "logistic regression": -dot(turned(A), y * weight),
        "its Hessian, with weights": einsum("ki,k,k,k,k,kj->ij", A, y, y, weight, 1 - weight, A),
        "factorisation": -2 * dot(factorisation, V),
        "its Hessian, Kronecker": einsum("ik,pj,pl->ijkl", identity((n,)), V, V, coefficient=2),
        "step sizes": 0.5 * total(x0**2) * products**2,
        "their gradient": -total(x0**2) * products * call("products_without", remaining, order=1),
        "product of a diagonal": call("prod", call("cos", einsum("ii->i", B)), shape=()),
        "Gaussian": call("exp", -0.5 * quadratic) * dot(call("inv", S), centred),
        "ridge": 2 * power(size_number(m), -1) * dot(turned(A), residual) + 2 * lam * x,
    },
    "Products": {
        "row sums": einsum("ij->i", B),
        "sum of a vector": total(x),
        "sum of a matrix": total(B),
        "Frobenius norm": total(A**2),
        "bilinear": dot(x, dot(B, a)),
        "symmetric": dot(turned(S), x),
        "trace of a product": einsum("ij,jk,ki->", B, X, C),
        "trace with weights": einsum("ij,ji,i->", B, dot(C, X), x),
        "diagonal": einsum("ii->i", B),
        "diagonal matrix": einsum("i->ii", x),
        "scaled rows and columns": einsum("i,ij,j->ij", x, B, a),
        "elementwise": einsum("ij,ji->ij", B, C),
        "outer": einsum("i,j->ij", x, b),
        "broadcast": einsum("i->ij", x),
        "elementwise powers": x**2 * power(a, -1) * power(c, 0.5),
        "reciprocal of a matrix": power(B, -1),
        "powers with one exponent": s * call("power", x, broadcast(s - 1, x.shape)) * a,
        "powers of a matrix with one exponent": call("power", B, broadcast(s, B.shape)),
        "power before a unit vector": einsum("i,j->ij", x**2, unit(n, 0)),
        "normalised": x * power(norm, -1),
        "negative powers": x * power(dot(x, x), -1.5) * 2,
    },
    "Numbers and names": {
        "zero": zeros((n,)),
        "ones": number(1, (n,)),
        "a filled matrix": number(2, (n, n)),
        "decimal": 0.1 * x,
        "tiny": 1e-8 * x,
        "rational": contract([Factor(x, (0,))], (0,), coefficient=Fraction(3, 7)),
        "multiple of pi": 2 * math.pi * t,
        "over a root of pi": dot(x, x) / math.sqrt(2 * math.pi) - 2 / math.sqrt(math.pi) * t,
        "of a root": 3 * math.sqrt(2 / math.pi) * x,
        "of a density": a / (2 * math.pi) ** 2.5 + 180 / math.pi * x,
        "of a logarithm": math.log(2) * t**2 + t / math.log(10),
        "of a normal density": t * math.log(2 * math.pi) / 2 + t**2 / math.sqrt(2 * math.pi),
        "powers of numbers": call("exp", s * call("log", number(2)) - t**2) * call("exp", x),
        "half of a root in a function": call("erf", math.sqrt(2) / 2 * t),
        "rounded half": math.sqrt(0.5) ** 2 * x,
        "long common divisor": t * (0.3 * x + 0.01 * a),
        "Greek and subscripts": lam * x0 + alpha * input_("step_size", ()),
        "entry and name": dot(unit(n, 0), x) * x0,
        "captured array": dot(constant(np.array([[2, 1], [0.5, 3]]), "M"), constant(np.array([3, 1.5])))
        * dot(c, x),
        "constant before minus": 1 - x**2,
        "constant after plus": x - 1,
        "minus before a difference": -1 * (1 - t) / s,
        "minus before a probability": -1 * call("expit", t) * (1 - call("expit", t)),
        "minus before a sum": -1 * (t * (1 - s) + call("exp", s)) * lam,
        "scalar before some terms": dot(x, x) * B + dot(x, x) * turned(B) + einsum("i,j->ij", x, a),
        "factor of some terms": call("exp", s) * (t**3 + lam) + call("exp", s) * call("log", t) + lam,
        "factor of some entries": call("exp", B) * C + call("exp", B) * turned(C) + X,
        "minus before every term": -1 * t * (s - lam) - call("softplus", t),
    },
    "Functions": {
        "elementwise exp of a matrix": call("exp", B),
        "matrix exponential": call("expm", B),
        "power of a function": call("tanh", x) ** 2 * a,
        "function before a name": call("sin", t) * x,
        "powers before a name": call("logdet", X, shape=()) ** 2 * call("softplus", t) ** 2 * x,
        "power of a bare function": call("log", t) ** 2 * x,
        "norm and function": call("log", norm) * call("abs", t),
        "maximum": call("maximum", x, number(0, (n,))),
        "along an axis": call("softmax", B, axis=(1,)),
        "log-determinant": call("logdet", X, shape=()),
        "determinant of a product": call("det", dot(X, B), shape=()),
    },
    "Slices": {
        "differences": dot(select(n - 1, n, 1), x) - dot(select(n - 1, n, 0), x),
        "put back": dot(turned(select(n - 1, n, 1)), dot(select(n - 1, n, 1), x) ** 2),
        "reversed": dot(select(n, n, n - 1, -1), x),
        "every other": dot(select((n - 1).ceildiv(2), n, 1, 2), x),
        "entries": dot(unit(n, 0), x) * dot(unit(n, -1), x) * dot(unit(n, 0), dot(B, unit(n, 1))),
        "row and column": dot(unit(n, 2), B) + dot(B, unit(n, 2)),
        "rolled": dot(roll(n, 2), x) * x + dot(x**2, roll(n, 1)),
        "rolled back": dot(dot(turned(select(n - 1, n, 1)), dot(select(n - 1, n, 1), x) ** 2), roll(n, 1)),
        "gathered": dot(gather(np.array([2, 0, 2]), n), x),
        "running sums": dot(triangle(n, n), x),
        "lower triangle": einsum("ij,ij,j->i", B, triangle(n, n, -1), x),
        "flattened": einsum("pij,ij->p", reshaping((n, n)), B),
        "reshaped": einsum("pij,p->ij", reshaping((n, n)), u),
        "outer product, flattened": einsum("pij,ik,k,j->p", reshaping((n, n)), B, x, a),
        "operator, flattened": einsum("pij,ik,jl,qkl->pq", reshaping((n, n)), B, C, reshaping((n, n))),
        "blocks of an operator, flattened": einsum("pij,ik,qkj->pq", reshaping((n, n)), B, reshaping((n, n))),
    },
    "Index notation": {
        "order 3": einsum("i,j,k->ijk", x, x, a),
        "deltas": einsum("k->iik", x) + einsum("i->ijj", x),
        "not seen in the entries": einsum("k->ijk", x),
        "tensor": einsum("ijk,j,k->i", W, x, x),
        "beside a matrix product": dot(B, x) + einsum("ijk,j,k->i", W, x, x),
        "scalar": einsum("ijk,i,j,k->", W, x, x, x) * x,
        "three edges at a point": einsum("ij,ik,il->jkl", B, B, B),
        "functions of tensors": 2 * call("tanh", W) - W,
    },
    "Operators": {
        "Kronecker product": einsum("ik,jl->ijkl", B, C),
        "with a common factor": einsum("ik,jl->ijkl", B, C) - 3 * einsum("ik,jl->ijkl", B, X),
        "crossed": einsum("il,jk->ijkl", B, C),
        "transposition": einsum("->ijji") * 2,
        "outer product": einsum("ij,kl->ijkl", B, C),
        "diagonal": einsum("ij->ijij", B),
        "diagonal tensor": -2 * einsum("i,i->iii", x, a),
        "diagonal tensor of ones": einsum("->iiii") - einsum("i->iiii", x),
        "a diagonal tensor in a sum": einsum("i->iii", x) + einsum("i,j,k->ijk", x, x, x),
        "multiplied out": 2 * dot(x, x) * (einsum("ik,jl->ijkl", B, C) - einsum("ij,kl->ijkl", X, X)),
    },
}
