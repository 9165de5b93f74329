"""Gaussian and related likelihoods, in their means, covariances and precisions."""

from __future__ import annotations

import numpy as np
from numpy.linalg import det, inv, slogdet, solve
from scipy.special import logsumexp
from tests.corpus.record import Entry

import closedform as cf

d, n, k, q = "d", "n", "k", "q"
mu, X, Sigma = cf.vector(d), cf.matrix(n, d), cf.spd(d)


def density(x, mu, Sigma):
    D = len(x)
    e = x - mu
    return np.exp(-0.5 * e @ inv(Sigma) @ e) / np.sqrt((2 * np.pi) ** D * det(Sigma))


def mean_of_gaussian(mu, X, Sigma):
    likelihood = 0
    for i in range(X.shape[0]):
        likelihood += -0.5 * (X[i] - mu).T @ inv(Sigma) @ (X[i] - mu)
    return likelihood


def covariance_of_gaussian(Sigma, X, mu):
    N, D = X.shape
    centred = X - mu
    return (
        -N * D / 2 * np.log(2 * np.pi)
        - N / 2 * np.log(det(Sigma))
        - 0.5 * np.einsum("ni,ij,nj->", centred, inv(Sigma), centred)
    )


def precision_of_gaussian(Lambda, S, N):
    return N / 2 * slogdet(Lambda)[1] - N / 2 * np.trace(S @ Lambda)


def covariance_and_scatter(Sigma, S, N):
    return -N / 2 * (slogdet(Sigma)[1] + np.trace(S @ inv(Sigma)))


def variance_of_gaussian(sigma2, x, mu):
    return -0.5 * np.sum((x - mu) ** 2) / sigma2 - x.size / 2 * np.log(2 * np.pi * sigma2)


def deviation_of_gaussian(sigma, x, mu):
    return np.sum(-np.log(sigma) - (x - mu) ** 2 / (2 * sigma**2))


def diagonal_gaussian(s, X, mu):
    return -0.5 * np.sum(np.log(s)) * X.shape[0] - 0.5 * np.sum((X - mu[None, :]) ** 2 / s[None, :])


def isotropic_gaussian(mu, X, beta):
    return -beta / 2 * np.sum((X - mu) ** 2)


def mahalanobis(x, mu, Sigma):
    return np.sqrt((x - mu) @ inv(Sigma) @ (x - mu))


def mahalanobis_squared_in_covariance(Sigma, e):
    return e @ inv(Sigma) @ e


def metric_learning(L, z):
    return np.sum((L @ z) ** 2)


def distance_metric(M, D):
    return np.sum(np.sqrt(np.einsum("ni,ij,nj->n", D, M, D)))


def kl_in_mean(m, mu, Sigma):
    return 0.5 * (mu - m) @ solve(Sigma, mu - m)


def kl_in_first_covariance(S, m, mu, Sigma):
    e = mu - m
    return 0.5 * (
        np.trace(solve(Sigma, S)) + e @ solve(Sigma, e) - len(e) + np.log(det(Sigma)) - np.log(det(S))
    )


def kl_in_second_covariance(Sigma, S, e):
    return 0.5 * (np.trace(inv(Sigma) @ S) + e @ inv(Sigma) @ e + np.log(det(Sigma) / det(S)))


def kl_to_standard_normal(mu, log_var):
    return -0.5 * np.sum(1 + log_var - mu**2 - np.exp(log_var))


def kl_to_standard_normal_in_variance(log_var, mu):
    return -0.5 * np.sum(1 + log_var - mu**2 - np.exp(log_var))


def gaussian_entropy(Sigma):
    return 0.5 * slogdet(2 * np.pi * np.e * Sigma)[1]


def conditional_mean(x, y, mx, my, Sxy, Syy):
    return 0.5 * np.sum((x - mx - Sxy @ inv(Syy) @ (y - my)) ** 2)


def wishart(W, V, nu):
    p = W.shape[0]
    return (nu - p - 1) / 2 * np.log(det(W)) - np.trace(inv(V) @ W) / 2 - nu / 2 * np.log(det(V))


def wishart_scale(V, W, nu):
    return -0.5 * np.trace(inv(V) @ W) - nu / 2 * np.log(det(V))


def inverse_wishart(Sigma, Psi, nu):
    p = Sigma.shape[0]
    return -(nu + p + 1) / 2 * slogdet(Sigma)[1] - 0.5 * np.trace(Psi @ inv(Sigma))


def multivariate_t(mu, x, Lambda, nu):
    D = x.shape[0]
    delta2 = (x - mu) @ Lambda @ (x - mu)
    return -(nu + D) / 2 * np.log(1 + delta2 / nu)


def multivariate_t_scale(Sigma, X, nu):
    n, p = X.shape
    distances = np.sum((X @ inv(Sigma)) * X, axis=1)
    return n / 2 * np.log(det(Sigma)) + (nu + p) / 2 * np.sum(np.log(nu + distances))


def tyler(Sigma, X):
    n, p = X.shape
    return p / n * np.sum(np.log(np.sum(X @ inv(Sigma) * X, axis=1))) + slogdet(Sigma)[1]


def mixture_means(M, X, pi):
    distances = np.sum((X[:, None, :] - M[None, :, :]) ** 2, axis=-1)
    return np.sum(logsumexp(np.log(pi) - 0.5 * distances, axis=1))


def mixture_mean_one_point(m, x, c, pi):
    return np.log(pi * np.exp(-0.5 * np.sum((x - m) ** 2)) + c)


def mixture_weights(pi, P):
    return np.sum(np.log(P @ pi))


def mixture_logits(a, P):
    weights = np.exp(a) / np.sum(np.exp(a))
    return np.sum(np.log(P @ weights))


def mixture_of_scalars(mu, x, pi, s):
    z = (x[:, None] - mu) / s
    return np.sum(np.log(np.exp(-0.5 * z**2) @ pi))


def factor_loadings(W, S, Psi):
    C = W @ W.T + Psi
    return 0.5 * (slogdet(C)[1] + np.trace(inv(C) @ S))


def factor_uniquenesses(psi, W, S):
    C = W @ W.T + np.diag(psi)
    return 0.5 * (slogdet(C)[1] + np.trace(solve(C, S)))


def probabilistic_pca(W, S, sigma2):
    C = W @ W.T + sigma2 * np.eye(W.shape[0])
    return 0.5 * (np.log(det(C)) + np.trace(inv(C) @ S))


def probabilistic_pca_noise(sigma2, W, S):
    C = W @ W.T + sigma2 * np.eye(W.shape[0])
    return 0.5 * (np.log(det(C)) + np.trace(inv(C) @ S))


def graphical_lasso(Theta, S):
    return -np.log(det(Theta)) + np.trace(S @ Theta)


def smoothed_graphical_lasso(Theta, S, lam, eps):
    return -slogdet(Theta)[1] + np.sum(S * Theta) + lam * np.sum(np.sqrt(Theta**2 + eps))


def pseudo_likelihood(theta, x, z):
    return 0.5 * np.sum((x - z @ theta) ** 2)


def cholesky_whitening(L, x, mu):
    z = np.linalg.solve(L, x - mu)
    return 0.5 * z @ z + slogdet(L)[1]


def shrinkage(rho, S, F, T):
    return np.linalg.norm((1 - rho) * S + rho * F - T, "fro") ** 2


def mutual_information(W, Sigma, sigma2):
    return 0.5 * slogdet(np.eye(W.shape[0]) + W @ Sigma @ W.T / sigma2)[1]


def matrix_normal_mean(M, X, U, V):
    return -0.5 * np.trace(inv(V) @ (X - M).T @ inv(U) @ (X - M))


def canonical_correlation(a, Sxx, Sxy, b):
    return (a @ Sxy @ b) / np.sqrt(a @ Sxx @ a)


def principal_component(u, S):
    return (u @ S @ u) / (u @ u)


def reconstruction(U, X):
    return np.sum((X - X @ U @ U.T) ** 2)


ENTRIES = (
    Entry(
        "gaussian_density",
        "Petersen and Pedersen, The Matrix Cookbook (2012), section 8.1",
        density,
        (mu, mu, Sigma),
        "−(1/√((2π)^d det(Σ)))exp(−½(x − μ)ᵀΣ⁻¹(x − μ))Σ⁻¹(x − μ)",
        "(1/√((2π)^d det(Σ)))exp(−½(x − μ)ᵀΣ⁻¹(x − μ))(Σ⁻¹(x − μ)(x − μ)ᵀΣ⁻¹ − Σ⁻¹)",
    ),
    Entry(
        "mean_of_gaussian",
        "Bishop, Pattern Recognition and Machine Learning (2006), eq. 2.120",
        mean_of_gaussian,
        (mu, X, Sigma),
        "Σ⁻¹(Xᵀ𝟏 − nμ)",
        "−nΣ⁻¹",
    ),
    Entry(
        "covariance_of_gaussian",
        "Murphy, Machine Learning: A Probabilistic Perspective (2012), section 4.1.3",
        covariance_of_gaussian,
        (Sigma, X, mu),
        "½Σ⁻¹(X − 𝟏μᵀ)ᵀ(X − 𝟏μᵀ)Σ⁻¹ − (n/2)Σ⁻¹",
    ),
    Entry(
        "precision_of_gaussian",
        "Murphy, Machine Learning: A Probabilistic Perspective (2012), section 4.1.3",
        precision_of_gaussian,
        (cf.spd(d), cf.symmetric(d), cf.scalar()),
        "(N/2)(Λ⁻¹ − S)",
        "−(N/2)(Λ⁻¹ ⊗ Λ⁻¹)K",
    ),
    Entry(
        "covariance_and_scatter",
        "Magnus and Neudecker, Matrix Differential Calculus (1999), chapter 15, section 3",
        covariance_and_scatter,
        (cf.spd(d), cf.symmetric(d), cf.scalar()),
        "(N/2)(Σ⁻¹SΣ⁻¹ − Σ⁻¹)",
        "(N/2)(Σ⁻¹ ⊗ Σ⁻¹ − Σ⁻¹SΣ⁻¹ ⊗ Σ⁻¹ − Σ⁻¹ ⊗ Σ⁻¹SΣ⁻¹)K",
    ),
    Entry(
        "variance_of_gaussian",
        "Bishop, Pattern Recognition and Machine Learning (2006), eq. 1.54",
        variance_of_gaussian,
        (cf.positive(), cf.vector(n), cf.scalar()),
        "‖x − μ𝟏‖²/(2σ₂²) − n/(2σ₂)",
        "n/(2σ₂²) − ‖x − μ𝟏‖²/σ₂³",
    ),
    Entry(
        "deviation_of_gaussian",
        "Casella and Berger, Statistical Inference (2002), section 7.2",
        deviation_of_gaussian,
        (cf.positive(), cf.vector(n), cf.scalar()),
        "‖x − μ𝟏‖²/σ³ − n/σ",
        "n/σ² − 3‖x − μ𝟏‖²/σ⁴",
    ),
    Entry(
        "diagonal_gaussian",
        "Murphy, Machine Learning: A Probabilistic Perspective (2012), section 4.2",
        diagonal_gaussian,
        (cf.positive(d), X, mu),
        "½((X − 𝟏μᵀ)^⊙2)ᵀ𝟏 ⊘ s^⊙2 − (n/2)𝟏 ⊘ s",
        "diag((n/2)𝟏 ⊘ s^⊙2 − ((X − 𝟏μᵀ)^⊙2)ᵀ𝟏 ⊘ s^⊙3)",
    ),
    Entry(
        "isotropic_gaussian",
        "Bishop, Pattern Recognition and Machine Learning (2006), section 2.3.4",
        isotropic_gaussian,
        (mu, X, cf.positive()),
        "β(Xᵀ𝟏 − nμ)",
        "−βnI",
    ),
    Entry(
        "mahalanobis",
        "Bishop, Pattern Recognition and Machine Learning (2006), eq. 2.44",
        mahalanobis,
        (mu, mu, Sigma),
        "(1/√((x − μ)ᵀΣ⁻¹(x − μ)))Σ⁻¹(x − μ)",
        "(1/r)Σ⁻¹ − (1/r³)Σ⁻¹(x − μ)(x − μ)ᵀΣ⁻¹, where r = √((x − μ)ᵀΣ⁻¹(x − μ))",
    ),
    Entry(
        "mahalanobis_squared_in_covariance",
        "Petersen and Pedersen, The Matrix Cookbook (2012), eq. 61",
        mahalanobis_squared_in_covariance,
        (Sigma, mu),
        "−Σ⁻¹eeᵀΣ⁻¹",
        "(Σ⁻¹ ⊗ Σ⁻¹eeᵀΣ⁻¹ + Σ⁻¹eeᵀΣ⁻¹ ⊗ Σ⁻¹)K",
    ),
    Entry(
        "metric_learning",
        "Weinberger and Saul, Distance metric learning for large margin classification (2009), section 2",
        metric_learning,
        (cf.matrix(k, d), mu),
        "2Lzzᵀ",
        "2I ⊗ zzᵀ",
    ),
    Entry(
        "distance_metric",
        "Xing, Ng, Jordan, Russell, Distance metric learning (2002), section 2",
        distance_metric,
        (cf.spd(d), X),
        "½Dᵀ diag(𝟏 ⊘ √(diagonal(DMDᵀ)))D",
    ),
    Entry(
        "kl_in_mean",
        "Murphy, Probabilistic Machine Learning: An Introduction (2022), section 5.1.6",
        kl_in_mean,
        (mu, mu, Sigma),
        "Σ⁻¹(m − μ)",
        "Σ⁻¹",
    ),
    Entry(
        "kl_in_first_covariance",
        "Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), eq. A.23",
        kl_in_first_covariance,
        (cf.spd(d), mu, mu, Sigma),
        "½(Σ⁻¹ − S⁻¹)",
        "½(S⁻¹ ⊗ S⁻¹)K",
    ),
    Entry(
        "kl_in_second_covariance",
        "Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), eq. A.23",
        kl_in_second_covariance,
        (Sigma, cf.spd(d), mu),
        "½(Σ⁻¹ − Σ⁻¹(S + eeᵀ)Σ⁻¹)",
        "½(Σ⁻¹ ⊗ P + P ⊗ Σ⁻¹ − Σ⁻¹ ⊗ Σ⁻¹)K, where P = Σ⁻¹(S + eeᵀ)Σ⁻¹",
    ),
    Entry(
        "kl_to_standard_normal",
        "Kingma and Welling, Auto-encoding variational Bayes (2014), appendix B",
        kl_to_standard_normal,
        (mu, mu),
        "μ",
        "I",
    ),
    Entry(
        "kl_to_standard_normal_in_variance",
        "Kingma and Welling, Auto-encoding variational Bayes (2014), appendix B",
        kl_to_standard_normal_in_variance,
        (mu, mu),
        "½(exp(log_var) − 1)",
        "½ diag(exp(log_var))",
    ),
    Entry(
        "gaussian_entropy",
        "Cover and Thomas, Elements of Information Theory (2006), theorem 8.4.1",
        gaussian_entropy,
        (Sigma,),
        "½Σ⁻¹",
        "−½(Σ⁻¹ ⊗ Σ⁻¹)K",
    ),
    Entry(
        "conditional_mean",
        "Bishop, Pattern Recognition and Machine Learning (2006), eq. 2.81",
        conditional_mean,
        (cf.vector(k), mu, cf.vector(k), mu, cf.matrix(k, d), Sigma),
        "Syyᵀ⁻¹Sxyᵀ(mx + SxySyy⁻¹(y − my) − x)",
        "Syy⁻¹SxyᵀSxySyy⁻¹",
        argnums=1,
    ),
    Entry(
        "wishart",
        "Murphy, Machine Learning: A Probabilistic Perspective (2012), section 4.5",
        wishart,
        (cf.spd(d), cf.spd(d), cf.scalar()),
        "½((ν − d − 1)W⁻¹ − V⁻¹)",
        "−½(ν − d − 1)(W⁻¹ ⊗ W⁻¹)K",
    ),
    Entry(
        "wishart_scale",
        "Anderson, An Introduction to Multivariate Statistical Analysis (2003), section 7.2",
        wishart_scale,
        (cf.spd(d), cf.spd(d), cf.scalar()),
        "½(V⁻¹WV⁻¹ − νV⁻¹)",
        "½(νV⁻¹ ⊗ V⁻¹ − V⁻¹WV⁻¹ ⊗ V⁻¹ − V⁻¹ ⊗ V⁻¹WV⁻¹)K",
    ),
    Entry(
        "inverse_wishart",
        "Gelman et al., Bayesian Data Analysis (2013), section 3.6",
        inverse_wishart,
        (Sigma, cf.spd(d), cf.scalar()),
        "½(Σ⁻¹ΨΣ⁻¹ − (ν + d + 1)Σ⁻¹)",
    ),
    Entry(
        "multivariate_t",
        "Bishop, Pattern Recognition and Machine Learning (2006), eq. 2.162",
        multivariate_t,
        (mu, mu, Sigma, cf.positive()),
        "((ν + d)/(ν + (x − μ)ᵀΛ(x − μ)))Λ(x − μ)",
        "((ν + d)/r)((2/r)Λ(x − μ)(x − μ)ᵀΛ − Λ), where r = ν + (x − μ)ᵀΛ(x − μ)",
    ),
    Entry(
        "multivariate_t_scale",
        "Kent and Tyler, Redescending M-estimates of multivariate location and scatter (1991), section 4",
        multivariate_t_scale,
        (Sigma, X, cf.positive()),
        "(n/2)Σ⁻¹ − ½(ν + d)Σ⁻¹Xᵀ diag(𝟏 ⊘ (ν𝟏 + diagonal(XΣ⁻¹Xᵀ)))XΣ⁻¹",
    ),
    Entry(
        "tyler",
        "Tyler, A distribution-free M-estimator of multivariate scatter (1987), eq. 1.1",
        tyler,
        (Sigma, X),
        "Σ⁻¹ − (d/n)Σ⁻¹Xᵀ diag(𝟏 ⊘ diagonal(XΣ⁻¹Xᵀ))XΣ⁻¹",
    ),
    Entry(
        "mixture_means",
        "Bishop, Pattern Recognition and Machine Learning (2006), eqs. 9.14 and 9.16",
        mixture_means,
        (cf.matrix(k, d), X, cf.positive(k)),
        "RᵀX − diag(Rᵀ𝟏)M, where R = softmax₁(𝟏ln(π)ᵀ + [−½Σₖ (Xᵢₖ − Mⱼₖ)²]ᵢⱼ)",
    ),
    Entry(
        "mixture_mean_one_point",
        "Bishop, Pattern Recognition and Machine Learning (2006), eq. 9.16",
        mixture_mean_one_point,
        (mu, mu, cf.positive(), cf.positive()),
        "(πp/(πp + c))(x − m), where p = exp(−½‖x − m‖²)",
    ),
    Entry(
        "mixture_weights",
        "Bishop, Pattern Recognition and Machine Learning (2006), eq. 9.21",
        mixture_weights,
        (cf.positive(k), cf.positive(n, k)),
        "Pᵀ(𝟏 ⊘ Pπ)",
        "−Pᵀ diag(𝟏 ⊘ (Pπ)^⊙2)P",
    ),
    Entry(
        "mixture_logits",
        "Murphy, Machine Learning: A Probabilistic Perspective (2012), exercise 11.4",
        mixture_logits,
        (cf.vector(k), cf.positive(n, k)),
        "p ⊙ Pᵀ(𝟏 ⊘ Pp) − np, where p = softmax(a)",
    ),
    Entry(
        "mixture_of_scalars",
        "Bishop, Pattern Recognition and Machine Learning (2006), section 9.2.2",
        mixture_of_scalars,
        (cf.vector(k), cf.vector(n), cf.positive(k), cf.positive()),
        "(1/s)(R ⊙ Z)ᵀ𝟏, where Z = (1/s)(x𝟏ᵀ − 𝟏μᵀ), R = diag(𝟏 ⊘ exp_⊙(−½Z^⊙2)π) exp_⊙(−½Z^⊙2) diag(π)",
    ),
    Entry(
        "factor_loadings",
        "Magnus and Neudecker, Matrix Differential Calculus (1999), chapter 17, section 12",
        factor_loadings,
        (cf.matrix(d, k), cf.symmetric(d), cf.spd(d)),
        "C⁻¹(C − S)C⁻¹W, where C = WWᵀ + Ψ",
    ),
    Entry(
        "factor_uniquenesses",
        "Magnus and Neudecker, Matrix Differential Calculus (1999), chapter 17, section 12",
        factor_uniquenesses,
        (cf.positive(d), cf.matrix(d, k), cf.symmetric(d)),
        "½ diagonal(C⁻¹(C − S)C⁻¹), where C = WWᵀ + diag(ψ)",
    ),
    Entry(
        "probabilistic_pca_loadings",
        "Tipping and Bishop, Probabilistic principal component analysis (1999), appendix A",
        probabilistic_pca,
        (cf.matrix(d, k), cf.symmetric(d), cf.positive()),
        "C⁻¹W − C⁻¹SC⁻¹W, where C = WWᵀ + σ₂I",
    ),
    Entry(
        "probabilistic_pca_noise",
        "Bishop, Pattern Recognition and Machine Learning (2006), eq. 12.43",
        probabilistic_pca_noise,
        (cf.positive(), cf.matrix(d, k), cf.symmetric(d)),
        "½(tr(C⁻¹) − tr(C⁻¹SC⁻¹)), where C = WWᵀ + σ₂I",
        "tr(C⁻¹SC⁻¹C⁻¹) − ½tr(C⁻¹C⁻¹), where C = WWᵀ + σ₂I",
    ),
    Entry(
        "graphical_lasso",
        "Friedman, Hastie, Tibshirani, Sparse inverse covariance estimation (2008), eq. 1",
        graphical_lasso,
        (cf.spd(d), cf.symmetric(d)),
        "S − Θ⁻¹",
        "(Θ⁻¹ ⊗ Θ⁻¹)K",
    ),
    Entry(
        "smoothed_graphical_lasso",
        "Friedman, Hastie, Tibshirani, Sparse inverse covariance estimation (2008), eq. 1",
        smoothed_graphical_lasso,
        (cf.spd(d), cf.symmetric(d), cf.positive(), cf.positive()),
        "S − Θ⁻¹ + λΘ ⊘ (Θ^⊙2 + ε𝟏𝟏ᵀ)^(⊙1/2)",
    ),
    Entry(
        "cholesky_whitening",
        "Golub and Van Loan, Matrix Computations (2013), section 4.2",
        cholesky_whitening,
        (cf.matrix(d, d), mu, mu),
        "L⁻ᵀL⁻¹(x − μ)",
        "L⁻ᵀL⁻¹",
        argnums=1,
    ),
    Entry(
        "shrinkage",
        "Ledoit and Wolf, A well-conditioned estimator for large-dimensional covariance matrices (2004)",
        shrinkage,
        (cf.scalar(), cf.symmetric(d), cf.symmetric(d), cf.symmetric(d)),
        "2 tr((F − S)ᵀ((1 − ρ)S + ρF − T))",
        "2‖F − S‖_F²",
    ),
    Entry(
        "mutual_information",
        "Palomar and Verdú, Gradient of mutual information in linear vector Gaussian channels (2006), eq. 3",
        mutual_information,
        (cf.matrix(k, d), Sigma, cf.positive()),
        "(1/σ₂)(I + (1/σ₂)WΣWᵀ)⁻¹WΣ",
    ),
    Entry(
        "matrix_normal_mean",
        "Gupta and Nagar, Matrix Variate Distributions (1999), section 2.2",
        matrix_normal_mean,
        (cf.matrix(n, d), X, cf.spd(n), cf.spd(d)),
        "U⁻¹(X − M)V⁻¹",
        "−U⁻¹ ⊗ V⁻¹",
    ),
    Entry(
        "canonical_correlation",
        "Anderson, An Introduction to Multivariate Statistical Analysis (2003), section 12.2",
        canonical_correlation,
        (mu, Sigma, cf.matrix(d, k), cf.vector(k)),
        "(1/√r)(Sxy b − (aᵀSxy b/r)Sxx a), where r = aᵀSxx a",
    ),
    Entry(
        "principal_component",
        "Horn and Johnson, Matrix Analysis (2013), section 4.2",
        principal_component,
        (mu, cf.symmetric(d)),
        "(2/‖u‖²)(Su − (uᵀSu/‖u‖²)u)",
        "(2/‖u‖²)(S − rI − (2/‖u‖²)((S − rI)uuᵀ + uuᵀ(S − rI))), where r = uᵀSu/‖u‖²",
    ),
    Entry(
        "reconstruction",
        "Bishop, Pattern Recognition and Machine Learning (2006), section 12.1.2",
        reconstruction,
        (cf.matrix(d, k), X),
        "2(SUUᵀU + UUᵀSU − 2SU), where S = XᵀX",
    ),
)
