"""What a comparison finds: one frozen row for each problem, operator, engine and size, with its errors."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from closedform.engines.base import leaves

Status = Literal["measured", "unsupported", "failed"]


@dataclass(frozen=True)
class Row:
    """One engine's answer to one task. None stands for what was not measured.

    problem               name of the function
    operator              "grad", "jacobian", "hessian", "value", or "derivative:n" for order n
    engine                name of the engine
    version               its library and version
    size                  number of entries of the variables
    dtype                 of the floating-point inputs
    status                "measured"; "unsupported": the engine cannot do it; "failed": it broke, or was wrong
    reason                why it is unsupported or failed
    note                  what else a reader must know
    value_error           |f - exact f| / |exact f| in the Euclidean norm (no unit)
    error                 |answer - exact| / |exact| in the Euclidean norm (no unit)
    worst_error           largest relative error of an entry (no unit), see `worst_entry`
    worst_index           its index; in a tuple of arrays the number of the array stands first
    ulps                  `error` over the dtype's eps (units in the last place, normwise)
    prepare_seconds       s, once: deriving or transforming, converting inputs, compiling, and the first call
    samples               s per call, one number for each round of the timing, in order
    repeats               calls in each sample
    median, quartiles     s per call, of the samples
    function_seconds      s per call of the function itself in the same engine (median)
    peak_memory           bytes that one call adds to the resident memory of its process, at its peak
    cpu_wall              CPU time over wall time during the samples (no unit)
    load                  processes waiting to run on the machine, averaged over the minute before (no unit)
    involuntary_switches  times that the process was interrupted during the samples
    threads               threads that the engine may use
    machine               processor, number of cores and system
    """

    problem: str
    operator: str
    engine: str
    version: str
    size: int
    dtype: str
    status: Status
    reason: str = ""
    note: str = ""
    value_error: float | None = None
    error: float | None = None
    worst_error: float | None = None
    worst_index: tuple[int, ...] | None = None
    ulps: float | None = None
    prepare_seconds: float | None = None
    samples: tuple[float, ...] = ()
    repeats: int | None = None
    function_seconds: float | None = None
    peak_memory: int | None = None
    cpu_wall: float | None = None
    load: float | None = None
    involuntary_switches: int | None = None
    threads: int = 1
    machine: str = ""

    @property
    def median(self) -> float | None:
        """Median of the samples, s per call."""
        return float(np.median(self.samples)) if self.samples else None

    @property
    def quartiles(self) -> tuple[float, float] | None:
        """First and third quartile of the samples, s per call."""
        if not self.samples:
            return None
        low, high = np.quantile(self.samples, (0.25, 0.75))
        return float(low), float(high)

    @property
    def contended(self) -> bool:
        """Whether other processes disturbed the timing: less than 0.9 of the time on the processor.
        (Interruptions alone do not tell: engines with threads of their own hand over to them.)"""
        return self.cpu_wall is not None and self.cpu_wall < 0.9


def machine() -> str:
    """Processor, cores and system that the figures were measured on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
        model = next(
            (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model
        )
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def relative_error(found: Any, exact: Any, remainder: Any = None) -> float:
    """|found - exact| / |exact| in the Euclidean norm over all entries; absolute where `exact` is zero.

    found, exact  arrays, or tuples of arrays
    remainder     what rounding took from `exact`, where that is known: errors below eps are then right too

    Entries that are equal, infinite ones too, have no error; nan against a number makes it nan.

    >>> relative_error(np.array([3.0, 5.0]), np.array([3.0, 4.0]))
    0.2
    """
    triples = _aligned(found, exact, remainder)
    difference = _norm([_difference(*triple) for triple in triples])
    size = _norm([b[np.isfinite(b)] for _, b, _ in triples])
    return difference / size if size else difference


def worst_entry(found: Any, exact: Any, remainder: Any = None) -> tuple[float, tuple[int, ...]]:
    """The largest relative error of an entry, and its index.

    An entry's error is relative to its own exact value; entries that are zero to working precision
    (below eps times the largest) are judged against the largest entry.

    >>> worst_entry(np.array([1.0, 2.2]), np.array([1.0, 2.0]))
    (0.1..., (1,))
    """
    triples = _aligned(found, exact, remainder)
    largest = max(
        (float(np.max(np.abs(b), initial=0.0, where=np.isfinite(b))) for _, b, _ in triples), default=0.0
    )
    worst = -1.0
    index: tuple[int, ...] = ()
    for number, (a, b, rest) in enumerate(triples):
        if not b.size:
            continue
        floor = np.finfo(a.dtype).eps * largest
        scale = np.where(np.abs(b) > floor, np.abs(b), largest or 1.0)
        errors = _difference(a, b, rest) / np.where(np.isfinite(scale), scale, 1.0)
        errors = np.where(np.isnan(errors), np.inf, errors)
        at = np.unravel_index(int(np.argmax(errors)), errors.shape)
        if errors[at] > worst:
            place = tuple(int(i) for i in at)
            worst, index = float(errors[at]), place if len(triples) == 1 else (number, *place)
    return worst, index


def _aligned(found: Any, exact: Any, remainder: Any) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Arrays of the same shape: found, exact, remainder.

    Raises ValueError with both shapes where they differ.
    """
    left, right = list(leaves(found)), list(leaves(exact))
    rest = [np.zeros(b.shape) for b in right] if remainder is None else list(leaves(remainder))
    shapes = [a.shape for a in left], [b.shape for b in right]
    if shapes[0] != shapes[1]:
        raise ValueError(f"the result has the shape {_shapes(shapes[0])}, expected {_shapes(shapes[1])}")
    return [(_float(a), _float(b), r) for a, b, r in zip(left, right, rest, strict=True)]


def _shapes(shapes: list[tuple[int, ...]]) -> str:
    return str(shapes[0]) if len(shapes) == 1 else ", ".join(map(str, shapes))


def _float(array: np.ndarray) -> np.ndarray:
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _difference(a: np.ndarray, b: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """|a - b - rest|; zero where a and b are the same infinity, or both nan."""
    with np.errstate(invalid="ignore"):
        difference = np.abs((a.astype(np.float64) - b) - rest)
    same = (np.isinf(a) & (a == b)) | (np.isnan(a) & np.isnan(b))
    return np.where(same, 0.0, difference)


def _norm(arrays: list[np.ndarray]) -> float:
    """Euclidean norm over several arrays, scaled so that squares do not overflow."""
    flat = np.concatenate([np.ravel(a).astype(np.float64) for a in arrays]) if arrays else np.zeros(0)
    scale = float(np.max(np.abs(flat), initial=0.0))
    if not np.isfinite(scale) or scale == 0:
        return scale
    return scale * float(np.linalg.norm(flat / scale))
