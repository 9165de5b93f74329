"""Factorisations: Cholesky, QR, eigenvalues of symmetric matrices, singular values.

Functions of a symmetric matrix (Cholesky, eigh) are taken, as in JAX, as functions of the symmetric part
(A + A')/2: their derivatives are symmetric. NumPy itself reads one triangle only, so a matrix that is not
symmetric is refused. Eigenvectors and singular vectors have derivatives where the eigenvalues, or the
singular values, are distinct; elsewhere the formulas divide by zero.

M. B. Giles 2008 (see `linalg`); I. Murray, "Differentiation of the Cholesky decomposition", 2016;
J. R. Magnus, "On differentiating eigenvalues and eigenvectors", Econometric Theory 1 (1985);
J. Townsend, "Differentiating the singular value decomposition", 2016.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg

from closedform.expression.calculus import Factor, contract, identity, number
from closedform.expression.expr import Expr
from closedform.expression.size import Size
from closedform.primitives.contraction import Bound
from closedform.primitives.linalg import (
    complement,
    jacobian_of,
    matrices,
    matrix_transpose,
    one,
    pullback_of,
    rectangular,
    same_size,
    squares,
    stack_labels,
    term_of,
)
from closedform.primitives.record import POWER, Primitive, Results, emitted, register, register_results
from closedform.primitives.structure import put, triangle


def _smaller(x: Expr) -> Size:
    """The smaller size of a matrix."""
    m, n = matrices(x).shape[-2:]
    return m if m.value <= n.value else n


def _orientation(node: Expr) -> tuple[Size, Size]:
    """The smaller size of the operand, and the larger one."""
    m, n = node.args[0].shape[-2:]
    return (m, n) if m.value <= n.value else (n, m)


def _symmetrised(*terms: Expr) -> list[Expr]:
    """A Jacobian along symmetric directions: J[..., k, l] and J[..., l, k] averaged."""
    halves = [0.5 * term for term in terms]
    return halves + [matrix_transpose(half) for half in halves]


def _sym(a: np.ndarray) -> np.ndarray:
    return 0.5 * (a + np.swapaxes(a, -1, -2))


# --- Cholesky -------------------------------------------------------------------------------------


def cholesky(a: Expr) -> Expr:
    """The lower triangular L with A = L L', of a symmetric positive definite matrix."""
    return Expr("cholesky", (squares(a),), (), a.shape)


def _cholesky_terms(node: Expr, _: int) -> list[Expr]:
    """dL = L Phi(L^-1 dA L^-T), where Phi keeps the lower triangle and halves its diagonal (Murray 2016); so
    the cotangent G of L gives L^-T Phi(L' G) L^-1, symmetrised."""
    size = node.shape[-1]
    inverse = Expr("inv", (node,), (), node.shape)
    below = term_of(
        node, "ijkl", (node, "ia"), (triangle(size, size), "aj"), (inverse, "ak"), (inverse, "jl")
    )
    diagonal = term_of(node, "ijkl", (node, "ij"), (inverse, "jk"), (inverse, "jl"))
    return _symmetrised(below, -0.5 * diagonal)


def _definite(rng: np.random.Generator) -> np.ndarray:
    n = int(rng.integers(2, 5))
    a = rng.standard_normal((n, n))
    return a @ a.T + np.eye(n)


def _symmetric(rng: np.random.Generator) -> np.ndarray:
    n = int(rng.integers(2, 5))
    a = rng.standard_normal((n, n))
    return a + a.T + 3 * np.diag(np.arange(n))


register(
    Primitive(
        "cholesky",
        (),
        one,
        cholesky,
        jacobian=jacobian_of(_cholesky_terms),
        pullback=pullback_of(_cholesky_terms),
        latex=r"\operatorname{{chol}}({0})",
        text="chol({0})",
        source="np.linalg.cholesky({0})",
        call=lambda a: np.linalg.cholesky(_sym(a)),
        samples=lambda rng: ((_definite(rng),), {}),
        requires="symmetric",
    )
)
register(
    Primitive(
        "upper_cholesky",
        (),
        one,
        lambda a: matrix_transpose(cholesky(a)),
        latex=r"\operatorname{{chol}}({0})^\top",
        text="chol({0})ᵀ",
        strength=POWER,
        source="np.linalg.cholesky({0}, upper=True)",
        sources={"autograd": "np.swapaxes(np.linalg.cholesky({0}), -1, -2)"},
        call=lambda a: np.linalg.cholesky(_sym(a), upper=True),
        samples=lambda rng: ((_definite(rng),), {}),
        requires="symmetric",
    )
)


def _cholesky_factor(a: Any, lower: bool) -> Results:
    return {"c": ("cholesky" if lower else "upper_cholesky", (a,), {})}


@register_results(np.linalg.cholesky)
def _bind_cholesky(a: Any, /, *, upper: bool = False) -> Results:
    return _cholesky_factor(a, not upper)


@register_results(scipy.linalg.cholesky)
def _bind_scipy_cholesky(a: Any, lower: bool = False) -> Results:
    return _cholesky_factor(a, lower)


@register_results(scipy.linalg.cho_factor)
def _bind_cho_factor(a: Any, lower: bool = False) -> Results:
    """The factor, with zeros where SciPy leaves what was there, and whether it is the lower one."""
    return {**_cholesky_factor(a, lower), "lower": bool(lower)}


# --- QR -------------------------------------------------------------------------------------------


def _lower_qr(name: str) -> Callable[..., Expr]:
    def lower(a: Expr, complete: bool = False) -> Expr:
        m, n = matrices(a).shape[-2:]
        if m.value < n.value:
            raise NotImplementedError("of a wide matrix: take the QR of its first columns")
        if complete and m.value > n.value:
            if a.ndim > 2:
                raise NotImplementedError("of a stack of matrices: write mode='reduced'")
            if name == "qr_orthogonal":
                raise NotImplementedError(
                    "the last columns of Q are any orthonormal ones and have no derivative: "
                    "write mode='reduced', or in SciPy write mode='economic'"
                )
            return put(lower(a), (("slice", Size.of(0), n, None),), (m, n))
        if complete:
            same_size(m, n)
        return Expr(name, (a,), (), a.shape if name == "qr_orthogonal" else (*a.shape[:-2], n, n))

    return lower


def _qr_parts(a: Expr) -> tuple[Expr, Expr, Expr]:
    """Q, R^-1 and the mask of the entries below the diagonal."""
    n = a.shape[-1]
    r = Expr("qr_triangular", (a,), (), (*a.shape[:-2], n, n))
    return Expr("qr_orthogonal", (a,), (), a.shape), Expr("inv", (r,), (), r.shape), triangle(n, n, -1)


def _orthogonal_terms(node: Expr, _: int) -> list[Expr]:
    """dQ = Q (T - T') + (I - Q Q') dA R^-1, T the part of Q' dA R^-1 below the diagonal (Giles 2008)."""
    (a,) = node.args
    q, inverse, below = _qr_parts(a)
    apart = complement(q, matrix_transpose(q))
    return [
        term_of(node, "ijkl", (q, "ia"), (below, "aj"), (q, "ka"), (inverse, "lj")),
        term_of(node, "ijkl", (q, "ia"), (below, "ja"), (q, "kj"), (inverse, "la"), sign=-1),
        term_of(node, "ijkl", (apart, "ik"), (inverse, "lj")),
    ]


def _triangular_terms(node: Expr, _: int) -> list[Expr]:
    """dR = (W - T + T') R, T the part of W = Q' dA R^-1 below the diagonal (Giles 2008)."""
    (a,) = node.args
    q, inverse, below = _qr_parts(a)
    same = identity(a.shape[-1:])
    return [
        term_of(node, "ijkl", (q, "ki"), (same, "lj")),
        term_of(node, "ijkl", (below, "ia"), (q, "ki"), (inverse, "la"), (node, "aj"), sign=-1),
        term_of(node, "ijkl", (below, "ai"), (q, "ka"), (inverse, "li"), (node, "aj")),
    ]


def _tall(rng: np.random.Generator) -> Bound:
    a = rectangular(rng)
    return (a if len(a) >= a.shape[1] else a.T.copy(),), {}


for _position, (_name, _terms, _letter) in enumerate(
    [("qr_orthogonal", _orthogonal_terms, "Q"), ("qr_triangular", _triangular_terms, "R")]
):
    register(
        Primitive(
            _name,
            (),
            one,
            _lower_qr(_name),
            jacobian=jacobian_of(_terms),
            pullback=pullback_of(_terms),
            latex=rf"\operatorname{{{{qr}}}}_{_letter}({{0}})",
            text=f"qr_{_letter}({{0}})",
            source=f"np.linalg.qr({{0}})[{_position}]" if _letter == "Q" else "np.linalg.qr({0}, mode='r')",
            sources={"torch": f"torch.linalg.qr({{0}})[{_position}]", "autograd": None},
            part=("np.linalg.qr({0})", ("Q", "R"), _position),
            call=lambda a, complete=False, at=_position: np.linalg.qr(
                a, "complete" if complete else "reduced"
            )[at],
            samples=_tall,
            ordered=_orientation,
            requires="full_rank",
        )
    )


@register_results(np.linalg.qr)
def _bind_qr(a: Any, mode: str = "reduced") -> Results:
    if mode not in {"reduced", "complete", "r"}:
        raise TypeError(f"mode={mode!r}; write mode='reduced'")
    complete = {"complete": True} if mode == "complete" else {}
    factors: Results = {"Q": ("qr_orthogonal", (a,), complete), "R": ("qr_triangular", (a,), complete)}
    return {"R": factors["R"]} if mode == "r" else factors


@register_results(scipy.linalg.qr)
def _bind_scipy_qr(a: Any, mode: str = "full", pivoting: bool = False) -> Results:
    if pivoting or mode not in {"full", "r", "economic"}:
        raise TypeError("pivoting" if pivoting else f"mode={mode!r}; write mode='economic'")
    if mode == "r":
        raise TypeError("mode='r'; write mode='economic', and take the second result")
    return _bind_qr(a, "complete" if mode == "full" else "reduced")


# --- eigenvalues ----------------------------------------------------------------------------------


def eigenvalues(a: Expr) -> Expr:
    """The eigenvalues of a symmetric matrix, in ascending order."""
    return Expr("eigvalsh", (squares(a),), (), a.shape[:-1])


def eigenvectors(a: Expr) -> Expr:
    """The eigenvectors of a symmetric matrix, as columns."""
    return Expr("eigenvectors", (squares(a),), (), a.shape)


def reciprocal_gaps(v: Expr) -> Expr:
    """At [i, j] 1 / (v_j - v_i), and zero on the diagonal."""
    return Expr("reciprocal_gaps", (v,), (), (*v.shape, v.shape[-1]))


def reciprocal_square_gaps(s: Expr) -> Expr:
    """At [i, j] 1 / (s_j^2 - s_i^2), and zero on the diagonal."""
    return Expr("reciprocal_square_gaps", (s,), (), (*s.shape, s.shape[-1]))


def divided_differences(h: Expr, slope: Expr, v: Expr) -> Expr:
    """At [i, j] (h_i - h_j) / (v_i - v_j) for the values h of a function at v; its derivative where i = j.

    Where v_i and v_j coincide this is the derivative too, so it is smooth there as h is, and what stands with
    it in a formula has none of the gaps of the single eigenvectors (Daleckii and Krein 1965; Higham 2008).
    """
    return Expr("divided_differences", (h, slope, v), (), (*v.shape, v.shape[-1]))


def reciprocals(s: Expr) -> Expr:
    """The reciprocals of singular values."""
    return Expr("reciprocals", (s,), (), s.shape)


def _eigenvalues_jacobian(node: Expr, _: int) -> Expr:
    """d lambda_i = v_i' dA v_i (Giles 2008); so the cotangent g of the eigenvalues gives V diag(g) V'."""
    v = eigenvectors(node.args[0])
    return term_of(node, "ikl", (v, "ki"), (v, "li"))


def resolvents(a: Expr, power: int = 1) -> Expr:
    """At [b, :, :] the power of R_b, the pseudo-inverse of lambda_b I - A for a simple eigenvalue lambda_b.

    Derivatives of eigenvectors are written with these until all are taken: R_b has the gaps between lambda_b
    and the others in it, and so has its derivative, which is made of R_b. Derivatives of the single
    eigenvectors in it would bring the gaps between the others, in terms that cancel only up to rounding.
    """
    return Expr("resolvents", (squares(a),), (("power", power),), (*a.shape, a.shape[-1]))


def _expand_resolvents(node: Expr) -> Expr:
    """R_b = V diag(F_b) V' with F_ij = 1 / (lambda_j - lambda_i) off the diagonal."""
    (a,) = node.args
    v, gaps = eigenvectors(a), reciprocal_gaps(eigenvalues(a))
    lead = stack_labels(a)
    factors = [
        Factor(v, (*lead, "i", "k")),
        Factor(gaps, (*lead, "k", "b"), dict(node.params)["power"]),
        Factor(v, (*lead, "j", "k")),
    ]
    return contract(factors, (*lead, "b", "i", "j"))


def _resolvents_terms(node: Expr, _: int) -> list[Expr]:
    """d R^p = sum_q R^(q+1) dA R^(p-q) - R^(p+1) dA P - P dA R^(p+1) - p R^(p+1) d lambda for R = R_b, with
    P = v v' of its eigenvector and d lambda = v' dA v; the derivative of a function of A (Higham 2008)."""
    (a,) = node.args
    p = dict(node.params)["power"]
    v, more = eigenvectors(a), resolvents(a, p + 1)
    inner = [
        term_of(node, "bijkl", (resolvents(a, q + 1), "bik"), (resolvents(a, p - q), "blj")) for q in range(p)
    ]
    return _symmetrised(
        *inner,
        term_of(node, "bijkl", (more, "bik"), (v, "lb"), (v, "jb"), sign=-1),
        term_of(node, "bijkl", (v, "ib"), (v, "kb"), (more, "blj"), sign=-1),
        term_of(node, "bijkl", (more, "bij"), (v, "kb"), (v, "lb"), sign=-p),
    )


def _eigenvectors_terms(node: Expr, _: int) -> list[Expr]:
    """dv_b = R_b dA v_b with R_b the pseudo-inverse of lambda_b I - A (Magnus 1985)."""
    return _symmetrised(term_of(node, "abkl", (resolvents(node.args[0]), "bak"), (node, "lb")))


def _gaps_jacobian(node: Expr, _: int) -> Expr:
    """d (1 / (v_j - v_i)) / d v_k = F_ij^2 (delta_ik - delta_jk)."""
    squared = node * node
    return term_of(node, "iji", (squared, "ij"), axes=1) - term_of(node, "ijj", (squared, "ij"), axes=1)


def _square_gaps_jacobian(node: Expr, _: int) -> Expr:
    """d (1 / (s_j^2 - s_i^2)) / d s_k = 2 F_ij^2 (s_i delta_ik - s_j delta_jk)."""
    squared, (s,) = 2 * (node * node), node.args
    first = term_of(node, "iji", (squared, "ij"), (s, "i"), axes=1)
    return first - term_of(node, "ijj", (squared, "ij"), (s, "j"), axes=1)


def _divided_differences_jacobian(node: Expr, position: int) -> Expr:
    """D_ij = (h_j - h_i) F_ij + delta_ij h'_i with F_ij = 1 / (v_j - v_i) off the diagonal. Where v_i and v_j
    coincide the second derivative of h is lacking, and what comes of F_ij is not a number."""
    v = node.args[2]
    if position == 1:
        return term_of(node, "iii", (number(1, v.shape), "i"), axes=1)
    change = reciprocal_gaps(v) if position == 0 else -(node * reciprocal_gaps(v))
    return term_of(node, "ijj", (change, "ij"), axes=1) - term_of(node, "iji", (change, "ij"), axes=1)


def _reciprocals_jacobian(node: Expr, _: int) -> Expr:
    """d (1 / s_i) / d s_j = -delta_ij / s_i^2."""
    return term_of(node, "ii", (node * node, "i"), sign=-1, axes=1)


# Of a gap between values that are equal up to rounding no digit is right. Where the terms in which it stands
# cancel in the formula, they do not in numbers: not a number is the answer, not a large one.
GAPS = '''
def reciprocal_gaps(v):
    """At [i, j] 1 / (v[j] - v[i]), 0 on the diagonal; nan for values equal up to rounding."""
    gaps = np.where(np.eye(v.shape[-1]) > 0, np.inf, v[..., None, :] - v[..., None])
    lost = abs(gaps) <= 1e5 * np.finfo(v.dtype).eps * abs(v).sum(-1)[..., None, None]
    return 1 / np.where(lost, np.nan, gaps)
'''
SQUARE_GAPS = '''
def reciprocal_square_gaps(s):
    """At [i, j] 1 / (s[j]**2 - s[i]**2), 0 on the diagonal; nan for values equal up to rounding."""
    gaps = np.where(np.eye(s.shape[-1]) > 0, np.inf, s[..., None, :] - s[..., None])
    lost = abs(gaps) <= 1e5 * np.finfo(s.dtype).eps * s.sum(-1)[..., None, None]
    sums = np.where(np.eye(s.shape[-1]) > 0, 1, s[..., None, :] + s[..., None])
    return 1 / (np.where(lost, np.nan, gaps) * sums)
'''
RECIPROCALS = '''
def reciprocals(s):
    """1 / s for singular values; nan for those that are zero up to rounding."""
    return 1 / np.where(s <= 1e5 * np.finfo(s.dtype).eps * s.sum(-1)[..., None], np.nan, s)
'''


# The quotient errs by the rounding of h over the gap, the mean slope at both ends by the square of the gap.
# That is taken where both agree up to rounding, and where the gap is small and the slope nearly constant.
DIVIDED_DIFFERENCES = '''
def divided_differences(h, slope, v):
    """At [i, j] (h[i] - h[j]) / (v[i] - v[j]), between near values v the mean slope, slope[i] for i = j; nan
    where values v are equal up to rounding and the slopes are not."""
    slope = slope + 0 * v
    gaps, rise = v[..., None] - v[..., None, :], h[..., None] - h[..., None, :]
    mean, bend = (slope[..., None] + slope[..., None, :]) / 2, abs(slope[..., None] - slope[..., None, :])
    eps, size, steep = np.finfo(v.dtype).eps, abs(v).sum(-1)[..., None, None], abs(slope)
    lost = abs(gaps) <= 1e5 * eps * size
    rounding = 4 * eps * (abs(h) + abs(v) * steep)
    near = abs(rise - mean * gaps) <= rounding[..., None] + rounding[..., None, :]
    near |= lost & (bend <= eps ** (1 / 3) * steep.sum(-1)[..., None, None])
    near |= (abs(gaps) <= eps ** (1 / 3) * size) & (bend <= 2 * eps ** (1 / 3) * abs(mean))
    return np.where(near, mean, rise / np.where(near, 1, np.where(lost, np.nan, gaps)))
'''

RESOLVENTS = (
    GAPS
    + '''

def resolvents(A, power):
    """At [b, :, :] the power of the pseudo-inverse of w[b] I - A, for the eigenvalues w of A."""
    w, V = np.linalg.eigh(A)
    scaled = V[..., None, :, :] * np.swapaxes(reciprocal_gaps(w) ** power, -1, -2)[..., None, :]
    return scaled @ np.swapaxes(V, -1, -2)[..., None, :, :]
'''
)
_resolvents = emitted(RESOLVENTS, "resolvents")


def _bind_eigenvalues(a: Any, b: None = None, UPLO: str = "L", lower: bool = True) -> Bound:
    if b is not None and not isinstance(b, str):  # NumPy's second argument is the triangle
        raise TypeError("of two matrices: write it with a Cholesky factor of the second one")
    return (a,), {}


def _apart(rng: np.random.Generator) -> Bound:
    return (np.sort(rng.random(3)) + 2 * np.arange(3) + 0.5,), {}


for _name, _jacobian, _helper, _latex, _text in [
    ("reciprocal_gaps", _gaps_jacobian, GAPS, r"\operatorname{{gaps}}^{{-1}}({0})", "recipgaps({0})"),
    (
        "reciprocal_square_gaps",
        _square_gaps_jacobian,
        SQUARE_GAPS,
        r"\operatorname{{gaps}}_2^{{-1}}({0})",
        "recipgaps₂({0})",
    ),
    ("reciprocals", _reciprocals_jacobian, RECIPROCALS, r"\operatorname{{recip}}({0})", "recip({0})"),
]:
    register(
        Primitive(
            _name,
            lower=lambda v, name=_name: Expr(
                name, (v,), (), (*v.shape, *v.shape[-1:] * (name != "reciprocals"))
            ),
            jacobian=_jacobian,
            latex=_latex,
            text=_text,
            source=f"{_name}({{0}})",
            helper=_helper,
            call=emitted(_helper, _name),
            samples=_apart,
        )
    )
register(
    Primitive(
        "divided_differences",
        lower=divided_differences,
        jacobian=_divided_differences_jacobian,
        latex=r"\operatorname{{divdiff}}({0}, {1}, {2})",
        text="divdiff({0}, {1}, {2})",
        source="divided_differences({0}, {1}, {2})",
        helper=DIVIDED_DIFFERENCES,
        call=emitted(DIVIDED_DIFFERENCES, "divided_differences"),
        samples=lambda rng: ((rng.standard_normal(3), rng.standard_normal(3), *_apart(rng)[0]), {}),
    )
)
register(
    Primitive(
        "resolvents",
        lower=resolvents,
        jacobian=jacobian_of(_resolvents_terms),
        pullback=pullback_of(_resolvents_terms),
        expand=_expand_resolvents,
        latex=r"\operatorname{{resolvents}}_{{{power}}}({0})",
        text="resolvents_{power}({0})",
        source="resolvents({0}, {power})",
        helper=RESOLVENTS,
        call=lambda a, power: _resolvents(_sym(a), power),
        samples=lambda rng: ((_symmetric(rng),), {"power": int(rng.integers(1, 3))}),
    )
)
register(
    Primitive(
        "eigvalsh",
        (np.linalg.eigvalsh, scipy.linalg.eigvalsh),
        _bind_eigenvalues,
        eigenvalues,
        jacobian=_eigenvalues_jacobian,
        latex=r"\lambda({0})",
        text="λ({0})",
        source="np.linalg.eigvalsh({0})",
        sources={"autograd": "np.linalg.eigh({0})[0]"},
        part=("np.linalg.eigh({0})", ("w", "V"), 0),
        call=lambda a: np.linalg.eigvalsh(_sym(a)),
        samples=lambda rng: ((_symmetric(rng),), {}),
        requires="symmetric",
    )
)
register(
    Primitive(
        "eigenvectors",
        (),
        one,
        eigenvectors,
        jacobian=jacobian_of(_eigenvectors_terms),
        pullback=pullback_of(_eigenvectors_terms),
        latex=r"\operatorname{{eigvec}}({0})",
        text="eigvec({0})",
        source="np.linalg.eigh({0})[1]",
        part=("np.linalg.eigh({0})", ("w", "V"), 1),
        call=lambda a: np.linalg.eigh(_sym(a))[1],
        samples=lambda rng: ((_symmetric(rng),), {}),
        requires="symmetric",
    )
)


@register_results(np.linalg.eigh)
def _bind_eigh(a: Any, UPLO: str = "L") -> Results:
    """Of a matrix that is symmetric, so that it does not matter which triangle is read."""
    return {"eigenvalues": ("eigvalsh", (a,), {}), "eigenvectors": ("eigenvectors", (a,), {})}


@register_results(scipy.linalg.eigh)
def _bind_scipy_eigh(a: Any, b: None = None, *, lower: bool = True, eigvals_only: bool = False) -> Results:
    if b is not None:
        raise TypeError("of two matrices: write it with a Cholesky factor of the second one")
    found = _bind_eigh(a)
    return {"eigenvalues": found["eigenvalues"]} if eigvals_only else found


# --- singular values ------------------------------------------------------------------------------


def singular_values(a: Expr) -> Expr:
    """The singular values of a matrix, in descending order."""
    return Expr("singular_values", (a,), (), (*a.shape[:-2], _smaller(a)))


def _svd(a: Expr) -> tuple[Expr, Expr, Expr]:
    """U, s and V' with A = U diag(s) V', in the reduced form."""
    k = _smaller(a)
    left = Expr("svd_left", (a,), (), (*a.shape[:-1], k))
    return left, singular_values(a), Expr("svd_right", (a,), (), (*a.shape[:-2], k, a.shape[-1]))


def _lower_vectors(side: int) -> Callable[..., Expr]:
    def lower(a: Expr, full_matrices: bool = False) -> Expr:
        k = _smaller(a)
        if full_matrices:
            size = a.shape[side - 2]
            if size.value != k.value:
                raise NotImplementedError(
                    "the last singular vectors are any orthonormal ones and have no derivative: "
                    "write full_matrices=False"
                )
            same_size(size, k)
        return _svd(a)[2 * side]

    return lower


def _singular_values_jacobian(node: Expr, _: int) -> Expr:
    """d s_i = u_i' dA v_i (Giles 2008); so the cotangent g of the singular values gives U diag(g) V'."""
    u, _s, vt = _svd(node.args[0])
    return term_of(node, "ikl", (u, "ki"), (vt, "il"))


def _left_terms(node: Expr, _: int) -> list[Expr]:
    """dU = U (F o (P S + S P')) + (I - U U') dA V S^-1 with P = U' dA V, and F_ij = 1 / (s_j^2 - s_i^2) off
    the diagonal (Townsend 2016)."""
    (a,) = node.args
    u, s, vt = _svd(a)
    gaps = reciprocal_square_gaps(s)
    apart = complement(u, matrix_transpose(u))
    return [
        term_of(node, "abkl", (u, "ai"), (gaps, "ib"), (u, "ki"), (vt, "bl"), (s, "b")),
        term_of(node, "abkl", (u, "ai"), (gaps, "ib"), (s, "i"), (u, "kb"), (vt, "il")),
        term_of(node, "abkl", (apart, "ak"), (vt, "bl"), (reciprocals(s), "b")),
    ]


def _right_terms(node: Expr, _: int) -> list[Expr]:
    """dV = V (F o (S P + P' S)) + (I - V V') dA' U S^-1 with P = U' dA V, and F_ij = 1 / (s_j^2 - s_i^2) off
    the diagonal (Townsend 2016)."""
    (a,) = node.args
    u, s, vt = _svd(a)
    gaps = reciprocal_square_gaps(s)
    apart = complement(matrix_transpose(vt), vt)
    return [
        term_of(node, "bakl", (vt, "ia"), (gaps, "ib"), (s, "i"), (u, "ki"), (vt, "bl")),
        term_of(node, "bakl", (vt, "ia"), (gaps, "ib"), (u, "kb"), (vt, "il"), (s, "b")),
        term_of(node, "bakl", (apart, "al"), (u, "kb"), (reciprocals(s), "b")),
    ]


def _vectors(position: int) -> Callable[..., np.ndarray]:
    def call(a: np.ndarray, full_matrices: bool = False) -> np.ndarray:
        return np.linalg.svd(a, full_matrices=full_matrices)[position]

    return call


SVD = ("np.linalg.svd({0}, full_matrices=False)", ("U", "s", "Vt"))


def _rectangle(rng: np.random.Generator) -> Bound:
    return (rectangular(rng),), {}


register(
    Primitive(
        "singular_values",
        (scipy.linalg.svdvals,),
        one,
        singular_values,
        jacobian=_singular_values_jacobian,
        latex=r"\operatorname{{sv}}({0})",
        text="sv({0})",
        source="np.linalg.svd({0}, compute_uv=False)",
        sources={"torch": "torch.linalg.svdvals({0})"},
        part=(*SVD, 1),
        call=lambda a: np.linalg.svd(a, compute_uv=False),
        samples=_rectangle,
        ordered=_orientation,
    )
)
for _name, _terms, _side, _letter in [
    ("svd_left", _left_terms, 0, "U"),
    ("svd_right", _right_terms, 1, "V^\\top"),
]:
    register(
        Primitive(
            _name,
            (),
            one,
            _lower_vectors(_side),
            jacobian=jacobian_of(_terms),
            pullback=pullback_of(_terms),
            latex=rf"\operatorname{{{{svd}}}}_{{{{{_letter}}}}}({{0}})",
            text=f"svd_{_letter[0]}{'ᵀ' * _side}({{0}})",
            source=f"np.linalg.svd({{0}}, full_matrices=False)[{2 * _side}]",
            part=(*SVD, 2 * _side),
            call=_vectors(2 * _side),
            samples=_rectangle,
            ordered=_orientation,
            requires="full_rank",
        )
    )


@register_results(np.linalg.svd, scipy.linalg.svd)
def _bind_svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Results:
    values: Results = {"S": ("singular_values", (a,), {})}
    if not compute_uv:
        return values
    full = {"full_matrices": bool(full_matrices)}
    return {"U": ("svd_left", (a,), full), **values, "Vh": ("svd_right", (a,), full)}


if hasattr(np.linalg, "svdvals"):
    register_results(np.linalg.svdvals)(lambda a: _bind_svd(a, compute_uv=False))
