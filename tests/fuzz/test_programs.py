"""Random programs with fixed seeds: formula, emitted code and JAX agree, for order 1 and 2."""

import warnings

import numpy as np
import pytest
from tests.dense import evaluate
from tests.fuzz.programs import compiled, program
from tests.fuzz.run import difference, verdict

import closedform as cf

BATCH = 25


@pytest.mark.parametrize("first", range(0, 500, BATCH))
def test_emitted_code_has_the_value_of_the_formula(first):
    for seed in range(first, first + BATCH):
        source, arguments = program(seed)
        for operator in (cf.grad, cf.hessian):
            derivation = operator(compiled(source, np)).at(*arguments)
            formula = evaluate(derivation.expr, dict(zip(derivation.arguments, arguments, strict=True)))
            with np.errstate(all="ignore"):
                got = derivation.function(*arguments)
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
