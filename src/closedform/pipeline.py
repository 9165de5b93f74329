"""A function and example arguments in, its derivative as formula and code out: the whole way on one page."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from closedform.arguments import check_callable
from closedform.derivation import MODULES, Derivation, Nested, ordered_sizes
from closedform.errors import InvalidArgumentError, InvalidFunctionError, UnsupportedError
from closedform.expression.expr import Expr, input_
from closedform.expression.facts import OPEN
from closedform.operators import OPERATORS, Request
from closedform.primitives.structure import covered, listed
from closedform.simplify.normalise import Normalised, normalise
from closedform.simplify.simplify import expanded, replaced, simplify
from closedform.sources.numpy_function import Trace, argument_names
from closedform.symmetric_variables import check_convention
from closedform.tracing import traced, with_annotations

Argnums = int | str | tuple[int | str, ...]


def derive(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    operator: str = "value",
    argnums: Argnums = 0,
    order: int = 1,
    symmetric: str = "ambient",
    form: str = "dense",
) -> Derivation:
    """Trace, normalise, differentiate, simplify.

    A variable that is declared symmetric, orthogonal or the like is differentiated in as if its entries
    were free, as every other engine does; what was declared of it is used in the result only.

    Raises InvalidFunctionError, UnsupportedError or InvalidArgumentError, which name the user's line.
    """
    check_callable(function)
    name = getattr(function, "__name__", type(function).__name__)
    arguments, names = _checked_arguments(function, arguments, name)
    operator = _check_form(form, operator, argnums)
    variables = _variables(argnums, names, name)
    leaves, trace = traced(function, arguments, names, name)
    check_convention(symmetric, [x for x in leaves if x.params[0] in variables], name)

    differentiated = variables if operator != "value" else ()
    free = [_freed(leaf) if leaf.params[0] in differentiated else leaf for leaf in leaves]
    normal, root = _lowered(trace, free)
    _check_differentiable(trace, root, variables, form)

    nodes = [normal.inputs[v] for v in variables]
    given = _directions(operator, root, nodes, normal.inputs)
    request = Request(name, root, nodes, given, isinstance(argnums, tuple), order, symmetric)
    try:
        result = OPERATORS[operator](request)
    except NotImplementedError as error:
        raise UnsupportedError(f"{name}: {error} is not known to the library yet") from error
    declared = {normal.inputs[x.params[0]]: _declared(normal.inputs[x.params[0]], x) for x in leaves}
    result = _mapped(result, lambda expr: expanded(simplify(replaced(simplify(expr), declared))))
    return Derivation(
        operator=operator,
        trace=trace,
        inputs={x.params[0]: declared.get(x, x) for x in (*normal.inputs.values(), *given)},
        variables=variables,
        lowered=normal.root,
        free=dict(normal.inputs),
        result=result,
        fixed=_fixed(normal, leaves),
        order=order,
        equal=normal.equal,
        ordered=ordered_sizes(normal.root, trace.ordered),
        symmetric=symmetric,
        form=form,
        chosen={axis.label: size for axis, size in normal.fixed.items() if axis.label},
    )


def _lowered(trace: Trace, free: Sequence[Expr]) -> tuple[Normalised, Expr]:
    """The function in the calculus, and simplified."""
    pinned = trace.pinned
    while True:
        normal = normalise(trace.root, free, pinned, trace.lines)
        root = simplify(normal.root)
        # a loop over all entries, or x[0] and x[1] of two: with the size as a number there are no others
        whole = covered(root) | listed(root)
        if not whole:
            return normal, root
        pinned |= whole


def _fixed(normal: Normalised, leaves: Sequence[Expr]) -> tuple[tuple[str, int, int], ...]:
    """The sizes that must be what they were: those that were used as numbers, and those given as numbers."""
    used = sorted((axis.argument, axis.axis, size) for axis, size in normal.fixed.items())
    given = (
        (leaf.params[0], axis, size.value)
        for leaf in leaves
        for axis, size in enumerate(leaf.shape)
        if size.is_literal
    )
    return (*used, *given)


def _check_differentiable(trace: Trace, root: Expr, variables: Sequence[str], form: str) -> None:
    """Refuse derivatives in what the function counts with, and sparse ones of functions to arrays."""
    for variable in trace.counted.intersection(variables):
        raise InvalidFunctionError(
            f"{trace.name} uses {variable!r} to count or as an index: it has no derivative in it"
        )
    if form != "dense" and root.shape:
        raise InvalidFunctionError(
            f"form={form!r} is a matrix: the Hessian of a function that returns a number; {trace.name} "
            "returns an array"
        )


def _check_form(form: str, operator: str, argnums: Argnums) -> str:
    """The operator to derive: a Hessian as a LinearOperator is its product with vectors."""
    if form not in FORMS:
        raise InvalidArgumentError(f"form={form!r} is not one of {', '.join(FORMS)}")
    if form == "dense":
        return operator
    if operator != "hessian" or isinstance(argnums, tuple):
        what = "several variables" if operator == "hessian" else f"a {operator}"
        raise InvalidArgumentError(f"form={form!r} is for the Hessian in one variable, not for {what}")
    return "hvp" if form == "operator" else operator


FORMS = ("dense", "sparse", "operator")


def _freed(leaf: Expr) -> Expr:
    """The input with the facts that hold in all of an open set."""
    return input_(leaf.params[0], leaf.shape, leaf.params[1] & OPEN)


def _declared(node: Expr, leaf: Expr) -> Expr:
    """The input with the facts that were declared, and the sizes that were found."""
    return input_(leaf.params[0], node.shape, leaf.params[1])


def _directions(
    operator: str, root: Expr, variables: Sequence[Expr], taken: Mapping[str, Expr]
) -> tuple[Expr, ...]:
    """Inputs for the vectors that a derivative is multiplied with, under names that no argument has."""
    like = {"hvp": variables, "jvp": variables, "vjp": [root]}.get(operator, [])
    wished = "u" if operator == "vjp" else "v"
    found: dict[str, Expr] = {}
    for node in like:
        letter = wished.upper() if node.ndim > 1 else wished
        names = itertools.chain([letter], (f"{letter}_{i}" for i in itertools.count(1)))
        name = next(name for name in names if name not in taken and name not in found)
        found[name] = input_(name, node.shape)
    return tuple(found.values())


def _checked_arguments(
    function: Callable[..., Any], arguments: Sequence[Any], name: str
) -> tuple[Sequence[Any], tuple[str, ...]]:
    """The arguments, with what annotations say of them, and their names."""
    arguments = with_annotations(function, arguments, name)
    _check_signature(function, arguments, name)
    names = argument_names(function, len(arguments))
    if len(names) != len(arguments):
        raise InvalidArgumentError(
            f"{name} takes {len(names)} arguments ({', '.join(names)}), not {len(arguments)}"
        )
    for taken in MODULES.intersection(names):
        raise InvalidArgumentError(f"{name}: call the argument {taken!r} otherwise: it is a module's name")
    return arguments, names


def _check_signature(function: Callable[..., Any], arguments: Sequence[Any], name: str) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # that of a builtin may not be known
        return
    try:
        signature.bind(*arguments)
    except TypeError as error:
        names = ", ".join(signature.parameters)
        raise InvalidArgumentError(f"{name} takes the arguments ({names}): {error}") from None


def _mapped(result: Nested, change: Callable[[Expr], Expr]) -> Nested:
    return change(result) if isinstance(result, Expr) else tuple(_mapped(r, change) for r in result)


def _variables(argnums: Argnums, names: Sequence[str], function: str) -> tuple[str, ...]:
    chosen = argnums if isinstance(argnums, tuple) else (argnums,)
    found = []
    for item in chosen:
        if isinstance(item, str) and item in names:
            found.append(item)
        elif isinstance(item, int) and -len(names) <= item < len(names):
            found.append(names[item])
        else:
            raise InvalidArgumentError(
                f"argnums={argnums!r}: {function} has the arguments {', '.join(names) or '(none)'}; "
                f"give a position, a name, or a tuple of them"
            )
    if not found:
        raise InvalidArgumentError("argnums is empty: give a position, a name, or a tuple of them")
    if len(set(found)) < len(found):
        raise InvalidArgumentError(f"argnums={argnums!r} names an argument twice")
    return tuple(found)
