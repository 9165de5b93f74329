"""Functions of matrices that are minimised: P.-A. Absil, R. Mahony, R. Sepulchre, Optimization Algorithms on
Matrix Manifolds (2008); N. J. Higham, Functions of Matrices (2008); control, portfolios and graphs from
S. Boyd and L. Vandenberghe, Convex Optimization (2004), and Introduction to Applied Linear Algebra (2018)."""

import numpy as np
import scipy.linalg
from tests.corpus.record import Entry

import closedform as cf

MANIFOLDS = "Absil, Mahony, Sepulchre (2008), Optimization Algorithms on Matrix Manifolds, "
FUNCTIONS = "Higham (2008), Functions of Matrices, "
CONVEX = "Boyd & Vandenberghe (2004), Convex Optimization, "
APPLIED = "Boyd & Vandenberghe (2018), Introduction to Applied Linear Algebra, "

VECTOR, OTHER_VECTOR, POSITIVE_NUMBER = cf.vector("n"), cf.vector("m"), cf.positive()
SQUARE, SYMMETRIC, SPD = cf.matrix("n", "n"), cf.symmetric("n"), cf.spd("n")
TALL, LEFT = cf.matrix("m", "n"), cf.matrix("m", "m")


def orthogonality(X):
    return np.sum((X.T @ X - np.eye(X.shape[1])) ** 2)


def sylvester_residual(X, A, B, C):
    return np.linalg.norm(A @ X + X @ B - C) ** 2


def riccati_residual(X, A, B, Q):
    return A.T @ X + X @ A - X @ B @ X + Q


def control_cost(U, x, A, B):
    cost = 0.0
    for t in range(3):
        x = A @ x + B @ U[t]
        cost = cost + x @ x + U[t] @ U[t]
    return cost


def sharpe_ratio(w, mu, S):
    return (mu @ w) / np.sqrt(w @ S @ w)


def laplacian_form(x, W):
    total = 0.0
    for i in range(len(x)):
        for j in range(len(x)):
            total = total + W[i, j] * (x[i] - x[j]) ** 2
    return total / 2


def non_negative_factorisation(W, H, V):
    P = W @ H
    return np.sum(P - V * np.log(P))


def newton_schulz(X, A):
    return X @ (2 * np.eye(A.shape[0]) - A @ X)


def cayley(X):
    I = np.eye(X.shape[0])
    return np.linalg.solve(I + X, I - X)


def low_rank_log_det(V, d):
    return np.log(np.linalg.det(np.diag(d) + V @ V.T))


ENTRIES = (
    Entry(
        "procrustes",
        MANIFOLDS + "section 4.8",
        lambda X, A, B: np.linalg.norm(A @ X - B, "fro") ** 2,
        (cf.matrix("n", "k"), TALL, cf.matrix("m", "k")),
        "2Aᵀ(AX − B)",
        "2AᵀA ⊗ I",
    ),
    Entry(
        "orthogonality",
        MANIFOLDS + "section 3.3",
        orthogonality,
        (TALL,),
        "4X(XᵀX − I)",
        "4(I ⊗ (XᵀX − I) + XXᵀ ⊗ I + (X ⊗ Xᵀ)K)",
    ),
    Entry(
        "brockett",
        MANIFOLDS + "section 4.8",
        lambda X, A, N: np.trace(X.T @ A @ X @ N),
        (TALL, cf.symmetric("m"), SYMMETRIC),
        "2AXN",
        "2A ⊗ N",
    ),
    Entry(
        "rayleigh_quotient_of_subspace",
        MANIFOLDS + "section 2.1",
        lambda Y, A: np.trace(np.linalg.inv(Y.T @ Y) @ Y.T @ A @ Y),
        (TALL, cf.symmetric("m")),
        "2AY(YᵀY)⁻¹ − 2Y(YᵀY)⁻¹YᵀAY(YᵀY)⁻¹",
    ),
    Entry(
        "subspace_distance",
        MANIFOLDS + "section 4.9",
        lambda X, Y: np.sum((X @ X.T - Y @ Y.T) ** 2),
        (TALL, TALL),
        "4(XXᵀ − YYᵀ)X",
        "4((XXᵀ − YYᵀ) ⊗ I + I ⊗ XᵀX + (X ⊗ Xᵀ)K)",
    ),
    Entry(
        "sylvester_residual",
        FUNCTIONS + "section B.14",
        sylvester_residual,
        (TALL, LEFT, SQUARE, TALL),
        "2Aᵀ(AX + XB − C) + 2(AX + XB − C)Bᵀ",
        "2(AᵀA ⊗ I + Aᵀ ⊗ Bᵀ + A ⊗ B + I ⊗ BBᵀ)",
    ),
    Entry(
        "commutator",
        FUNCTIONS + "section 1.9",
        lambda X, A: A @ X - X @ A,
        (SQUARE, SQUARE),
        "A ⊗ I − I ⊗ Aᵀ",
    ),
    Entry(
        "riccati_residual",
        FUNCTIONS + "section 2.9",
        riccati_residual,
        (SQUARE, SQUARE, SQUARE, SQUARE),
        "(Aᵀ − XB) ⊗ I + I ⊗ (A − BX)ᵀ",
    ),
    Entry(
        "newton_schulz",
        FUNCTIONS + "section 5.3",
        newton_schulz,
        (SQUARE, SQUARE),
        "I ⊗ (2I − AX)ᵀ − XA ⊗ I",
    ),
    Entry("cayley", FUNCTIONS + "problem 1.30", cayley, (SQUARE,), "−2(I + X)⁻¹ ⊗ (I + X)⁻ᵀ"),
    Entry(
        "exponential_form",
        FUNCTIONS + "section 10.6",
        lambda X, a, b: a @ scipy.linalg.expm(X) @ b,
        (SQUARE, VECTOR, VECTOR),
        "Dexp(Xᵀ)[abᵀ]",
    ),
    Entry(
        "exponential_in_time",
        FUNCTIONS + "section 2.1",
        lambda t, A, b: scipy.linalg.expm(t * A) @ b,
        (cf.scalar(), SQUARE, VECTOR),
        "A e^(tA)b",
    ),
    Entry(
        "resolvent",
        FUNCTIONS + "section 1.2",
        lambda z, A: np.trace(np.linalg.inv(z * np.eye(A.shape[0]) - A)),
        (cf.scalar(), SQUARE),
        "−tr((zI − A)⁻²)",
        "2 tr((zI − A)⁻³)",
    ),
    Entry(
        "characteristic_polynomial",
        FUNCTIONS + "section 1.2",
        lambda z, A: np.linalg.slogdet(z * np.eye(A.shape[0]) - A)[1],
        (cf.scalar(), SQUARE),
        "tr((zI − A)⁻¹)",
        "−tr((zI − A)⁻²)",
    ),
    Entry(
        "control_cost",
        APPLIED + "section 17.2",
        control_cost,
        (cf.matrix(3, "k"), VECTOR, SQUARE, cf.matrix("n", "k")),
        "2U + 2e₀(Bᵀ(p + Aᵀ(q + Aᵀr)))ᵀ + 2e₁(Bᵀ(q + Aᵀr))ᵀ + 2e₂(Bᵀr)ᵀ, "
        "where p = Ax + BUᵀe₀, q = Ap + BUᵀe₁, r = Aq + BUᵀe₂",
    ),
    Entry(
        "markowitz",
        CONVEX + "section 4.4",
        lambda w, mu, S, lam: mu @ w - lam / 2 * w @ S @ w,
        (VECTOR, VECTOR, SYMMETRIC, POSITIVE_NUMBER),
        "μ − λSw",
        "−λS",
    ),
    Entry(
        "sharpe_ratio",
        CONVEX + "section 4.4",
        sharpe_ratio,
        (VECTOR, VECTOR, SPD),
        "μ/√(wᵀSw) − (μᵀw)Sw/(wᵀSw)^(3/2)",
    ),
    Entry(
        "laplacian_form",
        APPLIED + "section 7.3",
        laplacian_form,
        (VECTOR, SYMMETRIC),
        "2(diag(W𝟏) − W)x",
        "2(diag(W𝟏) − W)",
    ),
    Entry(
        "non_negative_factorisation",
        CONVEX + "exercise 7.4",
        non_negative_factorisation,
        (cf.positive("m", "k"), cf.positive("k", "n"), cf.positive("m", "n")),
        "(𝟏𝟏ᵀ − V ⊘ WH)Hᵀ",
    ),
    Entry(
        "low_rank_log_det",
        CONVEX + "section 6.3",
        low_rank_log_det,
        (cf.matrix("n", "k"), cf.positive("n")),
        "2(diag(d) + VVᵀ)⁻¹V",
    ),
    Entry(
        "minimum_volume_ellipsoid",
        CONVEX + "section 8.4",
        lambda A, X, b: np.sum((A @ X.T - b[:, None]) ** 2) - np.linalg.slogdet(A)[1],
        (SQUARE, TALL, VECTOR),
        "2(AXᵀ − b𝟏ᵀ)X − A⁻ᵀ",
        "2I ⊗ XᵀX + (A⁻ᵀ ⊗ A⁻¹)K",
    ),
    Entry(
        "matrix_log_sum_exp",
        CONVEX + "section 3.1",
        lambda X: np.sum(np.log(np.sum(np.exp(X), axis=1))),
        (TALL,),
        "softmax₁(X)",
    ),
    Entry(
        "sum_of_row_norms",
        CONVEX + "section 6.4",
        lambda X: np.sum(np.linalg.norm(X, axis=1)),
        (TALL,),
        "diag(𝟏 ⊘ √(X^⊙2𝟏))X",
    ),
    Entry(
        "covariance_norm",
        APPLIED + "section 15.1",
        lambda X: np.sum((X - np.mean(X, axis=0)) ** 2),
        (TALL,),
        "2(X − (1/m_X)𝟏𝟏ᵀX)",
        "2(I − (1/m_X)𝟏𝟏ᵀ) ⊗ I",
    ),
)
