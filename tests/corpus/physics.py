"""Energies, filters, control costs and steps of integrators."""

from __future__ import annotations

import numpy as np
from tests.corpus.record import Entry

import closedform as cf

n, m, d, k = "n", "m", "d", "k"
x, scalar, positive = cf.vector(d), cf.scalar(), cf.positive()


def lennard_jones_pair(r, epsilon, sigma):
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def lennard_jones(r):
    return 4 * np.sum(r**-12 - r**-6)


def morse(r, D, a, r0):
    return D * (1 - np.exp(-a * (r - r0))) ** 2


def coulomb(x, y, q):
    return q / np.linalg.norm(x - y)


def gravity_of_many(x, Y, masses):
    return -np.sum(masses / np.sqrt(np.sum((Y - x) ** 2, axis=1)))


def spring(x, y, k, length):
    return 0.5 * k * (np.linalg.norm(x - y) - length) ** 2


def spring_chain(x, k, length):
    stretch = x[1:] - x[:-1] - length
    return 0.5 * k * np.sum(stretch**2)


def spring_network(X, B, k, lengths):
    """Edges are the rows of the incidence matrix B."""
    edges = B @ X
    r = np.sqrt(np.sum(edges**2, axis=1))
    return 0.5 * np.sum(k * (r - lengths) ** 2)


def gaussian_network(X, G):
    distances = np.sum((X[:, None, :] - X[None, :, :]) ** 2, axis=-1)
    return 0.25 * np.sum(G * distances)


def soft_spheres(X, sigma):
    distances = np.sum((X[:, None, :] - X[None, :, :]) ** 2, axis=-1)
    return 0.5 * np.sum(np.exp(-distances / sigma**2))


def double_pendulum(theta):
    return -2 * np.cos(theta[0]) - np.cos(theta[1])


def double_well(x, a, b):
    return np.sum(a * (x**2 - b) ** 2)


def phi_fourth(phi, mass, lam):
    gradient = np.roll(phi, -1) - phi
    return np.sum(0.5 * gradient**2 + 0.5 * mass * phi**2 + lam / 24 * phi**4)


def kinetic_energy(p, M):
    return 0.5 * p @ np.linalg.solve(M, p)


def rotational_energy(w, r):
    return 0.5 * np.sum(np.cross(w, r) ** 2)


def linear_elasticity(F, mu, lam):
    E = 0.5 * (F + F.T) - np.eye(3)
    return mu * np.sum(E**2) + lam / 2 * np.trace(E) ** 2


def neo_hookean(F, mu, lam):
    J = np.linalg.det(F)
    return mu / 2 * (np.trace(F.T @ F) - 3) - mu * np.log(J) + lam / 2 * np.log(J) ** 2


def saint_venant_kirchhoff(F, mu):
    E = 0.5 * (F.T @ F - np.eye(F.shape[1]))
    return mu * np.trace(E @ E)


def finite_elements(u, K, f):
    return 0.5 * u @ K @ u - f @ u


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def gauss_newton(x, A, b):
    return 0.5 * np.sum((np.sin(A @ x) - b) ** 2)


def control_cost(u, A, B, Q, r, x0):
    """Three controls of one input each."""
    x = x0
    cost = 0
    for t in range(3):
        cost = cost + 0.5 * r * u[t] ** 2
        x = A @ x + B * u[t]
        cost = cost + 0.5 * x @ Q @ x
    return cost


def control_of_gain(K, A, B, x0, R):
    u = -K @ x0
    x1 = A @ x0 + B @ u
    return 0.5 * x1 @ x1 + 0.5 * u @ R @ u


def one_step_control(u, A, B, Q, R, x0):
    x1 = A @ x0 + B @ u
    return 0.5 * x1 @ Q @ x1 + 0.5 * u @ R @ u


def kalman_innovation(R, H, P, e):
    S = H @ P @ H.T + R
    return 0.5 * np.linalg.slogdet(S)[1] + 0.5 * e @ np.linalg.inv(S) @ e


def kalman_update(x, m, P, y, H, R):
    return 0.5 * (x - m) @ np.linalg.inv(P) @ (x - m) + 0.5 * (y - H @ x) @ np.linalg.inv(R) @ (y - H @ x)


def scalar_kalman_filter(q, y, p0, r):
    m, p = y[0], p0
    total = 0
    for t in range(1, 3):
        p = p + q
        s = p + r
        total = total + 0.5 * (np.log(s) + (y[t] - m) ** 2 / s)
        m = m + p / s * (y[t] - m)
        p = p * r / s
    return total


def euler_growth(r, x0, K, h):
    x = x0
    for _ in range(3):
        x = x + h * r * x * (1 - x / K)
    return x


def euler_oscillator(omega, q, p, h):
    for _ in range(2):
        p = p - h * omega**2 * q
        q = q + h * p
    return q


def susceptible_infected_step(beta, S, I, N, gamma):
    new = beta * S * I / N
    return (I + new - gamma * I) ** 2


def runge_kutta_step(x, A, h):
    k1 = A @ x
    k2 = A @ (x + h / 2 * k1)
    return x + h * k2


def implicit_euler(x, A, h):
    return np.linalg.solve(np.eye(A.shape[0]) - h * A, x)


def lotka_volterra(z, a, b):
    x, y = z[0], z[1]
    return np.stack([a * x - b * x * y, b * x * y - y])


def pose_residual(t, X, Y, theta):
    c, s = np.cos(theta), np.sin(theta)
    x = c * X[:, 0] - s * X[:, 1] + t[0]
    y = s * X[:, 0] + c * X[:, 1] + t[1]
    return 0.5 * np.sum((x - Y[:, 0]) ** 2 + (y - Y[:, 1]) ** 2)


def range_localisation(p, anchors, r):
    return 0.5 * np.sum((np.linalg.norm(anchors - p, axis=1) - r) ** 2)


def pinhole(X, f):
    return np.stack([f * X[0] / X[2], f * X[1] / X[2]])


GOLDSTEIN = "Goldstein, Poole, Safko, Classical Mechanics (2002)"
ALLEN = "Allen and Tildesley, Computer Simulation of Liquids (2017)"
HOLZAPFEL = "Holzapfel, Nonlinear Solid Mechanics (2000)"
SARKKA = "Särkkä, Bayesian Filtering and Smoothing (2013)"
ANDERSON = "Anderson and Moore, Optimal Control: Linear Quadratic Methods (1990)"
HAIRER = "Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I (1993)"
NOCEDAL = "Nocedal and Wright, Numerical Optimization (2006)"
ENTRIES = (
    Entry(
        "lennard_jones_of_a_pair",
        f"{ALLEN}, eq. 1.6",
        lennard_jones_pair,
        (positive, positive, positive),
        "(24ε/r)((σ/r)⁶ − 2(σ/r)¹²)",
        "(24ε/r²)(26(σ/r)¹² − 7(σ/r)⁶)",
    ),
    Entry(
        "lennard_jones",
        f"{ALLEN}, eq. 1.6",
        lennard_jones,
        (cf.positive(n),),
        "24(r^⊙6 − 2) ⊘ r^⊙13",
        "24 diag((26 − 7r^⊙6) ⊘ r^⊙14)",
    ),
    Entry(
        "morse",
        "Morse, Diatomic molecules according to the wave mechanics (1929), eq. 4",
        morse,
        (positive, positive, positive, positive),
        "2aD exp(−a(r − r₀))(1 − exp(−a(r − r₀)))",
        "2a²D exp(−a(r − r₀))(2 exp(−a(r − r₀)) − 1)",
    ),
    Entry(
        "coulomb",
        "Jackson, Classical Electrodynamics (1999), section 1.5",
        coulomb,
        (x, x, scalar),
        "−(q/‖x − y‖³)(x − y)",
        "(q/‖x − y‖³)((3/‖x − y‖²)(x − y)(x − y)ᵀ − I)",
    ),
    Entry(
        "gravity_of_many",
        f"{GOLDSTEIN}, section 1.2",
        gravity_of_many,
        (x, cf.matrix(n, d), cf.positive(n)),
        "(𝟏xᵀ − Y)ᵀ(masses ⊘ ((𝟏xᵀ − Y)^⊙2𝟏)^(⊙3/2))",
    ),
    Entry(
        "spring",
        f"{GOLDSTEIN}, section 6.1",
        spring,
        (x, x, positive, positive),
        "k(1 − length/‖x − y‖)(x − y)",
        "k((1 − length/r)I + (length/r³)(x − y)(x − y)ᵀ), where r = ‖x − y‖",
    ),
    Entry(
        "spring_chain",
        f"{GOLDSTEIN}, section 13.1",
        spring_chain,
        (cf.vector(n), positive, positive),
        "k(S[1:] − S[:-1])ᵀ(x[1:] − x[:-1] − length 𝟏)",
    ),
    Entry(
        "spring_network",
        "Strang, Computational Science and Engineering (2007), section 2.7",
        spring_network,
        (cf.matrix(n, d), cf.matrix(m, n), cf.positive(m), cf.positive(m)),
        "Bᵀ diag(k ⊙ (1 − lengths ⊘ r))BX, where r = √((BX)^⊙2𝟏)",
    ),
    Entry(
        "gaussian_network",
        "Bahar, Atilgan, Erman, Direct evaluation of thermal fluctuations in proteins (1997)",
        gaussian_network,
        (cf.matrix(n, 3), cf.symmetric(n)),
        "(diag(G𝟏) − G)X",
        "(diag(G𝟏) − G) ⊗ I",
    ),
    Entry(
        "soft_spheres",
        "Stillinger, Phase transitions in the Gaussian core system (1976), eq. 1.1",
        soft_spheres,
        (cf.matrix(n, 3), positive),
        "(2/σ²)(E − diag(E𝟏))X, where E = [exp(−Σₖ (Xᵢₖ − Xⱼₖ)²/σ²)]ᵢⱼ",
    ),
    Entry(
        "double_pendulum",
        f"{GOLDSTEIN}, section 1.6",
        double_pendulum,
        (cf.vector(2),),
        "2 sin(θ₀)e₀ + sin(θ₁)e₁",
        "2 cos(θ₀)e₀e₀ᵀ + cos(θ₁)e₁e₁ᵀ",
    ),
    Entry(
        "double_well",
        "Zinn-Justin, Quantum Field Theory and Critical Phenomena (2002), section 40.1",
        double_well,
        (x, scalar, scalar),
        "4ax ⊙ (x^⊙2 − b𝟏)",
        "4a diag(3x^⊙2 − b𝟏)",
    ),
    Entry(
        "phi_fourth",
        "Zinn-Justin, Quantum Field Theory and Critical Phenomena (2002), section 5.1",
        phi_fourth,
        (cf.vector(n), scalar, scalar),
        "2φ − roll(φ, 1) − roll(φ, -1) + mass φ + (λ/6)φ^⊙3",
    ),
    Entry(
        "kinetic_energy",
        f"{GOLDSTEIN}, section 8.1",
        kinetic_energy,
        (x, cf.spd(d)),
        "M⁻¹p",
        "M⁻¹",
    ),
    Entry(
        "linear_elasticity",
        f"{HOLZAPFEL}, section 2.4",
        linear_elasticity,
        (cf.matrix(3, 3), scalar, scalar),
        "2μE + λ tr(E)I, where E = ½(F + Fᵀ) − I",
    ),
    Entry(
        "neo_hookean",
        f"{HOLZAPFEL}, section 6.5",
        neo_hookean,
        (cf.matrix(3, 3), positive, positive),
        "μ(F − F⁻ᵀ) + λ ln(det F)F⁻ᵀ",
    ),
    Entry(
        "saint_venant_kirchhoff",
        f"{HOLZAPFEL}, eq. 6.151",
        saint_venant_kirchhoff,
        (cf.matrix(d, d), positive),
        "μF(FᵀF − I)",
    ),
    Entry(
        "finite_elements",
        "Strang, Computational Science and Engineering (2007), section 3.1",
        finite_elements,
        (x, cf.symmetric(d), x),
        "Ku − f",
        "K",
    ),
    Entry(
        "chained_rosenbrock",
        f"{NOCEDAL}, exercise 2.1",
        rosenbrock,
        (cf.vector(n),),
        "200S[1:]ᵀr − S[:-1]ᵀ(400x[:-1] ⊙ r + 2(1 − x[:-1])), where r = x[1:] − x[:-1]^⊙2",
    ),
    Entry(
        "gauss_newton",
        f"{NOCEDAL}, eqs. 10.4 and 10.5",
        gauss_newton,
        (x, cf.matrix(m, d), cf.vector(m)),
        "Aᵀ(cos(Ax) ⊙ (sin(Ax) − b))",
        "Aᵀ diag(cos²(Ax) − sin(Ax) ⊙ (sin(Ax) − b))A",
    ),
    Entry(
        "control_cost_of_three_steps",
        f"{ANDERSON}, section 2.4",
        control_cost,
        (cf.vector(3), cf.matrix(d, d), x, cf.symmetric(d), positive, x),
        "ru + (Bᵀp₁)e₀ + (Bᵀp₂)e₁ + (Bᵀp₃)e₂, where x₁ = Ax₀ + u₀B, x₂ = Ax₁ + u₁B, x₃ = Ax₂ + u₂B, "
        "p₃ = Qx₃, p₂ = Qx₂ + Aᵀp₃, p₁ = Qx₁ + Aᵀp₂",
    ),
    Entry(
        "control_of_gain",
        "Levine and Athans, On the determination of the optimal constant output feedback gains (1970)",
        control_of_gain,
        (cf.matrix(k, d), cf.matrix(d, d), cf.matrix(d, k), x, cf.symmetric(k)),
        "(RKx₀ − Bᵀ(Ax₀ − BKx₀))x₀ᵀ",
        "(R + BᵀB) ⊗ x₀x₀ᵀ",
    ),
    Entry(
        "one_step_control",
        f"{ANDERSON}, section 2.4",
        one_step_control,
        (cf.vector(k), cf.matrix(d, d), cf.matrix(d, k), cf.symmetric(d), cf.symmetric(k), x),
        "BᵀQ(Ax₀ + Bu) + Ru",
        "BᵀQB + R",
    ),
    Entry(
        "kalman_innovation",
        f"{SARKKA}, section 12.3",
        kalman_innovation,
        (cf.spd(k), cf.matrix(k, d), cf.spd(d), cf.vector(k)),
        "½(S⁻¹ − S⁻¹eeᵀS⁻¹), where S = HPHᵀ + R",
    ),
    Entry(
        "kalman_update",
        f"{SARKKA}, section 4.3",
        kalman_update,
        (x, x, cf.spd(d), cf.vector(k), cf.matrix(k, d), cf.spd(k)),
        "P⁻¹(x − m) − HᵀR⁻¹(y − Hx)",
        "P⁻¹ + HᵀR⁻¹H",
    ),
    Entry(
        "scalar_kalman_filter",
        f"{SARKKA}, section 12.3",
        scalar_kalman_filter,
        (positive, cf.vector(3), positive, positive),
        "½(1/s − (y₁ − y₀)²/s² + c/v − e²c/v² + 2eg/v), where p = p₀ + q, s = p + r, "
        "v = q + r + pr/s, c = 1 + r²/s², e = y₂ − y₀ − (p/s)(y₁ − y₀), g = −(r/s²)(y₁ − y₀)",
    ),
    Entry(
        "euler_growth",
        f"{HAIRER}, section II.1",
        euler_growth,
        (scalar, scalar, positive, scalar),
        "hq(1 − q/K) + t(hp(1 − p/K) + hsx₀(1 − x₀/K)), where p = x₀ + hrx₀(1 − x₀/K), "
        "q = p + hrp(1 − p/K), s = 1 + hr(1 − 2p/K), t = 1 + hr(1 − 2q/K)",
    ),
    Entry(
        "euler_oscillator",
        "Hairer, Lubich, Wanner, Geometric Numerical Integration (2006), section I.1.2",
        euler_oscillator,
        (scalar, scalar, scalar, scalar),
        "−2h²ω(3q + hp − 2h²ω²q)",
        "−2h²(3q + hp − 6h²ω²q)",
    ),
    Entry(
        "susceptible_infected_step",
        "Kermack and McKendrick, A contribution to the mathematical theory of epidemics (1927)",
        susceptible_infected_step,
        (positive, positive, positive, positive, positive),
        "2(SI/N)(I + βSI/N − γI)",
        "2(SI/N)²",
    ),
    Entry(
        "runge_kutta_step",
        f"{HAIRER}, section II.1",
        runge_kutta_step,
        (x, cf.matrix(d, d), scalar),
        "I + hA + ½h²AA",
    ),
    Entry(
        "implicit_euler",
        "Hairer and Wanner, Solving Ordinary Differential Equations II (1996), section IV.3",
        implicit_euler,
        (x, cf.matrix(d, d), scalar),
        "(I − hA)⁻¹",
    ),
    Entry(
        "lotka_volterra",
        f"{HAIRER}, section I.16",
        lotka_volterra,
        (cf.vector(2), scalar, scalar),
        "(a − bz₁)e₀e₀ᵀ − bz₀e₀e₁ᵀ + bz₁e₁e₀ᵀ + (bz₀ − 1)e₁e₁ᵀ",
    ),
    Entry(
        "range_localisation",
        "Beck, Stoica, Li, Exact and approximate solutions of source localization problems (2008), eq. 2",
        range_localisation,
        (x, cf.matrix(n, d), cf.positive(n)),
        "(𝟏pᵀ − anchors)ᵀ(1 − r ⊘ s), where s = √((𝟏pᵀ − anchors)^⊙2𝟏)",
    ),
    Entry(
        "pinhole",
        "Hartley and Zisserman, Multiple View Geometry (2004), section 6.1",
        pinhole,
        (cf.vector(3), scalar),
        "(f/X₂)(e₀e₀ᵀ + e₁e₁ᵀ − (X₀/X₂)e₀e₂ᵀ − (X₁/X₂)e₁e₂ᵀ)",
    ),
)
