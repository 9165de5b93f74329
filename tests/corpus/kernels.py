"""Kernel machines and Gaussian processes."""

from __future__ import annotations

import numpy as np
from scipy.linalg import inv, solve
from tests.corpus.record import Entry

import closedform as cf

n, m, d, k = "n", "m", "d", "k"
K, y, X, Z = cf.spd(n), cf.vector(n), cf.matrix(n, d), cf.matrix(m, d)
scalar, positive, x = cf.scalar(), cf.positive(), cf.vector(d)


def squared_exponential(x, z, ell):
    return np.exp(-np.sum((x - z) ** 2) / (2 * ell**2))


def squared_exponential_length(ell, x, z):
    return np.exp(-(np.linalg.norm(x - z) ** 2) / (2 * ell**2))


def squared_exponential_sum(x, Z, alpha, gamma):
    distances = np.sum((Z - x) ** 2, axis=1)
    return alpha @ np.exp(-gamma * distances)


def relevance_determination(theta, x, z):
    return np.exp(-0.5 * np.sum(theta * (x - z) ** 2))


def rational_quadratic(x, z, alpha, ell):
    return (1 + np.sum((x - z) ** 2) / (2 * alpha * ell**2)) ** (-alpha)


def matern_three_halves(x, z, ell):
    r = np.sqrt(np.sum((x - z) ** 2))
    s = np.sqrt(3) * r / ell
    return (1 + s) * np.exp(-s)


def periodic(x, z, ell, p):
    return np.exp(-2 * np.sin(np.pi * (x - z) / p) ** 2 / ell**2)


def polynomial_kernel(x, z, c):
    return (x @ z + c) ** 3


def polynomial_expansion(x, Z, alpha, c):
    return np.sum(alpha * (Z @ x + c) ** 2)


def sigmoid_kernel(x, Z, alpha, a, b):
    return np.tanh(a * Z @ x + b) @ alpha


def kernel_ridge(alpha, K, y, lam):
    return np.sum((y - K @ alpha) ** 2) + lam * alpha @ K @ alpha


def kernel_logistic(alpha, K, y, lam):
    return np.sum(np.log(1 + np.exp(-y * (K @ alpha)))) + lam / 2 * alpha @ K @ alpha


def support_vector_dual(alpha, K, y):
    return np.sum(alpha) - 0.5 * np.sum(np.outer(alpha * y, alpha * y) * K)


def support_vector_dual_in_loops(alpha, X, y):
    total = alpha.sum()
    for i in range(X.shape[0]):
        for j in range(X.shape[0]):
            total = total - 0.5 * alpha[i] * alpha[j] * y[i] * y[j] * (X[i] @ X[j])
    return total


def marginal_likelihood_in_kernel(K, y):
    return -0.5 * y @ inv(K) @ y - 0.5 * np.linalg.slogdet(K)[1] - len(y) / 2 * np.log(2 * np.pi)


def marginal_likelihood_in_targets(y, K):
    return -0.5 * y @ np.linalg.solve(K, y) - 0.5 * np.log(np.linalg.det(K))


def marginal_likelihood_in_noise(s, K, y):
    C = K + s * np.eye(K.shape[0])
    return 0.5 * y @ inv(C) @ y + 0.5 * np.linalg.slogdet(C)[1]


def marginal_likelihood_in_scale(s, K, y):
    C = s * K
    return 0.5 * y @ np.linalg.inv(C) @ y + 0.5 * np.linalg.slogdet(C)[1]


def marginal_likelihood_in_length(ell, D, y, s):
    C = np.exp(-D / (2 * ell**2)) + s * np.eye(D.shape[0])
    return 0.5 * y @ np.linalg.solve(C, y) + 0.5 * np.linalg.slogdet(C)[1]


def prediction_in_input(x, X, alpha, ell):
    k = np.exp(-((X - x[None, :]) ** 2).sum(-1) / (2 * ell**2))
    return k @ alpha


def predictive_variance(k, K, s):
    return s - k @ solve(K, k)


def prediction_in_noise(s, k, K, y):
    return k @ np.linalg.solve(K + s * np.eye(len(y)), y)


def leave_one_out(K, y):
    P = np.linalg.inv(K)
    return np.sum((P @ y / np.diag(P)) ** 2)


def kernel_pca(A, K):
    return np.trace(A.T @ K @ K @ A)


def kernel_target_alignment(K, Y):
    return np.sum(K * Y) / (np.linalg.norm(K) * np.linalg.norm(Y))


def maximum_mean_discrepancy(Z, X, gamma):
    def kernel(A, B):
        return np.exp(-gamma * np.sum((A[:, None, :] - B[None, :, :]) ** 2, axis=2))

    return kernel(Z, Z).mean() - 2 * kernel(Z, X).mean()


def polynomial_features_of_gram(X, Y, c):
    return np.sum(((X @ X.T + c) ** 2 - Y) ** 2)


def random_fourier_features(W, x, y, b):
    return np.sum(np.cos(W @ x + b) * np.cos(W @ y + b))


def hsic(K, L):
    m = K.shape[0]
    H = np.eye(m) - np.ones((m, m)) / m
    return np.trace(K @ H @ L @ H) / (m - 1) ** 2


def student_neighbours(Y, P):
    distances = np.sum((Y[:, None] - Y[None]) ** 2, axis=-1)
    q = 1 / (1 + distances)
    return np.sum(P * np.log1p(distances)) + np.log(np.sum(q))


def stress(Y, D):
    distances = np.sum((Y[:, None] - Y[None]) ** 2, axis=-1)
    return np.sum((distances - D) ** 2)


def laplacian_smoothing(f, L, y, lam):
    return np.sum((f - y) ** 2) + lam * f @ L @ f


def spectral_embedding(Y, L):
    return np.trace(Y.T @ L @ Y)


GPML = "Rasmussen and Williams, Gaussian Processes for Machine Learning (2006)"
ENTRIES = (
    Entry(
        "squared_exponential",
        f"{GPML}, eq. 4.9",
        squared_exponential,
        (x, x, positive),
        "−(1/ell²)exp(−‖x − z‖²/(2 ell²))(x − z)",
        "(1/ell²)exp(−‖x − z‖²/(2 ell²))((1/ell²)(x − z)(x − z)ᵀ − I)",
    ),
    Entry(
        "squared_exponential_length",
        f"{GPML}, eq. 4.9",
        squared_exponential_length,
        (positive, x, x),
        "(‖x − z‖²/ell³)exp(−‖x − z‖²/(2 ell²))",
        "(‖x − z‖²/ell⁴)(‖x − z‖²/ell² − 3)exp(−‖x − z‖²/(2 ell²))",
    ),
    Entry(
        "squared_exponential_sum",
        "Hastie, Tibshirani, Friedman, The Elements of Statistical Learning (2009), eq. 6.28",
        squared_exponential_sum,
        (x, Z, cf.vector(m), positive),
        "2γ(Z − 𝟏xᵀ)ᵀ(α ⊙ exp(−γ(Z − 𝟏xᵀ)^⊙2𝟏))",
        "4γ²EᵀWE − 2γ(𝟏ᵀW𝟏)I, where E = Z − 𝟏xᵀ, W = diag(α ⊙ exp(−γE^⊙2𝟏))",
    ),
    Entry(
        "relevance_determination",
        f"{GPML}, eq. 5.2",
        relevance_determination,
        (cf.positive(d), x, x),
        "−½exp(−½θᵀ(x − z)^⊙2)(x − z)^⊙2",
        "¼exp(−½θᵀ(x − z)^⊙2)(x − z)^⊙2((x − z)^⊙2)ᵀ",
    ),
    Entry(
        "rational_quadratic",
        f"{GPML}, eq. 4.19",
        rational_quadratic,
        (x, x, positive, positive),
        "−(1/ell²)(1 + ‖x − z‖²/(2α ell²))^(−α − 1)(x − z)",
    ),
    Entry(
        "matern_three_halves",
        f"{GPML}, eq. 4.17",
        matern_three_halves,
        (x, x, positive),
        "−(3/ell²)exp(−√3‖x − z‖/ell)(x − z)",
    ),
    Entry(
        "periodic",
        f"{GPML}, eq. 4.31",
        periodic,
        (scalar, scalar, positive, positive),
        "−(2π/(p ell²))sin(2π(x − z)/p)exp(−(2/ell²)sin²(π(x − z)/p))",
    ),
    Entry(
        "polynomial_kernel",
        f"{GPML}, section 4.2.2",
        polynomial_kernel,
        (x, x, scalar),
        "3(xᵀz + c)²z",
        "6(xᵀz + c)zzᵀ",
    ),
    Entry(
        "polynomial_expansion",
        "Schölkopf and Smola, Learning with Kernels (2002), section 2.3",
        polynomial_expansion,
        (x, Z, cf.vector(m), scalar),
        "2Zᵀ(α ⊙ (Zx + c𝟏))",
        "2Zᵀ diag(α)Z",
    ),
    Entry(
        "sigmoid_kernel",
        "Schölkopf and Smola, Learning with Kernels (2002), eq. 2.69",
        sigmoid_kernel,
        (x, Z, cf.vector(m), scalar, scalar),
        "aZᵀ(α ⊙ (1 − tanh²(aZx + b𝟏)))",
        "−2a²Zᵀ diag(α ⊙ tanh(aZx + b𝟏) ⊙ (1 − tanh²(aZx + b𝟏)))Z",
    ),
    Entry(
        "kernel_ridge",
        "Murphy, Machine Learning: A Probabilistic Perspective (2012), section 14.4.3",
        kernel_ridge,
        (y, K, y, scalar),
        "2K((K + λI)α − y)",
        "2K(K + λI)",
    ),
    Entry(
        "kernel_logistic",
        "Hastie, Tibshirani, Friedman, The Elements of Statistical Learning (2009), section 12.3.3",
        kernel_logistic,
        (y, K, cf.signs(n), scalar),
        "K(λα − y ⊙ σ(−y ⊙ Kα))",
        "λK + K diag(σ(Kα) ⊙ (1 − σ(Kα)))K",
    ),
    Entry(
        "support_vector_dual",
        "Bishop, Pattern Recognition and Machine Learning (2006), eq. 7.10",
        support_vector_dual,
        (y, K, cf.signs(n)),
        "𝟏 − y ⊙ K(y ⊙ α)",
        "−diag(y)K diag(y)",
    ),
    Entry(
        "support_vector_dual_in_loops",
        "Hastie, Tibshirani, Friedman, The Elements of Statistical Learning (2009), eq. 12.13",
        support_vector_dual_in_loops,
        (cf.vector(4), cf.matrix(4, d), cf.signs(4)),
        "𝟏 − y ⊙ XXᵀ(y ⊙ α)",
        "−diag(y)XXᵀ diag(y)",
    ),
    Entry(
        "marginal_likelihood_in_kernel",
        f"{GPML}, eqs. 5.8 and 5.9",
        marginal_likelihood_in_kernel,
        (K, y),
        "½(K⁻¹yyᵀK⁻¹ − K⁻¹)",
        "½(K⁻¹ ⊗ K⁻¹ − K⁻¹yyᵀK⁻¹ ⊗ K⁻¹ − K⁻¹ ⊗ K⁻¹yyᵀK⁻¹)𝐊",
    ),
    Entry(
        "marginal_likelihood_in_targets",
        f"{GPML}, eq. 5.8",
        marginal_likelihood_in_targets,
        (y, K),
        "−K⁻¹y",
        "−K⁻¹",
    ),
    Entry(
        "marginal_likelihood_in_noise",
        f"{GPML}, eq. 5.9",
        marginal_likelihood_in_noise,
        (positive, K, y),
        "½(tr((K + sI)⁻¹) − ‖(K + sI)⁻¹y‖²)",
        "yᵀ(K + sI)⁻³y − ½tr((K + sI)⁻²)",
    ),
    Entry(
        "marginal_likelihood_in_scale",
        f"{GPML}, eq. 5.9",
        marginal_likelihood_in_scale,
        (positive, K, y),
        "n/(2s) − yᵀK⁻¹y/(2s²)",
        "yᵀK⁻¹y/s³ − n/(2s²)",
    ),
    Entry(
        "marginal_likelihood_in_length",
        f"{GPML}, eqs. 5.9 and 5.15",
        marginal_likelihood_in_length,
        (positive, cf.symmetric(n), y, positive),
        "(1/(2 ell³))tr((C⁻¹ − C⁻¹yyᵀC⁻¹)(D ⊙ E)), where E = exp_⊙(−(1/(2 ell²))D), C = E + sI",
    ),
    Entry(
        "prediction_in_input",
        f"{GPML}, eqs. 2.25 and 9.1",
        prediction_in_input,
        (x, X, y, positive),
        "(1/ell²)(X − 𝟏xᵀ)ᵀ(α ⊙ exp(−(1/(2 ell²))(X − 𝟏xᵀ)^⊙2𝟏))",
    ),
    Entry(
        "predictive_variance",
        f"{GPML}, eq. 2.26",
        predictive_variance,
        (y, K, scalar),
        "−2K⁻¹k",
        "−2K⁻¹",
    ),
    Entry(
        "prediction_in_noise",
        f"{GPML}, eq. 2.25",
        prediction_in_noise,
        (positive, y, K, y),
        "−kᵀ(K + sI)⁻²y",
        "2kᵀ(K + sI)⁻³y",
    ),
    Entry(
        "leave_one_out",
        f"{GPML}, eqs. 5.12 and 5.13",
        leave_one_out,
        (K, y),
        "2P(diag(r^⊙2 ⊘ p) − (r ⊘ p)yᵀ)P, where P = K⁻¹, p = diagonal(P), r = Py ⊘ p",
    ),
    Entry(
        "kernel_pca",
        "Schölkopf, Smola, Müller, Nonlinear component analysis as a kernel eigenvalue problem (1998)",
        kernel_pca,
        (cf.matrix(n, k), K),
        "2KKA",
        "2KK ⊗ I",
    ),
    Entry(
        "kernel_target_alignment",
        "Cristianini et al., On kernel-target alignment (2002), definition 1",
        kernel_target_alignment,
        (cf.matrix(n, n), cf.matrix(n, n)),
        "(1/(‖K‖_F‖Y‖_F))(Y − (tr(KᵀY)/‖K‖_F²)K)",
    ),
    Entry(
        "maximum_mean_discrepancy",
        "Gretton et al., A kernel two-sample test (2012), eq. 5",
        maximum_mean_discrepancy,
        (Z, X, positive),
        "(4γ/m²)(KZ − diag(K𝟏)Z) − (4γ/(mn))(LX − diag(L𝟏)Z), "
        "where K = [exp(−γΣₖ (Zᵢₖ − Zⱼₖ)²)]ᵢⱼ, L = [exp(−γΣₖ (Zᵢₖ − Xⱼₖ)²)]ᵢⱼ",
    ),
    Entry(
        "polynomial_features_of_gram",
        "Schölkopf and Smola, Learning with Kernels (2002), section 2.3",
        polynomial_features_of_gram,
        (X, cf.symmetric(n), scalar),
        "8(((XXᵀ + c𝟏𝟏ᵀ)^⊙2 − Y) ⊙ (XXᵀ + c𝟏𝟏ᵀ))X",
    ),
    Entry(
        "random_fourier_features",
        "Rahimi and Recht, Random features for large-scale kernel machines (2007), section 3",
        random_fourier_features,
        (cf.matrix(m, d), x, x, cf.vector(m)),
        "−(sin(Wx + b) ⊙ cos(Wy + b))xᵀ − (cos(Wx + b) ⊙ sin(Wy + b))yᵀ",
    ),
    Entry(
        "hsic",
        "Gretton et al., Measuring statistical dependence with Hilbert-Schmidt norms (2005), eq. 9",
        hsic,
        (cf.symmetric(n), cf.symmetric(n)),
        "(1/(n − 1)²)HLH, where H = I − (1/n)𝟏𝟏ᵀ",
    ),
    Entry(
        "student_neighbours",
        "van der Maaten and Hinton, Visualizing data using t-SNE (2008), eq. 5",
        student_neighbours,
        (cf.matrix(n, 2), cf.symmetric(n)),
        "4(diag(W𝟏) − W)Y, where Q = [1/(1 + Σₖ (Yᵢₖ − Yⱼₖ)²)]ᵢⱼ, W = (P − (1/(𝟏ᵀQ𝟏))Q) ⊙ Q",
    ),
    Entry(
        "stress",
        "Borg and Groenen, Modern Multidimensional Scaling (2005), section 8.2",
        stress,
        (cf.matrix(n, 2), cf.symmetric(n)),
        "8(diag(E𝟏) − E)Y, where E = [Σₖ (Yᵢₖ − Yⱼₖ)²]ᵢⱼ − D",
    ),
    Entry(
        "laplacian_smoothing",
        "Belkin, Matveeva, Niyogi, Regularization and semi-supervised learning on large graphs (2004)",
        laplacian_smoothing,
        (y, cf.symmetric(n), y, scalar),
        "2(f − y + λLf)",
        "2(I + λL)",
    ),
    Entry(
        "spectral_embedding",
        "von Luxburg, A tutorial on spectral clustering (2007), section 5.2",
        spectral_embedding,
        (cf.matrix(n, k), cf.symmetric(n)),
        "2LY",
        "2L ⊗ I",
    ),
)
