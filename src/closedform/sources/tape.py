"""What a run of a user's function leaves behind, and where in the user's code it is."""

from __future__ import annotations

import linecache
import sys
import sysconfig
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from closedform.errors import InvalidFunctionError
from closedform.expression.expr import Expr
from closedform.expression.size import Size

PACKAGE = str(Path(__file__).resolve().parents[1])
LIBRARIES = tuple({sysconfig.get_paths()[k] for k in ("purelib", "platlib", "stdlib")})


@dataclass(frozen=True)
class Line:
    """A line of the user's code."""

    file: str
    number: int
    function: str

    def __str__(self) -> str:
        text = linecache.getline(self.file, self.number).strip()
        place = f"in {self.function}, line {self.number} of {Path(self.file).name}"
        return f"{place}: `{text}`" if text else place


@dataclass(frozen=True)
class Guard:
    """A branch on a value: the condition as traced, the outcome at the example, and where it stands."""

    condition: Expr
    outcome: bool
    line: Line


# The symbolic sizes of an expression, the sizes that must be numbers for it, and pairs of sizes of which the
# first must be at most the second.
ShapeOf = Callable[[Expr], tuple[Sequence[Size], Collection[Size], Collection[tuple[Size, Size]]]]
# What a call of a NumPy function returns for stand-ins: of (function, its method, operands, options).
Call = Callable[[Any, str, tuple[Any, ...], Mapping[str, Any]], Any]


@dataclass
class Tape:
    """What one run of the function leaves behind."""

    call: Call
    values: dict[Expr, Any] = field(default_factory=dict)
    guards: list[Guard] = field(default_factory=list)
    pinned: set[Size] = field(default_factory=set)
    lines: dict[Expr, Line] = field(default_factory=dict)
    integers: Mapping[str, str] = field(default_factory=dict)
    ordered: dict[tuple[Size, Size], None] = field(default_factory=dict)
    shape_of: ShapeOf = lambda expr: (expr.shape, (), ())
    counted: set[str] = field(default_factory=set)
    plain: set[Expr] = field(default_factory=set)  # what has neither arguments nor their sizes in it
    names: dict[str, str] = field(default_factory=dict)
    creates: bool = False  # whether what np.array, np.linspace and the like make can be assigned to
    lost: Exception | None = None  # where something traced was to leave the trace, or is not known
    symbolic: bool = True  # whether len(x) is a size, not a number
    measured: bool = False  # whether it was asked for
    assigned: bool = False  # whether an array was changed in place
    shapes: dict[Expr, Sequence[Size]] = field(default_factory=dict)

    def shape(self, expr: Expr) -> Sequence[Size]:
        """The symbolic sizes of what was computed; those that are numbers for it are noted."""
        if expr not in self.shapes:
            self.shapes[expr], fixed, ordered = self.shape_of(expr)
            self.pinned.update(fixed)
            self.ordered.update(dict.fromkeys(ordered))
        return self.shapes[expr]


_ACTIVE = threading.local()


def active() -> Tape:
    """The tape of the function that is running."""
    tape: Tape | None = getattr(_ACTIVE, "tape", None)
    if tape is None:
        raise InvalidFunctionError("a traced value was used after its function had returned")
    return tape


@contextmanager
def recording(tape: Tape | None) -> Iterator[None]:
    """Make a tape the active one; without one, what runs is not the user's function."""
    outer = getattr(_ACTIVE, "tape", None)
    _ACTIVE.tape = tape
    try:
        yield
    finally:
        _ACTIVE.tape = outer


def is_recording() -> bool:
    """Whether a user's function is running on stand-ins."""
    return getattr(_ACTIVE, "tape", None) is not None


def lost(error: Exception) -> Exception:
    """An error about what leaves the trace; the function may catch it, but what it does then is no use."""
    active().lost = active().lost or error
    return error


def pin(size: Size) -> None:
    """Note that a size must stay what it is at the example."""
    if not size.is_literal:
        active().pinned.add(size)


def user_frame() -> FrameType | None:
    """The innermost frame of the user's code, or of a library it calls."""
    frame: FrameType | None = sys._getframe(1)
    libraries = (PACKAGE, str(Path(np.__file__).parent))
    while frame is not None and frame.f_code.co_filename.startswith((*libraries, "<__array_function__")):
        frame = frame.f_back
    return frame


def is_user_code(frame: FrameType) -> bool:
    """Whether a call stands in the user's code, not in a library that works on plain arrays."""
    return not frame.f_code.co_filename.startswith((PACKAGE, *LIBRARIES, "<__array_function__"))


def where() -> Line:
    """The line of the user's function that is running."""
    frame = user_frame()
    if frame is None:
        return Line("", 0, "the function")
    return Line(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
