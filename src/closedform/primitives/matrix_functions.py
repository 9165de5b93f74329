"""Functions of a square matrix, exp, log, square root, with their Frechet derivatives of every order.

The k-th Frechet derivative D^k f(A)[E1, ..., Ek] is linear in each direction and does not depend on their
order. Two facts close these functions under differentiation: the derivative of D^k f along A is D^(k+1) f,
and the adjoint of a derivative at A is that at A': <G, D f(A)[E]> = <D f(A')[G], E>.

N. J. Higham, "Functions of Matrices", SIAM 2008; N. J. Higham and S. D. Relton, "Higher order Frechet
derivatives of matrix functions and the level-2 condition number", SIAM J. Matrix Anal. Appl. 35 (2014).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.linalg

from closedform.expression.calculus import Factor, contract, transpose
from closedform.expression.expr import Expr
from closedform.primitives.contraction import Bound, matmul
from closedform.primitives.linalg import condition, one, same_size, square, squares
from closedform.primitives.record import CALL, POWER, Primitive, emitted, register


def expm(x: Expr) -> Expr:
    """The matrix exponential."""
    return matrix_function("expm", x)


def matrix_function(name: str, x: Expr) -> Expr:
    """A function of a square matrix."""
    batched = name in BATCHED
    return Expr(name, (squares(x) if batched else square(x),), (), x.shape)


def frechet(name: str, a: Expr, *directions: Expr) -> Expr:
    """D^k f(A)[E1, ..., Ek] of the function of a name; stacks of directions are broadcast."""
    longest = max(directions, key=lambda direction: direction.ndim)
    return Expr(f"{name}_frechet", (a, *directions), (), longest.shape)


# Functions that SciPy has for stacks of matrices.
BATCHED = frozenset({"expm"})


def _transposed(stack: Expr) -> Expr:
    """Every matrix of a stack transposed."""
    order = list(range(stack.ndim))
    return transpose(stack, [*order[:-2], order[-1], order[-2]])


def _sum_leading(stack: Expr, count: int, axes: int) -> Expr:
    """The sum over `axes` axes that follow the first `count`."""
    labels = tuple(range(stack.ndim))
    return contract([Factor(stack, labels)], labels[:count] + labels[count + axes :])


def _function_pullback(node: Expr, _: int, cotangent: Expr) -> Expr:
    """<G, D f(A)[E]> = <D f(A')[G], E>: the adjoint of the derivative is the derivative at the transpose
    (Higham 2008, section 3.2)."""
    return frechet(node.op, _transposed(node.args[0]), cotangent)


def _frechet_pullback(node: Expr, position: int, cotangent: Expr) -> Expr:
    """As a function of its last direction E, <G, D^k f(A)[E1, ..., E]> is <D^k f(A')[E1', ..., G], E>; along
    the matrix itself D^k f has the derivative D^(k+1) f, whose last direction is the new one."""
    name = node.op.removesuffix("_frechet")
    a, *directions = node.args
    others = [_transposed(e) for i, e in enumerate(directions, start=1) if i != position]
    pulled = frechet(name, _transposed(a), *others, cotangent)
    return _sum_leading(pulled, cotangent.ndim - node.ndim, node.ndim - node.args[position].ndim)


def _function_pushforward(node: Expr, _: int, tangent: Expr) -> Expr:
    return frechet(node.op, node.args[0], tangent)


def _frechet_pushforward(node: Expr, position: int, tangent: Expr) -> Expr:
    """D^k f is linear in each direction; along the matrix it has one direction more."""
    a, *directions = node.args
    if position:
        directions[position - 1] = tangent
    else:
        directions.append(tangent)
    return frechet(node.op.removesuffix("_frechet"), a, *directions)


BLOCKS = '''
def {name}_of_blocks(A, *directions):
    """D^k f(A)[E1, ..., Ek] for stacks of directions: the corner of f of a block triangular matrix."""
    n = A.shape[-1]
    shape = np.broadcast_shapes(A.shape, *[E.shape for E in directions])
    blocks = np.broadcast_to(A, shape)
    waiting = [np.broadcast_to(E, shape) for E in directions]
    while waiting:
        E, *waiting = waiting
        zero = np.zeros_like(E)
        top, bottom = np.concatenate((blocks, E), -1), np.concatenate((zero, blocks), -1)
        blocks = np.concatenate((top, bottom), -2)
        doubled = [(np.concatenate((D, zero), -1), np.concatenate((zero, D), -1)) for D in waiting]
        waiting = [np.concatenate(pair, -2) for pair in doubled]
    return {of_stack}[..., :n, -n:]
'''
LOOP = '''

def {name}_frechet(A, *directions):
    """The Frechet derivative D^k f(A)[E1, ..., Ek] of f = {name}, for stacks of directions."""
    shape = np.broadcast_shapes(A.shape, *[E.shape for E in directions])
    if 0 in shape:
        return np.zeros(shape)
    stacks = [np.broadcast_to(M, shape).reshape(-1, *shape[-2:]) for M in (A, *directions)]
    results = [{of_one} for A, *along in zip(*stacks)]
    return np.stack(results).reshape(shape)
'''


def _register(
    name: str,
    function: Any,
    latex: str,
    text: str,
    sample: Any,
    requires: str = "",
    sources: Mapping[str, str | None] | None = None,
    batched: bool = False,
    of_one: str = "",
) -> None:
    """Register a matrix function and its Frechet derivatives.

    batched  whether JAX and PyTorch have the function, of stacks
    of_one   source of the derivative along the matrices `along` at A, where SciPy has it
    """
    helper = BLOCKS.format(name=name, of_stack=f"scipy.linalg.{name}(blocks)")
    in_torch = (sources or {}).get("torch")
    helpers = {"torch": BLOCKS.format(name=name, of_stack=in_torch.format("blocks"))} if in_torch else {}
    helper += LOOP.format(name=name, of_one=of_one or f"{name}_of_blocks(A, *along)")
    by_blocks = f"{name}_of_blocks({{args}})" if batched else None
    register(
        Primitive(
            name,
            (function,),
            one,
            lambda x: matrix_function(name, x),
            pullback=_function_pullback,
            pushforward=_function_pushforward,
            latex=latex,
            text=text,
            strength=POWER if "^" in latex else CALL,
            source=f"scipy.linalg.{name}({{0}})",
            sources=sources or {},
            samples=lambda rng: ((sample(rng),), {}),
            requires=requires,
        )
    )
    register(
        Primitive(
            f"{name}_frechet",
            lower=lambda a, *directions: frechet(name, a, *directions),
            pullback=_frechet_pullback,
            pushforward=_frechet_pushforward,
            latex=rf"D\{name.rstrip('m')}({{0}})[{{rest}}]",
            text=f"D{name.rstrip('m')}({{0}})[{{rest}}]",
            source=f"{name}_frechet({{args}})",
            sources={"jax": by_blocks, "torch": by_blocks, "autograd": None},
            helper=helper,
            helpers=helpers,
            call=emitted(helper, f"{name}_frechet"),
            samples=lambda rng: _directions(rng, sample(rng)),
        )
    )


def _directions(rng: np.random.Generator, a: np.ndarray) -> Bound:
    n = len(a)
    return (a, rng.standard_normal((n, n)), rng.standard_normal((n, n))), {}


def _any(rng: np.random.Generator) -> np.ndarray:
    n = int(rng.integers(2, 4))
    return rng.standard_normal((n, n))


def _definite(rng: np.random.Generator) -> np.ndarray:
    """A matrix whose eigenvalues have positive real parts."""
    n = int(rng.integers(2, 4))
    return 0.5 * rng.standard_normal((n, n)) + 3 * np.eye(n)


_register(
    "expm",
    scipy.linalg.expm,
    "e^{{{0}}}",
    "e^{0}",
    _any,
    sources={"autograd": None, "torch": "torch.linalg.matrix_exp({0})"},
    batched=True,
    of_one="scipy.linalg.expm_frechet(A, *along, compute_expm=False) if len(along) == 1"
    " else expm_of_blocks(A, *along)",
)
NOT_ELSEWHERE = {"autograd": None, "jax": None, "torch": None}
HAS_PRINCIPAL_VALUES = '''
def has_principal_values(A):
    """Whether no eigenvalue is zero or a negative number."""
    w = np.linalg.eigvals(A)
    return ~np.any((w.real <= 0) & (abs(w.imag) <= 1e-14 * abs(w.real)))
'''
condition(
    "principal",
    "has_principal_values({0})",
    emitted(HAS_PRINCIPAL_VALUES, "has_principal_values"),
    lambda rng: ((_definite(rng),), {}),
    helper=HAS_PRINCIPAL_VALUES,
)
_register(
    "logm",
    scipy.linalg.logm,
    r"\log {0}",
    "logm {0}",
    _definite,
    requires="principal",
    sources=NOT_ELSEWHERE,
)
for _name in ("sinm", "cosm", "sinhm", "coshm"):
    _register(
        _name,
        getattr(scipy.linalg, _name),
        rf"\{_name[:-1]}({{0}})",
        f"{_name}({{0}})",
        _any,
        sources=NOT_ELSEWHERE,
    )


# --- equations with two matrices ------------------------------------------------------------------


def sylvester(a: Expr, b: Expr, q: Expr) -> Expr:
    """The X with A X + X B = Q, for every Q of a stack."""
    same_size(square(a).shape[0], q.shape[-2])
    same_size(square(b).shape[0], q.shape[-1])
    return Expr("sylvester", (a, b, q), (), q.shape)


def _sylvester_pullback(node: Expr, position: int, cotangent: Expr) -> Expr:
    """With A' Y + Y B' = G: the cotangents are Y of Q, -Y X' of A and -X' Y of B."""
    a, b, _ = node.args
    adjoint = sylvester(_transposed(a), _transposed(b), cotangent)
    if position == 2:
        return adjoint
    lead = tuple(("lead", i) for i in range(cotangent.ndim - node.ndim))
    stack = tuple(("stack", i) for i in range(node.ndim - 2))
    y = Factor(adjoint, (*lead, *stack, "i", "j"))
    x = Factor(node, (*stack, "k", "j") if position == 0 else (*stack, "i", "k"))
    out = ("i", "k") if position == 0 else ("k", "j")
    return contract([y, x], (*lead, *out), coefficient=-1)


def _sylvester_pushforward(node: Expr, position: int, tangent: Expr) -> Expr:
    """A dX + dX B = dQ - dA X - X dB."""
    a, b, _ = node.args
    if position == 2:
        return sylvester(a, b, tangent)
    return sylvester(a, b, -matmul(tangent, node) if position == 0 else -matmul(node, tangent))


SYLVESTER = '''
def sylvester(A, B, Q):
    """The X with A X + X B = Q, for every matrix Q of a stack, from the Schur forms of A and B."""
    R, U = scipy.linalg.schur(A)
    S, V = scipy.linalg.schur(B.T)
    solve, = scipy.linalg.get_lapack_funcs(("trsyl",), (R, S, Q))
    results = []
    for F in (U.T @ Q @ V).reshape(-1, *Q.shape[-2:]):
        X, scale, _ = solve(R, S, F, tranb="T")
        results.append(X / scale)
    return U @ np.reshape(results, Q.shape) @ V.T


def sylvester_by_kronecker(A, B, Q):
    """The X with A X + X B = Q, for every matrix Q of a stack, as a linear system of all entries."""
    m, n = Q.shape[-2:]
    first = A[:, None, :, None] * np.eye(n, dtype=A.dtype)[:, None, :]
    second = np.eye(m, dtype=A.dtype)[:, None, :, None] * B.T[:, None, :]
    system = (first + second).reshape((m * n, m * n))
    return np.linalg.solve(system, Q.reshape((-1, m * n)).T).T.reshape(Q.shape)
'''


def _bind_lyapunov(a: Any, q: Any) -> Bound:
    return (a, q), {}


def _pair(rng: np.random.Generator) -> Bound:
    a, b = _definite(rng), _definite(rng)
    return (a, b, rng.standard_normal((len(a), len(b)))), {}


def _lyapunov_sample(rng: np.random.Generator) -> Bound:
    a = _definite(rng)
    return (a, rng.standard_normal(a.shape)), {}


_BY_KRONECKER = {
    "jax": "sylvester_by_kronecker({0}, {1}, {2})",
    "torch": "sylvester_by_kronecker({0}, {1}, {2})",
}
register(
    Primitive(
        "sylvester",
        (scipy.linalg.solve_sylvester,),
        lambda a, b, q: ((a, b, q), {}),
        sylvester,
        pullback=_sylvester_pullback,
        pushforward=_sylvester_pushforward,
        latex=r"\operatorname{{sylvester}}({0}, {1}, {2})",
        text="sylvester({0}, {1}, {2})",
        source="sylvester({0}, {1}, {2})",
        sources={**_BY_KRONECKER, "autograd": "scipy.linalg.solve_sylvester({0}, {1}, {2})"},
        helper=SYLVESTER,
        call=emitted(SYLVESTER, "sylvester"),
        samples=_pair,
    )
)
register(
    Primitive(
        "lyapunov",
        (scipy.linalg.solve_continuous_lyapunov,),
        _bind_lyapunov,
        lambda a, q: sylvester(a, _transposed(square(a)), q),
        latex=r"\operatorname{{lyapunov}}({0}, {1})",
        text="lyapunov({0}, {1})",
        source="scipy.linalg.solve_continuous_lyapunov({0}, {1})",
        sources={
            "jax": "jax.scipy.linalg.solve_sylvester({0}, {0}.T, {1})",
            "torch": None,
            "autograd": "scipy.linalg.solve_sylvester({0}, {0}.T, {1})",
        },
        samples=_lyapunov_sample,
    )
)


def _sqrtm_pullback(node: Expr, _: int, cotangent: Expr) -> Expr:
    """X = A^(1/2) has X dX + dX X = dA, so the cotangent Y of A solves X' Y + Y X' = G
    (Higham 2008, section 6.1)."""
    x = _transposed(node)
    return sylvester(x, x, cotangent)


register(
    Primitive(
        "sqrtm",
        (scipy.linalg.sqrtm,),
        one,
        lambda x: matrix_function("sqrtm", x),
        pullback=_sqrtm_pullback,
        pushforward=lambda node, _, tangent: sylvester(node, node, tangent),
        latex="{0}^{{1/2}}",
        text="sqrtm({0})",
        strength=POWER,
        source="scipy.linalg.sqrtm({0})",
        sources={"jax": "jax.scipy.linalg.sqrtm({0}).real", "torch": None},
        call=lambda a: np.real(scipy.linalg.sqrtm(a)),
        samples=lambda rng: ((_definite(rng),), {}),
        requires="principal",
    )
)
