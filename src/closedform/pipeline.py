"""A function and example arguments in, its derivative as formula and code out: the whole way on one page."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from closedform.arguments import prepare
from closedform.code.idioms import trace_source
from closedform.code.numpy_source import compile_source, source, source_and_constants
from closedform.derivative.higher import nth_derivative
from closedform.derivative.reverse import jacobians
from closedform.errors import InvalidArgumentError, InvalidFunctionError, UnsupportedError
from closedform.expression.calculus import dot
from closedform.expression.expr import Expr, input_
from closedform.expression.size import Size
from closedform.linear_maps import LinearMap, linear_map
from closedform.notation.latex import latex
from closedform.notation.matrix import is_diagonal, needs_indices
from closedform.notation.text import text
from closedform.primitives.structure import covered
from closedform.simplify.normalise import normalise
from closedform.simplify.simplify import simplify
from closedform.sources.numpy_function import Trace, argument_names, trace_function

Argnums = int | str | tuple[int | str, ...]
Nested = Any  # an Expr, or a tuple of these


@dataclass(frozen=True)
class Derivation:
    """The result of an operator on a function, for arguments like the example's.

    operator   "value", "grad", "value_and_grad", "jacobian", "hessian", "derivative" or "hvp"
    trace      the user's function as it was traced
    inputs     the input nodes by name, with the sizes that the function implies
    variables  names of the arguments that it was differentiated in
    lowered    the function itself in the calculus, not simplified
    result     the formula: an expression, or a tuple of them
    fixed      sizes that must be what they were, as (argument, axis, size)
    equal      pairs of sizes that must be equal
    order      of the derivative
    """

    operator: str
    trace: Trace
    inputs: Mapping[str, Expr]
    variables: tuple[str, ...]
    lowered: Expr
    result: Nested
    fixed: tuple[tuple[str, int, int], ...]
    order: int = 1
    equal: tuple[tuple[Size, Size], ...] = ()

    @property
    def expr(self) -> Expr:
        """The formula as an expression, where it is a single one."""
        if not isinstance(self.result, Expr):
            raise InvalidArgumentError(f"this {self.operator} has {len(self.result)} results: use .result")
        return self.result

    @cached_property
    def latex(self) -> str:
        """The formula in LaTeX. A tensor without a matrix form is written as a linear map, H[V] = ..."""
        return _joined(self._shown, latex, r",\quad ")

    @cached_property
    def text(self) -> str:
        """The formula in Unicode; a tensor without a matrix form is written as a linear map, H[V] = ..."""
        return _joined(self._shown, text, ", ")

    @cached_property
    def _shown(self) -> Nested:
        """What is printed: expressions, and linear maps for tensors that only indices could write."""
        needed = [self._needs_map(leaf) for leaf in _flat(self.result)]
        if not any(needed):
            return self.result
        choice = iter(needed)
        return _zipped(
            lambda tensor, action: action if next(choice) else tensor, self.result, self.linear_map
        )

    def _needs_map(self, expr: Expr) -> bool:
        """Whether a result is a tensor for which there is no notation but that of a map, or of indices."""
        if expr.ndim <= 2 or self.operator not in _MAPS:
            return False
        return needs_indices(expr) if self.operator != "derivative" else not is_diagonal(expr)

    @cached_property
    def linear_map(self) -> Nested:
        """The derivative as what it does to a direction, without its tensor: H[V], J[V] or D³f[u, v].

        It has `.expr`, `.text` and `.latex`; there is a tuple of them where the derivation has several
        results. Raises InvalidArgumentError for other operators than jacobian, hessian and derivative.

        >>> import closedform as cf
        >>> import numpy as np
        >>> cf.hessian(lambda X: np.linalg.slogdet(X)[1]).at(cf.matrix("n", "n")).linear_map
        H[V] = −X⁻ᵀVᵀX⁻ᵀ
        """
        try:
            return self._linear_map()
        except NotImplementedError as error:
            raise UnsupportedError(f"{self.trace.name}: {error} is not known to the library yet") from error

    def _linear_map(self) -> Nested:
        nodes = [self.inputs[v] for v in self.variables]
        f = self.function_expr
        if self.operator == "jacobian":
            return self._per_variable(
                [
                    linear_map("J", 1, f, x, tensor)
                    for x, tensor in zip(nodes, _flat(self.result), strict=True)
                ]
            )
        if self.operator == "hessian":
            blocks = iter(_flat(self.result))
            gradients = [simplify(j) for j in jacobians(f, nodes)]
            return self._per_variable(
                [
                    self._per_variable([linear_map("H", 2, g, x, next(blocks)) for x in nodes])
                    for g in gradients
                ]
            )
        if self.operator == "derivative" and not f.shape and nodes[0].shape:
            gradient = simplify(jacobians(f, nodes)[0])
            return linear_map("D", self.order, gradient, nodes[0], self.expr, self.order - 1)
        raise InvalidArgumentError(
            f"{self.operator} is no linear map of a direction: use cf.jacobian, cf.hessian, or "
            "cf.derivative of a function of an array to a number"
        )

    def _per_variable(self, results: list[Nested]) -> Nested:
        return tuple(results) if isinstance(self.result, tuple) else results[0]

    @cached_property
    def function_expr(self) -> Expr:
        """The function itself, simplified."""
        return simplify(self.lowered)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the arguments of the derived function, in order."""
        return tuple(self.inputs)

    def source(self, idiom: str = "numpy", name: str = "derivative") -> str:
        """A standalone Python module with the derived function.

        idiom  "numpy", "jax", "torch" or "autograd"
        name   of the function

        Raises UnsupportedError where the idiom lacks an operation.
        """
        checks = self._checks(idiom)
        return source(self.result, self.arguments, name, idiom, self._summary(), *checks)

    def program(self, idiom: str = "numpy", name: str = "derivative") -> tuple[str, dict[str, np.ndarray]]:
        """The source without its assertions, and the captured arrays that it reads as global names."""
        return source_and_constants(self.result, self.arguments, name, idiom, self._summary())

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The compiled function itself: no checks, no dispatch."""
        return compile_source(*self.program(), "derivative")

    def graph(self, partials: str = "none") -> Any:
        """The computational graph of the function; `partials` is "none", "edges" or "adjoints"."""
        from closedform.graphs import graph_of  # drawing is loaded when it is asked for

        return graph_of(self.trace, partials)

    def _summary(self) -> str:
        of = f"{self.trace.name}({', '.join(self.trace.arguments)})"
        by = ", ".join(self.variables)
        what = _SUMMARIES[self.operator].format(of=of, by=by, order=self.order)
        return f"{what}: {self.text}" if len(self.text) < 90 else f"{what}."

    def _checks(self, idiom: str) -> tuple[list[str], list[str]]:
        """Assertions that sizes and branches are those of the example, and the definitions they use."""
        function = self.trace.name
        assertions = [
            f'assert {name}.shape[{axis}] == {size}, "{function} used this size as a number"'
            for name, axis, size in self.fixed
        ]
        assertions += [
            f'assert {first} == {second}, "{function} was derived for axes of one size"'
            for first, second in self.equal
        ]
        if not self.trace.guards:
            return assertions, []
        text, _ = self._branches(idiom)
        call = f"branches({', '.join(self.trace.arguments)})"
        taken = [guard.outcome for guard in self.trace.guards]
        assertions.append(f'assert list({call}) == {taken}, "{function} takes another branch"')
        return assertions, [text[text.index("def ") :]]

    def _branches(self, idiom: str) -> tuple[str, dict[str, np.ndarray]]:
        """A function that tells which branches are taken, as a vector of booleans."""
        scalars = tuple(Expr("reshape", (g.condition,), (("shape", ()),), ()) for g in self.trace.guards)
        taken = Expr("stack", scalars, (("axis", 0),), (len(scalars),))
        return trace_source(taken, self.trace.arguments, "branches", idiom)

    @cached_property
    def _taken(self) -> tuple[Callable[..., Any], list[bool]]:
        return compile_source(*self._branches("numpy"), "branches"), [g.outcome for g in self.trace.guards]

    def holds_for(self, arrays: Sequence[np.ndarray]) -> bool:
        """Whether the function takes the branches of the example for these arguments (of its shapes)."""
        if not self.trace.guards:
            return True
        branches, taken = self._taken
        with np.errstate(all="ignore"):
            found: list[bool] = branches(*arrays[: len(self.trace.arguments)]).tolist()
        return found == taken

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"

    def __repr__(self) -> str:
        return self.text


_SUMMARIES = {
    "value": "{of}",
    "grad": "Gradient of {of} in {by}",
    "value_and_grad": "Value of {of} and its gradient in {by}",
    "jacobian": "Jacobian of {of} in {by}",
    "hessian": "Hessian of {of} in {by}",
    "derivative": "Derivative of order {order} of {of} in {by}",
    "hvp": "Hessian of {of} in {by}, times v",
}


# Operators whose results are linear maps of directions.
_MAPS = frozenset({"jacobian", "hessian", "derivative"})


def _flat(result: Nested) -> list[Any]:
    return [leaf for item in result for leaf in _flat(item)] if isinstance(result, tuple) else [result]


def _zipped(choose: Callable[[Any, Any], Any], first: Nested, second: Nested) -> Nested:
    if not isinstance(first, tuple):
        return choose(first, second)
    return tuple(_zipped(choose, a, b) for a, b in zip(first, second, strict=True))


def _joined(result: Nested, render: Callable[[Expr], str], separator: str) -> str:
    if isinstance(result, LinearMap):
        return result.latex if render is latex else result.text
    if isinstance(result, Expr):
        return render(result)
    return "(" + separator.join(_joined(r, render, separator) for r in result) + ")"


def derive(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    operator: str = "value",
    argnums: Argnums = 0,
    order: int = 1,
) -> Derivation:
    """Trace, normalise, differentiate, simplify.

    Raises InvalidFunctionError, UnsupportedError or InvalidArgumentError, which name the user's line.
    """
    name = getattr(function, "__name__", type(function).__name__)
    _check_arguments(function, arguments, name)
    names = argument_names(function, len(arguments))
    if len(names) != len(arguments):
        raise InvalidArgumentError(
            f"{name} takes {len(names)} arguments ({', '.join(names)}), not {len(arguments)}"
        )
    example, leaves = prepare(arguments, names, name)
    integers = frozenset(n for n, a in zip(names, arguments, strict=True) if isinstance(a, int | np.integer))
    trace = trace_function(
        function, example, leaves, integers, lambda expr: normalise(expr, leaves).root.shape
    )
    normal = normalise(trace.root, leaves, trace.pinned, trace.lines)
    root = simplify(normal.root)
    whole = covered(root)
    if whole:  # a loop over all entries: with the size as a number it is no slice
        normal = normalise(trace.root, leaves, trace.pinned | whole, trace.lines)
        root = simplify(normal.root)
    variables = _variables(argnums, names, name)
    for variable in trace.counted.intersection(variables):
        raise InvalidFunctionError(f"{name} uses {variable!r} to count: it has no derivative in it")
    inputs = dict(normal.inputs)
    if operator == "hvp":
        shape = inputs[variables[0]].shape
        inputs["v"] = input_("v", shape)
    result = _OPERATORS[operator](_Request(trace, root, inputs, variables, isinstance(argnums, tuple), order))
    fixed = tuple((axis.argument, axis.axis, size) for axis, size in normal.fixed.items())
    fixed += tuple(
        (leaf.params[0], axis, size.value)
        for leaf in leaves
        for axis, size in enumerate(leaf.shape)
        if size.is_literal
    )
    return Derivation(
        operator, trace, inputs, variables, normal.root, _mapped(result, simplify), fixed, order, normal.equal
    )


def _check_arguments(function: Callable[..., Any], arguments: Sequence[Any], name: str) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*arguments)
    except TypeError as error:
        names = ", ".join(signature.parameters)
        raise InvalidArgumentError(f"{name} takes the arguments ({names}): {error}") from None


def _mapped(result: Nested, change: Callable[[Expr], Expr]) -> Nested:
    return change(result) if isinstance(result, Expr) else tuple(_mapped(r, change) for r in result)


@dataclass(frozen=True)
class _Request:
    """What an operator needs to know."""

    trace: Trace
    root: Expr
    inputs: Mapping[str, Expr]
    variables: tuple[str, ...]
    several: bool
    order: int

    @property
    def nodes(self) -> list[Expr]:
        return [self.inputs[v] for v in self.variables]

    def packed(self, results: Sequence[Nested]) -> Nested:
        """A tuple of results for a tuple of variables, else the only one."""
        return tuple(results) if self.several else results[0]

    def scalar(self, operator: str) -> Expr:
        """The function's result, which must be a number."""
        if self.root.shape:
            shape = tuple(s.value for s in self.root.shape)
            raise InvalidFunctionError(
                f"{operator} needs a function that returns a number; {self.trace.name} returned an array of "
                f"shape {shape}. Use cf.jacobian, or reduce the result (np.sum, np.mean)"
            )
        return self.root


def _differentiate(result: Expr, variables: Sequence[Expr], name: str) -> list[Expr]:
    try:
        return [simplify(j) for j in jacobians(result, variables)]
    except NotImplementedError as error:
        raise UnsupportedError(f"{name}: {error} is not known to the library yet") from error


def _grad(request: _Request) -> Nested:
    return request.packed(_differentiate(request.scalar("grad"), request.nodes, request.trace.name))


def _value_and_grad(request: _Request) -> Nested:
    return (request.root, _grad(request))


def _jacobian(request: _Request) -> Nested:
    return request.packed(_differentiate(request.root, request.nodes, request.trace.name))


def _hessian(request: _Request) -> Nested:
    gradients = _differentiate(request.scalar("hessian"), request.nodes, request.trace.name)
    return request.packed(
        [request.packed(_differentiate(g, request.nodes, request.trace.name)) for g in gradients]
    )


def _hvp(request: _Request) -> Nested:
    (x,) = request.nodes
    (gradient,) = _differentiate(request.scalar("hvp"), [x], request.trace.name)
    return _differentiate(dot(gradient, request.inputs["v"], x.ndim), [x], request.trace.name)[0]


def _derivative(request: _Request) -> Nested:
    try:
        return nth_derivative(request.root, request.nodes[0], request.order, simplify)
    except NotImplementedError as error:
        raise UnsupportedError(f"{request.trace.name}: {error} is not known to the library yet") from error


_OPERATORS: dict[str, Callable[[_Request], Nested]] = {
    "value": lambda request: request.root,
    "grad": _grad,
    "value_and_grad": _value_and_grad,
    "jacobian": _jacobian,
    "hessian": _hessian,
    "hvp": _hvp,
    "derivative": _derivative,
}


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
    return tuple(found)
