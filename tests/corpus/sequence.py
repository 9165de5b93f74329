"""Sequences, rankings and survival: partition functions by recursion, and partial likelihoods."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logsumexp
from tests.corpus.record import Entry

import closedform as cf

n, d, k, m = "n", "d", "k", "m"
x, scalar, positive = cf.vector(d), cf.scalar(), cf.positive()
X = cf.matrix(n, d)


def chain_partition_unaries(U, T):
    alpha = U[0]
    for t in range(1, 3):
        alpha = logsumexp(alpha[:, None] + T, axis=0) + U[t]
    return logsumexp(alpha)


def chain_partition_transitions(T, U):
    alpha = U[0]
    for t in range(1, 3):
        alpha = logsumexp(alpha[:, None] + T, axis=0) + U[t]
    return logsumexp(alpha)


def chain_score(w, F, G):
    """Log-likelihood of a sequence against all others, by enumeration."""
    return F @ w - logsumexp(G @ w)


def forward_algorithm(A, pi, B):
    alpha = pi * B[0]
    for t in range(1, 3):
        alpha = (alpha @ A) * B[t]
    return np.log(alpha.sum())


def initial_state(pi, A, B):
    alpha = pi * B[0]
    for t in range(1, 3):
        alpha = (alpha @ A) * B[t]
    return np.log(np.sum(alpha))


def emissions(b, pi, A, last):
    """One emission vector of a hidden Markov model of three steps."""
    return np.log((((pi @ A) * b) @ A) @ last)


def backward_value(v, P, r, gamma):
    for _ in range(2):
        v = r + gamma * P @ v
    return np.sum(v)


def soft_value_iteration(v, R, gamma, P):
    return np.sum(logsumexp(R + gamma * P @ v, axis=1))


def discounted_return(P, r, gamma, start):
    return start @ np.linalg.solve(np.eye(len(r)) - gamma * P, r)


def markov_chain_likelihood(T, N):
    return np.sum(N * np.log(T / np.sum(T, axis=1, keepdims=True)))


def markov_chain_logits(W, N):
    return np.sum(N * (W - logsumexp(W, axis=1, keepdims=True)))


def cox_partial_likelihood(beta, X):
    """Subjects in order of their events, nobody censored."""
    eta = X @ beta
    total = 0
    for i in range(4):
        total = total + eta[i] - np.log(np.sum(np.exp(eta[i:])))
    return total


def cox_with_risk_sets(beta, X, R, event):
    eta = X @ beta
    return np.sum(event * (eta - np.log(R @ np.exp(eta))))


def plackett_luce(theta):
    """The ranking 0, 1, 2, 3."""
    return sum(theta[i] - logsumexp(theta[i:]) for i in range(3))


def plackett_luce_weights(w):
    return np.log(w[0] / (w[0] + w[1] + w[2])) + np.log(w[1] / (w[1] + w[2]))


def bradley_terry(theta, i, j):
    return np.sum(np.log(1 + np.exp(-(i - j) @ theta)))


def bradley_terry_wins(theta, W):
    differences = theta[:, None] - theta[None, :]
    return np.sum(W * np.log(expit(differences)))


def bradley_terry_strengths(p, W):
    return np.sum(W * (np.log(p)[:, None] - np.log(p[:, None] + p[None, :])))


def elo_expected(r, s):
    return 1 / (1 + 10 ** ((s - r) / 400))


def elo_loss(r, s, y):
    e = 1 / (1 + 10 ** (-(r - s) / 400))
    return -(y * np.log(e) + (1 - y) * np.log(1 - e))


def thurstone(theta, D, y):
    return -np.sum(np.logaddexp(0, -y * (D @ theta)))


def listwise_softmax(s, y):
    return -np.sum(y * (s - logsumexp(s)))


def list_of_pairs(s):
    return np.sum(np.log(1 + np.exp(s[None, :] - s[:, None])))


def connectionist_pair(A, B):
    return logsumexp(np.stack([np.sum(A), np.sum(B)]))


def autoregression(phi, y):
    e = y[2:] - phi[0] * y[1:-1] - phi[1] * y[:-2]
    return 0.5 * np.sum(e**2)


def exponential_smoothing(alpha, y):
    level = y[0]
    total = 0
    for t in range(1, 4):
        total = total + 0.5 * (y[t] - level) ** 2
        level = alpha * y[t] + (1 - alpha) * level
    return total


def garch_step(omega, e2, alpha, beta, s0):
    s = omega + alpha * e2[0] + beta * s0
    return 0.5 * (np.log(s) + e2[1] / s)


def moving_average(theta, y):
    e0 = y[0]
    e1 = y[1] - theta * e0
    e2 = y[2] - theta * e1
    return 0.5 * (e0**2 + e1**2 + e2**2)


def hawkes_intensity(alpha, gaps, mu, beta):
    return np.log(mu + alpha * np.sum(np.exp(-beta * gaps)))


def maximum_entropy(lam, F, target):
    return logsumexp(F @ lam) - lam @ target


def ising_pair(J, s):
    return -0.5 * s @ J @ s


def ising_pseudo_likelihood(J, h, s):
    return np.sum(np.log(1 + np.exp(-2 * s * (J @ s + h))))


LAFFERTY = "Lafferty, McCallum, Pereira, Conditional random fields (2001), section 3"
RABINER = "Rabiner, A tutorial on hidden Markov models (1989), section III"
SUTTON = "Sutton and Barto, Reinforcement Learning (2018)"
FORWARD = "a₀ = π ⊙ B[0, :], a₁ = Aᵀa₀ ⊙ B[1, :], b₁ = A B[2, :], c = b₁ᵀa₁"
ENTRIES = (
    Entry(
        "chain_partition_unaries",
        LAFFERTY,
        chain_partition_unaries,
        (cf.matrix(3, k), cf.matrix(k, k)),
        "e₂sᵀ + e₁(Qs)ᵀ + e₀(PQs)ᵀ, where P = softmax₀(U[0, :]𝟏ᵀ + T), "
        "a = logsumexp₀(U[0, :]𝟏ᵀ + T) + U[1, :], Q = softmax₀(a𝟏ᵀ + T), "
        "s = softmax(logsumexp₀(a𝟏ᵀ + T) + U[2, :])",
    ),
    Entry(
        "chain_partition_transitions",
        LAFFERTY,
        chain_partition_transitions,
        (cf.matrix(k, k), cf.matrix(3, k)),
        "Q diag(s) + P diag(Qs), where P = softmax₀(U[0, :]𝟏ᵀ + T), "
        "a = logsumexp₀(U[0, :]𝟏ᵀ + T) + U[1, :], Q = softmax₀(a𝟏ᵀ + T), "
        "s = softmax(logsumexp₀(a𝟏ᵀ + T) + U[2, :])",
    ),
    Entry(
        "chain_score",
        LAFFERTY,
        chain_score,
        (x, x, cf.matrix(m, d)),
        "F − Gᵀ softmax(Gw)",
        "−Gᵀ(diag(softmax(Gw)) − softmax(Gw) softmax(Gw)ᵀ)G",
    ),
    Entry(
        "forward_algorithm",
        RABINER,
        forward_algorithm,
        (cf.positive(k, k), cf.positive(k), cf.positive(3, k)),
        f"(1/c)(a₀(B[1, :] ⊙ b₁)ᵀ + a₁B[2, :]ᵀ), where {FORWARD}",
    ),
    Entry(
        "initial_state",
        RABINER,
        initial_state,
        (cf.positive(k), cf.positive(k, k), cf.positive(3, k)),
        "(1/(πᵀr))r, where r = B[0, :] ⊙ A(B[1, :] ⊙ A B[2, :])",
        "−(1/(πᵀr)²)rrᵀ, where r = B[0, :] ⊙ A(B[1, :] ⊙ A B[2, :])",
    ),
    Entry(
        "emissions",
        RABINER,
        emissions,
        (cf.positive(k), cf.positive(k), cf.positive(k, k), cf.positive(k)),
        "(1/(bᵀr))r, where r = Aᵀπ ⊙ A last",
        "−(1/(bᵀr)²)rrᵀ, where r = Aᵀπ ⊙ A last",
    ),
    Entry(
        "backward_value",
        f"{SUTTON}, eq. 4.5",
        backward_value,
        (cf.vector(k), cf.matrix(k, k), cf.vector(k), scalar),
        "γ²PᵀPᵀ𝟏",
        "0",
    ),
    Entry(
        "soft_value_iteration",
        "Haarnoja et al., Reinforcement learning with deep energy-based policies (2017), eq. 5",
        soft_value_iteration,
        (cf.vector(k), cf.matrix(k, m), scalar, cf.matrix(m, k)),
        "γ(softmax₁(R + γ𝟏(Pv)ᵀ)P)ᵀ𝟏",
    ),
    Entry(
        "discounted_return",
        f"{SUTTON}, eq. 3.14",
        discounted_return,
        (cf.matrix(k, k), cf.vector(k), positive, cf.vector(k)),
        "γ(I − γP)⁻ᵀ start ((I − γP)⁻¹r)ᵀ",
    ),
    Entry(
        "markov_chain_likelihood",
        "Billingsley, Statistical methods in Markov chains (1961), section 2",
        markov_chain_likelihood,
        (cf.positive(k, k), cf.positive(k, k)),
        "N ⊘ T − diag(N𝟏 ⊘ T𝟏)𝟏𝟏ᵀ",
    ),
    Entry(
        "markov_chain_logits",
        "Billingsley, Statistical methods in Markov chains (1961), section 2",
        markov_chain_logits,
        (cf.matrix(k, k), cf.positive(k, k)),
        "N − diag(N𝟏) softmax₁(W)",
    ),
    Entry(
        "cox_partial_likelihood",
        "Cox, Regression models and life-tables (1972), eqs. 12 to 14",
        cox_partial_likelihood,
        (x, cf.matrix(4, d)),
        "Xᵀ𝟏 − Xᵀ softmax(Xβ) − X[1:, :]ᵀ softmax(X[1:, :]β) − X[2:, :]ᵀ softmax(X[2:, :]β) − X[3, :]",
    ),
    Entry(
        "cox_with_risk_sets",
        "Therneau and Grambsch, Modeling Survival Data (2000), section 3.1",
        cox_with_risk_sets,
        (x, X, cf.positive(n, n), cf.vector(n)),
        "Xᵀ(event − exp(Xβ) ⊙ Rᵀ(event ⊘ R exp(Xβ)))",
    ),
    Entry(
        "plackett_luce",
        "Plackett, The analysis of permutations (1975), section 3",
        plackett_luce,
        (cf.vector(4),),
        "𝟏 − e₃ − softmax(θ) − S[1:]ᵀ softmax(θ[1:]) − S[2:]ᵀ softmax(θ[2:])",
    ),
    Entry(
        "plackett_luce_weights",
        "Hunter, MM algorithms for generalized Bradley-Terry models (2004), section 5",
        plackett_luce_weights,
        (cf.positive(3),),
        "(1/w₀)e₀ + (1/w₁)e₁ − (1/(𝟏ᵀw))𝟏 − (1/(w₁ + w₂))(e₁ + e₂)",
    ),
    Entry(
        "bradley_terry",
        "Bradley and Terry, Rank analysis of incomplete block designs (1952), section 3",
        bradley_terry,
        (x, X, X),
        "−(i − j)ᵀσ(−(i − j)θ)",
        "(i − j)ᵀ diag(σ((i − j)θ) ⊙ (1 − σ((i − j)θ)))(i − j)",
    ),
    Entry(
        "bradley_terry_wins",
        "Hunter, MM algorithms for generalized Bradley-Terry models (2004), section 1",
        bradley_terry_wins,
        (cf.vector(n), cf.positive(n, n)),
        "E𝟏 − Eᵀ𝟏, where E = W ⊙ σ(𝟏θᵀ − θ𝟏ᵀ)",
    ),
    Entry(
        "bradley_terry_strengths",
        "Hunter, MM algorithms for generalized Bradley-Terry models (2004), eq. 3",
        bradley_terry_strengths,
        (cf.positive(n), cf.positive(n, n)),
        "W𝟏 ⊘ p − ((W + Wᵀ) ⊘ (p𝟏ᵀ + 𝟏pᵀ))𝟏",
    ),
    Entry(
        "elo_expected",
        "Glickman, A comprehensive guide to chess ratings (1995), section 2",
        elo_expected,
        (scalar, scalar),
        "(ln(10)/400)σ(ln(10)(r − s)/400)(1 − σ(ln(10)(r − s)/400))",
    ),
    Entry(
        "elo_loss",
        "Glickman, A comprehensive guide to chess ratings (1995), section 2",
        elo_loss,
        (scalar, scalar, scalar),
        "(ln(10)/400)(σ(ln(10)(r − s)/400) − y)",
        "(ln(10)/400)²σ(ln(10)(r − s)/400)(1 − σ(ln(10)(r − s)/400))",
    ),
    Entry(
        "pairwise_logistic",
        "Burges et al., Learning to rank using gradient descent (2005), section 3",
        thurstone,
        (x, X, cf.signs(n)),
        "Dᵀ(y ⊙ σ(−y ⊙ Dθ))",
        "−Dᵀ diag(σ(Dθ) ⊙ (1 − σ(Dθ)))D",
    ),
    Entry(
        "listwise_softmax",
        "Cao et al., Learning to rank: from pairwise to listwise approach (2007), section 4",
        listwise_softmax,
        (cf.vector(n), cf.vector(n)),
        "(𝟏ᵀy) softmax(s) − y",
        "(𝟏ᵀy)(diag(softmax(s)) − softmax(s) softmax(s)ᵀ)",
    ),
    Entry(
        "list_of_pairs",
        "Burges, From RankNet to LambdaRank to LambdaMART (2010), section 2",
        list_of_pairs,
        (cf.vector(n),),
        "σ(𝟏sᵀ − s𝟏ᵀ)ᵀ𝟏 − σ(𝟏sᵀ − s𝟏ᵀ)𝟏",
    ),
    Entry(
        "sum_of_two_paths",
        "Graves et al., Connectionist temporal classification (2006), section 4.1",
        connectionist_pair,
        (cf.vector(n), cf.vector(n)),
        "σ(𝟏ᵀA − 𝟏ᵀB)𝟏",
        "σ(𝟏ᵀA − 𝟏ᵀB)(1 − σ(𝟏ᵀA − 𝟏ᵀB))𝟏𝟏ᵀ",
    ),
    Entry(
        "autoregression",
        "Hamilton, Time Series Analysis (1994), section 5.3",
        autoregression,
        (cf.vector(2), cf.vector(n)),
        "−(y[1:-1]ᵀr)e₀ − (y[:-2]ᵀr)e₁, where r = y[2:] − φ₀y[1:-1] − φ₁y[:-2]",
        "‖y[1:-1]‖²e₀e₀ᵀ + ‖y[:-2]‖²e₁e₁ᵀ + (y[1:-1]ᵀy[:-2])(e₀e₁ᵀ + e₁e₀ᵀ)",
    ),
    Entry(
        "exponential_smoothing",
        "Hyndman et al., Forecasting with Exponential Smoothing (2008), section 2.3",
        exponential_smoothing,
        (scalar, cf.vector(4)),
        "−(y₂ − l₁)(y₁ − y₀) − (y₃ − l₂)(y₂ − l₁ + (1 − α)(y₁ − y₀)), "
        "where l₁ = αy₁ + (1 − α)y₀, l₂ = αy₂ + (1 − α)l₁",
    ),
    Entry(
        "garch_step",
        "Bollerslev, Generalized autoregressive conditional heteroskedasticity (1986), section 5",
        garch_step,
        (positive, cf.positive(2), positive, positive, positive),
        "(s − e2₁)/(2s²), where s = ω + α e2₀ + β s0",
        "(2 e2₁ − s)/(2s³), where s = ω + α e2₀ + β s0",
    ),
    Entry(
        "moving_average",
        "Hamilton, Time Series Analysis (1994), section 5.4",
        moving_average,
        (scalar, cf.vector(3)),
        "−y₀(y₁ − θy₀) + (y₂ − θy₁ + θ²y₀)(2θy₀ − y₁)",
    ),
    Entry(
        "hawkes_intensity",
        "Hawkes, Spectra of some self-exciting and mutually exciting point processes (1971)",
        hawkes_intensity,
        (positive, cf.positive(n), positive, positive),
        "s/(μ + αs), where s = 𝟏ᵀ exp(−β gaps)",
        "−s²/(μ + αs)², where s = 𝟏ᵀ exp(−β gaps)",
    ),
    Entry(
        "maximum_entropy",
        "Berger, Della Pietra, Della Pietra, A maximum entropy approach (1996), section 3",
        maximum_entropy,
        (x, cf.matrix(m, d), x),
        "Fᵀ softmax(Fλ) − target",
        "Fᵀ(diag(softmax(Fλ)) − softmax(Fλ) softmax(Fλ)ᵀ)F",
    ),
    Entry(
        "ising_energy",
        "MacKay, Information Theory, Inference, and Learning Algorithms (2003), section 31.1",
        ising_pair,
        (cf.matrix(n, n), cf.signs(n)),
        "−½ssᵀ",
        "0",
    ),
    Entry(
        "ising_pseudo_likelihood",
        "Besag, Statistical analysis of non-lattice data (1975), section 2",
        ising_pseudo_likelihood,
        (cf.matrix(n, n), cf.vector(n), cf.signs(n)),
        "−2(s ⊙ σ(−2s ⊙ (Js + h)))sᵀ",
    ),
)
