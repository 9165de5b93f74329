"""Signals and images: smoothing, deconvolution, retrieval, sparse and nonnegative factorisations."""

from __future__ import annotations

import numpy as np
from tests.corpus.record import Entry

import closedform as cf

n, m, d, k = "n", "m", "d", "k"
x, y, scalar, positive = cf.vector(n), cf.vector(n), cf.scalar(), cf.positive()


def total_variation(x, eps):
    return np.sum(np.sqrt(np.diff(x) ** 2 + eps))


def denoising(x, y, lam):
    return 0.5 * np.sum((x - y) ** 2) + lam / 2 * np.sum(np.diff(x) ** 2)


def second_differences(x, y, lam):
    return np.sum((x - y) ** 2) + lam * np.sum((x[2:] - 2 * x[1:-1] + x[:-2]) ** 2)


def image_denoising(U, F, lam):
    rows = U[1:, :] - U[:-1, :]
    columns = U[:, 1:] - U[:, :-1]
    return 0.5 * np.sum((U - F) ** 2) + lam / 2 * (np.sum(rows**2) + np.sum(columns**2))


def image_total_variation(U, eps):
    rows = U[1:, :-1] - U[:-1, :-1]
    columns = U[:-1, 1:] - U[:-1, :-1]
    return np.sum(np.sqrt(rows**2 + columns**2 + eps))


def periodic_smoothness(x):
    return 0.5 * np.sum((x - np.roll(x, 1)) ** 2)


def phase_retrieval(x, A, b):
    return 0.25 * np.mean(((A @ x) ** 2 - b) ** 2)


def deconvolution(x, K, y, lam):
    return 0.5 * np.linalg.norm(K @ x - y) ** 2 + 0.5 * lam * np.linalg.norm(x) ** 2


def bilinear_measurements(h, B, C, x, y):
    return 0.5 * np.sum(((B @ h) * (C @ x) - y) ** 2)


def low_rank_measurements(U, a, B, y):
    return 0.5 * np.sum((np.sum((B @ U) * (a @ U), axis=1) - y) ** 2)


def sparse_coding(z, D, x, lam, eps):
    return 0.5 * np.sum((x - D @ z) ** 2) + lam * np.sum(np.sqrt(z**2 + eps**2))


def dictionary(D, X, Z):
    return 0.5 * np.linalg.norm(X - D @ Z, "fro") ** 2


def nonnegative_factors(W, V, H):
    return 0.5 * np.sum((V - W @ H) ** 2)


def divergence_of_factors(W, V, H):
    Y = W @ H
    return np.sum(V * np.log(V / Y) - V + Y)


def divergence_of_activations(H, V, W):
    return np.sum(-V * np.log(W @ H) + W @ H)


def independent_components(W, X):
    return -np.linalg.slogdet(W)[1] + np.mean(np.sum(np.log(np.cosh(X @ W.T)), axis=1))


def kurtosis(w, X):
    return np.mean((X @ w) ** 4) - 3 * np.mean((X @ w) ** 2) ** 2


def beamformer(w, R, a):
    return (w @ R @ w) / (w @ a) ** 2


def wiener_filter(w, R, p, s):
    return s - 2 * w @ p + w @ R @ w


def linear_prediction(a, s):
    e = s[2:] - a[0] * s[1:-1] - a[1] * s[:-2]
    return np.sum(e**2)


def matched_frequency(omega, t, y):
    return np.sum(y * np.cos(omega * t)) ** 2 + np.sum(y * np.sin(omega * t)) ** 2


def sinusoid_fit(phi, t, y, a, omega):
    return 0.5 * np.sum((y - a * np.sin(omega * t + phi)) ** 2)


def exponential_decay(lam, t, y, a):
    return 0.5 * np.sum((y - a * np.exp(-lam * t)) ** 2)


def logistic_growth(r, t, y, K, c):
    return 0.5 * np.sum((K / (1 + c * np.exp(-r * t)) - y) ** 2)


def michaelis_menten(Km, s, v, Vmax):
    return 0.5 * np.sum((v - Vmax * s / (Km + s)) ** 2)


def gaussian_peak(mu, t, y, a, sigma):
    return 0.5 * np.sum((y - a * np.exp(-((t - mu) ** 2) / (2 * sigma**2))) ** 2)


def tensor_factor(a, b, c, T):
    return 0.5 * np.sum((T - np.einsum("i,j,k->ijk", a, b, c)) ** 2)


def procrustes(R, X, Y):
    return np.sum((X @ R - Y) ** 2)


def soft_thresholding(x, lam):
    return np.sum(np.sign(x) * np.maximum(np.abs(x) - lam, 0))


def reweighted(x, eps):
    return np.sum(np.log(x**2 + eps))


def group_sparsity(X, eps):
    return np.sum(np.sqrt(np.sum(X**2, axis=1) + eps))


BOYD = "Boyd and Vandenberghe, Convex Optimization (2004)"
ENTRIES = (
    Entry(
        "total_variation",
        "Rudin, Osher, Fatemi, Nonlinear total variation based noise removal algorithms (1992), eq. 2.5",
        total_variation,
        (x, positive),
        "S[1:]ᵀr − S[:-1]ᵀr, where r = (x[1:] − x[:-1]) ⊘ √((x[1:] − x[:-1])^⊙2 + ε𝟏)",
    ),
    Entry(
        "denoising",
        f"{BOYD}, section 6.3.3",
        denoising,
        (x, y, scalar),
        "x − y + λ(S[1:] − S[:-1])ᵀ(x[1:] − x[:-1])",
        "I + λ(S[1:] − S[:-1])ᵀ(S[1:] − S[:-1])",
    ),
    Entry(
        "second_differences",
        "Hodrick and Prescott, Postwar U.S. business cycles (1997), eq. 2",
        second_differences,
        (x, y, scalar),
        "2(x − y) + 2λ(S[2:] − 2S[1:-1] + S[:-2])ᵀ(x[2:] − 2x[1:-1] + x[:-2])",
    ),
    Entry(
        "image_denoising",
        "Aubert and Kornprobst, Mathematical Problems in Image Processing (2006), section 3.2",
        image_denoising,
        (cf.matrix(n, m), cf.matrix(n, m), scalar),
        "U − F + λ((S[1:] − S[:-1])ᵀ(U[1:, :] − U[:-1, :]) + (U[:, 1:] − U[:, :-1])(S[1:] − S[:-1]))",
    ),
    Entry(
        "image_total_variation",
        "Rudin, Osher, Fatemi, Nonlinear total variation based noise removal algorithms (1992), eq. 2.5",
        image_total_variation,
        (cf.matrix(n, m), positive),
        "S[1:]ᵀP S[:-1] − S[:-1]ᵀP S[:-1] + S[:-1]ᵀQ S[1:] − S[:-1]ᵀQ S[:-1], "
        "where D = U[1:, :-1] − U[:-1, :-1], E = U[:-1, 1:] − U[:-1, :-1], "
        "R = (D^⊙2 + E^⊙2 + ε𝟏𝟏ᵀ)^(⊙1/2), P = D ⊘ R, Q = E ⊘ R",
    ),
    Entry(
        "periodic_smoothness",
        "Strang, Computational Science and Engineering (2007), section 1.1",
        periodic_smoothness,
        (x,),
        "2x − roll(x, 1) − roll(x, -1)",
    ),
    Entry(
        "phase_retrieval",
        "Candès, Li, Soltanolkotabi, Phase retrieval via Wirtinger flow (2015), eq. 2.1",
        phase_retrieval,
        (cf.vector(d), cf.matrix(m, d), cf.vector(m)),
        "(1/m)Aᵀ(((Ax)^⊙2 − b) ⊙ Ax)",
        "(1/m)Aᵀ diag(3(Ax)^⊙2 − b)A",
    ),
    Entry(
        "deconvolution",
        "Hansen, Nagy, O'Leary, Deblurring Images (2006), section 6.4",
        deconvolution,
        (cf.vector(d), cf.matrix(m, d), cf.vector(m), scalar),
        "Kᵀ(Kx − y) + λx",
        "KᵀK + λI",
    ),
    Entry(
        "bilinear_measurements",
        "Ahmed, Recht, Romberg, Blind deconvolution using convex programming (2014), section 1.1",
        bilinear_measurements,
        (cf.vector(k), cf.matrix(m, k), cf.matrix(m, d), cf.vector(d), cf.vector(m)),
        "Bᵀ(Cx ⊙ (Bh ⊙ Cx − y))",
        "Bᵀ diag((Cx)^⊙2)B",
    ),
    Entry(
        "low_rank_measurements",
        "Chi, Lu, Chen, Nonconvex optimization meets low-rank matrix factorization (2019), section 4",
        low_rank_measurements,
        (cf.matrix(d, k), cf.matrix(m, d), cf.matrix(m, d), cf.vector(m)),
        "Bᵀ diag(r)aU + aᵀ diag(r)BU, where r = (BU ⊙ aU)𝟏 − y",
    ),
    Entry(
        "sparse_coding",
        "Olshausen and Field, Emergence of simple-cell receptive field properties (1996), eq. 2",
        sparse_coding,
        (cf.vector(k), cf.matrix(d, k), cf.vector(d), scalar, positive),
        "λz ⊘ √(z^⊙2 + ε²𝟏) − Dᵀ(x − Dz)",
        "DᵀD + λε² diag(𝟏 ⊘ (z^⊙2 + ε²𝟏)^(⊙3/2))",
    ),
    Entry(
        "dictionary",
        "Mairal et al., Online learning for matrix factorization and sparse coding (2010), section 2",
        dictionary,
        (cf.matrix(d, k), cf.matrix(d, n), cf.matrix(k, n)),
        "(DZ − X)Zᵀ",
        "I ⊗ ZZᵀ",
    ),
    Entry(
        "nonnegative_factors",
        "Lee and Seung, Algorithms for non-negative matrix factorization (2001), eq. 2",
        nonnegative_factors,
        (cf.positive(n, k), cf.positive(n, m), cf.positive(k, m)),
        "WHHᵀ − VHᵀ",
        "I ⊗ HHᵀ",
    ),
    Entry(
        "divergence_of_factors",
        "Lee and Seung, Algorithms for non-negative matrix factorization (2001), eq. 3",
        divergence_of_factors,
        (cf.positive(n, k), cf.positive(n, m), cf.positive(k, m)),
        "(𝟏𝟏ᵀ − V ⊘ WH)Hᵀ",
    ),
    Entry(
        "divergence_of_activations",
        "Lee and Seung, Algorithms for non-negative matrix factorization (2001), eq. 3",
        divergence_of_activations,
        (cf.positive(k, m), cf.positive(n, m), cf.positive(n, k)),
        "Wᵀ(𝟏𝟏ᵀ − V ⊘ WH)",
    ),
    Entry(
        "independent_components",
        "Bell and Sejnowski, An information-maximization approach to blind separation (1995), section 2",
        independent_components,
        (cf.matrix(d, d), cf.matrix(n, d)),
        "(1/n)tanh(WXᵀ)X − W⁻ᵀ",
    ),
    Entry(
        "kurtosis",
        "Hyvärinen and Oja, Independent component analysis (2000), section 4.2.1",
        kurtosis,
        (cf.vector(d), cf.matrix(n, d)),
        "(4/n)Xᵀ(Xw)^⊙3 − (12‖Xw‖²/n²)XᵀXw",
        "(12/n)Xᵀ diag((Xw)^⊙2)X − (12‖Xw‖²/n²)XᵀX − (24/n²)XᵀXwwᵀXᵀX",
    ),
    Entry(
        "beamformer",
        "Van Trees, Optimum Array Processing (2002), section 6.2",
        beamformer,
        (cf.vector(d), cf.symmetric(d), cf.vector(d)),
        "(2/(aᵀw)²)(Rw − (wᵀRw/(aᵀw))a)",
    ),
    Entry(
        "wiener_filter",
        "Haykin, Adaptive Filter Theory (2002), section 2.4",
        wiener_filter,
        (cf.vector(d), cf.symmetric(d), cf.vector(d), scalar),
        "2(Rw − p)",
        "2R",
    ),
    Entry(
        "matched_frequency",
        "Stoica and Moses, Spectral Analysis of Signals (2005), section 2.2",
        matched_frequency,
        (scalar, x, y),
        "2(yᵀ sin(ωt))(tᵀ(y ⊙ cos(ωt))) − 2(yᵀ cos(ωt))(tᵀ(y ⊙ sin(ωt)))",
    ),
    Entry(
        "sinusoid_fit",
        "Kay, Fundamentals of Statistical Signal Processing: Estimation Theory (1993), example 3.4",
        sinusoid_fit,
        (scalar, x, y, scalar, scalar),
        "−a(y − a sin(ωt + φ𝟏))ᵀ cos(ωt + φ𝟏)",
        "a²‖cos(ωt + φ𝟏)‖² + a(y − a sin(ωt + φ𝟏))ᵀ sin(ωt + φ𝟏)",
    ),
    Entry(
        "exponential_decay",
        "Bates and Watts, Nonlinear Regression Analysis and Its Applications (1988), section 2.1",
        exponential_decay,
        (positive, x, y, scalar),
        "a(y − a exp(−λt))ᵀ(t ⊙ exp(−λt))",
        "a𝟏ᵀ((2a exp(−λt) − y) ⊙ t^⊙2 ⊙ exp(−λt))",
    ),
    Entry(
        "logistic_growth",
        "Bates and Watts, Nonlinear Regression Analysis and Its Applications (1988), section 3.2",
        logistic_growth,
        (positive, x, y, positive, positive),
        "Kc𝟏ᵀ((p − y) ⊙ t ⊙ exp(−rt) ⊘ (1 + c exp(−rt))^⊙2), where p = K𝟏 ⊘ (1 + c exp(−rt))",
    ),
    Entry(
        "michaelis_menten",
        "Bates and Watts, Nonlinear Regression Analysis and Its Applications (1988), section 2.1",
        michaelis_menten,
        (positive, cf.positive(n), x, positive),
        "Vmax(v − Vmax s ⊘ (Km 𝟏 + s))ᵀ(s ⊘ (Km 𝟏 + s)^⊙2)",
    ),
    Entry(
        "gaussian_peak",
        "Press et al., Numerical Recipes (2007), section 15.5",
        gaussian_peak,
        (scalar, x, y, scalar, positive),
        "−(a/σ²)(y − ap)ᵀ(p ⊙ (t − μ𝟏)), where p = exp(−(1/(2σ²))(t − μ𝟏)^⊙2)",
    ),
    Entry(
        "tensor_factor",
        "Kolda and Bader, Tensor decompositions and applications (2009), section 3.4",
        tensor_factor,
        (cf.vector(n), cf.vector(m), cf.vector(k), cf.array(n, m, k)),
        "‖b‖²‖c‖²a − [Σⱼₖ Tᵢⱼₖbⱼcₖ]ᵢ",
        "‖b‖²‖c‖²I",
    ),
    Entry(
        "alignment",
        "Golub and Van Loan, Matrix Computations (2013), section 6.4.1",
        procrustes,
        (cf.matrix(d, d), cf.matrix(n, d), cf.matrix(n, d)),
        "2Xᵀ(XR − Y)",
        "2XᵀX ⊗ I",
    ),
    Entry(
        "reweighted",
        "Candès, Wakin, Boyd, Enhancing sparsity by reweighted l1 minimization (2008), section 2.3",
        reweighted,
        (x, positive),
        "2x ⊘ (x^⊙2 + ε𝟏)",
        "2 diag((ε𝟏 − x^⊙2) ⊘ (x^⊙2 + ε𝟏)^⊙2)",
    ),
    Entry(
        "group_sparsity",
        "Yuan and Lin, Model selection and estimation in regression with grouped variables (2006), eq. 2.1",
        group_sparsity,
        (cf.matrix(n, d), positive),
        "diag(𝟏 ⊘ √(X^⊙2𝟏 + ε𝟏))X",
    ),
)
