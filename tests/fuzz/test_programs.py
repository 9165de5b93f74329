"""Random programs with fixed seeds: formula, its text, emitted code and JAX agree, for order 1 and 2."""

import warnings

import numpy as np
import pytest
from tests.dense import evaluate
from tests.fuzz.programs import compiled, program
from tests.fuzz.run import difference, verdict
from tests.notation.test_formulas import balanced
from tests.reading import assert_same, read_back

import closedform as cf
from closedform.errors import InvalidArgumentError
from closedform.notation.latex import latex
from closedform.notation.text import text

BATCH = 25
# So many programs have their formulas read back, if these are not longer than so many characters.
MOST_READ, LONGEST_READ = 400, 2000


def reads_back(derivation, values, seed):
    """The printed formula has the value of the expression; sizes that it does not tell are refused."""
    try:
        found = read_back(derivation.expr, derivation.inputs)
    except InvalidArgumentError as error:
        assert "does not follow from the formula" in str(error), f"seed {seed}\n{error}"
    else:
        assert_same(derivation.expr, found, values)


@pytest.mark.parametrize("first", range(0, 500, BATCH))
def test_emitted_code_has_the_value_of_the_formula(first):
    for seed in range(first, first + BATCH):
        source, arguments = program(seed)
        for operator in (cf.grad, cf.hessian):
            derivation = operator(compiled(source, np)).at(*arguments)
            formula = evaluate(derivation.expr, dict(zip(derivation.arguments, arguments, strict=True)))
            with np.errstate(all="ignore"):
                got = derivation.function(*arguments)
            shown = text(derivation.expr, derivation.inputs.values())
            if seed < MOST_READ and len(shown) < LONGEST_READ:
                assert balanced(latex(derivation.expr, derivation.inputs.values()))
                reads_back(derivation, dict(zip(derivation.arguments, arguments, strict=True)), seed)
            if np.all(np.isfinite(formula)):
                assert difference(got, formula) < 1e-9, f"seed {seed}\n{source}\n{derivation.source()}"


@pytest.mark.parametrize("seed", range(1000, 1025))
@pytest.mark.parametrize("operator", ["grad", "hessian"])
def test_derivatives_agree_with_jax(seed, operator):
    import jax

    jax.config.update("jax_enable_x64", True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert verdict(seed, operator, jax) in ("right", "not finite in JAX")
