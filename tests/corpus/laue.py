"""S. Laue, M. Mitterreiter, J. Giesen: Computing Higher Order Derivatives of Matrix and Tensor Expressions
(NeurIPS 2018), and A Simple and Efficient Tensor Calculus (AAAI 2020); matrixcalculus.org."""

import numpy as np
from tests.corpus.record import Entry

import closedform as cf

HIGHER = "Laue, Mitterreiter, Giesen (2018), "
SIMPLE = "Laue, Mitterreiter, Giesen (2020), "
SITE = "matrixcalculus.org, "

VECTOR, OTHER_VECTOR = cf.vector("n"), cf.vector("m")
SQUARE, SYMMETRIC, TALL = cf.matrix("n", "n"), cf.symmetric("n"), cf.matrix("m", "n")


def logistic_regression(w, X, y):
    margins = y * (X @ w)
    return np.sum(np.log(1 + np.exp(-margins)))


def expit_product(w, X):
    e = np.exp(X @ w)
    return X.T @ (e / (e + 1))


def factorisation(U, V, T):
    return np.linalg.norm(T - U @ V.T, "fro") ** 2


def masked_factorisation(U, V, T, W):
    R = W * (T - U @ V.T)
    return np.sum(R * R)


def network(A, B, x, y):
    hidden = np.tanh(A @ x)
    return 0.5 * np.sum((B @ hidden - y) ** 2)


def rectifier_network(A, b, x):
    return b @ np.maximum(A @ x, 0)


def two_layers(w, A, B):
    return np.tanh(w @ np.tanh(A @ np.tanh(B)))


def log_sum_exp_of_forms(x, A, b):
    return np.log(np.sum(np.exp(A @ x + b)))


def gaussian_kernel(x, c, s):
    return np.exp(-np.sum((x - c) ** 2) / (2 * s**2))


ENTRIES = (
    Entry(
        "symmetric_quadratic",
        SIMPLE + "introduction",
        lambda x, A: x.T @ A @ x,
        (VECTOR, SYMMETRIC),
        "2Ax",
        "2A",
    ),
    Entry(
        "quadratic_with_sine",
        SITE + "the example",
        lambda x, A, c, y: x.T @ A @ x + c * np.sin(y).T @ x,
        (VECTOR, SYMMETRIC, cf.scalar(), VECTOR),
        "2Ax + c sin(y)",
        "2A",
    ),
    Entry(
        "logistic_regression",
        HIGHER + "experiments",
        logistic_regression,
        (VECTOR, TALL, cf.signs("m")),
        "−Xᵀ(y ⊙ σ(−y ⊙ Xw))",
        "Xᵀ diag(σ(y ⊙ Xw) ⊙ σ(−y ⊙ Xw))X",
    ),
    Entry(
        "logistic_gradient_expression",
        SIMPLE + "expression trees",
        expit_product,
        (VECTOR, TALL),
        "Xᵀ diag(σ(Xw) ⊙ (1 − σ(Xw)))X",
    ),
    Entry(
        "matrix_factorisation",
        SIMPLE + "experiments",
        factorisation,
        (cf.matrix("m", "k"), cf.matrix("n", "k"), TALL),
        "2(UVᵀ − T)V",
        "2I ⊗ VᵀV",
    ),
    Entry(
        "matrix_factorisation_other_factor",
        SIMPLE + "experiments",
        factorisation,
        (cf.matrix("m", "k"), cf.matrix("n", "k"), TALL),
        "2(UVᵀ − T)ᵀU",
        "2I ⊗ UᵀU",
        argnums=1,
    ),
    Entry(
        "masked_factorisation",
        HIGHER + "experiments",
        masked_factorisation,
        (cf.matrix("m", "k"), cf.matrix("n", "k"), TALL, TALL),
        "2(W ⊙ W ⊙ (UVᵀ − T))V",
        "H[S] = 2(W ⊙ W ⊙ SVᵀ)V",
    ),
    Entry(
        "network_first_layer",
        SIMPLE + "experiments",
        network,
        (cf.matrix("k", "n"), cf.matrix("m", "k"), VECTOR, OTHER_VECTOR),
        "(Bᵀ(B tanh(Ax) − y) ⊙ (1 − tanh²(Ax)))xᵀ",
    ),
    Entry(
        "network_second_layer",
        SIMPLE + "experiments",
        network,
        (cf.matrix("k", "n"), cf.matrix("m", "k"), VECTOR, OTHER_VECTOR),
        "(B tanh(Ax) − y) tanh(Ax)ᵀ",
        "I ⊗ tanh(Ax) tanh(Ax)ᵀ",
        argnums=1,
    ),
    Entry(
        "network_input",
        SIMPLE + "experiments",
        network,
        (cf.matrix("k", "n"), cf.matrix("m", "k"), VECTOR, OTHER_VECTOR),
        "Aᵀ((1 − tanh²(Ax)) ⊙ Bᵀ(B tanh(Ax) − y))",
        argnums=2,
    ),
    Entry(
        "rectifier_network",
        SIMPLE + "experiments",
        rectifier_network,
        (cf.matrix("k", "n"), cf.vector("k"), VECTOR),
        "(b ⊙ where(Ax > 0, 1, 0))xᵀ",
        "0",
    ),
    Entry(
        "nested_tanh",
        SIMPLE + "experiments",
        two_layers,
        (cf.vector("k"), cf.matrix("k", "n"), VECTOR),
        "(1 − tanh²(wᵀ tanh(A tanh B))) tanh(A tanh B)",
        "−2 tanh(wᵀp)(1 − tanh²(wᵀp))ppᵀ, where p = tanh(A tanh B)",
    ),
    Entry(
        "exponential_of_quadratic",
        SIMPLE + "introduction",
        lambda x, A: np.exp(x @ A @ x),
        (VECTOR, SYMMETRIC),
        "2 exp(xᵀAx)Ax",
        "2 exp(xᵀAx)(A + 2AxxᵀA)",
    ),
    Entry(
        "product_of_exponentials",
        SITE + "exercises",
        lambda x, a, b: np.exp(a @ x) * np.exp(b @ x),
        (VECTOR, VECTOR, VECTOR),
        "exp((a + b)ᵀx)(a + b)",
        "exp((a + b)ᵀx)(a + b)(a + b)ᵀ",
    ),
    Entry(
        "sum_of_exponentials",
        HIGHER + "experiments",
        lambda x, A: np.sum(np.exp(A @ x)),
        (VECTOR, TALL),
        "Aᵀ exp(Ax)",
        "Aᵀ diag(exp(Ax))A",
    ),
    Entry(
        "log_sum_exp_of_affine",
        HIGHER + "experiments",
        log_sum_exp_of_forms,
        (VECTOR, TALL, OTHER_VECTOR),
        "Aᵀ softmax(Ax + b)",
        "Aᵀ(diag(softmax(Ax + b)) − softmax(Ax + b) softmax(Ax + b)ᵀ)A",
    ),
    Entry(
        "gaussian_kernel",
        SITE + "exercises",
        gaussian_kernel,
        (VECTOR, VECTOR, cf.scalar("positive")),
        "−(exp(−‖x − c‖²/(2s²))/s²)(x − c)",
        "(exp(−‖x − c‖²/(2s²))/s⁴)((x − c)(x − c)ᵀ − s²I)",
    ),
    Entry(
        "squared_distances_to_rows",
        SITE + "exercises",
        lambda x, A: np.sum((A - x) ** 2),
        (VECTOR, TALL),
        "2(m_A x − Aᵀ𝟏)",
        "2m_A I",
    ),
    Entry(
        "elementwise_quotient",
        SITE + "exercises",
        lambda x, a: np.sum(a / x),
        (cf.positive("n"), VECTOR),
        "−a ⊘ x^⊙2",
        "2 diag(a ⊘ x^⊙3)",
    ),
    Entry(
        "quadratic_of_squares",
        SITE + "exercises",
        lambda x, A: (x * x) @ A @ (x * x),
        (VECTOR, SYMMETRIC),
        "4x ⊙ Ax^⊙2",
        "4 diag(Ax^⊙2) + 8 diag(x)A diag(x)",
    ),
)
