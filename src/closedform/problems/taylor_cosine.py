"""The Taylor series of the cosine: a loop of a fixed length, and one that stops when the terms are small."""

from collections.abc import Callable

from closedform.problems.record import Array, Problem, register

TERMS = 10


def partial_sum(terms: int) -> Callable[[Array], Array]:
    """The function x -> sum over k < terms of (-1)^k x^(2k) / (2k)!, as a loop.

    >>> partial_sum(3)(1.0)
    0.5416666666666666
    """

    def series(x: Array) -> Array:
        term = total = 1.0
        for k in range(1, terms):
            term = -term * x * x / ((2 * k - 1) * (2 * k))
            total = total + term
        return total

    return series


def until_small(x: Array, tolerance: float = 1e-16) -> Array:
    """The same series, summed until a term is at most `tolerance`: the length of the loop depends on x.

    >>> import math
    >>> abs(until_small(1.0) - math.cos(1.0)) < 1e-15
    True
    """
    term = total = 1.0
    k = 1
    while abs(term) > tolerance:
        term = -term * x * x / ((2 * k - 1) * (2 * k))
        total = total + term
        k = k + 1
    return total


def slope(x: Array, terms: int = TERMS) -> Array:
    """The derivative of the partial sum: sum over 1 <= k < terms of (-1)^k x^(2k - 1) / (2k - 1)!."""
    term = total = -x
    for k in range(2, terms):
        term = -term * x * x / ((2 * k - 2) * (2 * k - 1))
        total = total + term
    return total


register(
    Problem(
        number=1,
        name="taylor-cosine",
        title="Taylor series of the cosine",
        statement=rf"f(x) = \sum_{{k=0}}^{{{TERMS - 1}}} \frac{{(-1)^k x^{{2k}}}}{{(2k)!}} \approx \cos x",
        asked="The gradient of a partial sum, written as a loop, with the autograd library; once with a "
        "fixed number of terms, once with a loop that stops when the term is small.",
        function=partial_sum(TERMS),
        arguments=lambda rng, n: (rng.uniform(0.5, 3.0),),
        answers={"grad": slope},
        sizes={"grad": (1,)},
        quick_sizes={"grad": (1,)},
        exact_size=1,
    )
)
