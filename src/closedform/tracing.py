"""A function and its arguments, or descriptions of them, to input nodes and a trace."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from closedform.arguments import (
    ATTEMPTS,
    Declared,
    Described,
    annotated,
    check_declared,
    checked_array,
    prepare,
)
from closedform.errors import InvalidArgumentError
from closedform.expression.expr import Expr
from closedform.expression.facts import holds
from closedform.expression.size import Size
from closedform.primitives.structure import reached
from closedform.simplify.normalise import normalise
from closedform.sources.numpy_function import Trace, argument_names, trace_function


def with_annotations(function: Callable[..., Any], arguments: Sequence[Any], name: str) -> tuple[Any, ...]:
    """The arguments with what the function's annotations say of them, and those in place of missing ones."""
    described = annotated(function)
    if not described:
        return tuple(arguments)
    missing = tuple(inspect.signature(function).parameters.values())[len(arguments) :]
    asked = [described.get(p.name) if p.default is p.empty else None for p in missing]
    filled = [*arguments, *itertools.takewhile(lambda d: d is not None, asked)]
    names = argument_names(function, len(filled))
    arrays = {
        i: checked_array(a, names[i], name) for i, a in enumerate(arguments) if not isinstance(a, Described)
    }
    declared = {i: described[names[i]] for i in arrays if names[i] in described}
    check_declared(arrays, declared, names, name)
    return tuple(Declared(arrays[i], declared[i]) if i in declared else a for i, a in enumerate(filled))


def traced(
    function: Callable[..., Any], arguments: Sequence[Any], names: Sequence[str], name: str
) -> tuple[tuple[Expr, ...], Trace]:
    """The input nodes and the trace, at the first example where the value is finite and nothing singular."""
    kinds = {
        n: np.asarray(a).dtype.kind
        for n, a in zip(names, arguments, strict=True)
        if not isinstance(a, Described | Declared)
    }
    integers = {n: kind for n, kind in kinds.items() if kind in "biu"}
    attempts = ATTEMPTS if any(isinstance(a, Described) for a in arguments) else ATTEMPTS[:1]
    found: list[tuple[tuple[Expr, ...], Trace]] = []
    failures: list[InvalidArgumentError] = []
    for attempt in attempts:
        example, leaves = prepare(arguments, names, name, attempt)
        run = partial(
            trace_function,
            function,
            leaves=leaves,
            integers=integers,
            shape_of=partial(_implied_shape, leaves),
        )
        try:
            trace = run(tuple(np.asarray(a, order="C") for a in example))
            if trace.by_memory and not in_c_order(example):
                _check_memory(trace, run(example), leaves)
        except InvalidArgumentError as error:
            if not isinstance(error.__cause__, np.linalg.LinAlgError):
                raise _with_sizes(error, arguments, example) from error.__cause__
            failures.append(error)
            continue
        trace = _with_open_guards(trace, leaves)
        if trace.is_regular():
            return leaves, trace
        found.append((leaves, trace))
    if not found:
        raise failures[0]
    return found[0]


def _with_sizes(
    error: InvalidArgumentError, arguments: Sequence[Any], example: Sequence[np.ndarray]
) -> InvalidArgumentError:
    """The error, and what named axes were tried as: the shapes in it have these sizes."""
    sizes = {
        axis: size
        for described, array in zip(arguments, example, strict=True)
        if isinstance(described, Described)
        for axis, size in zip(described.axes, array.shape, strict=True)
        if isinstance(axis, str)
    }
    if not sizes or not isinstance(error.__cause__, ValueError):
        return error
    tried = ", ".join(f"{axis} = {size}" for axis, size in sizes.items())
    return InvalidArgumentError(
        f"{error}. Named axes were tried as {tried}: axes of one size need one name, or a number in place of "
        f"the name where another argument is an array"
    )


def in_c_order(arrays: Sequence[np.ndarray]) -> bool:
    """Whether arrays lie in memory as the derivation takes them to."""
    return all(a.ndim < 2 or a.flags.c_contiguous for a in arrays)


def _check_memory(trace: Trace, as_given: Trace, leaves: Sequence[Expr]) -> None:
    """Refuse arguments that lie in memory so that the function computes something else of them."""
    roots = {normalise(t.root, leaves, t.pinned, t.lines).root for t in (trace, as_given)}
    if len(roots) > 1:
        raise InvalidArgumentError(
            f"what {trace.name} computes depends on how its arguments lie in memory: that decides whether a "
            f"reshaped array is a view or a copy, and what order 'K' or 'A' reads first. It is derived for "
            f"arrays in C order: give it np.ascontiguousarray(...) of these, or let it work on their .copy()"
        )


def check_memory(function: Callable[..., Any], arguments: Sequence[Any]) -> None:
    """Refuse arguments of a function that was derived for others of their shapes, if it makes something else
    of how they lie in memory."""
    name = getattr(function, "__name__", type(function).__name__)
    arguments = with_annotations(function, arguments, name)
    traced(function, arguments, argument_names(function, len(arguments)), name)


# Facts that imply what operations require of a matrix.
_IMPLYING = {"symmetric": ("symmetric",), "full_rank": ("spd", "orthogonal"), "principal": ("spd",)}


def _with_open_guards(trace: Trace, leaves: Sequence[Expr]) -> Trace:
    """The trace with each guard once, and none that follows from what is known of a matrix."""

    def is_certain(condition: Expr) -> bool:
        facts = _IMPLYING.get(condition.op, ())
        return bool(facts) and any(holds(normalise(condition.args[0], leaves).root, fact) for fact in facts)

    guards = {g.condition: g for g in trace.guards if not is_certain(g.condition)}
    return replace(trace, guards=tuple(guards.values()))


def _implied_shape(
    leaves: Sequence[Expr], expr: Expr
) -> tuple[Sequence[Size], Collection[Size], Collection[tuple[Size, Size]]]:
    """The symbolic sizes of what was computed, the sizes that are numbers for it, and the order of sizes that
    slices in it take for granted."""
    normal = normalise(expr, leaves)
    shape = normal.root.shape
    ordered = [*((Size.of(0), size) for size in shape), *reached(normal.root)]
    return shape, [Size((((axis,), 1),)) for axis in normal.fixed], ordered
