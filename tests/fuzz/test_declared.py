"""Random programs on arguments of which something is declared: the derivatives are the same."""

import numpy as np
import pytest
from tests.fuzz.programs import compiled, program
from tests.fuzz.run import TOLERANCE, difference

import closedform as cf
from closedform.arguments import Declared, Described, example
from closedform.errors import ClosedformError

FACTS = {
    0: ("positive", "negative", "probability"),
    1: ("positive", "nonnegative", "negative", "probability", "sign", "simplex"),
    2: ("symmetric", "spd", "orthogonal", "diagonal", "lower", "upper", "positive"),
}


def declared(seed, arguments):
    """Arguments like these with a random fact each."""
    rng = np.random.default_rng(seed)
    found = []
    for argument in arguments:
        square = argument.ndim == 2 and argument.shape[0] == argument.shape[1]
        facts = FACTS[argument.ndim] if argument.ndim < 2 or square else ("positive", "negative")
        described = Described(argument.shape, frozenset({str(rng.choice(facts))}))
        found.append(Declared(example(described, lambda n: n, rng), described))
    return found


def verdict(seed, operator):
    """Whether the derivative in the first variable is right; None where there is nothing to compare."""
    source, arguments = program(seed)
    f = compiled(source)
    given = declared(seed, arguments)
    arrays = [g.array for g in given]
    with np.errstate(all="ignore"):
        try:
            derivation = getattr(cf, operator)(f).at(*given)
            want = getattr(cf, operator)(f).at(*arrays).function(*arrays)
        except ClosedformError:
            return None
        if not np.all(np.isfinite(want)) or np.abs(want).max(initial=0) > 1e8:
            return None
        return difference(derivation.function(*arrays), want) < TOLERANCE, source, given, derivation.text


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("operator", ["grad", "hessian"])
def test_derivatives_of_random_programs(seed, operator):
    found = verdict(seed, operator)
    assert found is None or found[0], found
