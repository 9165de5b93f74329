"""Linear algebra: each function with its Jacobian as an identity of matrix calculus."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from closedform.expression.calculus import Factor, contract, dot, identity, transpose
from closedform.expression.expr import Expr
from closedform.primitives.contraction import Bound
from closedform.primitives.record import CALL, POWER, Primitive, emitted, register


def _square(x: Expr) -> Expr:
    if x.ndim != 2:
        raise NotImplementedError("of a stack of matrices")
    if x.shape[0] != x.shape[1]:
        from closedform.expression.calculus import SizeMismatchError

        raise SizeMismatchError(x.shape[0], x.shape[1])
    return x


def inv(x: Expr) -> Expr:
    """The inverse matrix."""
    return Expr("inv", (_square(x),), (), x.shape)


def logdet(x: Expr) -> Expr:
    """ln |det X|."""
    return Expr("logdet", (_square(x),), (), ())


def det(x: Expr) -> Expr:
    """The determinant."""
    return Expr("det", (_square(x),), (), ())


def cofactor(x: Expr) -> Expr:
    """The cofactor matrix, adj(X)' = det(X) X^-T, defined for singular matrices too."""
    return Expr("cofactor", (_square(x),), (), x.shape)


def expm(x: Expr) -> Expr:
    """The matrix exponential."""
    return Expr("expm", (_square(x),), (), x.shape)


def _inv_jacobian(node: Expr, _: int) -> Expr:
    """d (X^-1)_ij / d X_kl = -(X^-1)_ik (X^-1)_lj."""
    return contract(
        [Factor(node, ("i", "k")), Factor(node, ("l", "j"))], ("i", "j", "k", "l"), coefficient=-1
    )


def _logdet_jacobian(node: Expr, _: int) -> Expr:
    """d ln |det X| / dX = X^-T."""
    return transpose(inv(node.args[0]), (1, 0))


def _det_jacobian(node: Expr, _: int) -> Expr:
    """d det X / dX = cof X, the cofactor matrix (Jacobi's formula), also where X is singular."""
    return cofactor(node.args[0])


def _cofactor_jacobian(node: Expr, _: int) -> Expr:
    """d C_ij / d X_kl = (C_ij C_kl - C_il C_kj) / det X, for regular X."""
    (x,) = node.args
    out = ("i", "j", "k", "l")
    regular = Factor(det(x), (), -1)
    first = contract([Factor(node, ("i", "j")), Factor(node, ("k", "l")), regular], out)
    return first - contract([Factor(node, ("i", "l")), Factor(node, ("k", "j")), regular], out)


def _expm_pullback(node: Expr, _: int, cotangent: Expr) -> Expr:
    """<G, D exp(A)[E]> = <D exp(A')[G], E>: the adjoint of the derivative is that of the transpose."""
    return expm_frechet(transpose(node.args[0], (1, 0)), cotangent)


def _expm_pushforward(node: Expr, _: int, tangent: Expr) -> Expr:
    return expm_frechet(node.args[0], tangent)


def expm_frechet(a: Expr, directions: Expr) -> Expr:
    """The Frechet derivative D exp(A)[E] of the matrix exponential, for every matrix E of a stack."""
    return Expr("expm_frechet", (a, directions), (), directions.shape)


def _frechet_pullback(node: Expr, position: int, cotangent: Expr) -> Expr:
    """D exp(A)[E] is linear in E; the second derivative of exp is not known."""
    a = node.args[0]
    if position == 0:
        raise NotImplementedError("the second derivative of the matrix exponential")
    return expm_frechet(transpose(a, (1, 0)), cotangent)


def _frechet_pushforward(node: Expr, position: int, tangent: Expr) -> Expr:
    """The differential in E, which D exp(A)[E] is linear in."""
    if position == 0:
        raise NotImplementedError("the second derivative of the matrix exponential")
    return expm_frechet(node.args[0], tangent)


def _one(a: Any) -> Bound:
    return (a,), {}


def _well_conditioned(rng: np.random.Generator) -> Bound:
    return (rng.standard_normal((3, 3)) + 3 * np.eye(3),), {}


COFACTOR = '''
def cofactor_by_svd(X):
    """The cofactor matrix of any square matrix, from its singular values."""
    U, s, Vt = np.linalg.svd(X)
    before = np.concatenate((np.ones(1, s.dtype), np.cumprod(s[:-1])))
    after = np.concatenate((np.cumprod(s[:0:-1])[::-1], np.ones(1, s.dtype)))
    sign = np.linalg.slogdet(U)[0] * np.linalg.slogdet(Vt)[0]
    return sign * ((U * (before * after)) @ Vt)


def cofactor(X):
    """The cofactor matrix, det(X) X^-T where X is well conditioned."""
    try:
        inverse = np.linalg.inv(X)
    except np.linalg.LinAlgError:
        return cofactor_by_svd(X)
    if not abs(X).sum(axis=0).max(initial=0) * abs(inverse).sum(axis=0).max(initial=0) < 1e3:
        return cofactor_by_svd(X)
    return np.linalg.det(X) * inverse.T
'''


def _lower_slogdet_part(x: Expr, part: int) -> Expr:
    if part == 1:
        return logdet(x)
    raise NotImplementedError("the sign of a determinant")


register(
    Primitive(
        "inv",
        (np.linalg.inv, scipy.linalg.inv),
        _one,
        inv,
        jacobian=_inv_jacobian,
        title="the inverse",
        latex="{0}^{{-1}}",
        text="{0}⁻¹",
        strength=POWER,
        source="np.linalg.inv({0})",
        samples=_well_conditioned,
    )
)
register(
    Primitive(
        "det",
        (np.linalg.det, scipy.linalg.det),
        _one,
        det,
        jacobian=_det_jacobian,
        title="the determinant",
        latex=r"\det {0}",
        text="det {0}",
        source="np.linalg.det({0})",
        samples=_well_conditioned,
    )
)
register(
    Primitive(
        "slogdet",
        (),
        lambda a, part: ((a,), {"part": part}),
        _lower_slogdet_part,
        call=lambda a, part: np.linalg.slogdet(a)[part],
        latex=r"\ln\lvert\det {0}\rvert",
        text="ln |det {0}|",
        source="np.linalg.slogdet({0})[{part}]",
        samples=lambda rng: (_well_conditioned(rng)[0], {"part": 1}),
    )
)
register(
    Primitive(
        "logdet",
        lower=logdet,
        jacobian=_logdet_jacobian,
        title="log det",
        latex=r"\ln\lvert\det {0}\rvert",
        text="ln |det {0}|",
        source="np.linalg.slogdet({0})[1]",
        call=lambda a: np.linalg.slogdet(a)[1],
        samples=_well_conditioned,
    )
)
register(
    Primitive(
        "cofactor",
        lower=cofactor,
        jacobian=_cofactor_jacobian,
        title="the cofactor matrix",
        latex=r"\operatorname{{cof}}({0})",
        text="cof({0})",
        source="cofactor({0})",
        sources={
            "jax": "cofactor_by_svd({0})",
            "torch": "torch.linalg.det({0}) * torch.linalg.inv({0}).mT",  # raises where X is singular
        },
        helper=COFACTOR,
        call=emitted(COFACTOR, "cofactor"),
        samples=_well_conditioned,
    )
)
register(
    Primitive(
        "expm",
        (scipy.linalg.expm,),
        _one,
        expm,
        pullback=_expm_pullback,
        pushforward=_expm_pushforward,
        title="the matrix exponential",
        latex="e^{{{0}}}",
        text="exp({0})",
        strength=POWER,
        source="scipy.linalg.expm({0})",
        sources={"autograd": None, "torch": "torch.linalg.matrix_exp({0})"},
        samples=lambda rng: ((rng.standard_normal((3, 3)),), {}),
    )
)
FRECHET = '''
def expm_frechet(A, E):
    """The Frechet derivative of the matrix exponential at A along each matrix of the stack E."""
    stack = E.reshape(-1, *A.shape)
    results = [scipy.linalg.expm_frechet(A, e, compute_expm=False) for e in stack]
    return np.stack(results).reshape(E.shape) if results else np.zeros_like(E)
'''


register(
    Primitive(
        "expm_frechet",
        lower=expm_frechet,
        pullback=_frechet_pullback,
        pushforward=_frechet_pushforward,
        latex=r"D\exp({0})[{1}]",
        text="Dexp({0})[{1}]",
        strength=CALL,
        source="expm_frechet({0}, {1})",
        helper=FRECHET,
        call=emitted(FRECHET, "expm_frechet"),
        samples=lambda rng: ((rng.standard_normal((3, 3)), rng.standard_normal((3, 3))), {}),
    )
)


def _lower_solve(a: Expr, b: Expr) -> Expr:
    return dot(inv(a), b)


def _lower_matrix_power(a: Expr, n: int) -> Expr:
    base = a if n >= 0 else inv(a)
    result = identity((a.shape[0],)) if n == 0 else base
    for _ in range(abs(n) - 1):
        result = dot(result, base)
    return result


register(
    Primitive(
        "solve",
        (np.linalg.solve, scipy.linalg.solve),
        lambda a, b: ((a, b), {}),
        _lower_solve,
        latex="{0}^{{-1}} {1}",
        text="{0}⁻¹{1}",
        source="np.linalg.solve({0}, {1})",
        samples=lambda rng: ((*_well_conditioned(rng)[0], rng.standard_normal(3)), {}),
    )
)
register(
    Primitive(
        "matrix_power",
        (np.linalg.matrix_power,),
        lambda a, n: ((a,), {"n": int(n)}),
        _lower_matrix_power,
        latex="{0}^{{{n}}}",
        text="{0}^{n}",
        strength=POWER,
        source="np.linalg.matrix_power({0}, {n})",
        sources={"autograd": None},
        samples=lambda rng: (_well_conditioned(rng)[0], {"n": 3}),
    )
)
