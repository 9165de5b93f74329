"""A NumPy function, run once on stand-ins for its arguments, becomes an expression of its operations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from closedform.errors import ClosedformError, InvalidFunctionError
from closedform.expression.expr import Expr, toposort
from closedform.expression.size import Size
from closedform.primitives import PRIMITIVES
from closedform.sources.numpy_calls import call
from closedform.sources.redirection import redirected
from closedform.sources.surroundings import Surroundings
from closedform.sources.tape import Guard, Line, ShapeOf, Tape, recording
from closedform.sources.traced import Traced, lift

# Operations that need regular matrices, and the condition number from which on a matrix is singular.
OF_REGULAR_MATRICES = frozenset(
    {"inv", "solve", "solve_transposed", "solve_symmetric", "det", "logdet", "sign_det"}
)
LARGEST_CONDITION = 1e12
# A function is run again so far from the example.
NEARBY = 1e-3
# Operations whose results are views or copies by how the array lies in memory, or whose order is.
FLATTENING = frozenset({"reshape", "ravel"})


@dataclass(frozen=True)
class Trace:
    """A user's function as the operations it performs.

    name        the function's name
    arguments   names of all arguments, in order
    root        the result (level one: the user's own operations)
    values      every node's NumPy value at the example
    example     the example's arguments as arrays
    guards      branches that were taken
    pinned      sizes that the function used as plain numbers: they must stay what they were
    ordered     pairs of sizes of which the first must be at most the second, for the sizes that it asked for
    lines       the user's line of each operation, for messages
    counted     arguments given as integers or truth values and used to count or as indices: they must stay
                what they were
    by_memory   whether it may depend on how the arguments lie in memory
    """

    name: str
    arguments: tuple[str, ...]
    root: Expr
    values: Mapping[Expr, Any]
    example: tuple[np.ndarray, ...]
    guards: tuple[Guard, ...] = ()
    pinned: frozenset[Size] = frozenset()
    ordered: tuple[tuple[Size, Size], ...] = ()
    lines: Mapping[Expr, Line] = field(default_factory=dict)
    counted: frozenset[str] = frozenset()
    by_memory: bool = False

    def is_regular(self) -> bool:
        """Whether the value at the example is finite, and no matrix singular that must not be."""
        matrices = [self.values[node.args[0]] for node in self.values if node.op in OF_REGULAR_MATRICES]
        return bool(np.isfinite(self.values[self.root]).all()) and all(
            np.linalg.cond(matrix).max(initial=0) < LARGEST_CONDITION
            for matrix in matrices
            if np.size(matrix)
        )


def argument_names(function: Callable[..., Any], count: int) -> tuple[str, ...]:
    """Names of the first `count` positional arguments; x, y, ... where the function does not tell."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if any(p.kind == p.VAR_POSITIONAL for p in parameters):
        names += [f"x{i}" for i in range(len(names), count)]
    if not names or isinstance(function, np.ufunc):
        names = ["x", "y", "z"][:count] if count <= 3 else [f"x{i}" for i in range(count)]
    return tuple(names[:count])


def trace_function(
    function: Callable[..., Any],
    example: tuple[np.ndarray, ...],
    leaves: tuple[Expr, ...],
    integers: Mapping[str, str] | None = None,
    shape_of: ShapeOf = lambda expr: (expr.shape, (), ()),
) -> Trace:
    """Run the function on stand-ins for `example`, which lie in memory as it does, and return what it did.

    `leaves` are the input nodes, one an argument, with symbolic sizes; `integers` names the arguments
    that may be used to count or as indices, with the kinds of their dtypes, `shape_of` tells the symbolic
    sizes of what was computed. The value that was traced is compared with the function's own value on the
    plain arguments.

    Raises InvalidFunctionError where the function cannot be traced, UnsupportedError where an operation is
    not known, InvalidArgumentError where an operation fails on the arguments.
    """
    name = getattr(function, "__name__", type(function).__name__)
    surroundings = Surroundings(function)
    start = partial(Tape, call, integers=integers or {}, shape_of=shape_of)
    example = tuple(map(_copied, example))
    values = {leaf: a[()] for leaf, a in zip(leaves, example, strict=True)}
    symbolic, creates, refused = True, False, None
    while True:
        tape = start(dict(values), symbolic=symbolic, creates=creates)
        try:
            root = _recorded(function, surroundings, tape, leaves, name)
            break
        except Exception as error:
            if tape.measured and symbolic:
                symbolic = False
            elif tape.lost is not None and not creates:
                creates, refused = True, error
            elif refused is not None:
                raise refused from None
            else:
                raise
    changed = surroundings.changed(np.ndarray)
    if changed:
        raise InvalidFunctionError(
            f"{name} changes the captured {changed[0]!r}: its result depends on how often it ran; "
            f"work on a copy inside the function"
        )
    arguments = tuple(leaf.params[0] for leaf in leaves)
    trace = Trace(
        name,
        arguments,
        root,
        tape.values,
        example,
        tuple(tape.guards),
        frozenset(tape.pinned),
        tuple(tape.ordered),
        tape.lines,
        frozenset(tape.counted),
        tape.assigned or any(node.op in FLATTENING and node.args[0].ndim > 1 for node in tape.values),
    )
    with np.errstate(all="ignore"):
        _verify(function, trace, leaves, tape.integers)
    return trace


def _recorded(
    function: Callable[..., Any], surroundings: Surroundings, tape: Tape, leaves: Sequence[Expr], name: str
) -> Expr:
    """The function's result, run on stand-ins; what it does is put on the tape."""
    with recording(tape):
        with redirected(surroundings.namespaces):
            result = _run(function, [Traced(leaf, argument=leaf.params[0]) for leaf in leaves])
        if tape.lost is not None:  # the function caught it: plain arrays would not have raised it
            raise tape.lost
        return _result(result, name)


def _run(function: Callable[..., Any], stand_ins: list[Traced]) -> Any:
    """Call the function; NumPy hides our errors behind its own where a conversion fails."""
    try:
        return function(*stand_ins)
    except (TypeError, ValueError) as error:
        if isinstance(error.__cause__, ClosedformError):
            raise error.__cause__ from None
        raise


def _result(result: Any, name: str) -> Expr:
    if result is None:
        raise InvalidFunctionError(f"{name} returned nothing: does it end with a return statement?")
    if isinstance(result, tuple | list | dict):
        raise InvalidFunctionError(
            f"{name} returned a {type(result).__name__}; return one array (np.stack joins several)"
        )
    return lift(result)


def _verify(
    function: Callable[..., Any], trace: Trace, leaves: Sequence[Expr], integers: Mapping[str, str]
) -> None:
    """The traced value must be the function's value, at the example and near it: this refuses functions that
    are not deterministic, and those that take another way for stand-ins, though both ways meet at zero."""

    def run(example: Sequence[np.ndarray]) -> np.ndarray:
        return np.asarray(function(*_plain_arguments(trace, example, integers)))

    plain = run(trace.example)
    _compare(trace, plain, trace.values[trace.root], trace.values, again=partial(run, trace.example))
    rng = np.random.default_rng(0)
    moved = [_copied(a) for a in trace.example]
    for leaf, a in zip(leaves, moved, strict=True):
        if not leaf.params[1] and leaf.params[0] not in trace.counted:
            a += NEARBY * rng.uniform(0.5, 1, a.shape)
    values: dict[Expr, Any] = dict(zip(leaves, moved, strict=True))
    try:
        value = _value_near(trace, values)
        plain = run(moved)
    except Exception:  # outside of what the function accepts
        return
    if value is not None and np.isfinite(value).all() and np.isfinite(plain).all():
        _compare(trace, plain, value, values, again=partial(run, moved))


def _value_near(trace: Trace, values: dict[Expr, Any]) -> Any:
    """The value of the trace for other arguments; None where it takes another branch."""
    conditions = [guard.condition for guard in trace.guards]
    for node in toposort(trace.root, *conditions):
        if not node.args:
            values.setdefault(node, trace.values[node])
        elif node not in values:
            call = PRIMITIVES[node.op].call
            assert call is not None, node.op
            values[node] = call(*(values[a] for a in node.args), **dict(_numbers(node.params)))
    taken = [bool(values[condition]) for condition in conditions]
    return values[trace.root] if taken == [guard.outcome for guard in trace.guards] else None


def _numbers(value: Any) -> Any:
    """Parameters with numbers for the sizes in them."""
    if isinstance(value, Size):
        return value.value
    return tuple(map(_numbers, value)) if isinstance(value, tuple) else value


def _compare(
    trace: Trace, plain: np.ndarray, traced: Any, values: Mapping[Expr, Any], again: Callable[[], np.ndarray]
) -> None:
    """Refuse a function that gives another value than its trace, whose nodes have these values."""
    traced = np.asarray(traced)
    scale = 1e3 * (np.finfo(traced.dtype).eps if traced.dtype.kind == "f" else 1e-15)
    alike = plain.shape == traced.shape
    if not alike or not np.allclose(plain, traced, rtol=scale, atol=1e-300, equal_nan=True):
        if alike and _within_rounding(plain, traced, scale, values) and np.array_equal(plain, again()):
            return  # terms that cancel are rounded another way, and always in the same one
        raise InvalidFunctionError(
            f"{trace.name} gave {_brief(plain)} on plain arrays and {_brief(traced)} when traced: it uses "
            f"random numbers or state outside its arguments, or asks for the type of its arguments, or for "
            f"numbers that are not float64"
            f"{', or assigns to a reshaped array that NumPy has copied' if trace.by_memory else ''}"
        )


def _within_rounding(plain: np.ndarray, traced: np.ndarray, scale: float, values: Mapping[Expr, Any]) -> bool:
    """Whether values differ by no more than the rounding of the largest number that was computed."""
    largest = max(float(np.max(np.abs(v), initial=0, where=np.isfinite(v))) for v in values.values())
    return bool(np.all(np.abs(plain - traced) <= scale * largest))


def _plain_arguments(trace: Trace, example: Sequence[np.ndarray], integers: Mapping[str, str]) -> list[Any]:
    """Copies of an example, with counts and indices as the integers or truth values they were."""
    kinds = {"b": bool, "i": int, "u": int}
    return [
        a.astype(kinds[integers[name]])[()] if name in trace.counted else _copied(a)[()]
        for name, a in zip(trace.arguments, example, strict=True)
    ]


def _copied(array: np.ndarray) -> np.ndarray:
    """A copy for which NumPy makes the choices that it makes for the array by how that lies in memory."""
    if array.ndim < 2:
        return np.array(array)
    axes = sorted(range(array.ndim), key=lambda i: -abs(array.strides[i]))
    step = 1 if array.flags.forc else 2
    sizes = [array.shape[i] * (step if i == axes[-1] else 1) for i in axes]
    copy = np.empty(sizes, array.dtype)[..., ::step].transpose(np.argsort(axes))
    copy[...] = array
    return copy


def _brief(value: np.ndarray) -> str:
    return f"{float(value):.6g}" if not value.shape else f"an array of shape {value.shape}"
