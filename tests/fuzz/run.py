"""Derivatives of random programs against JAX: prints every mismatch as a small program, and a tally.

python -m tests.fuzz.run [COUNT] [FIRST_SEED] [PROCESSES] [EVERY]

JAX takes more time to compile a program than all the rest: with EVERY = k it does so for one in k, and the
others are compared with central differences. Where that differs, the exact reference decides.
"""

from __future__ import annotations

import os
import re
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing import get_context
from types import SimpleNamespace
from typing import Any

import numpy as np
from tests.dense import central_differences
from tests.fuzz.programs import compiled, program, without_assignment
from tests.fuzz.shrink import shrunk

import closedform as cf
from closedform.engines.exact import reference
from closedform.errors import ClosedformError, UnsupportedError

TOLERANCE = 1e-8
DIFFERENCES_TOLERANCE = 1e-4
# Derivatives are compared relative to the largest entry, or to this where all entries are small.
SCALE = 1e-3
# A derivative that so small a relative change of the arguments changes more than the mismatch says nothing.
NUDGE = 1e-12
# For differences, and where the derivative is not finite; there it is none at all if the reference jumps so.
LARGE_NUDGE, JUMP = 1e-6, 1e-2
# A condition on what is zero but for rounding takes either way, by chance.
NUDGES = 12
# One program in so many returns an array, of so many entries at most: of these it is the Jacobian.
ONE_OF, MOST_ENTRIES = 6, 8
BATCH = 25
# So often a run tells how far it is.
PROGRESS = 500
# Programs are compiled once and run a few times: compiling is what takes time.
XLA_FLAGS = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"


@dataclass(frozen=True)
class Outcome:
    """What became of one derivative of one program: a row of the tally, and what there is to say of it."""

    kind: str
    detail: str = ""

    @property
    def failed(self) -> bool:
        """Whether it is a fault of the library."""
        return self.kind.startswith(("WRONG", "CRASHED", "NOT FINITE"))


def difference(got: Any, want: Any) -> float:
    """The largest difference of two arrays relative to the second; infinite where the shapes differ."""
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape:
        return float("inf")
    found = np.max(np.abs(got - want), initial=0.0) / (np.max(np.abs(want), initial=0.0) + SCALE)
    return float(found) if np.isfinite(found) else float("inf")


def jax_modules() -> dict[str, Any]:
    """JAX under the names that programs use."""
    import jax

    jax.config.update("jax_enable_x64", True)
    special = SimpleNamespace(**vars(jax.scipy.special), log_expit=jax.nn.log_sigmoid)
    return {"np": jax.numpy, "scipy": SimpleNamespace(special=special, linalg=jax.scipy.linalg)}


@lru_cache(maxsize=4)
def jax_derivatives(source: str) -> Callable[..., dict[str, np.ndarray]]:
    """The derivatives in the first variable by JAX, of each order: compiled as one function where the
    program does not branch on values, as that is several times faster."""
    import jax

    function = compiled(without_assignment(source), jax_modules())

    def both(*arguments: Any) -> dict[str, Any]:
        return {name: getattr(jax, name)(function)(*arguments) for name in ("jacobian", "hessian")}

    fast = jax.jit(both)

    def derivatives(*arguments: Any) -> dict[str, np.ndarray]:
        arrays = [jax.numpy.asarray(a, dtype=float) for a in arguments]
        try:
            found = fast(*arrays)
        except jax.errors.ConcretizationTypeError:
            found = both(*arrays)
        return {operator: np.asarray(value) for operator, value in found.items()}

    return derivatives


def differences(source: str, operator: str) -> Callable[..., np.ndarray]:
    """The derivative in the first variable by central differences: of our gradient for the Hessian, as the
    gradient itself has been compared with differences of the function."""
    inner = cf.jacobian(compiled(source)) if operator == "hessian" else compiled(source)
    return lambda x, *others: central_differences(lambda moved: inner(moved, *others), x)


def reason(error: Exception) -> str:
    """The class and the first words of a message, without what differs from program to program."""
    words = re.sub(r"^.*?line \d+[^:]*:", "", str(error).split("\n")[0])
    words = re.sub(r"\bv\d+|\bx\d+|\([\d, ]*\)|\d+", "_", words)
    return f"{type(error).__name__}: {' '.join(words.split()[:9])}"


def unreduced(source: str, arguments: Any) -> str:
    """The program without the sum over entries at its end, if the array there has few."""
    short = re.sub(r"return np\.sum\((\w+)\b.*", r"return \1", source)
    return short if np.size(compiled(short)(*arguments)) <= MOST_ENTRIES else source


def _reference(
    source: str, operator: str, arguments: Any, by_jax: bool
) -> tuple[str, np.ndarray, Callable[..., np.ndarray]]:
    """What a derivative is compared with, its value there, and as a function of the arguments."""
    if by_jax:
        of_jax = "hessian" if operator == "hessian" else "jacobian"
        try:
            want = jax_derivatives(source)(*arguments)[of_jax]
        except Exception:  # JAX lacks a function, or wants sizes that do not depend on values
            pass
        else:
            return "JAX", want, lambda *moved: jax_derivatives(source)(*moved)[of_jax]
    derivative = differences(source, operator)
    return "differences", derivative(*arguments), derivative


def _disagreement(source: str, operator: str, arguments: Any, got: Any, by_jax: bool) -> tuple[str, float]:
    """What the derivative is compared with, and by how much it is off; "" where nothing can be said."""
    name, want, derivative = _reference(source, operator, arguments, by_jax)
    tolerance = TOLERANCE if name == "JAX" else DIFFERENCES_TOLERANCE
    if not np.all(np.isfinite(want)):
        return f"not finite in {name}", 0.0
    off = difference(got, want)
    if off < tolerance:
        return f"right, by {name}", 0.0
    finite = bool(np.all(np.isfinite(got)))
    if not finite and not by_jax:
        return _disagreement(source, operator, arguments, got, by_jax=True)  # differences jump over kinks
    nudge = NUDGE if finite and name == "JAX" else LARGE_NUDGE
    rng = np.random.default_rng(0)
    for _ in range(NUDGES):
        moved = [a * (1 + nudge * rng.standard_normal(a.shape)) for a in arguments]
        nearby = derivative(*moved)
        if not difference(nearby, want) < (off / 2 if finite else JUMP):
            return f"near a kink or a singular point, by {name}", 0.0
    if not finite:
        return f"NOT FINITE, unlike {name}", off
    return name, off


def _proved(derivation: Any, got: Any) -> bool:
    """Whether the exact reference, which decides where engines differ, has the value and proves it."""
    try:
        exact = reference(derivation, perturbations=1, limit=30.0)
    except ClosedformError:
        return False
    return difference(got, exact.value) < TOLERANCE


def _run_source(derivation: Any, arguments: Any, otherwise: Any) -> tuple[str, Any]:
    """The emitted module and its value; `otherwise` where it would hold arrays too large to write."""
    try:
        module = derivation.source()
    except UnsupportedError as error:
        if "too large to write" not in str(error):
            raise
        return "", otherwise
    scope: dict[str, Any] = {}
    exec(module, scope)
    return module, scope["derivative"](*arguments)


def examined(source: str, arguments: Any, operator: str, by_jax: bool = True) -> Outcome:
    """The derivative in the first variable: derived, printed, emitted, run, compared."""
    try:
        with np.errstate(all="ignore"):
            derivation = getattr(cf, operator)(compiled(source)).at(*arguments)
            text, _ = derivation.text, derivation.latex
            got = derivation.function(*arguments)
            module, emitted = _run_source(derivation, arguments, got)
            found, off = _disagreement(source, operator, arguments, got, by_jax)
    # the latter where a matrix is singular, and where a number is divided by zero: a call refuses these
    except (ClosedformError, np.linalg.LinAlgError, ZeroDivisionError) as error:
        return Outcome(f"refused: {reason(error)}")
    except Exception as error:
        return Outcome(f"CRASHED: {type(error).__name__}", f"{type(error).__name__}: {error}")
    if off and _proved(derivation, got):
        return Outcome("right, by the exact reference")
    if off:
        kind = found if found.startswith("NOT FINITE") else f"WRONG against {found}"
        return Outcome(kind, f"off by {off:.1e}: {text}")
    if np.all(np.isfinite(got)) and not difference(emitted, got) < TOLERANCE:
        return Outcome("WRONG source", f"the emitted source gives another value\n{module}")
    return Outcome(found)


def report(source: str, arguments: Any, operator: str, outcome: Outcome, by_jax: bool) -> str:
    """A failure, made small, as a program that can be run."""

    def fails(source: str, arguments: Any) -> bool:
        try:
            compiled(source)(*arguments)
        except Exception:  # what was cut away was needed
            return False
        return examined(source, arguments, operator, by_jax).kind == outcome.kind

    small, given = shrunk(source, arguments, fails)
    detail = examined(small, given, operator, by_jax).detail
    values = "".join(f"x{i} = np.array({a.tolist()})\n" for i, a in enumerate(given))
    return f"{operator}: {outcome.kind}: {detail}\n{small}\n{values}"


def batch(seeds: Iterable[int], every: int = 1) -> tuple[Counter[str], list[str]]:
    """The tally of the programs of some seeds, and reports of the failures."""
    tally: Counter[str] = Counter()
    reports = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in seeds:
            source, arguments = program(seed)
            by_jax = seed % every == 0
            arrays = seed % ONE_OF == 1
            source = unreduced(source, arguments) if arrays else source
            for operator in ("jacobian" if arrays else "grad", "hessian"):
                outcome = examined(source, arguments, operator, by_jax)
                tally[outcome.kind] += 1
                if outcome.failed:
                    reports.append(f"seed {seed}, {report(source, arguments, operator, outcome, by_jax)}")
                    break
    jax_derivatives.cache_clear()
    return tally, reports


def batches(count: int, first: int, processes: int, every: int) -> Iterator[tuple[Counter[str], list[str]]]:
    """The tallies of batches of programs, as they are done."""
    chunks = [range(k, min(k + BATCH, first + count)) for k in range(first, first + count, BATCH)]
    if processes == 1:
        yield from (batch(chunk, every) for chunk in chunks)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(batch, every=every), chunks)


def main(count: int = 1000, first: int = 0, processes: int = 1, every: int = 1) -> int:
    """Run `count` programs from a seed on; the exit code is 1 if any derivative is wrong."""
    os.environ.setdefault("XLA_FLAGS", XLA_FLAGS)
    start = time.perf_counter()
    tally: Counter[str] = Counter()
    failures = done = 0
    for counted, reports in batches(count, first, processes, every):
        tally += counted
        failures += len(reports)
        done = min(done + BATCH, count)
        for text in reports:
            print(text, flush=True)
        if done % PROGRESS == 0:
            seconds = time.perf_counter() - start
            progress = f"{done} of {count} programs, {failures} failed, {seconds:.0f} s"
            print(progress, file=sys.stderr, flush=True)
    for outcome, number in tally.most_common():
        print(f"{number:7d}  {outcome}")
    print(f"{count} programs from seed {first}, order 1 and 2, in {time.perf_counter() - start:.0f} s")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main(*(int(a) for a in sys.argv[1:])))
