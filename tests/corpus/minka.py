"""T. P. Minka, Old and New Matrix Algebra Useful for Statistics (2000)."""

import numpy as np
from tests.corpus.record import Entry

import closedform as cf

NOTE = "Minka (2000), Old and New Matrix Algebra, "
DERIVATIVES = NOTE + "derivatives"
HADAMARD = NOTE + "Hadamard product and diag"
GAUSSIAN = NOTE + "maximum likelihood of Gaussians"
DISCRIMINANT = NOTE + "traces and determinants of ratios"

VECTOR, OTHER_VECTOR = cf.vector("n"), cf.vector("m")
SQUARE, SYMMETRIC, SPD = cf.matrix("n", "n"), cf.symmetric("n"), cf.spd("n")
TALL = cf.matrix("m", "n")


def gaussian_in_mean(m, X, V):
    D = X - m
    return -0.5 * np.sum((D @ np.linalg.inv(V)) * D)


def gaussian_in_covariance(V, S):
    _, logdet = np.linalg.slogdet(V)
    return -0.5 * logdet - 0.5 * np.trace(np.linalg.inv(V) @ S)


def gaussian_in_precision(P, S):
    return 0.5 * np.log(np.linalg.det(P)) - 0.5 * np.trace(P @ S)


def matrix_regression(A, X, Y, V):
    R = Y - A @ X
    return -0.5 * np.trace(R.T @ np.linalg.inv(V) @ R)


def probabilistic_pca(W, s, S):
    C = W @ W.T + s * np.eye(W.shape[0])
    return np.linalg.slogdet(C)[1] + np.trace(np.linalg.solve(C, S))


def log_ratio_of_determinants(W, A, B):
    return np.linalg.slogdet(W.T @ B @ W)[1] - np.linalg.slogdet(W.T @ A @ W)[1]


def weighted_scatter(m, w, X):
    total = 0.0
    for i in range(X.shape[0]):
        d = X[i] - m
        total = total + w[i] * (d @ d)
    return total


ENTRIES = (
    Entry(
        "sum_of_entries_squared",
        DERIVATIVES,
        lambda X: np.sum(np.square(X)),
        (TALL,),
        "2X",
        "2I ⊗ I",
    ),
    Entry(
        "trace_times_determinant",
        DERIVATIVES,
        lambda X: np.trace(X) * np.linalg.det(X),
        (SQUARE,),
        "(det X)(I + tr(X)X⁻ᵀ)",
    ),
    Entry(
        "squared_trace",
        DERIVATIVES,
        lambda X, A: np.trace(A @ X) ** 2,
        (TALL, cf.matrix("n", "m")),
        "2 tr(AX)Aᵀ",
        "2 vec(Aᵀ) vec(Aᵀ)ᵀ",
    ),
    Entry(
        "trace_with_diagonals",
        HADAMARD,
        lambda x, A, B: np.trace(np.diag(x) @ A @ np.diag(x) @ B),
        (VECTOR, SQUARE, SQUARE),
        "(A ⊙ Bᵀ + Aᵀ ⊙ B)x",
        "A ⊙ Bᵀ + Aᵀ ⊙ B",
    ),
    Entry(
        "hadamard_form",
        HADAMARD,
        lambda x, A, B: x @ (A * B) @ x,
        (VECTOR, SYMMETRIC, SYMMETRIC),
        "2(A ⊙ B)x",
        "2A ⊙ B",
    ),
    Entry(
        "weighted_squares",
        HADAMARD,
        lambda X, A: np.sum(A * X**2),
        (TALL, TALL),
        "2A ⊙ X",
        "2 diag(vec(A))",
    ),
    Entry(
        "scaled_columns",
        HADAMARD,
        lambda X, a: np.trace(X @ np.diag(a) @ X.T),
        (TALL, VECTOR),
        "2X diag(a)",
        "2I ⊗ diag(a)",
    ),
    Entry("weights_of_diagonal", HADAMARD, lambda X, a: np.diag(X) @ a, (SQUARE, VECTOR), "diag(a)", "0"),
    Entry(
        "squared_diagonal",
        HADAMARD,
        lambda X: np.sum(np.diag(X) ** 2),
        (SQUARE,),
        "2I ⊙ X",
        "2 diag(vec(I))",
    ),
    Entry(
        "squared_row_sums",
        HADAMARD,
        lambda X: np.sum(np.sum(X, axis=1) ** 2),
        (TALL,),
        "2X𝟏𝟏ᵀ",
        "2I ⊗ 𝟏𝟏ᵀ",
    ),
    Entry(
        "gaussian_mean",
        GAUSSIAN,
        gaussian_in_mean,
        (VECTOR, TALL, SPD),
        "V⁻¹(X − 𝟏mᵀ)ᵀ𝟏",
        "−m_X V⁻¹",
    ),
    Entry(
        "gaussian_covariance",
        GAUSSIAN,
        gaussian_in_covariance,
        (SQUARE, SYMMETRIC),
        "½V⁻ᵀ(S − Vᵀ)V⁻ᵀ",
        "½(V⁻ᵀ ⊗ V⁻¹)K − ½(V⁻ᵀSV⁻ᵀ ⊗ V⁻¹ + V⁻ᵀ ⊗ V⁻¹SV⁻¹)K",
    ),
    Entry(
        "gaussian_precision",
        GAUSSIAN,
        gaussian_in_precision,
        (SPD, SYMMETRIC),
        "½(P⁻¹ − S)",
        "−½(P⁻¹ ⊗ P⁻¹)K",
    ),
    Entry(
        "matrix_regression",
        GAUSSIAN,
        matrix_regression,
        (cf.matrix("k", "n"), cf.matrix("n", "p"), cf.matrix("k", "p"), cf.spd("k")),
        "V⁻¹(Y − AX)Xᵀ",
        "−V⁻¹ ⊗ XXᵀ",
    ),
    Entry(
        "probabilistic_pca",
        GAUSSIAN,
        probabilistic_pca,
        (cf.matrix("m", "k"), cf.scalar("positive"), cf.symmetric("m")),
        "2((WWᵀ + sI)⁻¹ − (WWᵀ + sI)⁻¹S(WWᵀ + sI)⁻¹)W",
    ),
    Entry(
        "weighted_scatter",
        GAUSSIAN,
        weighted_scatter,
        (VECTOR, OTHER_VECTOR, TALL),
        "2(𝟏ᵀw)m − 2Xᵀw",
        "2(𝟏ᵀw)I",
    ),
    Entry(
        "log_ratio_of_determinants",
        DISCRIMINANT,
        log_ratio_of_determinants,
        (TALL, cf.spd("m"), cf.spd("m")),
        "2BW(WᵀBW)⁻¹ − 2AW(WᵀAW)⁻¹",
    ),
)
