"""A function and arguments in, a table of engines out: which are right, how fast, with how much memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

import numpy as np

from closedform.code.idioms import sources
from closedform.comparison import table
from closedform.comparison.rows import Row
from closedform.comparison.timing import Case, Effort, measure
from closedform.derivation import Derivation
from closedform.engines import USUAL, Program, Task
from closedform.engines.by_hand import attribute
from closedform.errors import UnsupportedError
from closedform.pipeline import Argnums, derive

if TYPE_CHECKING:
    from rich.table import Table

# The exact answer is given up where it would take longer, s.
LONGEST_EXACT = 30.0
CLOSED_IDIOMS = ("numpy", "jax")


@dataclass(frozen=True)
class Comparison:
    """The rows of a comparison. Printed it is a table; in a notebook it is drawn as one.

    rows  one for each engine, see `Row`
    note  what a reader of the table must know, such as why errors are missing
    """

    rows: tuple[Row, ...]
    note: str = ""

    def __str__(self) -> str:
        return table.text(self.rows) + f"\n{self.note}" * bool(self.note)

    def __rich__(self) -> Table:
        drawn = table.rich_table(self.rows)
        drawn.caption = self.note or None
        return drawn

    def _repr_html_(self) -> str:
        return table.html_table(self.rows, self.note)


def compare(
    f: Callable[..., Any],
    *args: Any,
    operator: str = "grad",
    by_hand: Callable[..., Any] | str | None = None,
    engines: Sequence[str] | None = None,
    argnums: Argnums = 0,
    order: int = 1,
    memory: bool = True,
    exact: bool = True,
    effort: Effort | None = None,
) -> Comparison:
    """The derivative of a function by several engines: errors, times and memory.

    f         a NumPy function
    args      where to compare: arrays and numbers, or descriptions such as cf.vector("n")
    operator  "grad", "jacobian", "hessian", "derivative" (of order `order`) or "value"
    by_hand   the derivative worked out by hand, called as `f` is; one that a fresh process can import (a
              function of a module, or its path "module:function") is timed in a child as the engines are,
              any other in this process
    engines   names, see `closedform.engines.ENGINES`; by default the usual ones, "by hand" if it is given
    memory    whether to measure memory
    exact     whether to compute the exact answer; without it there are no errors
    effort    how much time to spend, see `closedform.comparison.timing`

    All engines run the operations of `f` as they were traced, written for each as its users would write them.

    >>> import numpy as np
    >>> x = np.array([0.5, 1.0])
    >>> compared = compare(lambda x: np.sum(np.sin(x)), x, engines=["closed form"], memory=False)
    >>> compared.rows[0].status, compared.rows[0].error < 1e-15
    ('measured', True)

    Raises UnsupportedError, InvalidFunctionError or InvalidArgumentError where `f` cannot be traced.
    """
    case, note = case_of(
        f, args, operator, by_hand=by_hand, argnums=argnums, order=order, memory=memory, exact=exact
    )
    if engines is None:
        engines = [name for name in USUAL if by_hand is not None or name != "by hand"]
    return Comparison(tuple(measure([case], engines, effort)), note)


def case_of(
    f: Callable[..., Any],
    args: Sequence[Any],
    operator: str = "grad",
    *,
    by_hand: Callable[..., Any] | str | None = None,
    argnums: Argnums = 0,
    order: int = 1,
    memory: bool = True,
    exact: bool = True,
    problem: str | None = None,
) -> tuple[Case, str]:
    """What `measure` takes, for a function and arguments; and why the exact answer is missing, if it is.

    The operator may hold the order: "derivative:4".
    """
    operator, _, given = operator.partition(":")
    order = int(given or order)
    function = derive(f, args, "value")
    trace = function.trace
    began = time.perf_counter()
    derivation, closed = _closed(f, args, operator, argnums, order)
    derive_seconds = time.perf_counter() - began
    value = trace.values[trace.root]
    task = Task(
        problem=problem or trace.name,
        operator=operator,
        arguments=tuple(_plain(array) for array in trace.example),
        argnums=_positions(argnums, trace.arguments),
        order=order,
        result_shape=np.shape(value),
        programs=sources(trace.root, trace.arguments, "function", Program),
        closed=closed,
        by_hand=import_path(by_hand) or by_hand if callable(by_hand) else by_hand,
    )
    case = Case(task, np.asarray(value), derive_seconds=derive_seconds, memory=memory)
    return _with_exact(case, function, derivation) if exact else (case, "")


def _positions(argnums: Argnums, names: Sequence[str]) -> int | tuple[int, ...]:
    """Names and positions from the end as positions; what is not there was refused by `derive`."""
    if isinstance(argnums, tuple):
        return tuple(_position(item, names) for item in argnums)
    return _position(argnums, names)


def _position(argnum: int | str, names: Sequence[str]) -> int:
    return names.index(argnum) if isinstance(argnum, str) else argnum % len(names)


def _plain(array: np.ndarray) -> Any:
    """A number as users pass it: a Python float, unless that would lose its type."""
    return array if array.shape else array.item() if array.dtype == np.float64 else array[()]


def _closed(
    f: Callable[..., Any], args: Sequence[Any], operator: str, argnums: Argnums, order: int
) -> tuple[Derivation | None, dict[str, Program | str]]:
    """The derivation, and its program in each idiom that an engine runs; without one, the reason."""
    try:
        derivation = derive(f, args, operator, argnums, order)
    except UnsupportedError as refusal:
        return None, dict.fromkeys(CLOSED_IDIOMS, str(refusal))
    return derivation, {idiom: _program(derivation, idiom) for idiom in CLOSED_IDIOMS}


def _program(derivation: Derivation, idiom: str) -> Program | str:
    try:
        source, constants = derivation.program(idiom)
    except UnsupportedError as refusal:
        return str(refusal)
    return Program(source, "derivative", constants)


def _with_exact(case: Case, function: Derivation, derivation: Derivation | None) -> tuple[Case, str]:
    """The case with the exact answer and value, or the reason why they are not known."""
    if derivation is None:
        return case, "no errors: there is no closed form to evaluate exactly"
    try:
        from closedform.engines.exact import reference
    except ImportError as error:
        return case, f"no errors: the exact reference needs {error.name}: pip install closedform[lab]"
    try:
        value = reference(function, limit=LONGEST_EXACT)
        answer = reference(derivation, limit=LONGEST_EXACT)
    except UnsupportedError as refusal:
        return case, f"no errors: {refusal}"
    known = replace(
        case,
        exact=answer.value,
        remainder=answer.remainder,
        exact_value=value.value,
        condition=answer.condition,
        value_condition=value.condition,
    )
    return known, ""


def import_path(function: Callable[..., Any]) -> str | None:
    """The path "module:name" by which a fresh process can import a function, or None.

    >>> import_path(np.linalg.norm), import_path(lambda x: x)
    ('numpy.linalg:norm', None)
    """
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    name = getattr(function, "__qualname__", "<")
    if module is None or module.__name__ == "__main__" or "<" in name:
        return None
    try:
        if attribute(module, name) is not function:
            return None
    except AttributeError:
        return None
    return f"{module.__name__}:{name}" if PathFinder.find_spec(module.__name__.partition(".")[0]) else None
