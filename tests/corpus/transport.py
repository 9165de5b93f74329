"""Optimal transport, and smoothings by log-sum-exp."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp, softmax
from tests.corpus.record import Entry

import closedform as cf

n, m, d = "n", "m", "d"
f, g = cf.vector(n), cf.vector(m)
a, b, C = cf.positive(n), cf.positive(m), cf.matrix(n, m)
eps, x = cf.positive(), cf.vector(d)


def entropic_dual(f, g, a, b, C, eps):
    plan = np.exp((f[:, None] + g[None, :] - C) / eps)
    return f @ a + g @ b - eps * np.sum(plan)


def entropic_dual_in_cost(C, f, g, eps):
    return -eps * np.exp((f[:, None] + g - C) / eps).sum()


def entropic_semidual(g, a, b, C, eps):
    return g @ b - eps * a @ logsumexp((g[None, :] - C) / eps, axis=1)


def entropic_primal(P, C, eps):
    return np.sum(P * C) + eps * np.sum(P * (np.log(P) - 1))


def sinkhorn_step(v, K, a):
    return a / (K @ v)


def sinkhorn_twice(v, K, a, b):
    u = a / (K @ v)
    return b / (K.T @ u)


def soft_transform(g, C, b, eps):
    return -eps * np.log(np.exp((g[None, :] - C) / eps) @ b)


def unbalanced(P, a, b, C, rho):
    row, column = P.sum(axis=1), P.sum(axis=0)
    kl = np.sum(row * np.log(row / a) - row + a) + np.sum(column * np.log(column / b) - column + b)
    return np.sum(P * C) + rho * kl


def gromov_wasserstein(P, D, E):
    return -2 * np.trace(D @ P @ E @ P.T)


def wasserstein_of_diagonal_gaussians(s, t, m1, m2):
    return np.sum((m1 - m2) ** 2) + np.sum((np.sqrt(s) - np.sqrt(t)) ** 2)


def sliced_wasserstein(theta, X, Y):
    return np.mean((X @ theta - Y @ theta) ** 2)


def energy_distance(x, Y):
    return 2 * np.mean(np.sqrt(np.sum((Y - x) ** 2, axis=1)))


def barycentre(x, Y, w):
    return np.sum(w * np.sum((x - Y) ** 2, axis=1))


def geometric_median(x, Y):
    return np.sum(np.linalg.norm(Y - x, axis=1))


def soft_maximum(x, mu):
    return mu * np.log(np.sum(np.exp(x / mu)))


def smoothed_piecewise_linear(x, A, b, mu):
    return mu * logsumexp((A @ x + b) / mu)


def smoothed_maximum_of_quadratics(x, y, z, mu):
    return mu * np.logaddexp(np.sum((x - y) ** 2) / mu, np.sum((x - z) ** 2) / mu)


def geometric_program(y, A, b):
    return np.log(np.sum(np.exp(A @ y + b)))


def soft_minimum_distance(x, Y, gamma):
    return -gamma * logsumexp(-np.sum((Y - x) ** 2, axis=1) / gamma)


def soft_k_means(M, X, beta):
    distances = np.sum((X[:, None, :] - M[None, :, :]) ** 2, axis=2)
    return -np.sum(logsumexp(-beta * distances, axis=1)) / beta


def soft_absolute_value(x, mu):
    return mu * np.sum(np.log(np.cosh(x / mu)))


def soft_dynamic_time_warping(D, gamma):
    """Of two series of length 2."""
    r = -gamma * logsumexp(np.stack([-D[0, 0] / gamma, -(D[0, 0] + D[0, 1]) / gamma]))
    return D[1, 1] + r


def softmax_weighted_average(x, mu):
    return x @ softmax(x / mu)


def mellowmax(x, omega):
    return np.log(np.mean(np.exp(omega * x))) / omega


def risk_of_exponential_utility(theta, X, w):
    return np.log(np.mean(np.exp(-theta * (X @ w)))) / theta


def exponential_tilting(t, X):
    return np.log(np.mean(np.exp(X @ t)))


def power_mean(x, p):
    return np.mean(x**p) ** (1 / p)


PEYRE = "Peyré and Cuturi, Computational Optimal Transport (2019)"
BOYD = "Boyd and Vandenberghe, Convex Optimization (2004)"
PLAN = "P = exp_⊙((1/ε)(f𝟏ᵀ + 𝟏gᵀ − C))"
ENTRIES = (
    Entry(
        "entropic_dual",
        f"{PEYRE}, eq. 4.30",
        entropic_dual,
        (f, g, a, b, C, eps),
        f"a − P𝟏, where {PLAN}",
        f"−(1/ε) diag(P𝟏), where {PLAN}",
    ),
    Entry(
        "entropic_dual_in_cost",
        f"{PEYRE}, eq. 4.30",
        entropic_dual_in_cost,
        (C, f, g, eps),
        "exp_⊙((1/ε)(f𝟏ᵀ + 𝟏gᵀ − C))",
    ),
    Entry(
        "entropic_semidual",
        f"{PEYRE}, section 5.3",
        entropic_semidual,
        (g, a, b, C, eps),
        "b − softmax₁((1/ε)(𝟏gᵀ − C))ᵀa",
        "(1/ε)(Pᵀ diag(a)P − diag(Pᵀa)), where P = softmax₁((1/ε)(𝟏gᵀ − C))",
    ),
    Entry(
        "entropic_primal",
        f"{PEYRE}, eq. 4.2",
        entropic_primal,
        (cf.positive(n, m), C, eps),
        "C + ε ln(P)",
        "ε diag(vec(P^(⊙−1)))",
    ),
    Entry(
        "sinkhorn_step",
        f"{PEYRE}, eq. 4.15",
        sinkhorn_step,
        (cf.positive(m), cf.positive(n, m), a),
        "−diag(a ⊘ (Kv)^⊙2)K",
    ),
    Entry(
        "sinkhorn_twice",
        f"{PEYRE}, eq. 4.15",
        sinkhorn_twice,
        (cf.positive(m), cf.positive(n, m), a, b),
        "diag(b ⊘ (Kᵀ(a ⊘ Kv))^⊙2)Kᵀ diag(a ⊘ (Kv)^⊙2)K",
    ),
    Entry(
        "soft_transform",
        f"{PEYRE}, eq. 5.1",
        soft_transform,
        (g, C, b, eps),
        "−diag(𝟏 ⊘ Eb)E diag(b), where E = exp_⊙((1/ε)(𝟏gᵀ − C))",
    ),
    Entry(
        "unbalanced_transport",
        f"{PEYRE}, section 10.2",
        unbalanced,
        (cf.positive(n, m), a, b, C, eps),
        "C + ρ(ln(P𝟏 ⊘ a)𝟏ᵀ + 𝟏ln(Pᵀ𝟏 ⊘ b)ᵀ)",
    ),
    Entry(
        "gromov_wasserstein",
        f"{PEYRE}, section 10.6.3",
        gromov_wasserstein,
        (cf.matrix(n, m), cf.symmetric(n), cf.symmetric(m)),
        "−4DPE",
        "−4D ⊗ E",
    ),
    Entry(
        "wasserstein_of_diagonal_gaussians",
        f"{PEYRE}, section 2.6",
        wasserstein_of_diagonal_gaussians,
        (cf.positive(d), cf.positive(d), x, x),
        "1 − √t ⊘ √s",
        "½ diag(√t ⊘ s^(⊙3/2))",
    ),
    Entry(
        "sliced_wasserstein",
        f"{PEYRE}, section 10.5",
        sliced_wasserstein,
        (x, cf.matrix(n, d), cf.matrix(n, d)),
        "(2/n)(X − Y)ᵀ(X − Y)θ",
        "(2/n)(X − Y)ᵀ(X − Y)",
    ),
    Entry(
        "energy_distance",
        "Székely and Rizzo, Energy statistics (2013), section 2",
        energy_distance,
        (x, cf.matrix(n, d)),
        "(2/n)(𝟏xᵀ − Y)ᵀ(𝟏 ⊘ √((𝟏xᵀ − Y)^⊙2𝟏))",
    ),
    Entry(
        "barycentre",
        f"{PEYRE}, section 9.2",
        barycentre,
        (x, cf.matrix(n, d), a),
        "2((𝟏ᵀw)x − Yᵀw)",
        "2(𝟏ᵀw)I",
    ),
    Entry(
        "geometric_median",
        "Weiszfeld, Sur le point pour lequel la somme des distances est minimum (1937)",
        geometric_median,
        (x, cf.matrix(n, d)),
        "(𝟏xᵀ − Y)ᵀ(𝟏 ⊘ r), where r = √((𝟏xᵀ − Y)^⊙2𝟏)",
        "(𝟏ᵀ(𝟏 ⊘ r))I − (𝟏xᵀ − Y)ᵀ diag(𝟏 ⊘ r^⊙3)(𝟏xᵀ − Y), where r = √((𝟏xᵀ − Y)^⊙2𝟏)",
    ),
    Entry(
        "soft_maximum",
        "Nesterov, Smooth minimization of non-smooth functions (2005), section 4.1",
        soft_maximum,
        (x, eps),
        "softmax(x/μ)",
        "(1/μ)(diag(softmax(x/μ)) − softmax(x/μ) softmax(x/μ)ᵀ)",
    ),
    Entry(
        "smoothed_piecewise_linear",
        "Nesterov, Smooth minimization of non-smooth functions (2005), section 4.3",
        smoothed_piecewise_linear,
        (x, cf.matrix(m, d), g, eps),
        "Aᵀ softmax((1/μ)(Ax + b))",
        "(1/μ)Aᵀ(diag(p) − ppᵀ)A, where p = softmax((1/μ)(Ax + b))",
    ),
    Entry(
        "smoothed_maximum_of_quadratics",
        "Nesterov, Smooth minimization of non-smooth functions (2005), section 4",
        smoothed_maximum_of_quadratics,
        (x, x, x, eps),
        "2(s(x − y) + (1 − s)(x − z)), where s = σ((‖x − y‖² − ‖x − z‖²)/μ)",
    ),
    Entry(
        "geometric_program",
        f"{BOYD}, section 4.5.3",
        geometric_program,
        (x, cf.matrix(m, d), g),
        "Aᵀ softmax(Ay + b)",
        "Aᵀ(diag(softmax(Ay + b)) − softmax(Ay + b) softmax(Ay + b)ᵀ)A",
    ),
    Entry(
        "soft_minimum_distance",
        "Cuturi and Blondel, Soft-DTW (2017), section 2.1",
        soft_minimum_distance,
        (x, cf.matrix(n, d), eps),
        "2(x − Yᵀ softmax(−(1/γ)(Y − 𝟏xᵀ)^⊙2𝟏))",
    ),
    Entry(
        "soft_k_means",
        "MacKay, Information Theory, Inference, and Learning Algorithms (2003), section 20.2",
        soft_k_means,
        (cf.matrix("k", d), cf.matrix(n, d), eps),
        "2(diag(Rᵀ𝟏)M − RᵀX), where R = softmax₁([−βΣₖ (Xᵢₖ − Mⱼₖ)²]ᵢⱼ)",
    ),
    Entry(
        "soft_absolute_value",
        "Nesterov, Smooth minimization of non-smooth functions (2005), section 4",
        soft_absolute_value,
        (x, eps),
        "tanh(x/μ)",
        "(1/μ) diag(1 − tanh²(x/μ))",
    ),
    Entry(
        "soft_minimum_of_two_paths",
        "Cuturi and Blondel, Soft-DTW (2017), section 2.2",
        soft_dynamic_time_warping,
        (cf.matrix(2, 2), eps),
        "e₁e₁ᵀ + e₀e₀ᵀ + σ(−D[0, 1]/γ)e₀e₁ᵀ",
    ),
    Entry(
        "softmax_weighted_average",
        "Asadi and Littman, An alternative softmax operator (2017), section 1",
        softmax_weighted_average,
        (x, eps),
        "p + (1/μ)p ⊙ (x − (xᵀp)𝟏), where p = softmax(x/μ)",
    ),
    Entry(
        "mellowmax",
        "Asadi and Littman, An alternative softmax operator (2017), section 4",
        mellowmax,
        (x, eps),
        "softmax(ωx)",
        "ω(diag(softmax(ωx)) − softmax(ωx) softmax(ωx)ᵀ)",
    ),
    Entry(
        "entropic_risk",
        "Föllmer and Schied, Stochastic Finance (2011), example 4.34",
        risk_of_exponential_utility,
        (eps, cf.matrix(n, d), x),
        "−((Xw)ᵀ softmax(−θXw))/θ − ln((1/n)𝟏ᵀ exp(−θXw))/θ²",
    ),
    Entry(
        "exponential_tilting",
        "Efron, Large-Scale Inference (2010), section 5.2",
        exponential_tilting,
        (x, cf.matrix(n, d)),
        "Xᵀ softmax(Xt)",
        "Xᵀ(diag(softmax(Xt)) − softmax(Xt) softmax(Xt)ᵀ)X",
    ),
    Entry(
        "power_mean",
        "Hardy, Littlewood, Pólya, Inequalities (1934), section 2.2",
        power_mean,
        (cf.positive(n), eps),
        "(1/n)((1/n)𝟏ᵀx^(p𝟏))^(1/p − 1)x^((p − 1)𝟏)",
    ),
)
