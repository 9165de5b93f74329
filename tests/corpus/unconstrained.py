"""J. J. Moré, B. S. Garbow, K. E. Hillstrom, Testing Unconstrained Optimization Software (1981), and other
test functions of optimisation, in n variables."""

import numpy as np
from tests.corpus.record import Entry

import closedform as cf

MORE = "Moré, Garbow, Hillstrom (1981), "
SURVEY = "Jamil & Yang (2013), A literature survey of benchmark functions: "

VECTOR, NUMBER, POSITIVE_NUMBER, TALL = cf.vector("n"), cf.scalar(), cf.positive(), cf.matrix("m", "n")


def variably_dimensioned(x, c):
    s = c @ (x - 1)
    return np.sum((x - 1) ** 2) + s**2 + s**4


def penalty_one(x, a):
    return a * np.sum((x - 1) ** 2) + (np.sum(x**2) - 0.25) ** 2


def linear_full_rank(x):
    r = x - 2 / x.size * np.sum(x) - 1
    return r @ r


def broyden_tridiagonal(x):
    inner = np.concatenate(([0.0], x, [0.0]))
    return (3 - 2 * x) * x - inner[:-2] - 2 * inner[2:] + 1


def discrete_boundary_value(x, t, h):
    padded = np.concatenate((np.zeros(1), x, np.zeros(1)))
    return 2 * x - padded[:-2] - padded[2:] + h**2 * (x + t + 1) ** 3 / 2


def trigonometric(x, c):
    r = x.size - np.sum(np.cos(x)) + c * (1 - np.cos(x)) - np.sin(x)
    return np.sum(r**2)


def powell_singular(x):
    return (x[0] + 10 * x[1]) ** 2 + 5 * (x[2] - x[3]) ** 2 + (x[1] - 2 * x[2]) ** 4 + 10 * (x[0] - x[3]) ** 4


def extended_rosenbrock(x):
    even, odd = x[::2], x[1::2]
    return np.sum(100 * (odd - even**2) ** 2 + (1 - even) ** 2)


def wood(x):
    a, b, c, d = x
    return (
        100 * (b - a**2) ** 2
        + (1 - a) ** 2
        + 90 * (d - c**2) ** 2
        + (1 - c) ** 2
        + 10.1 * ((b - 1) ** 2 + (d - 1) ** 2)
        + 19.8 * (b - 1) * (d - 1)
    )


def beale(x, y):
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def helical_valley(x, y, z):
    theta = np.arctan2(y, x) / (2 * np.pi)
    return 100 * ((z - 10 * theta) ** 2 + (np.sqrt(x**2 + y**2) - 1) ** 2) + z**2


def jennrich_sampson(x, y):
    total = 0
    for i in range(1, 4):
        total = total + (2 + 2 * i - (np.exp(i * x) + np.exp(i * y))) ** 2
    return total


def exponential_fit(x, t, y):
    return np.sum((x[0] * np.exp(-x[1] * t) - y) ** 2)


def zakharov(x, c):
    s = 0.5 * np.dot(c, x)
    return x @ x + s**2 + s**4


def griewank(x, d):
    return 1 + np.sum(x**2) / 4000 - np.prod(np.cos(x / d))


def ackley(x):
    n = len(x)
    return (
        -20 * np.exp(-0.2 * np.sqrt(np.sum(x**2) / n)) - np.exp(np.sum(np.cos(2 * np.pi * x)) / n) + 20 + np.e
    )


def dixon_price(x):
    total = (x[0] - 1) ** 2
    for i in range(1, len(x)):
        total = total + (i + 1) * (2 * x[i] ** 2 - x[i - 1]) ** 2
    return total


def schwefel(x):
    return -x @ np.sin(np.sqrt(np.abs(x)))


def salomon(x):
    r = np.linalg.norm(x)
    return 1 - np.cos(2 * np.pi * r) + 0.1 * r


def alpine(x):
    return np.prod(np.sqrt(x) * np.sin(x))


def chained_quartic(x):
    return np.sum((x[:-1] ** 2 + x[1:] ** 2) ** 2 - 4 * x[:-1])


def bohachevsky(x, y):
    return x**2 + 2 * y**2 - 0.3 * np.cos(3 * np.pi * x) - 0.4 * np.cos(4 * np.pi * y) + 0.7


def lennard_jones_pair(x, y):
    r2 = np.sum((x - y) ** 2)
    return 4 * (1 / r2**6 - 1 / r2**3)


ENTRIES = (
    Entry(
        "variably_dimensioned",
        MORE + "problem 25",
        variably_dimensioned,
        (VECTOR, VECTOR),
        "2(x − 𝟏) + (2s + 4s³)c, where s = cᵀ(x − 𝟏)",
        "2I + (2 + 12(cᵀ(x − 𝟏))²)ccᵀ",
    ),
    Entry(
        "penalty_one",
        MORE + "problem 23",
        penalty_one,
        (VECTOR, POSITIVE_NUMBER),
        "2a(x − 𝟏) + 4(xᵀx − ¼)x",
        "2aI + 4(xᵀx − ¼)I + 8xxᵀ",
    ),
    Entry(
        "linear_full_rank",
        MORE + "problem 32",
        linear_full_rank,
        (VECTOR,),
        "2(I − (2/nₓ)𝟏𝟏ᵀ)((I − (2/nₓ)𝟏𝟏ᵀ)x − 𝟏)",
        "2I",
    ),
    Entry(
        "broyden_tridiagonal",
        MORE + "problem 30",
        broyden_tridiagonal,
        (VECTOR,),
        "diag(3 − 4x) − S[1:]ᵀS[:-1] − 2S[:-1]ᵀS[1:]",
    ),
    Entry(
        "discrete_boundary_value",
        MORE + "problem 28",
        discrete_boundary_value,
        (VECTOR, VECTOR, POSITIVE_NUMBER),
        "2I + (3/2)h² diag((x + t + 1)^⊙2) − S[1:]ᵀS[:-1] − S[:-1]ᵀS[1:]",
    ),
    Entry(
        "trigonometric",
        MORE + "problem 26",
        trigonometric,
        (VECTOR, VECTOR),
        "2(𝟏ᵀr) sin x + 2r ⊙ (c ⊙ sin x − cos x), where r = (nₓ − 𝟏ᵀ cos x)𝟏 + c ⊙ (1 − cos x) − sin x",
    ),
    Entry(
        "powell_singular",
        MORE + "problem 13",
        powell_singular,
        (cf.vector(4),),
        "2p(e₀ + 10e₁) + 10q(e₂ − e₃) + 4r³(e₁ − 2e₂) + 40s³(e₀ − e₃), "
        "where p = x₀ + 10x₁, q = x₂ − x₃, r = x₁ − 2x₂, s = x₀ − x₃",
        "2(e₀ + 10e₁)(e₀ + 10e₁)ᵀ + 10(e₂ − e₃)(e₂ − e₃)ᵀ + 12(x₁ − 2x₂)²(e₁ − 2e₂)(e₁ − 2e₂)ᵀ "
        "+ 120(x₀ − x₃)²(e₀ − e₃)(e₀ − e₃)ᵀ",
    ),
    Entry(
        "extended_rosenbrock",
        MORE + "problem 21",
        extended_rosenbrock,
        (cf.vector(6),),
        "200S[1::2]ᵀ(x[1::2] − x[::2]^⊙2) − S[::2]ᵀ(400x[::2] ⊙ (x[1::2] − x[::2]^⊙2) + 2(1 − x[::2]))",
    ),
    Entry(
        "wood",
        MORE + "problem 14",
        wood,
        (cf.vector(4),),
        "(−400x₀(x₁ − x₀²) − 2(1 − x₀))e₀ + (200(x₁ − x₀²) + 20.2(x₁ − 1) + 19.8(x₃ − 1))e₁ "
        "+ (−360x₂(x₃ − x₂²) − 2(1 − x₂))e₂ + (180(x₃ − x₂²) + 20.2(x₃ − 1) + 19.8(x₁ − 1))e₃",
    ),
    Entry(
        "beale",
        MORE + "problem 5",
        beale,
        (NUMBER, NUMBER),
        "2(1.5 − x + xy)(y − 1) + 2(2.25 − x + xy²)(y² − 1) + 2(2.625 − x + xy³)(y³ − 1)",
        "2(y − 1)² + 2(y² − 1)² + 2(y³ − 1)²",
    ),
    Entry(
        "helical_valley",
        MORE + "problem 7",
        helical_valley,
        (NUMBER, NUMBER, NUMBER),
        "200(z − (5/π) atan2(y, x))(5/π)y/(x² + y²) + 200(√(x² + y²) − 1)x/√(x² + y²)",
    ),
    Entry(
        "jennrich_sampson",
        MORE + "problem 6",
        jennrich_sampson,
        (NUMBER, NUMBER),
        "−2(4 − exp(x) − exp(y)) exp(x) − 4(6 − exp(2x) − exp(2y)) exp(2x) "
        "− 6(8 − exp(3x) − exp(3y)) exp(3x)",
    ),
    Entry(
        "exponential_fit",
        MORE + "problems 10 to 17, exponential models",
        exponential_fit,
        (cf.vector(2), cf.vector("m"), cf.vector("m")),
        "2 exp(−x₁t)ᵀ(x₀ exp(−x₁t) − y)e₀ − 2x₀(t ⊙ exp(−x₁t))ᵀ(x₀ exp(−x₁t) − y)e₁",
    ),
    Entry(
        "zakharov",
        SURVEY + "Zakharov",
        zakharov,
        (VECTOR, VECTOR),
        "2x + (s + 2s³)c, where s = ½cᵀx",
        "2I + (½ + 3(½cᵀx)²)ccᵀ",
    ),
    Entry(
        "griewank",
        SURVEY + "Griewank",
        griewank,
        (VECTOR, cf.positive("n")),
        "x/2000 + (∏ₖ cos(xₖ/dₖ))tan(x ⊘ d) ⊘ d",
    ),
    Entry(
        "ackley",
        SURVEY + "Ackley",
        ackley,
        (VECTOR,),
        "(4 exp(−‖x‖/(5√nₓ))/(√nₓ ‖x‖))x + (2π/nₓ) exp(𝟏ᵀ cos(2πx)/nₓ) sin(2πx)",
    ),
    Entry(
        "dixon_price",
        SURVEY + "Dixon and Price",
        dixon_price,
        (cf.vector(3),),
        "(2(x₀ − 1) − 4(2x₁² − x₀))e₀ + (16x₁(2x₁² − x₀) − 6(2x₂² − x₁))e₁ + 24x₂(2x₂² − x₁)e₂",
    ),
    Entry(
        "schwefel",
        SURVEY + "Schwefel",
        schwefel,
        (VECTOR,),
        "−sin(√|x|) − ½√|x| ⊙ cos(√|x|)",
    ),
    Entry(
        "salomon",
        SURVEY + "Salomon",
        salomon,
        (VECTOR,),
        "(2π sin(2π‖x‖) + 0.1)x/‖x‖",
    ),
    Entry(
        "alpine",
        SURVEY + "Alpine 2",
        alpine,
        (cf.positive("n"),),
        "(∏ₖ √(xₖ) sin xₖ)(½𝟏 ⊘ x + 𝟏 ⊘ tan x)",
    ),
    Entry(
        "chained_quartic",
        SURVEY + "chained quartic",
        chained_quartic,
        (VECTOR,),
        "4S[:-1]ᵀ(x[:-1] ⊙ (x[:-1]^⊙2 + x[1:]^⊙2) − 𝟏) + 4S[1:]ᵀ(x[1:] ⊙ (x[:-1]^⊙2 + x[1:]^⊙2))",
    ),
    Entry(
        "bohachevsky",
        SURVEY + "Bohachevsky",
        bohachevsky,
        (NUMBER, NUMBER),
        "2x + 0.9π sin(3πx)",
        "2 + 2.7π² cos(3πx)",
    ),
    Entry(
        "lennard_jones_pair",
        SURVEY + "Lennard-Jones clusters",
        lennard_jones_pair,
        (VECTOR, VECTOR),
        "(24/‖x − y‖⁸ − 48/‖x − y‖¹⁴)(x − y)",
        "(24/‖x − y‖⁸ − 48/‖x − y‖¹⁴)I + (672/‖x − y‖¹⁶ − 192/‖x − y‖¹⁰)(x − y)(x − y)ᵀ",
    ),
)
