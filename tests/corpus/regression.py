"""Regression and generalised linear models: losses as the textbooks write them, labels of both kinds."""

from __future__ import annotations

import numpy as np
import scipy.special
from scipy.special import erf, expit, gammaln, logsumexp
from tests.corpus.record import Entry

import closedform as cf

d, n, k = "d", "n", "k"
w, X, t = cf.vector(d), cf.matrix(n, d), cf.vector(n)
labels = cf.signs(n)
positive = cf.positive


def sum_of_squares(w, Phi, t):
    error = 0.0
    for i in range(len(t)):
        error += 0.5 * (t[i] - w @ Phi[i]) ** 2
    return error


def regularised_least_squares(w, Phi, t, lam):
    residual = t - Phi @ w
    return 0.5 * residual @ residual + 0.5 * lam * w @ w


def ridge_with_intercept(beta, b, X, y, lam):
    return np.sum((y - b - X @ beta) ** 2) + lam * np.sum(beta**2)


def intercept_of_ridge(b, beta, X, y):
    return np.sum((y - b - X @ beta) ** 2)


def weighted_least_squares(w, Phi, t, r):
    return 0.5 * np.sum(r * (t - Phi @ w) ** 2)


def generalised_least_squares(beta, X, y, Sigma):
    e = y - X @ beta
    return e.T @ np.linalg.solve(Sigma, e)


def multiple_outputs(W, X, Y):
    return np.sum((Y - X @ W) ** 2)


def rank_penalised_outputs(B, X, Y, Omega):
    E = Y - X @ B
    return np.trace(E @ Omega @ E.T)


def bayesian_linear_regression(m, Phi, t, alpha, beta):
    return beta / 2 * np.linalg.norm(t - Phi @ m) ** 2 + alpha / 2 * np.linalg.norm(m) ** 2


def evidence_in_noise(beta, Phi, t, w):
    N = Phi.shape[0]
    return N / 2 * np.log(beta) - N / 2 * np.log(2 * np.pi) - beta / 2 * np.sum((t - Phi @ w) ** 2)


def evidence_in_prior(alpha, Phi, beta):
    A = alpha * np.eye(Phi.shape[1]) + beta * Phi.T @ Phi
    return np.linalg.slogdet(A)[1]


def logistic_cross_entropy(w, X, t):
    y = expit(X @ w)
    return -np.sum(t * np.log(y) + (1 - t) * np.log(1 - y))


def logistic_log_likelihood(beta, X, y):
    eta = X @ beta
    return np.sum(y * eta - np.log(1 + np.exp(eta)))


def logistic_labels(w, X, y, lam):
    return np.mean(np.log1p(np.exp(-y * (X @ w)))) + lam / 2 * np.dot(w, w)


def logistic_one_at_a_time(w, X, y):
    return sum(np.logaddexp(0, -y[i] * np.dot(X[i], w)) for i in range(len(y)))


def exponential_loss(w, X, y):
    return np.sum(np.exp(-y * (X @ w)))


def squared_hinge(w, X, y):
    return 0.5 * w @ w + np.sum(np.maximum(0, 1 - y * (X @ w)) ** 2)


def multinomial_logistic(W, X, T):
    A = X @ W
    Y = np.exp(A) / np.sum(np.exp(A), axis=1, keepdims=True)
    return -np.sum(T * np.log(Y))


def softmax_one_example(W, x, y):
    eta = W @ x
    return logsumexp(eta) - y @ eta


def softmax_stable(a, y):
    shifted = a - np.max(a)
    return np.log(np.sum(np.exp(shifted))) - y @ shifted


def poisson_regression(beta, X, y):
    mu = np.exp(X @ beta)
    return np.sum(y * np.log(mu) - mu - gammaln(y + 1))


def poisson_with_exposure(beta, X, y, exposure):
    eta = X @ beta + np.log(exposure)
    return np.sum(y * eta - np.exp(eta))


def gamma_log_link(beta, X, y, nu):
    mu = np.exp(X @ beta)
    return -nu * np.sum(y / mu + np.log(mu))


def inverse_gaussian_deviance(mu, y):
    return np.sum((y - mu) ** 2 / (mu**2 * y))


def gamma_deviance(mu, y):
    return 2 * np.sum((y - mu) / mu - np.log(y / mu))


def poisson_deviance(mu, y):
    return 2 * np.sum(y * np.log(y / mu) - (y - mu))


def binomial_logit(beta, X, y, m):
    eta = X @ beta
    return np.sum(y * eta - m * np.logaddexp(0, eta))


def probit(beta, X, y):
    Phi = 0.5 * (1 + erf(X @ beta / np.sqrt(2)))
    return np.sum(y * np.log(Phi) + (1 - y) * np.log(1 - Phi))


def complementary_log_log(eta, y):
    pi = 1 - np.exp(-np.exp(eta))
    return np.sum(y * np.log(pi) + (1 - y) * np.log(1 - pi))


def negative_binomial_regression(beta, X, y, theta):
    mu = np.exp(X @ beta)
    return np.sum(y * np.log(mu) - (y + theta) * np.log(mu + theta))


def canonical_exponential_family(beta, X, y):
    theta = X @ beta
    return y @ theta - np.sum(theta**2 / 2)


def pseudo_huber(w, X, y, delta):
    r = X @ w - y
    return np.sum(delta**2 * (np.sqrt(1 + (r / delta) ** 2) - 1))


def huber(w, X, y):
    r = y - X @ w
    return np.sum(np.where(np.abs(r) <= 1, 0.5 * r**2, np.abs(r) - 0.5))


def log_cosh(w, X, y):
    return np.sum(np.log(np.cosh(X @ w - y)))


def cauchy_loss(w, X, y, c):
    return np.sum(np.log(1 + ((y - X @ w) / c) ** 2))


def smoothed_quantile(w, X, y, tau, h):
    r = y - X @ w
    return np.sum(tau * r + h * np.log(1 + np.exp(-r / h)))


def student_errors(w, X, y, nu, sigma):
    r = (y - X @ w) / sigma
    return (nu + 1) / 2 * np.sum(np.log1p(r**2 / nu))


def smoothed_lasso(w, X, y, lam, eps):
    return 0.5 * np.sum((X @ w - y) ** 2) + lam * np.sum(np.sqrt(w**2 + eps))


def heteroscedastic(beta, Z, r):
    s = np.exp(Z @ beta)
    return 0.5 * np.sum(np.log(s) + r**2 / s)


def mixture_of_experts_gate(V, X, L):
    gate = scipy.special.softmax(X @ V, axis=1)
    return -np.sum(np.log(np.sum(gate * L, axis=1)))


def fisher_discriminant(a, B, W):
    return (a @ B @ a) / (a @ W @ a)


def partial_least_squares(w, X, y):
    return (y @ X @ w) ** 2 / (w @ w)


def locally_weighted(theta, X, y, x0, tau):
    weight = np.exp(-np.sum((X - x0) ** 2, axis=1) / (2 * tau**2))
    return np.sum(weight * (y - X @ theta) ** 2)


ENTRIES = (
    Entry(
        "sum_of_squares",
        "Bishop, Pattern Recognition and Machine Learning (2006), eq. 3.12",
        sum_of_squares,
        (w, X, t),
        "−Φᵀ(t − Φw)",
        "ΦᵀΦ",
    ),
    Entry(
        "regularised_least_squares",
        "Bishop, Pattern Recognition and Machine Learning (2006), eq. 3.27",
        regularised_least_squares,
        (w, X, t, cf.scalar()),
        "λw − Φᵀ(t − Φw)",
        "λI + ΦᵀΦ",
    ),
    Entry(
        "ridge_with_intercept",
        "Hastie, Tibshirani, Friedman, The Elements of Statistical Learning (2009), eq. 3.41",
        ridge_with_intercept,
        (w, cf.scalar(), X, t, cf.scalar()),
        "2λβ − 2Xᵀ(y − b𝟏 − Xβ)",
        "2XᵀX + 2λI",
    ),
    Entry(
        "intercept_of_ridge",
        "Hastie, Tibshirani, Friedman, The Elements of Statistical Learning (2009), section 3.4.1",
        intercept_of_ridge,
        (cf.scalar(), w, X, t),
        "−2 · 𝟏ᵀ(y − b𝟏 − Xβ)",
        "2n",
    ),
    Entry(
        "weighted_sum_of_squares",
        "Bishop, Pattern Recognition and Machine Learning (2006), exercise 3.3",
        weighted_least_squares,
        (w, X, t, cf.positive(n)),
        "−Φᵀ diag(r)(t − Φw)",
        "Φᵀ diag(r)Φ",
    ),
    Entry(
        "generalised_least_squares",
        "Hastie, Tibshirani, Friedman, The Elements of Statistical Learning (2009), section 3.2",
        generalised_least_squares,
        (w, X, t, cf.spd(n)),
        "−2XᵀΣ⁻¹(y − Xβ)",
        "2XᵀΣ⁻¹X",
    ),
    Entry(
        "multiple_outputs",
        "Hastie, Tibshirani, Friedman, The Elements of Statistical Learning (2009), eq. 3.38",
        multiple_outputs,
        (cf.matrix(d, k), X, cf.matrix(n, k)),
        "−2Xᵀ(Y − XW)",
        "2XᵀX ⊗ I",
    ),
    Entry(
        "weighted_multiple_outputs",
        "Hastie, Tibshirani, Friedman, The Elements of Statistical Learning (2009), eq. 3.40",
        rank_penalised_outputs,
        (cf.matrix(d, k), X, cf.matrix(n, k), cf.spd(k)),
        "−2Xᵀ(Y − XB)Ω",
        "2XᵀX ⊗ Ω",
    ),
    Entry(
        "bayesian_linear_regression",
        "Bishop, Pattern Recognition and Machine Learning (2006), eq. 3.82",
        bayesian_linear_regression,
        (w, X, t, cf.scalar(), cf.scalar()),
        "αm − βΦᵀ(t − Φm)",
        "αI + βΦᵀΦ",
    ),
    Entry(
        "evidence_in_noise",
        "Bishop, Pattern Recognition and Machine Learning (2006), eq. 3.11",
        evidence_in_noise,
        (cf.positive(), X, t, w),
        "n/(2β) − ½‖t − Φw‖²",
        "−n/(2β²)",
    ),
    Entry(
        "evidence_in_prior",
        "Bishop, Pattern Recognition and Machine Learning (2006), eq. 3.88",
        evidence_in_prior,
        (cf.positive(), X, cf.positive()),
        "tr((αI + βΦᵀΦ)⁻¹)",
        "−tr((αI + βΦᵀΦ)⁻²)",
    ),
    Entry(
        "logistic_cross_entropy",
        "Bishop, Pattern Recognition and Machine Learning (2006), eqs. 4.90, 4.91 and 4.97",
        logistic_cross_entropy,
        (w, X, t),
        "Xᵀ(σ(Xw) − t)",
        "Xᵀ diag(σ(Xw) ⊙ (1 − σ(Xw)))X",
    ),
    Entry(
        "logistic_log_likelihood",
        "Hastie, Tibshirani, Friedman, The Elements of Statistical Learning (2009), eqs. 4.20 to 4.25",
        logistic_log_likelihood,
        (w, X, t),
        "Xᵀ(y − σ(Xβ))",
        "−Xᵀ diag(σ(Xβ) ⊙ (1 − σ(Xβ)))X",
    ),
    Entry(
        "logistic_labels",
        "Murphy, Machine Learning: A Probabilistic Perspective (2012), section 8.3",
        logistic_labels,
        (w, X, labels, cf.scalar()),
        "λw − (1/n)Xᵀ(y ⊙ σ(−y ⊙ Xw))",
        "(1/n)Xᵀ diag(σ(Xw) ⊙ (1 − σ(Xw)))X + λI",
    ),
    Entry(
        "logistic_one_at_a_time",
        "Murphy, Machine Learning: A Probabilistic Perspective (2012), eq. 8.4",
        logistic_one_at_a_time,
        (w, X, labels),
        "−Xᵀ(y ⊙ σ(−y ⊙ Xw))",
        "Xᵀ diag(σ(Xw) ⊙ (1 − σ(Xw)))X",
    ),
    Entry(
        "exponential_loss",
        "Hastie, Tibshirani, Friedman, The Elements of Statistical Learning (2009), section 10.4",
        exponential_loss,
        (w, X, labels),
        "−Xᵀ(y ⊙ exp(−y ⊙ Xw))",
        "Xᵀ diag(exp(−y ⊙ Xw))X",
    ),
    Entry(
        "squared_hinge",
        "Hastie, Tibshirani, Friedman, The Elements of Statistical Learning (2009), section 12.3.2",
        squared_hinge,
        (w, X, labels),
        "w − 2Xᵀ(y ⊙ max(0, 1 − y ⊙ Xw))",
    ),
    Entry(
        "multinomial_logistic",
        "Bishop, Pattern Recognition and Machine Learning (2006), eqs. 4.108 and 4.109",
        multinomial_logistic,
        (cf.matrix(d, k), X, cf.matrix(n, k)),
        "Xᵀ(diag(T𝟏) softmax₁(XW) − T)",
    ),
    Entry(
        "softmax_one_example",
        "Murphy, Machine Learning: A Probabilistic Perspective (2012), section 8.3.7",
        softmax_one_example,
        (cf.matrix(k, d), w, cf.vector(k)),
        "(softmax(Wx) − y)xᵀ",
        "(diag(softmax(Wx)) − softmax(Wx) softmax(Wx)ᵀ) ⊗ xxᵀ",
    ),
    Entry(
        "softmax_stable",
        "Goodfellow, Bengio, Courville, Deep Learning (2016), section 6.2.2.3",
        softmax_stable,
        (cf.vector(k), cf.vector(k, "simplex")),
        "softmax(a) − y",
        "diag(softmax(a)) − softmax(a) softmax(a)ᵀ",
    ),
    Entry(
        "poisson_regression",
        "McCullagh and Nelder, Generalized Linear Models (1989), section 6.2",
        poisson_regression,
        (w, X, cf.positive(n)),
        "Xᵀ(y − exp(Xβ))",
        "−Xᵀ diag(exp(Xβ))X",
    ),
    Entry(
        "poisson_with_exposure",
        "McCullagh and Nelder, Generalized Linear Models (1989), section 6.3",
        poisson_with_exposure,
        (w, X, cf.positive(n), cf.positive(n)),
        "Xᵀ(y − exposure ⊙ exp(Xβ))",
        "−Xᵀ diag(exposure ⊙ exp(Xβ))X",
    ),
    Entry(
        "gamma_log_link",
        "McCullagh and Nelder, Generalized Linear Models (1989), section 8.3",
        gamma_log_link,
        (w, X, cf.positive(n), cf.scalar()),
        "νXᵀ(y ⊙ exp(−Xβ) − 𝟏)",
        "−νXᵀ diag(y ⊙ exp(−Xβ))X",
    ),
    Entry(
        "inverse_gaussian_deviance",
        "McCullagh and Nelder, Generalized Linear Models (1989), table 2.1",
        inverse_gaussian_deviance,
        (cf.positive(n), cf.positive(n)),
        "−2(y − μ) ⊘ μ^⊙3",
        "diag((6y − 4μ) ⊘ μ^⊙4)",
    ),
    Entry(
        "gamma_deviance",
        "McCullagh and Nelder, Generalized Linear Models (1989), table 2.1",
        gamma_deviance,
        (cf.positive(n), cf.positive(n)),
        "−2(y − μ) ⊘ μ^⊙2",
        "diag((4y − 2μ) ⊘ μ^⊙3)",
    ),
    Entry(
        "poisson_deviance",
        "McCullagh and Nelder, Generalized Linear Models (1989), table 2.1",
        poisson_deviance,
        (cf.positive(n), cf.positive(n)),
        "−2(y − μ) ⊘ μ",
        "2 diag(y ⊘ μ^⊙2)",
    ),
    Entry(
        "binomial_logit",
        "McCullagh and Nelder, Generalized Linear Models (1989), section 4.4.1",
        binomial_logit,
        (w, X, cf.positive(n), cf.positive(n)),
        "Xᵀ(y − m ⊙ σ(Xβ))",
        "−Xᵀ diag(m ⊙ σ(Xβ) ⊙ (1 − σ(Xβ)))X",
    ),
    Entry(
        "probit",
        "Murphy, Machine Learning: A Probabilistic Perspective (2012), section 9.4",
        probit,
        (w, X, t),
        "Xᵀ(φ ⊙ (y − p) ⊘ (p ⊙ (1 − p))), where p = ½(1 + erf((1/√2)Xβ)), φ = (1/√(2π))exp(−½(Xβ)^⊙2)",
    ),
    Entry(
        "complementary_log_log",
        "McCullagh and Nelder, Generalized Linear Models (1989), section 4.3",
        complementary_log_log,
        (t, t),
        "exp(η) ⊙ (y ⊘ (1 − exp(−exp(η))) − 1)",
    ),
    Entry(
        "negative_binomial_regression",
        "McCullagh and Nelder, Generalized Linear Models (1989), section 11.2",
        negative_binomial_regression,
        (w, X, cf.positive(n), cf.positive()),
        "θXᵀ((y − exp(Xβ)) ⊘ (θ𝟏 + exp(Xβ)))",
        "−θXᵀ diag((θ𝟏 + y) ⊙ exp(Xβ) ⊘ (θ𝟏 + exp(Xβ))^⊙2)X",
    ),
    Entry(
        "canonical_exponential_family",
        "McCullagh and Nelder, Generalized Linear Models (1989), section 2.2.4",
        canonical_exponential_family,
        (w, X, t),
        "Xᵀ(y − Xβ)",
        "−XᵀX",
    ),
    Entry(
        "pseudo_huber_regression",
        "Hartley and Zisserman, Multiple View Geometry (2004), section A6.8",
        pseudo_huber,
        (w, X, t, cf.positive()),
        "Xᵀ((Xw − y) ⊘ √(1 + (1/δ²)(Xw − y)^⊙2))",
        "Xᵀ diag((1 + (1/δ²)(Xw − y)^⊙2)^(⊙−3/2))X",
    ),
    Entry(
        "huber_regression",
        "Hastie, Tibshirani, Friedman, The Elements of Statistical Learning (2009), eq. 10.23",
        huber,
        (w, X, t),
        "−Xᵀ where(|y − Xw| <= 1, y − Xw, sign(y − Xw))",
    ),
    Entry(
        "log_cosh_regression",
        "Murphy, Probabilistic Machine Learning: An Introduction (2022), section 11.6",
        log_cosh,
        (w, X, t),
        "Xᵀ tanh(Xw − y)",
        "Xᵀ diag(1 − tanh²(Xw − y))X",
    ),
    Entry(
        "cauchy_loss",
        "Hartley and Zisserman, Multiple View Geometry (2004), section A6.8",
        cauchy_loss,
        (w, X, t, cf.positive()),
        "−2Xᵀ((y − Xw) ⊘ (c²𝟏 + (y − Xw)^⊙2))",
        "2Xᵀ diag((c²𝟏 − (y − Xw)^⊙2) ⊘ (c²𝟏 + (y − Xw)^⊙2)^⊙2)X",
    ),
    Entry(
        "smoothed_quantile",
        "Zheng, Gradient descent algorithms for quantile regression with smooth approximation (2011)",
        smoothed_quantile,
        (w, X, t, cf.scalar(), cf.positive()),
        "Xᵀ(σ(−(1/h)(y − Xw)) − τ𝟏)",
        "(1/h)Xᵀ diag(σ((1/h)(y − Xw)) ⊙ (1 − σ((1/h)(y − Xw))))X",
    ),
    Entry(
        "student_errors",
        "Murphy, Machine Learning: A Probabilistic Perspective (2012), section 7.4",
        student_errors,
        (w, X, t, cf.positive(), cf.positive()),
        "−(ν + 1)Xᵀ((y − Xw) ⊘ (νσ²𝟏 + (y − Xw)^⊙2))",
        "(ν + 1)Xᵀ diag((νσ²𝟏 − (y − Xw)^⊙2) ⊘ (νσ²𝟏 + (y − Xw)^⊙2)^⊙2)X",
    ),
    Entry(
        "smoothed_lasso",
        "Hastie, Tibshirani, Friedman, The Elements of Statistical Learning (2009), eq. 3.52",
        smoothed_lasso,
        (w, X, t, cf.scalar(), cf.positive()),
        "Xᵀ(Xw − y) + λw ⊘ √(w^⊙2 + ε𝟏)",
        "XᵀX + λε diag((w^⊙2 + ε𝟏)^(⊙−3/2))",
    ),
    Entry(
        "heteroscedastic",
        "McCullagh and Nelder, Generalized Linear Models (1989), section 10.2",
        heteroscedastic,
        (w, X, t),
        "½Zᵀ(1 − r^⊙2 ⊙ exp(−Zβ))",
        "½Zᵀ diag(r^⊙2 ⊙ exp(−Zβ))Z",
    ),
    Entry(
        "mixture_of_experts_gate",
        "Jordan and Jacobs, Hierarchical mixtures of experts and the EM algorithm (1994), section 2",
        mixture_of_experts_gate,
        (cf.matrix(d, k), X, cf.positive(n, k)),
        "Xᵀ(G − diag((G ⊙ L)𝟏)⁻¹(G ⊙ L)), where G = softmax₁(XV)",
    ),
    Entry(
        "fisher_discriminant",
        "Hastie, Tibshirani, Friedman, The Elements of Statistical Learning (2009), eq. 4.15",
        fisher_discriminant,
        (w, cf.symmetric(d), cf.spd(d)),
        "(2/(aᵀWa))(Ba − (aᵀBa/(aᵀWa))Wa)",
    ),
    Entry(
        "partial_least_squares",
        "Hastie, Tibshirani, Friedman, The Elements of Statistical Learning (2009), eq. 3.64",
        partial_least_squares,
        (w, X, t),
        "(2(yᵀXw)/‖w‖²)(Xᵀy − ((yᵀXw)/‖w‖²)w)",
    ),
    Entry(
        "locally_weighted",
        "Hastie, Tibshirani, Friedman, The Elements of Statistical Learning (2009), eq. 6.8",
        locally_weighted,
        (w, X, t, w, cf.positive()),
        "−2Xᵀ diag(r)(y − Xθ), where r = exp(−(1/(2τ²))(X − 𝟏x₀ᵀ)^⊙2𝟏)",
        "2Xᵀ diag(r)X, where r = exp(−(1/(2τ²))(X − 𝟏x₀ᵀ)^⊙2𝟏)",
    ),
)
