"""Log-likelihoods, entropies and divergences."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, expit, gammaln, logsumexp, softmax
from tests.corpus.record import Entry

import closedform as cf

n, k, d = "n", "k", "d"
scalar, positive = cf.scalar(), cf.positive()
p, q, x = cf.positive(k), cf.positive(k), cf.vector(k)
shares, half = cf.vector(n, "probability"), cf.scalar("probability")


def beta_log_likelihood(a, b, x):
    return np.sum((a - 1) * np.log(x) + (b - 1) * np.log(1 - x)) - x.size * (
        gammaln(a) + gammaln(b) - gammaln(a + b)
    )


def beta_density(x, a, b):
    return (a - 1) * np.log(x) + (b - 1) * np.log(1 - x)


def dirichlet(alpha, p):
    return gammaln(alpha.sum()) - gammaln(alpha).sum() + ((alpha - 1) * np.log(p)).sum()


def dirichlet_many(alpha, P):
    N = P.shape[0]
    return N * (gammaln(np.sum(alpha)) - np.sum(gammaln(alpha))) + np.sum((alpha - 1) * np.log(P))


def dirichlet_multinomial(alpha, counts):
    A = np.sum(alpha)
    return gammaln(A) - gammaln(A + np.sum(counts)) + np.sum(gammaln(alpha + counts) - gammaln(alpha))


def gamma_shape(a, x, b):
    return np.sum(a * np.log(b) - gammaln(a) + (a - 1) * np.log(x) - b * x)


def gamma_rate(b, x, a):
    return np.sum(a * np.log(b) - gammaln(a) + (a - 1) * np.log(x) - b * x)


def inverse_gamma(x, a, b):
    return -(a + 1) * np.log(x) - b / x


def negative_binomial(r, y, p):
    return np.sum(gammaln(y + r) - gammaln(r) - gammaln(y + 1) + r * np.log(1 - p) + y * np.log(p))


def poisson_rate(lam, y):
    return np.sum(y * np.log(lam) - lam - gammaln(y + 1))


def bernoulli(theta, x):
    return np.sum(x) * np.log(theta) + np.sum(1 - x) * np.log(1 - theta)


def bernoulli_natural(eta, x):
    return np.sum(x * eta - np.log(1 + np.exp(eta)))


def binomial(theta, y, m):
    return y * np.log(theta) + (m - y) * np.log1p(-theta)


def categorical_natural(eta, counts):
    return counts @ eta - np.sum(counts) * np.log(np.sum(np.exp(eta)))


def weibull_scale(lam, x, k):
    return np.sum(np.log(k / lam) + (k - 1) * np.log(x / lam) - (x / lam) ** k)


def weibull_shape(k, x, lam):
    return np.sum(np.log(k) - k * np.log(lam) + (k - 1) * np.log(x) - (x / lam) ** k)


def pareto(a, x, xm):
    return np.sum(np.log(a) + a * np.log(xm) - (a + 1) * np.log(x))


def laplace_scale(b, x, mu):
    return np.sum(-np.log(2 * b) - np.abs(x - mu) / b)


def logistic_location(mu, x, s):
    z = (x - mu) / s
    return np.sum(-z - np.log(s) - 2 * np.log1p(np.exp(-z)))


def cauchy_location(x0, x, gamma):
    return -np.sum(np.log(np.pi * gamma * (1 + ((x - x0) / gamma) ** 2)))


def student_location(mu, x, nu):
    return -(nu + 1) / 2 * np.sum(np.log(1 + (x - mu) ** 2 / nu))


def student_degrees(nu, x):
    return (
        gammaln((nu + 1) / 2)
        - gammaln(nu / 2)
        - 0.5 * np.log(np.pi * nu)
        - (nu + 1) / 2 * np.log(1 + x**2 / nu)
    )


def gumbel_location(mu, x, beta):
    z = (x - mu) / beta
    return -np.sum(z + np.exp(-z))


def von_mises(mu, theta, kappa):
    return kappa * np.sum(np.cos(theta - mu))


def von_mises_fisher(kappa, r):
    """The resultant length against A(kappa) for points on the sphere."""
    return kappa * r + np.log(kappa) - np.log(np.sinh(kappa))


def von_mises_fisher_mean(m, X, kappa):
    mu = m / np.sqrt(np.sum(m**2))
    return kappa * np.sum(X @ mu)


def log_normal(mu, x, sigma):
    return np.sum(-np.log(x * sigma) - (np.log(x) - mu) ** 2 / (2 * sigma**2))


def exponential_censored(lam, t, event):
    return np.sum(event * np.log(lam) - lam * t)


def exponential_family(eta, T):
    return np.mean(T @ eta) - logsumexp(eta)


def entropy(p):
    return -np.sum(p * np.log(p))


def binary_entropy(p):
    return -p * np.log2(p) - (1 - p) * np.log2(1 - p)


def entropy_of_softmax(a):
    s = softmax(a)
    return -np.sum(s * np.log(s))


def cross_entropy(q, p):
    return -p @ np.log(q)


def cross_entropy_in_logits(a, p):
    return -np.sum(p * np.log(np.exp(a) / np.sum(np.exp(a))))


def kullback_leibler(p, q):
    return np.sum(p * np.log(p / q))


def kullback_leibler_in_second(q, p):
    return np.sum(p * np.log(p / q))


def generalised_kullback_leibler(p, q):
    return np.sum(p * np.log(p / q) - p + q)


def kl_of_softmax(a, b):
    s = softmax(a)
    return np.sum(s * (np.log(s) - np.log(softmax(b))))


def jensen_shannon(p, q):
    m = (p + q) / 2
    return 0.5 * np.sum(p * np.log(p / m)) + 0.5 * np.sum(q * np.log(q / m))


def hellinger(p, q):
    return np.sum((np.sqrt(p) - np.sqrt(q)) ** 2) / 2


def chi_square(p, q):
    return np.sum((p - q) ** 2 / q)


def renyi(p, q, alpha):
    return np.log(np.sum(p**alpha * q ** (1 - alpha))) / (alpha - 1)


def tsallis(p, s):
    return (1 - np.sum(p**s)) / (s - 1)


def itakura_saito(x, y):
    return np.sum(y / x - np.log(y / x) - 1)


def fisher_rao(p, q):
    return 2 * np.arccos(np.sum(np.sqrt(p * q)))


def bregman_of_entropy(x, y):
    return np.sum(x * np.log(x)) - np.sum(y * np.log(y)) - np.sum((np.log(y) + 1) * (x - y))


def temperature(T, z, y):
    return logsumexp(z / T) - y @ z / T


def softmax_map(z, tau):
    e = np.exp(z / tau)
    return e / e.sum()


def perplexity(theta, counts):
    return np.exp(-np.sum(counts * np.log(theta)) / np.sum(counts))


def log_barrier(x, A, b):
    return -np.sum(np.log(b - A @ x))


def variational_bound(phi, alpha, beta):
    return np.sum(phi * (digamma(alpha) - digamma(np.sum(alpha)) + np.log(beta) - np.log(phi)))


def dirichlet_entropy_term(alpha):
    A = np.sum(alpha)
    return (A - len(alpha)) * digamma(A) - np.sum((alpha - 1) * digamma(alpha))


def bernoulli_mixture_point(theta, x, pi):
    components = np.exp(np.log(theta) @ x + np.log(1 - theta) @ (1 - x))
    return np.log(pi @ components)


def item_response(theta, y, a, b):
    prob = expit(a * (theta - b))
    return np.sum(y * np.log(prob) + (1 - y) * np.log(1 - prob))


PRML = "Bishop, Pattern Recognition and Machine Learning (2006)"
CASELLA = "Casella and Berger, Statistical Inference (2002)"
COVER = "Cover and Thomas, Elements of Information Theory (2006)"
BOYD = "Boyd and Vandenberghe, Convex Optimization (2004)"
ENTRIES = (
    Entry(
        "beta_log_likelihood",
        f"{CASELLA}, section 3.3",
        beta_log_likelihood,
        (positive, positive, shares),
        "𝟏ᵀ ln x − n(ψ(a) − ψ(a + b))",
        "−n(ψ⁽1⁾(a) − ψ⁽1⁾(a + b))",
    ),
    Entry(
        "beta_density",
        f"{CASELLA}, eq. 3.3.16",
        beta_density,
        (half, positive, positive),
        "(a − 1)/x − (b − 1)/(1 − x)",
        "−(a − 1)/x² − (b − 1)/(1 − x)²",
    ),
    Entry(
        "dirichlet",
        "Minka, Estimating a Dirichlet distribution (2000), eqs. 4 to 6",
        dirichlet,
        (p, q),
        "ψ(𝟏ᵀα)𝟏 − ψ(α) + ln p",
        "ψ⁽1⁾(𝟏ᵀα)𝟏𝟏ᵀ − diag(ψ⁽1⁾(α))",
    ),
    Entry(
        "dirichlet_many",
        "Minka, Estimating a Dirichlet distribution (2000), eqs. 6 to 11",
        dirichlet_many,
        (p, cf.positive(n, k)),
        "nψ(𝟏ᵀα)𝟏 − nψ(α) + ln(P)ᵀ𝟏",
        "nψ⁽1⁾(𝟏ᵀα)𝟏𝟏ᵀ − n diag(ψ⁽1⁾(α))",
    ),
    Entry(
        "dirichlet_multinomial",
        "Minka, Estimating a Dirichlet distribution (2000), section 3",
        dirichlet_multinomial,
        (p, q),
        "(ψ(𝟏ᵀα) − ψ(𝟏ᵀα + 𝟏ᵀcounts))𝟏 + ψ(α + counts) − ψ(α)",
    ),
    Entry(
        "gamma_shape",
        f"{CASELLA}, section 3.3",
        gamma_shape,
        (positive, cf.positive(n), positive),
        "n(ln b − ψ(a)) + 𝟏ᵀ ln x",
        "−nψ⁽1⁾(a)",
    ),
    Entry(
        "gamma_rate",
        f"{CASELLA}, section 3.3",
        gamma_rate,
        (positive, cf.positive(n), positive),
        "na/b − 𝟏ᵀx",
        "−na/b²",
    ),
    Entry(
        "inverse_gamma",
        "Gelman et al., Bayesian Data Analysis (2013), table A.1",
        inverse_gamma,
        (positive, positive, positive),
        "b/x² − (a + 1)/x",
        "(a + 1)/x² − 2b/x³",
    ),
    Entry(
        "negative_binomial",
        f"{CASELLA}, section 3.2",
        negative_binomial,
        (positive, cf.positive(n), half),
        "𝟏ᵀψ(y + r𝟏) + n(ln(1 − p) − ψ(r))",
        "𝟏ᵀψ⁽1⁾(y + r𝟏) − nψ⁽1⁾(r)",
    ),
    Entry(
        "poisson_rate",
        f"{CASELLA}, section 7.2.2",
        poisson_rate,
        (positive, cf.positive(n)),
        "𝟏ᵀy/λ − n",
        "−𝟏ᵀy/λ²",
    ),
    Entry(
        "bernoulli",
        f"{CASELLA}, example 7.2.7",
        bernoulli,
        (half, cf.vector(n)),
        "𝟏ᵀx/θ − (n − 𝟏ᵀx)/(1 − θ)",
        "−𝟏ᵀx/θ² − (n − 𝟏ᵀx)/(1 − θ)²",
    ),
    Entry(
        "bernoulli_natural",
        f"{PRML}, eqs. 2.198 to 2.200",
        bernoulli_natural,
        (scalar, cf.vector(n)),
        "𝟏ᵀx − nσ(η)",
        "−nσ(η)(1 − σ(η))",
    ),
    Entry(
        "binomial",
        f"{CASELLA}, example 7.2.7",
        binomial,
        (half, scalar, scalar),
        "y/θ − (m − y)/(1 − θ)",
        "−y/θ² − (m − y)/(1 − θ)²",
    ),
    Entry(
        "categorical_natural",
        f"{PRML}, eqs. 2.209 to 2.213",
        categorical_natural,
        (x, q),
        "counts − (𝟏ᵀcounts) softmax(η)",
        "−(𝟏ᵀcounts)(diag(softmax(η)) − softmax(η) softmax(η)ᵀ)",
    ),
    Entry(
        "weibull_scale",
        "Lawless, Statistical Models and Methods for Lifetime Data (2003), section 1.3.2",
        weibull_scale,
        (positive, cf.positive(n), positive),
        "(k/λ)(𝟏ᵀ(x/λ)^(k𝟏) − n)",
    ),
    Entry(
        "weibull_shape",
        "Lawless, Statistical Models and Methods for Lifetime Data (2003), section 1.3.2",
        weibull_shape,
        (positive, cf.positive(n), positive),
        "n/k + 𝟏ᵀ ln(x/λ) − ((x/λ)^(k𝟏))ᵀ ln(x/λ)",
        "−n/k² − ((x/λ)^(k𝟏))ᵀ ln²(x/λ)",
    ),
    Entry(
        "pareto",
        f"{CASELLA}, exercise 7.10",
        pareto,
        (positive, cf.positive(n), positive),
        "n/a + n ln xm − 𝟏ᵀ ln x",
        "−n/a²",
    ),
    Entry(
        "laplace_scale",
        f"{CASELLA}, section 3.3",
        laplace_scale,
        (positive, cf.vector(n), scalar),
        "𝟏ᵀ|x − μ𝟏|/b² − n/b",
        "n/b² − 2 · 𝟏ᵀ|x − μ𝟏|/b³",
    ),
    Entry(
        "logistic_location",
        f"{CASELLA}, section 3.3",
        logistic_location,
        (scalar, cf.vector(n), positive),
        "(n − 2 · 𝟏ᵀσ(−(1/s)(x − μ𝟏)))/s",
        "−(2/s²)σ(z)ᵀ(1 − σ(z)), where z = (1/s)(x − μ𝟏)",
    ),
    Entry(
        "cauchy_location",
        f"{CASELLA}, section 3.3",
        cauchy_location,
        (scalar, cf.vector(n), positive),
        "2 · 𝟏ᵀ((x − x₀𝟏) ⊘ (γ²𝟏 + (x − x₀𝟏)^⊙2))",
    ),
    Entry(
        "student_location",
        "Murphy, Machine Learning: A Probabilistic Perspective (2012), section 11.4.5",
        student_location,
        (scalar, cf.vector(n), positive),
        "(ν + 1)𝟏ᵀ((x − μ𝟏) ⊘ (ν𝟏 + (x − μ𝟏)^⊙2))",
    ),
    Entry(
        "student_degrees",
        "Lange, Little, Taylor, Robust statistical modeling using the t distribution (1989), section 3",
        student_degrees,
        (positive, scalar),
        "½(ψ(½(ν + 1)) − ψ(½ν) − 1/ν − ln(1 + x²/ν) + (ν + 1)x²/(ν(ν + x²)))",
    ),
    Entry(
        "gumbel_location",
        "Coles, An Introduction to Statistical Modeling of Extreme Values (2001), section 3.3",
        gumbel_location,
        (scalar, cf.vector(n), positive),
        "(n − 𝟏ᵀ exp(−(1/β)(x − μ𝟏)))/β",
        "−𝟏ᵀ exp(−(1/β)(x − μ𝟏))/β²",
    ),
    Entry(
        "von_mises",
        f"{PRML}, eqs. 2.181 and 2.182",
        von_mises,
        (scalar, cf.vector(n), positive),
        "κ𝟏ᵀ sin(θ − μ𝟏)",
        "−κ𝟏ᵀ cos(θ − μ𝟏)",
    ),
    Entry(
        "von_mises_fisher",
        "Mardia and Jupp, Directional Statistics (2000), section 10.3.1",
        von_mises_fisher,
        (positive, scalar),
        "r + 1/κ − 1/tanh κ",
        "1/sinh² κ − 1/κ²",
    ),
    Entry(
        "von_mises_fisher_mean",
        "Mardia and Jupp, Directional Statistics (2000), section 10.3.1",
        von_mises_fisher_mean,
        (x, cf.matrix(n, k), positive),
        "(κ/‖m‖)(Xᵀ𝟏 − (𝟏ᵀXm/‖m‖²)m)",
    ),
    Entry(
        "log_normal",
        f"{CASELLA}, section 3.3",
        log_normal,
        (scalar, cf.positive(n), positive),
        "(𝟏ᵀ ln x − nμ)/σ²",
        "−n/σ²",
    ),
    Entry(
        "exponential_censored",
        "Cox and Oakes, Analysis of Survival Data (1984), section 3.2",
        exponential_censored,
        (positive, cf.positive(n), cf.vector(n)),
        "𝟏ᵀevent/λ − 𝟏ᵀt",
        "−𝟏ᵀevent/λ²",
    ),
    Entry(
        "exponential_family",
        "Wainwright and Jordan, Graphical Models, Exponential Families (2008), proposition 3.1",
        exponential_family,
        (x, cf.matrix(n, k)),
        "(1/n)Tᵀ𝟏 − softmax(η)",
        "softmax(η) softmax(η)ᵀ − diag(softmax(η))",
    ),
    Entry("entropy", f"{COVER}, section 2.1", entropy, (p,), "−(ln p + 𝟏)", "−diag(𝟏 ⊘ p)"),
    Entry(
        "binary_entropy",
        f"{COVER}, eq. 2.5",
        binary_entropy,
        (half,),
        "(ln(1 − p) − ln p)/ln 2",
        "−1/(ln(2)p(1 − p))",
    ),
    Entry(
        "entropy_of_softmax",
        f"{COVER}, section 2.1",
        entropy_of_softmax,
        (x,),
        "−p ⊙ (ln p − (pᵀ ln p)𝟏), where p = softmax(a)",
    ),
    Entry(
        "cross_entropy",
        f"{COVER}, section 5.4",
        cross_entropy,
        (q, p),
        "−p ⊘ q",
        "diag(p ⊘ q^⊙2)",
    ),
    Entry(
        "cross_entropy_in_logits",
        "Goodfellow, Bengio, Courville, Deep Learning (2016), section 6.2.2.3",
        cross_entropy_in_logits,
        (x, p),
        "(𝟏ᵀp) softmax(a) − p",
        "(𝟏ᵀp)(diag(softmax(a)) − softmax(a) softmax(a)ᵀ)",
    ),
    Entry(
        "kullback_leibler",
        f"{COVER}, eq. 2.26",
        kullback_leibler,
        (p, q),
        "ln(p ⊘ q) + 𝟏",
        "diag(𝟏 ⊘ p)",
    ),
    Entry(
        "kullback_leibler_in_second",
        f"{COVER}, eq. 2.26",
        kullback_leibler_in_second,
        (q, p),
        "−p ⊘ q",
        "diag(p ⊘ q^⊙2)",
    ),
    Entry(
        "generalised_kullback_leibler",
        f"{BOYD}, section 3.2.6",
        generalised_kullback_leibler,
        (p, q),
        "ln(p ⊘ q)",
        "diag(𝟏 ⊘ p)",
    ),
    Entry(
        "kl_of_softmax",
        "Hinton, Vinyals, Dean, Distilling the knowledge in a neural network (2015), section 2",
        kl_of_softmax,
        (x, x),
        "p ⊙ (r − (pᵀr)𝟏), where p = softmax(a), r = ln p − ln softmax(b)",
    ),
    Entry(
        "jensen_shannon",
        "Lin, Divergence measures based on the Shannon entropy (1991), section IV",
        jensen_shannon,
        (p, q),
        "½ ln(2p ⊘ (p + q))",
        "½ diag(q ⊘ (p ⊙ (p + q)))",
    ),
    Entry(
        "hellinger",
        "Tsybakov, Introduction to Nonparametric Estimation (2009), section 2.4",
        hellinger,
        (p, q),
        "½(𝟏 − √q ⊘ √p)",
        "¼ diag(√q ⊘ p^(⊙3/2))",
    ),
    Entry(
        "chi_square",
        "Tsybakov, Introduction to Nonparametric Estimation (2009), section 2.4",
        chi_square,
        (p, q),
        "2(p − q) ⊘ q",
        "2 diag(𝟏 ⊘ q)",
    ),
    Entry(
        "renyi",
        "Rényi, On measures of entropy and information (1961), section 3",
        renyi,
        (p, q, positive),
        "(α/((α − 1)(p^(α𝟏))ᵀq^((1 − α)𝟏)))p^((α − 1)𝟏) ⊙ q^((1 − α)𝟏)",
    ),
    Entry(
        "tsallis",
        "Tsallis, Possible generalization of Boltzmann-Gibbs statistics (1988), eq. 1",
        tsallis,
        (p, positive),
        "−(s/(s − 1))p^((s − 1)𝟏)",
        "−s diag(p^((s − 2)𝟏))",
    ),
    Entry(
        "itakura_saito",
        "Févotte, Bertin, Durrieu, Nonnegative matrix factorization with the Itakura-Saito divergence (2009)",
        itakura_saito,
        (p, q),
        "(x − y) ⊘ x^⊙2",
        "diag((2y − x) ⊘ x^⊙3)",
    ),
    Entry(
        "fisher_rao",
        "Amari, Information Geometry and Its Applications (2016), section 2.2",
        fisher_rao,
        (cf.vector(k, "simplex"), cf.vector(k, "simplex")),
        "−(1/√(1 − (𝟏ᵀ(√p ⊙ √q))²))√q ⊘ √p",
    ),
    Entry(
        "bregman_of_entropy",
        "Banerjee et al., Clustering with Bregman divergences (2005), table 1",
        bregman_of_entropy,
        (p, q),
        "ln x − ln y",
        "diag(𝟏 ⊘ x)",
    ),
    Entry(
        "temperature",
        "Guo et al., On calibration of modern neural networks (2017), section 4.2",
        temperature,
        (positive, x, x),
        "zᵀ(y − softmax((1/T)z))/T²",
    ),
    Entry(
        "softmax_map",
        "Hinton, Vinyals, Dean, Distilling the knowledge in a neural network (2015), eq. 1",
        softmax_map,
        (x, positive),
        "(1/τ)(diag(softmax((1/τ)z)) − softmax((1/τ)z) softmax((1/τ)z)ᵀ)",
    ),
    Entry(
        "perplexity",
        "Jurafsky and Martin, Speech and Language Processing (2009), section 4.4",
        perplexity,
        (p, q),
        "−(1/(𝟏ᵀcounts))exp(−countsᵀ ln(θ)/(𝟏ᵀcounts))counts ⊘ θ",
    ),
    Entry(
        "log_barrier_of_polyhedron",
        f"{BOYD}, section 9.2.4",
        log_barrier,
        (cf.vector(d), cf.matrix(k, d), cf.positive(k)),
        "Aᵀ(𝟏 ⊘ (b − Ax))",
        "Aᵀ diag(𝟏 ⊘ (b − Ax)^⊙2)A",
    ),
    Entry(
        "variational_bound",
        "Blei, Ng, Jordan, Latent Dirichlet allocation (2003), section A.3.1",
        variational_bound,
        (p, p, q),
        "ψ(α) − ψ(𝟏ᵀα)𝟏 + ln β − ln φ − 𝟏",
        "−diag(𝟏 ⊘ φ)",
    ),
    Entry(
        "dirichlet_entropy_term",
        "Murphy, Machine Learning: A Probabilistic Perspective (2012), section 2.5.4",
        dirichlet_entropy_term,
        (p,),
        "(𝟏ᵀα − k)ψ⁽1⁾(𝟏ᵀα)𝟏 + ψ(𝟏ᵀα)𝟏 − ψ(α) − (α − 1) ⊙ ψ⁽1⁾(α)",
    ),
    Entry(
        "bernoulli_mixture_point",
        f"{PRML}, eqs. 9.48 to 9.51",
        bernoulli_mixture_point,
        (cf.matrix(d, k, "probability"), cf.vector(k), cf.positive(d)),
        "diag(r)(𝟏xᵀ ⊘ θ − 𝟏(1 − x)ᵀ ⊘ (𝟏𝟏ᵀ − θ)), "
        "where c = exp(ln(θ)x + ln(𝟏𝟏ᵀ − θ)(1 − x)), r = (1/(πᵀc))π ⊙ c",
    ),
    Entry(
        "item_response",
        "Lord, Applications of Item Response Theory (1980), section 2.2",
        item_response,
        (scalar, x, x, x),
        "aᵀ(y − σ(a ⊙ (θ𝟏 − b)))",
        "−𝟏ᵀ(a^⊙2 ⊙ σ(a ⊙ (θ𝟏 − b)) ⊙ (1 − σ(a ⊙ (θ𝟏 − b))))",
    ),
)
