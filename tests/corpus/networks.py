"""Layers, losses and embeddings of neural networks, and what back-propagation gives for them."""

from __future__ import annotations

import numpy as np
from scipy.special import erf, expit, logsumexp, softmax
from tests.corpus.record import Entry

import closedform as cf

n, d, h, k, m = "n", "d", "h", "k", "m"
X, Y = cf.matrix(n, d), cf.matrix(n, k)
W1, W2 = cf.matrix(d, h), cf.matrix(h, k)
x, scalar = cf.vector(d), cf.scalar()


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def two_layers_first(W1, X, Y, W2):
    return 0.5 * np.sum((np.tanh(X @ W1) @ W2 - Y) ** 2)


def two_layers_second(W2, W1, X, Y):
    H = np.tanh(X @ W1)
    return 0.5 * np.sum((H @ W2 - Y) ** 2)


def two_layers_bias(b, W1, X, Y, W2):
    H = np.tanh(X @ W1 + b)
    return 0.5 * np.sum((H @ W2 - Y) ** 2)


def two_layers_input(x, W1, b1, W2, b2):
    return W2 @ sigmoid(W1 @ x + b1) + b2


def one_hidden_unit(w, X, y, v):
    return 0.5 * np.sum((v * sigmoid(X @ w) - y) ** 2)


def classifier_first(W1, x, W2, y):
    z = W2 @ np.maximum(W1 @ x, 0)
    return -y @ z + np.log(np.sum(np.exp(z)))


def classifier_last(W, H, Y):
    Z = H @ W
    log_p = Z - logsumexp(Z, axis=1, keepdims=True)
    return -np.mean(np.sum(Y * log_p, axis=1))


def classifier_bias(b, H, W, Y):
    P = softmax(H @ W + b, axis=1)
    return -np.sum(Y * np.log(P)) / H.shape[0]


def cross_entropy_of_logits(Z, Y):
    return -np.sum(Y * (Z - np.log(np.sum(np.exp(Z), axis=1, keepdims=True))))


def label_smoothing(z, y, eps):
    log_p = z - logsumexp(z)
    return -np.sum(((1 - eps) * y + eps / z.size) * log_p)


def focal_loss(z):
    p = sigmoid(z)
    return -((1 - p) ** 2) * np.log(p)


def residual_block(x, W, V):
    return x + V @ np.tanh(W @ x)


def residual_block_weights(V, x, W, t):
    return 0.5 * np.sum((x + V @ np.tanh(W @ x) - t) ** 2)


def gated_unit(x, W, V):
    return (W @ x) * expit(V @ x)


def layer_norm(x, w):
    mu = x.mean()
    return w @ (x - mu) / np.sqrt(((x - mu) ** 2).mean())


def rms_norm(x, g):
    return g @ x / np.sqrt(np.mean(x**2))


def batch_norm(X, V, eps):
    mu = X.mean(axis=0)
    var = X.var(axis=0)
    return np.sum(V * (X - mu) / np.sqrt(var + eps))


def weight_norm(v, g, x):
    return g * (v @ x) / np.linalg.norm(v)


def gelu(x):
    return x * 0.5 * (1 + erf(x / np.sqrt(2)))


def swish(x):
    return x * expit(x)


def softplus(x, beta):
    return np.log(1 + np.exp(beta * x)) / beta


def mish(x):
    return x * np.tanh(np.log1p(np.exp(x)))


def elu(x):
    return np.where(x > 0, x, np.exp(x) - 1)


def attention_one_query(q, K, V, u):
    d = q.shape[0]
    return u @ (V.T @ softmax(K @ q / np.sqrt(d)))


def attention_scores(S, V, G):
    A = np.exp(S - S.max(axis=1, keepdims=True))
    A = A / A.sum(axis=1, keepdims=True)
    return np.sum(G * (A @ V))


def attention_queries(Q, K, V, G):
    return np.sum(G * (softmax(Q @ K.T / np.sqrt(K.shape[1]), axis=-1) @ V))


def attention_keys(K, Q, V, G):
    return np.sum(G * (softmax(Q @ K.T / np.sqrt(K.shape[1]), axis=-1) @ V))


def attention_values(V, Q, K, G):
    return np.sum(G * (softmax(Q @ K.T / np.sqrt(K.shape[1]), axis=-1) @ V))


def linear_attention(Q, K, V, G):
    return np.einsum("id,jd,jv,iv->", Q, K, V, G)


def autoencoder_tied(W, X):
    return np.sum((X - sigmoid(X @ W) @ W.T) ** 2)


def linear_autoencoder(V, X, W):
    return np.linalg.norm(X - X @ W @ V.T) ** 2


def deep_linear(W2, W3, W1, X, Y):
    return 0.5 * np.sum((W3 @ W2 @ W1 @ X - Y) ** 2)


def skip_gram(v, u, N):
    return -np.log(sigmoid(u @ v)) - np.sum(np.log(sigmoid(-N @ v)))


def skip_gram_stable(v, u, N):
    return np.logaddexp(0, -u @ v) + np.sum(np.logaddexp(0, N @ v))


def glove(W, C, L, F, b, c):
    E = W @ C.T + b[:, None] + c[None, :] - L
    return 0.5 * np.sum(F * E**2)


def info_nce(q, K, k, tau):
    return -q @ k / tau + logsumexp(K @ q / tau)


def info_nce_batch(Z, U, tau):
    S = Z @ U.T / tau
    return -np.mean(np.diag(S) - logsumexp(S, axis=1))


def triplet(a, p, q, margin):
    return np.logaddexp(0, np.sum((a - p) ** 2) - np.sum((a - q) ** 2) + margin)


def triplet_hinge(a, p, q, margin):
    return np.maximum(0, np.sum((a - p) ** 2) - np.sum((a - q) ** 2) + margin)


def contrastive_pair(W, x, z, y, margin):
    distance = np.linalg.norm(W @ x - W @ z)
    return y * distance**2 + (1 - y) * np.maximum(0, margin - distance) ** 2


def cosine_similarity(a, b):
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


def barlow_twins(Z, U, lam):
    C = Z.T @ U / Z.shape[0]
    on = np.sum((np.diag(C) - 1) ** 2)
    off = np.sum(C**2) - np.sum(np.diag(C) ** 2)
    return on + lam * off


def recurrent_state(h, W, U, X, v):
    for t in range(3):
        h = np.tanh(W @ h + U @ X[t])
    return v @ h


def linear_recurrence(W, h, v):
    for _ in range(3):
        h = W @ h
    return v @ h


def long_short_term_memory_cell(c, f, i, g, o, v):
    c_new = expit(f) * c + expit(i) * np.tanh(g)
    return v @ (expit(o) * np.tanh(c_new))


def long_short_term_memory_gate(Wf, x, c, u, v):
    return v @ np.tanh(expit(Wf @ x) * c + u)


def gated_recurrent_unit(z, h, g, v):
    update = expit(z)
    return v @ ((1 - update) * h + update * g)


def matrix_factorisation(U, V, R, M, lam):
    return np.sum(M * (R - U @ V.T) ** 2) + lam * (np.sum(U**2) + np.sum(V**2))


def bayesian_personalised_ranking(u, i, j, lam):
    return -np.log(sigmoid(u @ i - u @ j)) + lam * np.sum(u**2)


def factorisation_machine(x, w, V):
    pairs = 0.5 * np.sum((V.T @ x) ** 2 - (V.T**2) @ (x**2))
    return w @ x + pairs


def knowledge_translation(r, h, t):
    return np.sum((h + r - t) ** 2)


def bilinear_decoder(R, H, T, Y):
    S = np.sum((H @ R) * T, axis=1)
    return np.sum(np.logaddexp(0, S) - Y * S)


def graph_convolution(W, A, X, Y):
    return 0.5 * np.sum((np.tanh(A @ X @ W) - Y) ** 2)


def gradient_penalty(x, W, v):
    g = W.T @ (v * (1 - np.tanh(W @ x) ** 2))
    return np.sum(g**2)


def restricted_boltzmann(v, W, b, c):
    return -b @ v - np.sum(np.log(1 + np.exp(c + W @ v)))


def restricted_boltzmann_weights(W, v, b, c):
    return -b @ v - np.sum(np.log(1 + np.exp(c + W @ v)))


def hopfield(xi, X, beta):
    return -np.log(np.sum(np.exp(beta * X @ xi))) / beta + 0.5 * xi @ xi


def policy_gradient(theta, S, a, advantage):
    logits = S @ theta
    return np.sum(advantage * (a * logits - np.logaddexp(0, logits)))


def proximal_policy(theta, f, g, old, advantage):
    ratio = np.exp(theta @ f - logsumexp(g @ theta)) / old
    return ratio * advantage


def temporal_difference(w, Phi, Psi, r, gamma):
    return 0.5 * np.mean((r + gamma * (Psi @ w) - Phi @ w) ** 2)


def weight_decay_and_dropout(w, X, y, p):
    return np.sum((y - p * X @ w) ** 2) + p * (1 - p) * np.sum((X**2) @ (w**2))


def convolution(k, x, y):
    total = 0
    for i in range(3):
        total = total + k[i] * x[i : i + 4]
    return 0.5 * np.sum((total - y) ** 2)


def mean_pooling(E, w, t):
    return (np.mean(E, axis=0) @ w - t) ** 2


def low_rank_adaptation(B, W, A, X, Y):
    return 0.5 * np.sum((X @ (W + B @ A) - Y) ** 2)


DEEP = "Goodfellow, Bengio, Courville, Deep Learning (2016)"
PRML = "Bishop, Pattern Recognition and Machine Learning (2006)"
VASWANI = "Vaswani et al., Attention is all you need (2017), eq. 1"
A = "softmax₁((1/√d)QKᵀ)"
ENTRIES = (
    Entry(
        "two_layers_first",
        f"{PRML}, section 5.3.2",
        two_layers_first,
        (W1, X, Y, W2),
        "Xᵀ((HW₂ − Y)W₂ᵀ ⊙ (𝟏𝟏ᵀ − H^⊙2)), where H = tanh(XW₁)",
    ),
    Entry(
        "two_layers_second",
        f"{PRML}, section 5.3.2",
        two_layers_second,
        (W2, W1, X, Y),
        "tanh(XW₁)ᵀ(tanh(XW₁) W₂ − Y)",
        "tanh(XW₁)ᵀ tanh(XW₁) ⊗ I",
    ),
    Entry(
        "two_layers_bias",
        f"{PRML}, section 5.3.2",
        two_layers_bias,
        (cf.vector(h), W1, X, Y, W2),
        "((HW₂ − Y)W₂ᵀ ⊙ (𝟏𝟏ᵀ − H^⊙2))ᵀ𝟏, where H = tanh(XW₁ + 𝟏bᵀ)",
    ),
    Entry(
        "two_layers_input",
        f"{PRML}, section 5.3.4",
        two_layers_input,
        (x, cf.matrix(h, d), cf.vector(h), cf.matrix(k, h), cf.vector(k)),
        "W₂ diag(σ(W₁x + b₁) ⊙ (1 − σ(W₁x + b₁)))W₁",
    ),
    Entry(
        "one_hidden_unit",
        f"{PRML}, section 5.3",
        one_hidden_unit,
        (x, X, cf.vector(n), scalar),
        "vXᵀ((vs − y) ⊙ s ⊙ (1 − s)), where s = σ(Xw)",
    ),
    Entry(
        "classifier_first",
        f"{DEEP}, section 6.5.6",
        classifier_first,
        (cf.matrix(h, d), x, cf.matrix(k, h), cf.vector(k)),
        "(W₂ᵀ(softmax(W₂ max(W₁x, 0)) − y) ⊙ where(W₁x > 0, 1, 0))xᵀ",
    ),
    Entry(
        "classifier_last",
        f"{DEEP}, section 6.2.2.3",
        classifier_last,
        (cf.matrix(d, k), X, Y),
        "(1/n)Hᵀ(diag(Y𝟏) softmax₁(HW) − Y)",
    ),
    Entry(
        "classifier_bias",
        f"{DEEP}, section 6.2.2.3",
        classifier_bias,
        (cf.vector(k), X, cf.matrix(d, k), Y),
        "(1/n)(softmax₁(HW + 𝟏bᵀ)ᵀY𝟏 − Yᵀ𝟏)",
    ),
    Entry(
        "cross_entropy_of_logits",
        f"{DEEP}, section 6.2.2.3",
        cross_entropy_of_logits,
        (Y, Y),
        "diag(Y𝟏) softmax₁(Z) − Y",
    ),
    Entry(
        "label_smoothing",
        "Szegedy et al., Rethinking the Inception architecture (2016), section 7",
        label_smoothing,
        (cf.vector(k), cf.vector(k), scalar),
        "((1 − ε)(𝟏ᵀy) + ε) softmax(z) − (1 − ε)y − (ε/k)𝟏",
    ),
    Entry(
        "focal_loss",
        "Lin et al., Focal loss for dense object detection (2017), appendix A",
        focal_loss,
        (scalar,),
        "(1 − σ(z))²(2σ(z) ln(σ(z)) + σ(z) − 1)",
    ),
    Entry(
        "residual_block",
        "He et al., Identity mappings in deep residual networks (2016), eq. 5",
        residual_block,
        (x, cf.matrix(h, d), cf.matrix(d, h)),
        "I + V diag(1 − tanh²(Wx))W",
    ),
    Entry(
        "residual_block_weights",
        "He et al., Identity mappings in deep residual networks (2016), section 2",
        residual_block_weights,
        (cf.matrix(d, h), x, cf.matrix(h, d), x),
        "(x + V tanh(Wx) − t) tanh(Wx)ᵀ",
        "I ⊗ tanh(Wx) tanh(Wx)ᵀ",
    ),
    Entry(
        "gated_unit",
        "Dauphin et al., Language modeling with gated convolutional networks (2017), eq. 3",
        gated_unit,
        (x, cf.matrix(h, d), cf.matrix(h, d)),
        "diag(σ(Vx))W + diag(Wx ⊙ σ(Vx) ⊙ (1 − σ(Vx)))V",
    ),
    Entry(
        "layer_norm",
        "Ba, Kiros, Hinton, Layer normalization (2016), eq. 3",
        layer_norm,
        (x, x),
        "(1/s)(w − (𝟏ᵀw/d)𝟏 − (wᵀz/d)z), where s = ‖x − (𝟏ᵀx/d)𝟏‖/√d, z = (x − (𝟏ᵀx/d)𝟏)/s",
    ),
    Entry(
        "rms_norm",
        "Zhang and Sennrich, Root mean square layer normalization (2019), eq. 4",
        rms_norm,
        (x, x),
        "(√d/‖x‖)(g − (gᵀx/‖x‖²)x)",
        "(√d/‖x‖³)((3gᵀx/‖x‖²)xxᵀ − gxᵀ − xgᵀ − (gᵀx)I)",
    ),
    Entry(
        "batch_norm",
        "Ioffe and Szegedy, Batch normalization (2015), section 3",
        batch_norm,
        (X, X, cf.positive()),
        "(V − (1/n)𝟏𝟏ᵀV − (1/n)Z diag((V ⊙ Z)ᵀ𝟏)) diag(𝟏 ⊘ s), where E = X − (1/n)𝟏𝟏ᵀX, "
        "s = √((1/n)(E^⊙2)ᵀ𝟏 + ε𝟏), Z = E diag(𝟏 ⊘ s)",
    ),
    Entry(
        "weight_norm",
        "Salimans and Kingma, Weight normalization (2016), eq. 3",
        weight_norm,
        (x, scalar, x),
        "(g/‖v‖)(x − (vᵀx/‖v‖²)v)",
    ),
    Entry(
        "gelu",
        "Hendrycks and Gimpel, Gaussian error linear units (2016), section 2",
        gelu,
        (scalar,),
        "½(1 + erf(x/√2)) + (x/√(2π))exp(−½x²)",
        "((2 − x²)/√(2π))exp(−½x²)",
    ),
    Entry(
        "swish",
        "Ramachandran, Zoph, Le, Searching for activation functions (2017), section 5",
        swish,
        (scalar,),
        "σ(x) + xσ(x)(1 − σ(x))",
        "σ(x)(1 − σ(x))(2 + x(1 − 2σ(x)))",
    ),
    Entry(
        "softplus_with_slope",
        f"{DEEP}, section 3.10",
        softplus,
        (scalar, cf.positive()),
        "σ(βx)",
        "βσ(βx)(1 − σ(βx))",
    ),
    Entry(
        "mish",
        "Misra, Mish: a self regularized non-monotonic activation function (2019), section 3",
        mish,
        (scalar,),
        "tanh t + xσ(x)(1 − tanh² t), where t = ln(1 + exp(x))",
    ),
    Entry(
        "elu",
        "Clevert, Unterthiner, Hochreiter, Exponential linear units (2015), eq. 15",
        elu,
        (scalar,),
        "where(x > 0, 1, exp(x))",
    ),
    Entry(
        "attention_one_query",
        VASWANI,
        attention_one_query,
        (x, cf.matrix(n, d), cf.matrix(n, k), cf.vector(k)),
        "(1/√d)Kᵀ(diag(p) − ppᵀ)Vu, where p = softmax((1/√d)Kq)",
    ),
    Entry(
        "attention_scores",
        VASWANI,
        attention_scores,
        (cf.matrix(n, m), cf.matrix(m, k), cf.matrix(n, k)),
        "A ⊙ (GVᵀ − (A ⊙ GVᵀ)𝟏𝟏ᵀ), where A = softmax₁(S)",
    ),
    Entry(
        "attention_queries",
        VASWANI,
        attention_queries,
        (cf.matrix(n, d), cf.matrix(m, d), cf.matrix(m, k), cf.matrix(n, k)),
        f"(1/√d)(A ⊙ (GVᵀ − (A ⊙ GVᵀ)𝟏𝟏ᵀ))K, where A = {A}",
    ),
    Entry(
        "attention_keys",
        VASWANI,
        attention_keys,
        (cf.matrix(m, d), cf.matrix(n, d), cf.matrix(m, k), cf.matrix(n, k)),
        f"(1/√d)(A ⊙ (GVᵀ − (A ⊙ GVᵀ)𝟏𝟏ᵀ))ᵀQ, where A = {A}",
    ),
    Entry(
        "attention_values",
        VASWANI,
        attention_values,
        (cf.matrix(m, k), cf.matrix(n, d), cf.matrix(m, d), cf.matrix(n, k)),
        "softmax₁((1/√d)QKᵀ)ᵀG",
        "0",
    ),
    Entry(
        "linear_attention",
        "Katharopoulos et al., Transformers are RNNs (2020), eq. 6",
        linear_attention,
        (cf.matrix(n, d), cf.matrix(m, d), cf.matrix(m, k), cf.matrix(n, k)),
        "GVᵀK",
        "0",
    ),
    Entry(
        "autoencoder_tied",
        f"{DEEP}, section 14.1",
        autoencoder_tied,
        (W1, X),
        "2(Xᵀ(EW ⊙ S ⊙ (𝟏𝟏ᵀ − S)) + EᵀS), where S = σ(XW), E = SWᵀ − X",
    ),
    Entry(
        "linear_autoencoder",
        "Baldi and Hornik, Neural networks and principal component analysis (1989), section 2",
        linear_autoencoder,
        (cf.matrix(d, k), X, cf.matrix(d, k)),
        "−2(X − XWVᵀ)ᵀXW",
        "2I ⊗ WᵀXᵀXW",
    ),
    Entry(
        "deep_linear",
        "Saxe, McClelland, Ganguli, Exact solutions to learning in deep linear networks (2014), section 1",
        deep_linear,
        (cf.matrix(h, k), cf.matrix(m, h), cf.matrix(k, d), cf.matrix(d, n), cf.matrix(m, n)),
        "W₃ᵀ(W₃W₂W₁X − Y)XᵀW₁ᵀ",
        "W₃ᵀW₃ ⊗ W₁XXᵀW₁ᵀ",
    ),
    Entry(
        "skip_gram",
        "Goldberg and Levy, word2vec explained (2014), section 1",
        skip_gram,
        (x, x, cf.matrix(m, d)),
        "−(1 − σ(uᵀv))u + Nᵀσ(Nv)",
        "σ(uᵀv)(1 − σ(uᵀv))uuᵀ + Nᵀ diag(σ(Nv) ⊙ (1 − σ(Nv)))N",
    ),
    Entry(
        "skip_gram_stable",
        "Mikolov et al., Distributed representations of words and phrases (2013), eq. 4",
        skip_gram_stable,
        (x, x, cf.matrix(m, d)),
        "Nᵀσ(Nv) − σ(−uᵀv)u",
        "σ(uᵀv)(1 − σ(uᵀv))uuᵀ + Nᵀ diag(σ(Nv) ⊙ (1 − σ(Nv)))N",
    ),
    Entry(
        "glove",
        "Pennington, Socher, Manning, GloVe (2014), eq. 8",
        glove,
        (
            cf.matrix(n, d),
            cf.matrix(m, d),
            cf.matrix(n, m),
            cf.matrix(n, m),
            cf.vector(n),
            cf.vector(m),
        ),
        "(F ⊙ (WCᵀ + b𝟏ᵀ + 𝟏cᵀ − L))C",
    ),
    Entry(
        "info_nce",
        "He et al., Momentum contrast (2020), eq. 1",
        info_nce,
        (x, cf.matrix(m, d), x, cf.positive()),
        "(1/τ)(Kᵀ softmax((1/τ)Kq) − k)",
        "(1/τ²)Kᵀ(diag(softmax((1/τ)Kq)) − softmax((1/τ)Kq) softmax((1/τ)Kq)ᵀ)K",
    ),
    Entry(
        "info_nce_batch",
        "van den Oord, Li, Vinyals, Contrastive predictive coding (2018), eq. 4",
        info_nce_batch,
        (X, X, cf.positive()),
        "(1/(τn))(softmax₁((1/τ)ZUᵀ) − I)U",
    ),
    Entry(
        "triplet",
        "Hermans, Beyer, Leibe, In defense of the triplet loss (2017), section 2",
        triplet,
        (x, x, x, scalar),
        "2σ(‖a − p‖² − ‖a − q‖² + margin)(q − p)",
        "4s(1 − s)(q − p)(q − p)ᵀ, where s = σ(‖a − p‖² − ‖a − q‖² + margin)",
    ),
    Entry(
        "triplet_hinge",
        "Schroff, Kalenichenko, Philbin, FaceNet (2015), eq. 2",
        triplet_hinge,
        (x, x, x, scalar),
        "2 where(‖a − p‖² − ‖a − q‖² + margin > 0, 1, 0)(q − p)",
    ),
    Entry(
        "contrastive_pair",
        "Hadsell, Chopra, LeCun, Dimensionality reduction by learning an invariant mapping (2006), eq. 4",
        contrastive_pair,
        (cf.matrix(k, d), x, x, scalar, cf.positive()),
        "2(y − (1 − y)max(0, margin − r)/r)W(x − z)(x − z)ᵀ, where r = ‖W(x − z)‖",
    ),
    Entry(
        "cosine_similarity",
        "Manning, Raghavan, Schütze, Introduction to Information Retrieval (2008), eq. 6.10",
        cosine_similarity,
        (x, x),
        "(1/(‖a‖‖b‖))(b − (aᵀb/‖a‖²)a)",
        "(1/(‖a‖³‖b‖))((3aᵀb/‖a‖²)aaᵀ − (aᵀb)I − abᵀ − baᵀ)",
    ),
    Entry(
        "barlow_twins",
        "Zbontar et al., Barlow twins (2021), eq. 1",
        barlow_twins,
        (X, X, scalar),
        "(2/n)U(λCᵀ + diag((1 − λ)diagonal(C) − 𝟏)), where C = (1/n)ZᵀU",
    ),
    Entry(
        "recurrent_state",
        f"{DEEP}, section 10.2.2",
        recurrent_state,
        (cf.vector(h), cf.matrix(h, h), cf.matrix(h, d), cf.matrix(3, d), cf.vector(h)),
        "Wᵀ(d₁ ⊙ Wᵀ(d₂ ⊙ Wᵀ(d₃ ⊙ v))), where h₁ = tanh(Wh + UX[0, :]), h₂ = tanh(Wh₁ + UX[1, :]), "
        "h₃ = tanh(Wh₂ + UX[2, :]), d₁ = 1 − h₁^⊙2, d₂ = 1 − h₂^⊙2, d₃ = 1 − h₃^⊙2",
    ),
    Entry(
        "linear_recurrence",
        f"{DEEP}, section 10.7",
        linear_recurrence,
        (cf.matrix(h, h), cf.vector(h), cf.vector(h)),
        "WᵀWᵀvhᵀ + WᵀvhᵀWᵀ + vhᵀWᵀWᵀ",
    ),
    Entry(
        "long_short_term_memory_cell",
        "Greff et al., LSTM: a search space odyssey (2017), section II",
        long_short_term_memory_cell,
        (x, x, x, x, x, x),
        "v ⊙ σ(o) ⊙ σ(f) ⊙ (1 − tanh²(σ(f) ⊙ c + σ(i) ⊙ tanh g))",
    ),
    Entry(
        "long_short_term_memory_gate",
        "Greff et al., LSTM: a search space odyssey (2017), section II",
        long_short_term_memory_gate,
        (cf.matrix(h, d), x, cf.vector(h), cf.vector(h), cf.vector(h)),
        "(v ⊙ c ⊙ s ⊙ (1 − s) ⊙ (1 − tanh²(s ⊙ c + u)))xᵀ, where s = σ(Wf x)",
    ),
    Entry(
        "gated_recurrent_unit",
        "Cho et al., Learning phrase representations (2014), section 2.3",
        gated_recurrent_unit,
        (x, x, x, x),
        "v ⊙ (g − h) ⊙ σ(z) ⊙ (1 − σ(z))",
        "diag(v ⊙ (g − h) ⊙ σ(z) ⊙ (1 − σ(z)) ⊙ (1 − 2σ(z)))",
    ),
    Entry(
        "rating_factorisation",
        "Koren, Bell, Volinsky, Matrix factorization techniques for recommender systems (2009), eq. 2",
        matrix_factorisation,
        (cf.matrix(n, k), cf.matrix(m, k), cf.matrix(n, m), cf.matrix(n, m), scalar),
        "2λU − 2(M ⊙ (R − UVᵀ))V",
    ),
    Entry(
        "bayesian_personalised_ranking",
        "Rendle et al., Bayesian personalized ranking (2009), section 4.1",
        bayesian_personalised_ranking,
        (x, x, x, scalar),
        "2λu − σ(−uᵀ(i − j))(i − j)",
        "σ(uᵀ(i − j))(1 − σ(uᵀ(i − j)))(i − j)(i − j)ᵀ + 2λI",
    ),
    Entry(
        "factorisation_machine",
        "Rendle, Factorization machines (2010), lemma 3.1",
        factorisation_machine,
        (x, x, cf.matrix(d, k)),
        "w + VVᵀx − (V^⊙2𝟏) ⊙ x",
        "VVᵀ − diag(V^⊙2𝟏)",
    ),
    Entry(
        "knowledge_translation",
        "Bordes et al., Translating embeddings (2013), section 2",
        knowledge_translation,
        (x, x, x),
        "2(h + r − t)",
        "2I",
    ),
    Entry(
        "bilinear_decoder",
        "Nickel, Tresp, Kriegel, A three-way model for collective learning (2011), section 3",
        bilinear_decoder,
        (cf.matrix(d, d), X, X, cf.vector(n)),
        "Hᵀ diag(σ((HR ⊙ T)𝟏) − Y)T",
    ),
    Entry(
        "graph_convolution",
        "Kipf and Welling, Graph convolutional networks (2017), eq. 2",
        graph_convolution,
        (cf.matrix(d, k), cf.symmetric(n), X, Y),
        "XᵀA((tanh(AXW) − Y) ⊙ (𝟏𝟏ᵀ − tanh(AXW)^⊙2))",
    ),
    Entry(
        "gradient_penalty",
        "Drucker and LeCun, Improving generalization using double backpropagation (1992), section II",
        gradient_penalty,
        (x, cf.matrix(h, d), cf.vector(h)),
        "−4Wᵀ diag(v ⊙ t ⊙ (1 − t^⊙2))WWᵀ(v ⊙ (1 − t^⊙2)), where t = tanh(Wx)",
    ),
    Entry(
        "restricted_boltzmann",
        "Hinton, A practical guide to training restricted Boltzmann machines (2010), section 16.1",
        restricted_boltzmann,
        (x, cf.matrix(h, d), x, cf.vector(h)),
        "−b − Wᵀσ(c + Wv)",
        "−Wᵀ diag(σ(c + Wv) ⊙ (1 − σ(c + Wv)))W",
    ),
    Entry(
        "restricted_boltzmann_weights",
        "Hinton, A practical guide to training restricted Boltzmann machines (2010), section 2",
        restricted_boltzmann_weights,
        (cf.matrix(h, d), x, x, cf.vector(h)),
        "−σ(c + Wv)vᵀ",
        "−diag(σ(c + Wv) ⊙ (1 − σ(c + Wv))) ⊗ vvᵀ",
    ),
    Entry(
        "hopfield",
        "Ramsauer et al., Hopfield networks is all you need (2021), eqs. 2 and 3",
        hopfield,
        (x, cf.matrix(n, d), cf.positive()),
        "ξ − Xᵀ softmax(βXξ)",
        "I − βXᵀ(diag(softmax(βXξ)) − softmax(βXξ) softmax(βXξ)ᵀ)X",
    ),
    Entry(
        "policy_gradient",
        "Sutton and Barto, Reinforcement Learning (2018), section 13.3",
        policy_gradient,
        (x, X, cf.vector(n), cf.vector(n)),
        "Sᵀ(advantage ⊙ (a − σ(Sθ)))",
        "−Sᵀ diag(advantage ⊙ σ(Sθ) ⊙ (1 − σ(Sθ)))S",
    ),
    Entry(
        "proximal_policy",
        "Schulman et al., Proximal policy optimization (2017), eq. 6",
        proximal_policy,
        (x, x, cf.matrix(m, d), cf.positive(), scalar),
        "(advantage exp(θᵀf − logsumexp(gθ))/old)(f − gᵀ softmax(gθ))",
    ),
    Entry(
        "temporal_difference",
        "Sutton and Barto, Reinforcement Learning (2018), section 11.5",
        temporal_difference,
        (x, X, X, cf.vector(n), scalar),
        "(1/n)(γΨ − Φ)ᵀ(r + γΨw − Φw)",
        "(1/n)(γΨ − Φ)ᵀ(γΨ − Φ)",
    ),
    Entry(
        "weight_decay_and_dropout",
        "Srivastava et al., Dropout (2014), section 9.1",
        weight_decay_and_dropout,
        (x, X, cf.vector(n), scalar),
        "2p(1 − p)((X^⊙2)ᵀ𝟏 ⊙ w) − 2pXᵀ(y − pXw)",
        "2p²XᵀX + 2p(1 − p)diag((X^⊙2)ᵀ𝟏)",
    ),
    Entry(
        "convolution",
        f"{DEEP}, section 9.5",
        convolution,
        (cf.vector(3), cf.vector(6), cf.vector(4)),
        "(rᵀx[:4])e₀ + (rᵀx[1:5])e₁ + (rᵀx[2:6])e₂, where r = k₀x[:4] + k₁x[1:5] + k₂x[2:6] − y",
    ),
    Entry(
        "mean_pooling",
        "Iyyer et al., Deep unordered composition rivals syntactic methods (2015), section 2",
        mean_pooling,
        (X, x, scalar),
        "(2/n)((1/n)𝟏ᵀEw − t)𝟏wᵀ",
        "(2/n²)𝟏𝟏ᵀ ⊗ wwᵀ",
    ),
    Entry(
        "low_rank_adaptation",
        "Hu et al., LoRA (2021), eq. 3",
        low_rank_adaptation,
        (cf.matrix(d, h), cf.matrix(d, k), cf.matrix(h, k), X, Y),
        "Xᵀ(X(W + BA) − Y)Aᵀ",
        "XᵀX ⊗ AAᵀ",
    ),
)
