"""J. R. Magnus and H. Neudecker, Matrix Differential Calculus with Applications in Statistics and
Econometrics, chapters 9 (first differentials, Jacobians) and 10 (Hessians).

The book's vec stacks columns; here vec stacks rows, so that Kronecker products stand in the other order.
"""

import numpy as np
import scipy.linalg
from tests.corpus.record import Entry

import closedform as cf

BOOK = "Magnus & Neudecker, Matrix Differential Calculus, chapter "
TRACE = BOOK + "9, scalar functions of a matrix: trace"
DETERMINANT = BOOK + "9, scalar functions of a matrix: determinant"
VECTOR_FUNCTIONS = BOOK + "9, vector functions"
MATRIX_FUNCTIONS = BOOK + "9, matrix functions"
KRONECKER = BOOK + "9, Kronecker products"
HADAMARD = BOOK + "9, Hadamard products"
HESSIANS = BOOK + "10, Hessians"

VECTOR, OTHER_VECTOR = cf.vector("n"), cf.vector("m")
SQUARE, SYMMETRIC = cf.matrix("n", "n"), cf.symmetric("n")
TALL, WIDE, LEFT = cf.matrix("m", "n"), cf.matrix("n", "m"), cf.matrix("m", "m")


def logdet(X):
    return np.linalg.slogdet(X)[1]


def projection(X):
    return X @ np.linalg.inv(X.T @ X) @ X.T


def normalised(x):
    return x / np.sqrt(x @ x)


TRACES = (
    Entry(
        "trace_cube",
        TRACE,
        lambda X: np.trace(X @ X @ X),
        (SQUARE,),
        "3(X²)ᵀ",
        "3(Xᵀ ⊗ I + I ⊗ X)K",
    ),
    Entry(
        "trace_gram_squared",
        TRACE,
        lambda X: np.trace(X.T @ X @ X.T @ X),
        (TALL,),
        "4XXᵀX",
        "4(I ⊗ XᵀX + XXᵀ ⊗ I + (X ⊗ Xᵀ)K)",
    ),
    Entry(
        "trace_inverse",
        TRACE,
        lambda X: np.trace(np.linalg.inv(X)),
        (SQUARE,),
        "−(X⁻²)ᵀ",
        "(X⁻ᵀ ⊗ X⁻² + (X⁻²)ᵀ ⊗ X⁻¹)K",
    ),
    Entry(
        "trace_two_variable_factors",
        TRACE,
        lambda X, A, B: np.einsum("ij,jk,kl,li->", X, A, X.T, B),
        (TALL, SQUARE, LEFT),
        "BᵀXAᵀ + BXA",
        "Bᵀ ⊗ A + B ⊗ Aᵀ",
    ),
    Entry(
        "sum_of_product",
        TRACE,
        lambda X, A: np.sum(A @ X),
        (TALL, cf.matrix("p", "m")),
        "Aᵀ𝟏𝟏ᵀ",
        "0",
    ),
    Entry(
        "largest_eigenvalue",
        BOOK + "9, scalar functions of a matrix: eigenvalue",
        lambda X: np.linalg.eigvalsh(X)[-1],
        (SYMMETRIC,),
        "uuᵀ, where u = eigvec(X)e₋₁",
    ),
)

DETERMINANTS = (
    Entry(
        "determinant_of_outer_gram",
        DETERMINANT,
        lambda X: np.linalg.det(X @ X.T),
        (cf.matrix(3, 5),),
        "2 det(XXᵀ)(XXᵀ)⁻¹X",
    ),
    Entry(
        "determinant_of_gram",
        DETERMINANT,
        lambda X: np.linalg.det(X.T @ X),
        (TALL,),
        "2 det(XᵀX)X(XᵀX)⁻¹",
    ),
    Entry(
        "log_det_of_symmetric_form",
        DETERMINANT,
        lambda X, A: logdet(X.T @ A @ X),
        (TALL, cf.spd("m")),
        "2AX(XᵀAX)⁻¹",
    ),
    Entry(
        "log_det_of_product",
        DETERMINANT,
        lambda X, A, B: logdet(A @ X @ B),
        (SQUARE, SQUARE, SQUARE),
        "X⁻ᵀ",
        "−(X⁻ᵀ ⊗ X⁻¹)K",
    ),
    Entry(
        "log_det_of_power",
        DETERMINANT,
        lambda X: logdet(np.linalg.matrix_power(X, 3)),
        (SQUARE,),
        "3X⁻ᵀ",
        "−3(X⁻ᵀ ⊗ X⁻¹)K",
    ),
    Entry(
        "log_det_of_sum",
        DETERMINANT,
        lambda X, A: logdet(A + X),
        (SQUARE, SQUARE),
        "(A + X)⁻ᵀ",
        "−((A + X)⁻ᵀ ⊗ (A + X)⁻¹)K",
    ),
    Entry(
        "determinant_squared",
        DETERMINANT,
        lambda X: np.linalg.det(X) ** 2,
        (SQUARE,),
        "2(det X)²X⁻ᵀ",
    ),
)

VECTOR_JACOBIANS = (
    Entry("linear_map", VECTOR_FUNCTIONS, lambda x, A: A @ x, (VECTOR, TALL), "A"),
    Entry("unit_vector", VECTOR_FUNCTIONS, normalised, (VECTOR,), "(1/‖x‖)(I − xxᵀ/(xᵀx))"),
    Entry(
        "quadratic_times_vector",
        VECTOR_FUNCTIONS,
        lambda x, A: (x.T @ A @ x) * x,
        (VECTOR, SQUARE),
        "(xᵀAx)I + xxᵀ(A + Aᵀ)",
    ),
    Entry("squares", VECTOR_FUNCTIONS, lambda x: x**2, (VECTOR,), "2 diag(x)"),
    Entry(
        "function_of_linear_map",
        VECTOR_FUNCTIONS,
        lambda x, A: np.tanh(A @ x),
        (VECTOR, TALL),
        "diag(1 − tanh²(Ax))A",
    ),
    Entry("matrix_times_constant", VECTOR_FUNCTIONS, lambda X, a: X @ a, (TALL, VECTOR), "J[V] = Va"),
    Entry(
        "gram_times_constant",
        VECTOR_FUNCTIONS,
        lambda X, a: X.T @ (X @ a),
        (TALL, VECTOR),
        "J[V] = VᵀXa + XᵀVa",
    ),
    Entry(
        "inverse_times_constant",
        VECTOR_FUNCTIONS,
        lambda X, a: np.linalg.solve(X, a),
        (SQUARE, VECTOR),
        "J[V] = −X⁻¹VX⁻¹a",
    ),
    Entry("outer_square", VECTOR_FUNCTIONS, lambda x: np.outer(x, x), (VECTOR,), "J[v] = vxᵀ + xvᵀ"),
)

MATRIX_JACOBIANS = (
    Entry("transpose", MATRIX_FUNCTIONS, lambda X: X.T, (TALL,), "K"),
    Entry(
        "two_sided_product",
        MATRIX_FUNCTIONS,
        lambda X, A, B: A @ X @ B,
        (TALL, cf.matrix("p", "m"), cf.matrix("n", "q")),
        "A ⊗ Bᵀ",
    ),
    Entry("matrix_square", MATRIX_FUNCTIONS, lambda X: X @ X, (SQUARE,), "X ⊗ I + I ⊗ Xᵀ"),
    Entry(
        "matrix_cube",
        MATRIX_FUNCTIONS,
        lambda X: np.linalg.matrix_power(X, 3),
        (SQUARE,),
        "I ⊗ (X²)ᵀ + X ⊗ Xᵀ + X² ⊗ I",
    ),
    Entry("gram", MATRIX_FUNCTIONS, lambda X: X.T @ X, (TALL,), "(I ⊗ Xᵀ)K + Xᵀ ⊗ I"),
    Entry("outer_gram", MATRIX_FUNCTIONS, lambda X: X @ X.T, (TALL,), "(X ⊗ I)K + I ⊗ X"),
    Entry(
        "product_in_the_middle", MATRIX_FUNCTIONS, lambda X, B: X @ B @ X, (TALL, WIDE), "XB ⊗ I + I ⊗ (BX)ᵀ"
    ),
    Entry(
        "weighted_outer_gram",
        MATRIX_FUNCTIONS,
        lambda X, B: X @ B @ X.T,
        (TALL, SQUARE),
        "I ⊗ XBᵀ + (XB ⊗ I)K",
    ),
    Entry(
        "inverse_in_the_middle",
        MATRIX_FUNCTIONS,
        lambda X, A, B: A @ np.linalg.inv(X) @ B,
        (SQUARE, TALL, WIDE),
        "−AX⁻¹ ⊗ (X⁻¹B)ᵀ",
    ),
    Entry(
        "inverse_gram",
        MATRIX_FUNCTIONS,
        lambda X: np.linalg.inv(X.T @ X),
        (TALL,),
        "−((XᵀX)⁻¹ ⊗ (XᵀX)⁻¹Xᵀ)K − (XᵀX)⁻¹Xᵀ ⊗ (XᵀX)⁻¹",
    ),
    Entry(
        "projection",
        MATRIX_FUNCTIONS,
        projection,
        (TALL,),
        "(I − X(XᵀX)⁻¹Xᵀ) ⊗ X(XᵀX)⁻¹ + (X(XᵀX)⁻¹ ⊗ (I − X(XᵀX)⁻¹Xᵀ))K",
    ),
    Entry(
        "cofactor_matrix",
        MATRIX_FUNCTIONS,
        lambda X: np.linalg.det(X) * np.linalg.inv(X).T,
        (SQUARE,),
        "(det X)(vec(X⁻ᵀ) vec(X⁻ᵀ)ᵀ − (X⁻ᵀ ⊗ X⁻¹)K)",
    ),
    Entry("kronecker_left", KRONECKER, lambda X, A: np.kron(A, X), (TALL, LEFT), "J[V] = A ⊗ V"),
    Entry("kronecker_square", KRONECKER, lambda X: np.kron(X, X), (TALL,), "J[V] = V ⊗ X + X ⊗ V"),
    Entry("kronecker_of_vectors", KRONECKER, lambda x, y: np.kron(x, y), (VECTOR, OTHER_VECTOR), "I ⊗ y"),
    Entry("hadamard_product", HADAMARD, lambda X, A: X * A, (TALL, TALL), "diag(vec(A))"),
    Entry("hadamard_square", HADAMARD, lambda X: X * X, (TALL,), "2 diag(vec(X))"),
)

SECOND_ORDER = (
    Entry(
        "gram_form_hessian",
        HESSIANS,
        lambda X, a: np.sum((X @ a) ** 2),
        (TALL, VECTOR),
        "2Xaaᵀ",
        "2I ⊗ aaᵀ",
    ),
    Entry(
        "outer_gram_form_hessian",
        HESSIANS,
        lambda X, a: a @ X @ X.T @ a,
        (TALL, OTHER_VECTOR),
        "2aaᵀX",
        "2aaᵀ ⊗ I",
    ),
    Entry(
        "square_form_hessian",
        HESSIANS,
        lambda X, a: a @ X @ X @ a,
        (SQUARE, VECTOR),
        "aaᵀXᵀ + Xᵀaaᵀ",
        "(aaᵀ ⊗ I + I ⊗ aaᵀ)K",
    ),
    Entry(
        "log_trace_gram",
        HESSIANS,
        lambda X: np.log(np.trace(X.T @ X)),
        (TALL,),
        "2X/tr(XᵀX)",
        "2I ⊗ I/tr(XᵀX) − 4 vec(X) vec(X)ᵀ/tr(XᵀX)²",
    ),
    Entry(
        "trace_of_exponential_of_scaled",
        HESSIANS,
        lambda X: np.trace(scipy.linalg.expm(2 * X)),
        (SQUARE,),
        "2(e^(2X))ᵀ",
    ),
    Entry(
        "spectral_sum_of_squares",
        HESSIANS,
        lambda X: np.trace(X) ** 2 - np.trace(X @ X),
        (SQUARE,),
        "2 tr(X)I − 2Xᵀ",
        "2 vec(I) vec(I)ᵀ − 2K",
    ),
)

ENTRIES = TRACES + DETERMINANTS + VECTOR_JACOBIANS + MATRIX_JACOBIANS + SECOND_ORDER
