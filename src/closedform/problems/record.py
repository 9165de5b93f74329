"""What a problem is: a function, what is asked of it, its domain, and the answers worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any  # a NumPy array or a float
Arguments = tuple[Any, ...]


@dataclass(frozen=True)
class Problem:
    """One problem of the exercise sheet.

    number      position on the sheet, and in the registry
    name        what it is called on the command line
    title       a heading
    statement   the function as LaTeX
    asked       what the sheet asks, in one or two sentences
    function    the function in plain NumPy; the variables come first
    arguments   (generator, n) -> arguments of size n, drawn from the domain
    answers     operator -> the answer worked out by hand, called as the function is
    sizes       operator -> sizes n at which it is timed
    quick_sizes the same for a quick run
    exact_size  largest size n at which errors are measured against the exact reference
    argnums     the variables: a position, or several
    shown_size  size n at which formulas are derived and drawn
    symbol      the function's letter in the statement
    graph       whether the sheet asks for the computational graph

    An operator is "grad", "hessian", or "derivative:n" for the n-th derivative of a function of one number.

    >>> from closedform.problems import PROBLEMS
    >>> quadratic = PROBLEMS["quadratic"]
    >>> x, A, b, c = quadratic.arguments(np.random.default_rng(0), 3)
    >>> quadratic.answers["hessian"](x, A, b, c).shape
    (3, 3)
    """

    number: int
    name: str
    title: str
    statement: str
    asked: str
    function: Callable[..., Any]
    arguments: Callable[[np.random.Generator, int], Arguments]
    answers: Mapping[str, Callable[..., Array]]
    sizes: Mapping[str, tuple[int, ...]]
    quick_sizes: Mapping[str, tuple[int, ...]]
    exact_size: int = 10
    argnums: int | tuple[int, ...] = 0
    shown_size: int = 4
    symbol: str = "f"
    graph: bool = False

    @property
    def operators(self) -> tuple[str, ...]:
        """What is asked, in the order of the answers."""
        return tuple(self.answers)


PROBLEMS: dict[str, Problem] = {}


def register(problem: Problem) -> Problem:
    """Add a problem to the registry; a name and a number can be taken once."""
    if problem.name in PROBLEMS or any(problem.number == p.number for p in PROBLEMS.values()):
        raise ValueError(f"problem {problem.number}, {problem.name!r}, is registered twice")
    PROBLEMS[problem.name] = problem
    return problem


def sigmoid(z: Array) -> Array:
    """The logistic function 1 / (1 + exp(-z)), without overflow for any z.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    e = np.exp(-np.abs(z))
    return np.where(np.asarray(z) >= 0, 1 / (1 + e), e / (1 + e))
