"""K. B. Petersen and M. S. Pedersen, The Matrix Cookbook, version of 15 November 2012, chapter 2."""

import numpy as np
import scipy.linalg
from tests.corpus.record import Entry

import closedform as cf

BOOK = "Matrix Cookbook (2012), "

# Arguments, by what they are.
VECTOR, OTHER_VECTOR = cf.vector("n"), cf.vector("m")
SQUARE, SYMMETRIC, SPD = cf.matrix("n", "n"), cf.symmetric("n"), cf.spd("n")
TALL, WIDE = cf.matrix("m", "n"), cf.matrix("n", "m")
LEFT, LEFT_SPD = cf.matrix("m", "m"), cf.spd("m")


def log_det_gram(X):
    _, logdet = np.linalg.slogdet(X.T @ X)
    return logdet


def residual_form(x, A, s, W):
    r = x - A @ s
    return r @ W @ r


def affine_forms(x, B, b, C, D, d):
    return (B @ x + b).T @ C @ (D @ x + d)


def squared_affine(X, A, B, C):
    R = A @ X @ B + C
    return np.trace(R @ R.T)


def fourth_order(X, B, C):
    Y = C @ X @ X.T @ C @ X @ B
    return np.trace(B.T @ X.T @ Y)


def trace_of_ratio(X, B, C):
    return np.trace(np.linalg.solve(X.T @ C @ X, X.T @ B @ X))


def trace_of_shifted_ratio(X, A, B, C):
    return np.trace(np.linalg.inv(A + X.T @ C @ X) @ (X.T @ B @ X))


def trace_of_power(X):
    P = X
    for _ in range(3):
        P = P @ X
    return np.trace(P)


DETERMINANTS = (
    Entry(
        "determinant",
        BOOK + "eq. 49",
        lambda X: np.linalg.det(X),
        (SQUARE,),
        "(det X)X⁻ᵀ",
        "(det X)(vec(X⁻ᵀ) vec(X⁻ᵀ)ᵀ − (X⁻ᵀ ⊗ X⁻¹)K)",
    ),
    Entry(
        "determinant_of_product",
        BOOK + "eq. 51",
        lambda X, A, B: np.linalg.det(A @ X @ B),
        (SQUARE, SQUARE, SQUARE),
        "det(AXB)X⁻ᵀ",
    ),
    Entry(
        "determinant_of_square_form",
        BOOK + "eq. 52",
        lambda X, A: np.linalg.det(X.T @ A @ X),
        (SQUARE, SQUARE),
        "2 det(XᵀAX)X⁻ᵀ",
    ),
    Entry(
        "determinant_of_symmetric_form",
        BOOK + "eq. 53",
        lambda X, A: np.linalg.det(X.T @ A @ X),
        (TALL, LEFT_SPD),
        "2 det(XᵀAX)AX(XᵀAX)⁻¹",
    ),
    Entry(
        "determinant_of_form",
        BOOK + "eq. 54",
        lambda X, A: np.linalg.det(X.T @ A @ X),
        (TALL, LEFT),
        "det(XᵀAX)(AX(XᵀAX)⁻¹ + AᵀX(XᵀAᵀX)⁻¹)",
    ),
    Entry("log_det_gram", BOOK + "eq. 55", log_det_gram, (TALL,), "2X(XᵀX)⁻¹"),
    Entry(
        "log_abs_det",
        BOOK + "eq. 57",
        lambda X: np.log(np.abs(np.linalg.det(X))),
        (SQUARE,),
        "X⁻ᵀ",
        "−(X⁻ᵀ ⊗ X⁻¹)K",
    ),
    Entry("log_det_spd", BOOK + "eq. 57", lambda X: np.log(np.linalg.det(X)), (SPD,), "X⁻¹", "−(X⁻¹ ⊗ X⁻¹)K"),
    Entry(
        "determinant_of_power",
        BOOK + "eq. 58",
        lambda X: np.linalg.det(np.linalg.matrix_power(X, 3)),
        (SQUARE,),
        "3 det(X³)X⁻ᵀ",
    ),
)

INVERSES = (
    Entry("inverse", BOOK + "eq. 60", lambda X: np.linalg.inv(X), (SQUARE,), "−X⁻¹ ⊗ X⁻ᵀ"),
    Entry(
        "inverse_form",
        BOOK + "eq. 61",
        lambda X, a, b: a @ np.linalg.inv(X) @ b,
        (SQUARE, VECTOR, VECTOR),
        "−X⁻ᵀabᵀX⁻ᵀ",
        "(X⁻ᵀ ⊗ X⁻¹baᵀX⁻¹ + X⁻ᵀabᵀX⁻ᵀ ⊗ X⁻¹)K",
    ),
    Entry(
        "determinant_of_inverse",
        BOOK + "eq. 62",
        lambda X: np.linalg.det(np.linalg.inv(X)),
        (SQUARE,),
        "−det(X⁻¹)X⁻ᵀ",
    ),
    Entry(
        "trace_inverse_product",
        BOOK + "eq. 63",
        lambda X, A, B: np.trace(A @ np.linalg.inv(X) @ B),
        (SQUARE, TALL, WIDE),
        "−(X⁻¹BAX⁻¹)ᵀ",
    ),
    Entry(
        "trace_shifted_inverse",
        BOOK + "eq. 64",
        lambda X, A: np.trace(np.linalg.inv(X + A)),
        (SQUARE, SQUARE),
        "−((X + A)⁻¹(X + A)⁻¹)ᵀ",
    ),
)

VECTOR_FORMS = (
    Entry("inner_product", BOOK + "eq. 69", lambda x, a: x.T @ a, (VECTOR, VECTOR), "a", "0"),
    Entry("bilinear", BOOK + "eq. 70", lambda X, a, b: a @ X @ b, (TALL, OTHER_VECTOR, VECTOR), "abᵀ", "0"),
    Entry(
        "bilinear_transposed",
        BOOK + "eq. 71",
        lambda X, a, b: np.dot(a, np.dot(X.T, b)),
        (TALL, VECTOR, OTHER_VECTOR),
        "baᵀ",
        "0",
    ),
    Entry(
        "bilinear_one_vector",
        BOOK + "eq. 72",
        lambda X, a: np.einsum("i,ij,j", a, X, a),
        (SQUARE, VECTOR),
        "aaᵀ",
        "0",
    ),
    Entry(
        "square_of_sum",
        BOOK + "eq. 76",
        lambda X: np.sum(X) ** 2,
        (TALL,),
        "2(𝟏ᵀX𝟏)𝟏𝟏ᵀ",
        "2 vec(𝟏𝟏ᵀ) vec(𝟏𝟏ᵀ)ᵀ",
    ),
    Entry(
        "gram_form",
        BOOK + "eq. 77",
        lambda X, b, c: b @ X.T @ X @ c,
        (TALL, VECTOR, VECTOR),
        "X(bcᵀ + cbᵀ)",
        "I ⊗ (bcᵀ + cbᵀ)",
    ),
    Entry(
        "affine_forms",
        BOOK + "eq. 78",
        affine_forms,
        (VECTOR, TALL, OTHER_VECTOR, LEFT, TALL, OTHER_VECTOR),
        "BᵀC(Dx + d) + DᵀCᵀ(Bx + b)",
        "BᵀCD + DᵀCᵀB",
    ),
    Entry("quadratic_form", BOOK + "eq. 81", lambda x, B: x @ B @ x, (VECTOR, SQUARE), "(B + Bᵀ)x", "B + Bᵀ"),
    Entry(
        "weighted_gram_form",
        BOOK + "eq. 82",
        lambda X, b, c, D: b @ X.T @ D @ X @ c,
        (TALL, VECTOR, VECTOR, LEFT),
        "DᵀXbcᵀ + DXcbᵀ",
        "D ⊗ bcᵀ + Dᵀ ⊗ cbᵀ",
    ),
    Entry(
        "affine_matrix_form",
        BOOK + "eq. 83",
        lambda X, b, c, D: (X @ b + c) @ D @ (X @ b + c),
        (TALL, VECTOR, OTHER_VECTOR, LEFT),
        "(D + Dᵀ)(Xb + c)bᵀ",
        "(D + Dᵀ) ⊗ bbᵀ",
    ),
    Entry(
        "weighted_residual_in_coefficients",
        BOOK + "eq. 84",
        residual_form,
        (OTHER_VECTOR, TALL, VECTOR, cf.symmetric("m")),
        "−2AᵀW(x − As)",
        "2AᵀWA",
        argnums=2,
    ),
    Entry(
        "weighted_distance",
        BOOK + "eq. 85",
        lambda x, s, W: (x - s) @ W @ (x - s),
        (VECTOR, VECTOR, SYMMETRIC),
        "2W(x − s)",
        "2W",
    ),
    Entry(
        "weighted_distance_in_centre",
        BOOK + "eq. 86",
        lambda x, s, W: np.dot(x - s, np.dot(W, x - s)),
        (VECTOR, VECTOR, SYMMETRIC),
        "−2W(x − s)",
        "2W",
        argnums=1,
    ),
    Entry(
        "weighted_residual_in_data",
        BOOK + "eq. 87",
        residual_form,
        (OTHER_VECTOR, TALL, VECTOR, cf.symmetric("m")),
        "2W(x − As)",
        "2W",
    ),
    Entry(
        "weighted_residual_in_matrix",
        BOOK + "eq. 88",
        residual_form,
        (OTHER_VECTOR, TALL, VECTOR, cf.symmetric("m")),
        "−2W(x − As)sᵀ",
        "2W ⊗ ssᵀ",
        argnums=1,
    ),
    Entry(
        "power_form",
        BOOK + "eq. 91",
        lambda X, a, b: a @ X @ X @ X @ b,
        (SQUARE, VECTOR, VECTOR),
        "abᵀXᵀXᵀ + XᵀabᵀXᵀ + XᵀXᵀabᵀ",
    ),
    Entry(
        "squared_norm_of_power",
        BOOK + "eq. 92",
        lambda X, a, b: a @ np.linalg.matrix_power(X, 2).T @ X @ X @ b,
        (SQUARE, VECTOR, VECTOR),
        "XXbaᵀXᵀ + XᵀXXbaᵀ + XXabᵀXᵀ + XᵀXXabᵀ",
    ),
    Entry(
        "quadratic_function",
        BOOK + "section 2.4",
        lambda x, A, b: x @ A @ x + b @ x,
        (VECTOR, SQUARE, VECTOR),
        "(A + Aᵀ)x + b",
        "A + Aᵀ",
    ),
)

TRACES = (
    Entry("trace", BOOK + "eq. 99", lambda X: np.trace(X), (SQUARE,), "I", "0"),
    Entry("trace_product", BOOK + "eq. 100", lambda X, A: np.trace(X @ A), (TALL, WIDE), "Aᵀ", "0"),
    Entry(
        "trace_two_sides",
        BOOK + "eq. 101",
        lambda X, A, B: np.trace(A @ X @ B),
        (TALL, cf.matrix("p", "m"), cf.matrix("n", "p")),
        "AᵀBᵀ",
        "0",
    ),
    Entry(
        "trace_two_sides_transposed",
        BOOK + "eq. 102",
        lambda X, A, B: np.trace(A @ X.T @ B),
        (TALL, cf.matrix("p", "n"), cf.matrix("m", "p")),
        "BA",
        "0",
    ),
    Entry(
        "trace_transposed_product", BOOK + "eq. 103", lambda X, A: np.trace(X.T @ A), (TALL, TALL), "A", "0"
    ),
    Entry(
        "trace_kronecker",
        BOOK + "eq. 105",
        lambda X, A: np.trace(np.kron(A, X)),
        (SQUARE, LEFT),
        "tr(A)I",
        "0",
    ),
    Entry("trace_square", BOOK + "eq. 106", lambda X: np.trace(X @ X), (SQUARE,), "2Xᵀ", "2K"),
    Entry(
        "trace_weighted_square",
        BOOK + "eq. 107",
        lambda X, B: np.trace(X @ X @ B),
        (SQUARE, SQUARE),
        "(XB + BX)ᵀ",
        "(I ⊗ B + Bᵀ ⊗ I)K",
    ),
    Entry(
        "trace_quadratic",
        BOOK + "eq. 108",
        lambda X, B: np.trace(X.T @ B @ X),
        (TALL, LEFT),
        "BX + BᵀX",
        "(B + Bᵀ) ⊗ I",
    ),
    Entry(
        "trace_outer_gram",
        BOOK + "eq. 109",
        lambda X, B: np.trace(B @ X @ X.T),
        (TALL, LEFT),
        "BX + BᵀX",
        "(B + Bᵀ) ⊗ I",
    ),
    Entry(
        "trace_quadratic_right",
        BOOK + "eq. 111",
        lambda X, B: np.trace(X @ B @ X.T),
        (TALL, SQUARE),
        "XBᵀ + XB",
        "I ⊗ (B + Bᵀ)",
    ),
    Entry(
        "trace_gram_weighted",
        BOOK + "eq. 112",
        lambda X, B: np.trace(B @ X.T @ X),
        (TALL, SQUARE),
        "XBᵀ + XB",
        "I ⊗ (B + Bᵀ)",
    ),
    Entry(
        "trace_two_factors",
        BOOK + "eq. 114",
        lambda X, A, B: np.trace(A @ X @ B @ X),
        (TALL, WIDE, WIDE),
        "AᵀXᵀBᵀ + BᵀXᵀAᵀ",
        "(Aᵀ ⊗ B + Bᵀ ⊗ A)K",
    ),
    Entry("trace_gram", BOOK + "eq. 115", lambda X: np.trace(X.T @ X), (TALL,), "2X", "2I ⊗ I"),
    Entry(
        "trace_nested_quadratic",
        BOOK + "eq. 116",
        lambda X, B, C: np.trace(B.T @ X.T @ C @ X @ B),
        (TALL, cf.matrix("n", "p"), LEFT),
        "CᵀXBBᵀ + CXBBᵀ",
        "(C + Cᵀ) ⊗ BBᵀ",
    ),
    Entry(
        "trace_quadratic_weighted",
        BOOK + "eq. 117",
        lambda X, B, C: np.trace(X.T @ B @ X @ C),
        (TALL, LEFT, SQUARE),
        "BXC + BᵀXCᵀ",
        "B ⊗ Cᵀ + Bᵀ ⊗ C",
    ),
    Entry(
        "trace_three_factors",
        BOOK + "eq. 118",
        lambda X, A, B, C: np.trace(A @ X @ B @ X.T @ C),
        (TALL, cf.matrix("p", "m"), SQUARE, cf.matrix("m", "p")),
        "AᵀCᵀXBᵀ + CAXB",
        "AᵀCᵀ ⊗ B + CA ⊗ Bᵀ",
    ),
    Entry(
        "trace_affine_square",
        BOOK + "eq. 119",
        squared_affine,
        (TALL, cf.matrix("p", "m"), cf.matrix("n", "q"), cf.matrix("p", "q")),
        "2Aᵀ(AXB + C)Bᵀ",
        "2AᵀA ⊗ BBᵀ",
    ),
    Entry(
        "trace_kronecker_square",
        BOOK + "eq. 120",
        lambda X: np.trace(np.kron(X, X)),
        (SQUARE,),
        "2 tr(X)I",
        "2 vec(I) vec(I)ᵀ",
    ),
    Entry("trace_power", BOOK + "eq. 121", trace_of_power, (SQUARE,), "4(X³)ᵀ"),
    Entry(
        "trace_weighted_power",
        BOOK + "eq. 122",
        lambda X, A: np.trace(A @ np.linalg.matrix_power(X, 3)),
        (SQUARE, SQUARE),
        "(AX² + XAX + X²A)ᵀ",
    ),
    Entry(
        "trace_fourth_order",
        BOOK + "eq. 123",
        fourth_order,
        (TALL, cf.matrix("n", "p"), LEFT),
        "CXXᵀCXBBᵀ + CᵀXBBᵀXᵀCᵀX + CXBBᵀXᵀCX + CᵀXXᵀCᵀXBBᵀ",
    ),
    Entry(
        "trace_inverse_of_form",
        BOOK + "eq. 125",
        lambda X, A, C: np.trace(np.linalg.inv(X.T @ C @ X) @ A),
        (TALL, SQUARE, LEFT_SPD),
        "−CX(XᵀCX)⁻¹(A + Aᵀ)(XᵀCX)⁻¹",
    ),
    Entry(
        "trace_ratio",
        BOOK + "eq. 126",
        trace_of_ratio,
        (TALL, cf.symmetric("m"), LEFT_SPD),
        "−2CX(XᵀCX)⁻¹XᵀBX(XᵀCX)⁻¹ + 2BX(XᵀCX)⁻¹",
    ),
    Entry(
        "trace_shifted_ratio",
        BOOK + "eq. 127",
        trace_of_shifted_ratio,
        (TALL, SPD, cf.symmetric("m"), LEFT_SPD),
        "−2CX(A + XᵀCX)⁻¹XᵀBX(A + XᵀCX)⁻¹ + 2BX(A + XᵀCX)⁻¹",
    ),
    Entry(
        "trace_exponential",
        BOOK + "section 2.5",
        lambda X: np.trace(scipy.linalg.expm(X)),
        (SQUARE,),
        "(e^X)ᵀ",
    ),
)

NORMS = (
    Entry(
        "distance",
        BOOK + "eq. 129 and 130",
        lambda x, a: np.linalg.norm(x - a),
        (VECTOR, VECTOR),
        "(x − a)/‖x − a‖",
        "I/‖x − a‖ − (x − a)(x − a)ᵀ/‖x − a‖³",
    ),
    Entry("squared_norm", BOOK + "eq. 131", lambda x: np.linalg.norm(x) ** 2, (VECTOR,), "2x", "2I"),
    Entry(
        "squared_frobenius",
        BOOK + "eq. 132",
        lambda X: np.linalg.norm(X, "fro") ** 2,
        (TALL,),
        "2X",
        "2I ⊗ I",
    ),
)

ENTRIES = DETERMINANTS + INVERSES + VECTOR_FORMS + TRACES + NORMS
