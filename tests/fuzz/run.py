"""Derivatives of random programs against JAX: prints every mismatch as a program, and a tally.

python -m tests.fuzz.run [COUNT] [FIRST_SEED]
"""

from __future__ import annotations

import sys
import time
import warnings
from collections import Counter
from typing import Any

import numpy as np
from tests.fuzz.programs import compiled, program

import closedform as cf
from closedform.errors import ClosedformError

TOLERANCE = 1e-8
# Derivatives are compared relative to the largest entry, or to this where all entries are small.
SCALE = 1e-3


def difference(got: Any, want: Any) -> float:
    """The largest difference of two arrays relative to the second; infinite where the shapes differ."""
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape:
        return float("inf")
    return float(np.max(np.abs(got - want), initial=0.0) / (np.max(np.abs(want), initial=0.0) + SCALE))


def verdict(seed: int, operator: str, jax: Any) -> str:
    """ "right", "refused", "not finite" or "WRONG", for the first variable of a program."""
    source, arguments = program(seed)
    try:
        derivation = getattr(cf, operator)(compiled(source, np)).at(*arguments)
    except ClosedformError as error:
        return f"refused: {type(error).__name__}"
    want = getattr(jax, operator)(compiled(source, jax.numpy))(*arguments)
    if not np.all(np.isfinite(want)):
        return "not finite in JAX"
    derivation.text  # noqa: B018  printing must not fail either
    with np.errstate(all="ignore"):
        error = difference(derivation.function(*arguments), want)
    if error < TOLERANCE:
        return "right"
    print(f"seed {seed}, {operator}: {error:.1e}\n{source}\n{derivation.text}\n", flush=True)
    return "WRONG"


def main(count: int = 1000, first: int = 0) -> int:
    """Run `count` programs from a seed on; the exit code is 1 if any derivative is wrong."""
    import jax

    jax.config.update("jax_enable_x64", True)
    warnings.simplefilter("ignore")
    start = time.perf_counter()
    tally: Counter[str] = Counter()
    for seed in range(first, first + count):
        for operator in ("grad", "hessian"):
            tally[verdict(seed, operator, jax)] += 1
    for outcome, number in tally.most_common():
        print(f"{number:7d}  {outcome}")
    print(f"{count} programs from seed {first}, order 1 and 2, in {time.perf_counter() - start:.0f} s")
    return int(tally["WRONG"] > 0)


if __name__ == "__main__":
    sys.exit(main(*(int(a) for a in sys.argv[1:])))
