"""How deriving grows with the length of a function: unrolled loops, processor time of this process.

python -m tests.code.growth [STEPS ...]    10 30 100 300 1000 unless told
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import closedform as cf

Function = Callable[..., Any]


def network(steps: int) -> Function:
    """A recurrent network."""

    def f(h: Any, W: Any) -> Any:
        for _ in range(steps):
            h = np.tanh(W @ h)
        return np.sum(h)

    return f


def descent(steps: int) -> Function:
    """The loss after steps of gradient descent, in their size."""

    def f(a: Any, x: Any, A: Any, b: Any) -> Any:
        for _ in range(steps):
            x = x - a * (A.T @ (A @ x - b))
        return np.sum((A @ x - b) ** 2)

    return f


def sines(steps: int) -> Function:
    """A fixed-point iteration entry by entry."""

    def f(x: Any) -> Any:
        y = x
        for _ in range(steps):
            y = np.sin(y) + x
        return np.sum(y)

    return f


def square_root(steps: int) -> Function:
    """Newton's iteration for a square root."""

    def f(a: Any) -> Any:
        x = a
        for _ in range(steps):
            x = 0.5 * (x + a / x)
        return x

    return f


def logistic_map(steps: int) -> Function:
    """A polynomial of degree 2^steps."""

    def f(x: Any) -> Any:
        for _ in range(steps):
            x = 3.5 * x * (1 - x)
        return x

    return f


def rosenbrock(steps: int) -> Function:
    """A sum over neighbouring entries."""

    def f(x: Any) -> Any:
        total = 0.0
        for i in range(steps):
            total = total + 100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2
        return total

    return f


def quadratic_form(steps: int) -> Function:
    """A loop within a loop, of so many steps together."""

    def f(x: Any, K: Any) -> Any:
        total = 0.0
        for i in range(math.isqrt(steps)):
            for j in range(math.isqrt(steps)):
                total = total + x[i] * K[i, j] * x[j]
        return total

    return f


def square(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Arguments of a quadratic form."""
    return np.linspace(0, 1, size), np.arange(float(size * size)).reshape(size, size)


LOOPS: dict[str, tuple[Callable[[int], Function], Callable[[int], tuple[Any, ...]]]] = {
    "network": (network, lambda _: (np.full(3, 0.1), 0.3 * np.eye(3))),
    "descent": (descent, lambda _: (0.1, np.ones(3), np.eye(4, 3), np.ones(4))),
    "sines": (sines, lambda _: (np.ones(3),)),
    "square root": (square_root, lambda _: (2.0,)),
    "logistic map": (logistic_map, lambda _: (0.3,)),
    "Rosenbrock": (rosenbrock, lambda steps: (np.linspace(0, 1, steps + 1),)),
    "quadratic form": (quadratic_form, lambda steps: square(math.isqrt(steps))),
}


def derived(name: str, steps: int) -> tuple[float, float]:
    """Seconds of deriving the gradient, and of writing and compiling its code."""
    loop, arguments = LOOPS[name]
    given = arguments(steps)
    start = time.process_time()
    derivation = cf.grad(loop(steps)).at(*given)
    middle = time.process_time()
    assert np.all(np.isfinite(derivation.function(*given)))
    return middle - start, time.process_time() - middle


def main(steps: Sequence[int]) -> None:
    """One line for each loop and number of steps, with the exponent of the growth since the line before."""
    print(f"{'loop':<16}{'steps':>6}{'derive, s':>11}{'power':>7}{'code, s':>9}{'power':>7}")
    for name in LOOPS:
        before: tuple[int, tuple[float, float]] | None = None
        for count in steps:
            seconds = derived(name, count)
            powers = ["", ""]
            if before is not None:
                ratio = math.log(count / before[0])
                powers = [f"{math.log(b / a) / ratio:.1f}" for a, b in zip(before[1], seconds, strict=True)]
            print(
                f"{name:<16}{count:>6}{seconds[0]:>11.2f}{powers[0]:>7}{seconds[1]:>9.2f}{powers[1]:>7}",
                flush=True,
            )
            before = count, seconds


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [10, 30, 100, 300, 1000])
