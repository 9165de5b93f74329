"""The corpus, derived: one row for each function and order, then totals in one line.

python -m tests.corpus.table [-v] [WORD ...]    -v prints the formulas; only entries whose names hold a WORD
"""

from __future__ import annotations

import importlib
import statistics
import sys
import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tests.corpus import truth
from tests.corpus.record import Entry
from tests.corpus.tokens import has_indices, tokens

import closedform as cf
from closedform.derivation import Derivation
from closedform.errors import ClosedformError
from closedform.sources.numpy_function import argument_names

TOLERANCE = 1e-9
LONGEST_RATIO = 2.0
POINTS = (0, 1)


def collect() -> tuple[Entry, ...]:
    """The entries of all modules beside this one that have a tuple ENTRIES."""
    names = sorted(file.stem for file in Path(__file__).parent.glob("*.py"))
    modules = (
        importlib.import_module(f"tests.corpus.{name}") for name in names if not name.startswith("test_")
    )
    return tuple(entry for module in modules for entry in getattr(module, "ENTRIES", ()))


def orders(entry: Entry) -> tuple[int, ...]:
    """1, and 2 for a function that returns a number."""
    try:
        return (1, 2) if cf.trace(entry.function, *entry.arguments).expr.ndim == 0 else (1,)
    except ClosedformError:
        return (1, 2) if entry.hessian else (1,)


def derive(entry: Entry, order: int) -> Derivation:
    """The gradient (or Jacobian) or the Hessian, for arguments as described."""
    operator = "hessian" if order == 2 else "jacobian"
    return cf.derive(entry.function, entry.arguments, operator, entry.argnums)


def error(
    entry: Entry, order: int, derivation: Derivation, seed: int, truths: Sequence[truth.Truth]
) -> float:
    """The largest error of an entry relative to the largest true entry, at a random point of another size."""
    sizes = truth.example_sizes(entry) if _is_bound(derivation) else None
    arguments = truth.point(entry.function, entry.arguments, seed, sizes)
    with np.errstate(all="ignore"):
        got = derivation.function(*(np.asarray(a, dtype=float) for a in arguments))
        return max(
            difference(got, truth.first(truths, entry.function, arguments, entry.argnums, order)),
            difference(
                cf.trace(entry.function, *entry.arguments).function(*arguments),
                truth.value(entry.function, arguments),
            ),
        )


def difference(got: Any, want: Any) -> float:
    """The largest difference relative to the largest true entry, or to 1e-3 where all are small."""
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape or not np.all(np.isfinite(want)):
        return float("inf")
    found = np.max(np.abs(got - want), initial=0.0) / max(np.max(np.abs(want), initial=0.0), 1e-3)
    return float(found) if np.isfinite(found) else float("inf")


def _is_bound(derivation: Derivation) -> bool:
    """Whether the derivation holds for the sizes, or the branches, of the example alone."""
    return bool(derivation.fixed or derivation.trace.guards)


def textbook(entry: Entry, order: int) -> str | None:
    """The formula printed in the source, if it has one."""
    return entry.gradient if order == 1 else entry.hessian


def length(entry: Entry, formula: str) -> int:
    """Number of tokens."""
    return len(tokens(formula, argument_names(entry.function, len(entry.arguments))))


@dataclass(frozen=True)
class Row:
    """What became of one derivative.

    failure     why there is no right derivative: the refusal, or the error; empty if it is right
    matrices    whether it is written without indices
    tokens      of the printed formula
    wanted      tokens of the formula in the source, None where it has none
    first, milliseconds   time of the first derivation and the median of three more
    """

    entry: Entry
    order: int
    failure: str
    text: str = ""
    matrices: bool = False
    tokens: int = 0
    wanted: int | None = None
    first: float = 0.0
    milliseconds: float = 0.0

    @property
    def ratio(self) -> float | None:
        """Length of the formula relative to that in the source."""
        return self.tokens / self.wanted if self.wanted and not self.refused else None

    @property
    def refused(self) -> bool:
        """Whether there is no formula."""
        return not self.text

    def __str__(self) -> str:
        ratio = f"{self.ratio:5.2f}" if self.ratio is not None else "    -"
        notation = "-" if self.refused else "matrix" if self.matrices else "index"
        wanted = "-" if self.wanted is None else self.wanted
        return (
            f"{self.entry.name:34.34} {self.order}  {notation:6} {self.tokens:4} {wanted:>4} {ratio} "
            f"{self.milliseconds:7.1f}  {self.failure or 'right'}"
        )


def row(
    entry: Entry, order: int, truths: Sequence[truth.Truth] = (truth.by_jax, truth.exact), times: int = 3
) -> Row:
    """Derive, compare with the first of the truths that has an answer, measure `times` times more."""
    formula = textbook(entry, order)
    wanted = length(entry, formula) if formula else None
    try:
        derivation, first = _timed(entry, order)
        text = derivation.text
        errors = [error(entry, order, derivation, seed, truths) for seed in POINTS]
    except ClosedformError as refusal:
        return Row(entry, order, f"refused: {str(refusal)[:90]}", wanted=wanted)
    del derivation  # what is kept of it would be found again
    more = [_timed(entry, order)[1] for _ in range(times)]
    return Row(
        entry,
        order,
        "" if max(errors) < TOLERANCE else f"WRONG: error {max(errors):.1e}",
        text,
        not has_indices(text),
        length(entry, text),
        wanted,
        first,
        statistics.median(more or [first]),
    )


def _timed(entry: Entry, order: int) -> tuple[Derivation, float]:
    """A derivation and the milliseconds that it took."""
    start = time.perf_counter()
    derivation = derive(entry, order)
    return derivation, 1e3 * (time.perf_counter() - start)


def rows(entries: Iterable[Entry]) -> Iterable[Row]:
    """All rows of all entries."""
    for entry in entries:
        yield from (row(entry, order) for order in orders(entry))


def totals(found: Sequence[Row]) -> str:
    """Shares and times over all rows, in one line."""
    formulas = [r for r in found if not r.refused]
    compared = [r.ratio for r in formulas if r.ratio is not None]
    matrices = sum(r.matrices for r in formulas)
    parts = [
        f"{sum(not r.failure for r in found)} of {len(found)} derivatives of "
        f"{len({r.entry for r in found})} functions right",
        f"{len(found) - len(formulas)} refused",
        f"{matrices} of {len(formulas)} ({matrices / max(len(formulas), 1):.1%}) in matrix notation",
        f"{sum(ratio > LONGEST_RATIO for ratio in compared)} of {len(compared)} longer than "
        f"{LONGEST_RATIO:g} times the textbook's",
    ]
    if formulas:
        worst = max(formulas, key=lambda r: r.milliseconds)
        median = statistics.median(r.milliseconds for r in formulas)
        parts.append(
            f"derived in {median:.1f} ms (median), {worst.milliseconds:.1f} ms at worst "
            f"({worst.entry.name}, order {worst.order})"
        )
    return "; ".join(parts)


def main(*arguments: str) -> int:
    """Print the table; the exit code is 1 if any derivative is wrong."""
    warnings.simplefilter("ignore")
    words = [a for a in arguments if a != "-v"]
    entries = [e for e in collect() if not words or any(word in e.name for word in words)]
    print(f"{'function':34} order notation tokens textbook ratio ms")
    found = []
    for r in rows(entries):
        found.append(r)
        print(r, flush=True)
        if "-v" in arguments:
            print(f"    {r.text}\n    {textbook(r.entry, r.order) or ''}\n")
    print(f"\n{totals(found)}")
    return int(any(r.failure.startswith("WRONG") for r in found))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
