"""S. Boyd and L. Vandenberghe, Convex Optimization (2004); J. Nocedal and S. J. Wright, Numerical
Optimization (2nd edition, 2006); test functions; functions whose derivatives SymPy gives as zero."""

import numpy as np
import scipy.special
from tests.corpus.record import Entry

import closedform as cf

CONVEX = "Boyd & Vandenberghe, Convex Optimization, "
NUMERICAL = "Nocedal & Wright, Numerical Optimization, "
TEST_FUNCTION = "test function of optimisation: "
SYMPY = "zero according to SymPy 1.14: "

VECTOR, OTHER_VECTOR, NUMBER = cf.vector("n"), cf.vector("m"), cf.scalar()
SQUARE, SYMMETRIC, SPD, TALL = cf.matrix("n", "n"), cf.symmetric("n"), cf.spd("n"), cf.matrix("m", "n")
POSITIVE, POSITIVE_NUMBER = cf.positive("n"), cf.positive()


def least_squares(x, A, b):
    r = A @ x - b
    return 0.5 * r @ r


def least_squares_in_loop(x, A, b):
    total = 0.0
    for i in range(len(b)):
        total += (np.dot(A[i], x) - b[i]) ** 2
    return total


def ridge(x, A, b, rho):
    return np.sum((A @ x - b) ** 2) + rho * np.sum(x**2)


def tikhonov(x, A, b, L, rho):
    return np.linalg.norm(A @ x - b) ** 2 + rho * np.linalg.norm(L @ x) ** 2


def analytic_centre(x, A, b):
    return -np.sum(np.log(b - A @ x))


def barrier_method(x, c, A, b, t):
    return t * c @ x - np.sum(np.log(b - A @ x))


def log_barrier_of_box(x):
    return -np.sum(np.log(1 - x**2))


def second_order_cone_barrier(x, t):
    return -np.log(t**2 - x @ x)


def softmax_function(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def geometric_mean(x):
    return np.prod(x) ** (1 / x.size)


def geometric_mean_by_logarithms(x):
    return np.exp(np.mean(np.log(x)))


def rayleigh_quotient(x, A):
    return (x @ A @ x) / (x @ x)


def generalised_rayleigh_quotient(x, A, B):
    return (x @ A @ x) / (x @ B @ x)


def huber(x):
    return np.sum(np.where(np.abs(x) <= 1, 0.5 * x**2, np.abs(x) - 0.5))


def pseudo_huber(x, delta):
    return np.sum(delta**2 * (np.sqrt(1 + (x / delta) ** 2) - 1))


def quadratic_penalty(x, A, b, mu):
    return np.sum(np.maximum(A @ x - b, 0) ** 2) / (2 * mu)


def augmented_lagrangian(x, A, b, y, rho):
    c = A @ x - b
    return y @ c + 0.5 * rho * np.dot(c, c)


def trust_region_model(p, g, B):
    return g @ p + 0.5 * p @ B @ p


def cubic_model(p, g, B, sigma):
    return g @ p + 0.5 * p @ B @ p + sigma / 3 * np.linalg.norm(p) ** 3


def d_optimal_design(w, A):
    return -np.log(np.linalg.det(A.T @ np.diag(w) @ A))


def a_optimal_design(w, A):
    return np.trace(np.linalg.inv(A.T @ np.diag(w) @ A))


def relative_entropy(x, y):
    return np.sum(x * np.log(x / y))


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_of_two(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def himmelblau(x):
    return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2


def rastrigin(x):
    return 10 * len(x) + np.sum(x**2 - 10 * np.cos(2 * np.pi * x))


def styblinski_tang(x):
    return 0.5 * np.sum(x**4 - 16 * x**2 + 5 * x)


def total_variation(x, eps):
    return np.sum(np.sqrt(np.diff(x) ** 2 + eps))


def weber_point(x, A):
    return np.sum(np.sqrt(np.sum((A - x) ** 2, axis=1)))


QUADRATIC = (
    Entry(
        "least_squares",
        NUMERICAL + "chapter 10",
        least_squares,
        (VECTOR, TALL, OTHER_VECTOR),
        "Aᵀ(Ax − b)",
        "AᵀA",
    ),
    Entry(
        "least_squares_in_loop",
        NUMERICAL + "chapter 10",
        least_squares_in_loop,
        (VECTOR, TALL, OTHER_VECTOR),
        "2Aᵀ(Ax − b)",
        "2AᵀA",
    ),
    Entry(
        "weighted_least_squares",
        NUMERICAL + "chapter 10",
        lambda x, A, b, w: np.sum(w * (A @ x - b) ** 2),
        (VECTOR, TALL, OTHER_VECTOR, OTHER_VECTOR),
        "2Aᵀ(w ⊙ (Ax − b))",
        "2Aᵀ diag(w)A",
    ),
    Entry(
        "nonlinear_least_squares",
        NUMERICAL + "chapter 10",
        lambda x, A, b: 0.5 * np.sum((np.exp(A @ x) - b) ** 2),
        (VECTOR, TALL, OTHER_VECTOR),
        "Aᵀ(exp(Ax) ⊙ (exp(Ax) − b))",
        "Aᵀ diag(exp(Ax) ⊙ (2 exp(Ax) − b))A",
    ),
    Entry(
        "ridge",
        CONVEX + "section 6.3",
        ridge,
        (VECTOR, TALL, OTHER_VECTOR, POSITIVE_NUMBER),
        "2Aᵀ(Ax − b) + 2ρx",
        "2AᵀA + 2ρI",
    ),
    Entry(
        "tikhonov",
        CONVEX + "section 6.3",
        tikhonov,
        (VECTOR, TALL, OTHER_VECTOR, cf.matrix("k", "n"), POSITIVE_NUMBER),
        "2Aᵀ(Ax − b) + 2ρLᵀLx",
        "2(AᵀA + ρLᵀL)",
    ),
    Entry(
        "residual_norm",
        CONVEX + "section 6.1",
        lambda x, A, b: np.linalg.norm(A @ x - b),
        (VECTOR, TALL, OTHER_VECTOR),
        "Aᵀ(Ax − b)/‖Ax − b‖",
        "AᵀA/‖Ax − b‖ − Aᵀ(Ax − b)(Ax − b)ᵀA/‖Ax − b‖³",
    ),
    Entry(
        "trust_region_model",
        NUMERICAL + "chapter 4",
        trust_region_model,
        (VECTOR, VECTOR, SYMMETRIC),
        "g + Bp",
        "B",
    ),
    Entry(
        "cubic_model",
        NUMERICAL + "chapter 4, cubic regularisation",
        cubic_model,
        (VECTOR, VECTOR, SYMMETRIC, POSITIVE_NUMBER),
        "g + Bp + σ‖p‖p",
        "B + σ(‖p‖I + ppᵀ/‖p‖)",
    ),
    Entry(
        "augmented_lagrangian",
        NUMERICAL + "chapter 17",
        augmented_lagrangian,
        (VECTOR, TALL, OTHER_VECTOR, OTHER_VECTOR, POSITIVE_NUMBER),
        "Aᵀ(y + ρ(Ax − b))",
        "ρAᵀA",
    ),
    Entry(
        "quadratic_penalty",
        NUMERICAL + "chapter 17",
        quadratic_penalty,
        (VECTOR, TALL, OTHER_VECTOR, POSITIVE_NUMBER),
        "(1/μ)Aᵀ max(Ax − b, 0)",
        "(1/μ)Aᵀ diag(where(Ax > b, 1, 0))A",
    ),
    Entry(
        "rayleigh_quotient",
        NUMERICAL + "appendix A",
        rayleigh_quotient,
        (VECTOR, SYMMETRIC),
        "(2/(xᵀx))(Ax − (xᵀAx/(xᵀx))x)",
        "(2/(xᵀx))(A − rI − 2(Ax − rx)xᵀ/(xᵀx) − 2x(Ax − rx)ᵀ/(xᵀx)), where r = xᵀAx/(xᵀx)",
    ),
    Entry(
        "generalised_rayleigh_quotient",
        NUMERICAL + "appendix A",
        generalised_rayleigh_quotient,
        (VECTOR, SYMMETRIC, SPD),
        "(2/(xᵀBx))(Ax − (xᵀAx/(xᵀBx))Bx)",
    ),
)

BARRIERS = (
    Entry(
        "log_barrier",
        CONVEX + "section 11.2",
        lambda x: -np.sum(np.log(x)),
        (POSITIVE,),
        "−𝟏 ⊘ x",
        "diag(𝟏 ⊘ x^⊙2)",
    ),
    Entry(
        "analytic_centre",
        CONVEX + "section 8.5",
        analytic_centre,
        (VECTOR, TALL, cf.positive("m")),
        "Aᵀ(𝟏 ⊘ (b − Ax))",
        "Aᵀ diag(𝟏 ⊘ (b − Ax)^⊙2)A",
    ),
    Entry(
        "barrier_method",
        CONVEX + "section 11.3",
        barrier_method,
        (VECTOR, VECTOR, TALL, cf.positive("m"), POSITIVE_NUMBER),
        "tc + Aᵀ(𝟏 ⊘ (b − Ax))",
        "Aᵀ diag(𝟏 ⊘ (b − Ax)^⊙2)A",
    ),
    Entry(
        "log_barrier_of_box",
        CONVEX + "exercise of chapter 9",
        log_barrier_of_box,
        (cf.vector("n"),),
        "2x ⊘ (1 − x^⊙2)",
        "diag((2 + 2x^⊙2) ⊘ (1 − x^⊙2)^⊙2)",
    ),
    Entry(
        "second_order_cone_barrier",
        CONVEX + "section 11.6",
        second_order_cone_barrier,
        (VECTOR, POSITIVE_NUMBER),
        "(2/(t² − xᵀx))x",
        "(2/(t² − xᵀx))I + (4/(t² − xᵀx)²)xxᵀ",
    ),
    Entry(
        "log_det_barrier",
        CONVEX + "section 11.6",
        lambda X: -np.linalg.slogdet(X)[1],
        (SQUARE,),
        "−X⁻ᵀ",
        "(X⁻ᵀ ⊗ X⁻¹)K",
    ),
    Entry(
        "linear_matrix_inequality_barrier",
        CONVEX + "section 11.6",
        lambda X, C: np.trace(C @ X) - np.linalg.slogdet(X)[1],
        (SQUARE, SYMMETRIC),
        "C − X⁻ᵀ",
        "(X⁻ᵀ ⊗ X⁻¹)K",
    ),
    Entry(
        "d_optimal_design",
        CONVEX + "section 7.5",
        d_optimal_design,
        (cf.positive("m"), TALL),
        "−diagonal(A(Aᵀ diag(w)A)⁻¹Aᵀ)",
        "(A(Aᵀ diag(w)A)⁻¹Aᵀ)^⊙2",
    ),
    Entry(
        "a_optimal_design",
        CONVEX + "section 7.5",
        a_optimal_design,
        (cf.positive("m"), TALL),
        "−diagonal(A(Aᵀ diag(w)A)⁻²Aᵀ)",
        "2A(Aᵀ diag(w)A)⁻²Aᵀ ⊙ A(Aᵀ diag(w)A)⁻¹Aᵀ",
    ),
)

CONVEX_FUNCTIONS = (
    Entry(
        "log_sum_exp",
        CONVEX + "section 3.1",
        lambda x: np.log(np.sum(np.exp(x))),
        (VECTOR,),
        "softmax(x)",
        "diag(softmax(x)) − softmax(x) softmax(x)ᵀ",
    ),
    Entry(
        "log_sum_exp_of_scipy",
        CONVEX + "section 3.1",
        lambda x, a: scipy.special.logsumexp(x - a),
        (VECTOR, VECTOR),
        "softmax(x − a)",
        "diag(softmax(x − a)) − softmax(x − a) softmax(x − a)ᵀ",
    ),
    Entry(
        "softmax",
        CONVEX + "section 3.1",
        softmax_function,
        (VECTOR,),
        "diag(softmax(x)) − softmax(x) softmax(x)ᵀ",
    ),
    Entry(
        "negative_entropy",
        CONVEX + "section 3.1",
        lambda x: np.sum(x * np.log(x)),
        (POSITIVE,),
        "ln x + 1",
        "diag(𝟏 ⊘ x)",
    ),
    Entry(
        "relative_entropy",
        CONVEX + "section 3.2",
        relative_entropy,
        (POSITIVE, POSITIVE),
        "ln(x ⊘ y) + 1",
        "diag(𝟏 ⊘ x)",
    ),
    Entry(
        "relative_entropy_in_second",
        CONVEX + "section 3.2",
        relative_entropy,
        (POSITIVE, POSITIVE),
        "−x ⊘ y",
        "diag(x ⊘ y^⊙2)",
        argnums=1,
    ),
    Entry(
        "geometric_mean",
        CONVEX + "section 3.1",
        geometric_mean,
        (POSITIVE,),
        "((∏ₖ xₖ)^(1/nₓ)/nₓ)𝟏 ⊘ x",
        "((∏ₖ xₖ)^(1/nₓ)/nₓ²)((𝟏 ⊘ x)(𝟏 ⊘ x)ᵀ − nₓ diag(𝟏 ⊘ x^⊙2))",
    ),
    Entry(
        "geometric_mean_by_logarithms",
        CONVEX + "section 3.1",
        geometric_mean_by_logarithms,
        (POSITIVE,),
        "(exp(𝟏ᵀ ln(x)/nₓ)/nₓ)𝟏 ⊘ x",
        "(exp(𝟏ᵀ ln(x)/nₓ)/nₓ²)((𝟏 ⊘ x)(𝟏 ⊘ x)ᵀ − nₓ diag(𝟏 ⊘ x^⊙2))",
    ),
    Entry(
        "quadratic_over_linear",
        CONVEX + "section 3.1",
        lambda x, y: np.dot(x, x) / y,
        (VECTOR, POSITIVE_NUMBER),
        "(2/y)x",
        "(2/y)I",
    ),
    Entry(
        "quadratic_over_linear_in_denominator",
        CONVEX + "section 3.1",
        lambda x, y: np.dot(x, x) / y,
        (VECTOR, POSITIVE_NUMBER),
        "−xᵀx/y²",
        "2xᵀx/y³",
        argnums=1,
    ),
    Entry(
        "matrix_fractional",
        CONVEX + "section 3.1",
        lambda x, P: x @ np.linalg.solve(P, x),
        (VECTOR, SPD),
        "2P⁻¹x",
        "2P⁻¹",
    ),
    Entry(
        "euclidean_norm",
        CONVEX + "section 3.1",
        lambda x: np.sqrt(np.sum(x**2)),
        (VECTOR,),
        "x/‖x‖",
        "I/‖x‖ − xxᵀ/‖x‖³",
    ),
    Entry("l1_norm", CONVEX + "section 6.1", lambda x: np.linalg.norm(x, 1), (VECTOR,), "sign x", "0"),
    Entry(
        "l4_norm",
        CONVEX + "section 6.1",
        lambda x: np.sum(x**4) ** 0.25,
        (VECTOR,),
        "(1/(𝟏ᵀx^⊙4)^(3/4))x^⊙3",
        "(3/(𝟏ᵀx^⊙4)^(3/4)) diag(x^⊙2) − (3/(𝟏ᵀx^⊙4)^(7/4))x^⊙3(x^⊙3)ᵀ",
    ),
    Entry(
        "huber",
        CONVEX + "section 6.1",
        huber,
        (VECTOR,),
        "where(|x| <= 1, x, sign x)",
        "diag(where(|x| <= 1, 1, 0))",
    ),
    Entry(
        "pseudo_huber",
        CONVEX + "section 6.1",
        pseudo_huber,
        (VECTOR, POSITIVE_NUMBER),
        "x ⊘ √(1 + (x/δ)^⊙2)",
        "diag(𝟏 ⊘ (1 + (x/δ)^⊙2)^(⊙3/2))",
    ),
    Entry(
        "log_cosh",
        CONVEX + "section 6.1",
        lambda x: np.sum(np.log(np.cosh(x))),
        (VECTOR,),
        "tanh x",
        "diag(1 − tanh² x)",
    ),
    Entry("maximum", CONVEX + "section 3.2", lambda x: np.max(x), (VECTOR,), "argmax(x)", "0"),
    Entry(
        "smoothed_total_variation",
        CONVEX + "section 6.3",
        total_variation,
        (VECTOR, POSITIVE_NUMBER),
        "(S[1:] − S[:-1])ᵀ((x[1:] − x[:-1]) ⊘ √((x[1:] − x[:-1])^⊙2 + ε𝟏))",
    ),
    Entry(
        "squared_differences",
        CONVEX + "section 6.3",
        lambda x: np.sum(np.diff(x) ** 2),
        (VECTOR,),
        "2(S[1:] − S[:-1])ᵀ(x[1:] − x[:-1])",
        "2(S[1:] − S[:-1])ᵀ(S[1:] − S[:-1])",
    ),
    Entry(
        "weber_point",
        CONVEX + "section 8.7",
        weber_point,
        (VECTOR, TALL),
        "(𝟏xᵀ − A)ᵀ(𝟏 ⊘ √((𝟏xᵀ − A)^⊙2𝟏))",
    ),
)

TEST_FUNCTIONS = (
    Entry(
        "rosenbrock",
        TEST_FUNCTION + "Rosenbrock in n dimensions",
        rosenbrock,
        (VECTOR,),
        "200S[1:]ᵀ(x[1:] − x[:-1]^⊙2) − S[:-1]ᵀ(400x[:-1] ⊙ (x[1:] − x[:-1]^⊙2) + 2(1 − x[:-1]))",
    ),
    Entry(
        "rosenbrock_of_two",
        NUMERICAL + "exercise 2.1",
        rosenbrock_of_two,
        (cf.vector(2),),
        "(−400x₀(x₁ − x₀²) − 2(1 − x₀))e₀ + 200(x₁ − x₀²)e₁",
        "(1200x₀² − 400x₁ + 2)e₀e₀ᵀ − 400x₀(e₀e₁ᵀ + e₁e₀ᵀ) + 200e₁e₁ᵀ",
    ),
    Entry(
        "himmelblau",
        TEST_FUNCTION + "Himmelblau",
        himmelblau,
        (cf.vector(2),),
        "(4x₀(x₀² + x₁ − 11) + 2(x₀ + x₁² − 7))e₀ + (2(x₀² + x₁ − 11) + 4x₁(x₀ + x₁² − 7))e₁",
        "(12x₀² + 4x₁ − 42)e₀e₀ᵀ + 4(x₀ + x₁)(e₀e₁ᵀ + e₁e₀ᵀ) + (12x₁² + 4x₀ − 26)e₁e₁ᵀ",
    ),
    Entry(
        "rastrigin",
        TEST_FUNCTION + "Rastrigin",
        rastrigin,
        (VECTOR,),
        "2x + 20π sin(2πx)",
        "diag(2 + 40π² cos(2πx))",
    ),
    Entry(
        "styblinski_tang",
        TEST_FUNCTION + "Styblinski and Tang",
        styblinski_tang,
        (VECTOR,),
        "2x^⊙3 − 16x + 2.5",
        "diag(6x^⊙2 − 16)",
    ),
    Entry(
        "sphere_to_the_fourth",
        TEST_FUNCTION + "quartic",
        lambda x: (x @ x) ** 2,
        (VECTOR,),
        "4(xᵀx)x",
        "4(xᵀx)I + 8xxᵀ",
    ),
    Entry(
        "log_of_quadratic",
        TEST_FUNCTION + "Cauchy loss",
        lambda x, A, b: np.sum(np.log(1 + (A @ x - b) ** 2)),
        (VECTOR, TALL, OTHER_VECTOR),
        "2Aᵀ((Ax − b) ⊘ (1 + (Ax − b)^⊙2))",
        "2Aᵀ diag((1 − (Ax − b)^⊙2) ⊘ (1 + (Ax − b)^⊙2)^⊙2)A",
    ),
)

ZERO_FOR_SYMPY = (
    Entry(
        "log_det_by_slogdet",
        SYMPY + "ln det X",
        lambda X: np.linalg.slogdet(X)[1],
        (SQUARE,),
        "X⁻ᵀ",
        "−(X⁻ᵀ ⊗ X⁻¹)K",
    ),
    Entry(
        "softplus_of_product",
        SYMPY + "ln(1 + exp(aᵀx))",
        lambda x, a: np.log(1 + np.exp(a @ x)),
        (VECTOR, VECTOR),
        "σ(aᵀx)a",
        "σ(aᵀx)(1 − σ(aᵀx))aaᵀ",
    ),
    Entry(
        "log_trace_of_gram",
        SYMPY + "ln tr(XᵀX)",
        lambda X: np.log(np.einsum("ij,ij->", X, X)),
        (TALL,),
        "2X/tr(XᵀX)",
        "2I ⊗ I/tr(XᵀX) − 4 vec(X) vec(X)ᵀ/tr(XᵀX)²",
    ),
)

ENTRIES = QUADRATIC + BARRIERS + CONVEX_FUNCTIONS + TEST_FUNCTIONS + ZERO_FOR_SYMPY
