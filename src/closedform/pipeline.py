"""A function and example arguments in, its derivative as formula and code out: the whole way on one page."""

from __future__ import annotations

import inspect
import itertools
import keyword
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property, partial
from typing import Any

import numpy as np

from closedform.arguments import (
    ATTEMPTS,
    Declared,
    Described,
    annotated,
    check_callable,
    check_declared,
    checked_array,
    fact_text,
    prepare,
)
from closedform.code.idioms import trace_source
from closedform.code.numpy_source import array_literals, compile_source, source, source_and_constants
from closedform.code.sparse import structure_of
from closedform.derivative.forward import differential
from closedform.derivative.higher import nth_derivative
from closedform.derivative.reverse import jacobians
from closedform.errors import InvalidArgumentError, InvalidFunctionError, UnsupportedError
from closedform.expression.calculus import (
    Factor,
    contract,
    dot,
    linear,
    multiply,
    spec_of,
    terms_of,
    transpose,
)
from closedform.expression.expr import Expr, input_, toposort
from closedform.expression.facts import OPEN, holds
from closedform.expression.size import Size
from closedform.layouts import Printed, turned_in
from closedform.linear_maps import LinearMap, linear_map
from closedform.notation.latex import latex
from closedform.notation.matrix import is_diagonal, needs_indices
from closedform.notation.text import text
from closedform.primitives import PRIMITIVES
from closedform.primitives.record import REQUIREMENTS
from closedform.primitives.structure import covered, listed, reached
from closedform.simplify.normalise import normalise
from closedform.simplify.simplify import expanded, replaced, simplify
from closedform.sources.numpy_function import Trace, argument_names, trace_function

Argnums = int | str | tuple[int | str, ...]
Nested = Any  # an Expr, or a tuple of these
# An expression with so many nodes is not written into a summary.
LONGEST_SUMMARY = 150
# Names that emitted code uses.
MODULES = frozenset({"np", "numpy", "scipy", "jax", "jnp", "torch", "autograd", "math"})


@dataclass(frozen=True)
class Derivation:
    """The result of an operator on a function, for arguments like the example's.

    operator   "value", "grad", "value_and_grad", "jacobian", "hessian", "derivative", "hvp", "jvp" or "vjp"
    trace      the user's function as it was traced
    inputs     the input nodes by name, with the sizes that the function implies
    variables  names of the arguments that it was differentiated in
    lowered    the function itself in the calculus, not simplified
    free       the input nodes of `lowered`: those of the variables lack what does not hold near by
    result     the formula: an expression, or a tuple of them
    fixed      sizes that must be what they were, as (argument, axis, size)
    equal      pairs of sizes that must be equal
    ordered    pairs of sizes of which the first must be at most the second
    order      of the derivative
    symmetric  the convention for symmetric variables
    form       "dense", or of a Hessian also "sparse" (a scipy.sparse array) or "operator" (a LinearOperator)
    chosen     example sizes of described axes that the function used as numbers, by the names of the axes:
               for others the formula may be another
    """

    operator: str
    trace: Trace
    inputs: Mapping[str, Expr]
    variables: tuple[str, ...]
    lowered: Expr
    free: Mapping[str, Expr]
    result: Nested
    fixed: tuple[tuple[str, int, int], ...]
    order: int = 1
    equal: tuple[tuple[Size, Size], ...] = ()
    ordered: tuple[tuple[Size, Size], ...] = ()
    symmetric: str = "ambient"
    form: str = "dense"
    chosen: Mapping[str, int] = field(default_factory=dict)

    @property
    def expr(self) -> Expr:
        """The formula as an expression, where it is a single one."""
        if not isinstance(self.result, Expr):
            raise InvalidArgumentError(f"this {self.operator} has {len(self.result)} results: use .result")
        return self.result

    @cached_property
    def latex(self) -> str:
        """The formula in LaTeX. A tensor without a matrix form is written as a linear map, H[V] = ..."""
        return _joined(self._shown, "latex", lambda expr: latex(expr, self.inputs.values()), r",\quad ")

    @cached_property
    def text(self) -> str:
        """The formula in Unicode; a tensor without a matrix form is written as a linear map, H[V] = ..."""
        return _joined(self._shown, "text", lambda expr: text(expr, self.inputs.values()), ", ")

    def in_layout(self, layout: str) -> Printed:
        """The formula as it is written in a layout of matrix calculus; it has `.text` and `.latex`.

        derivative of        "numerator"         "denominator"        without, as NumPy's shapes
        scalar by vector     row                 column               column
        scalar by matrix     shape of X'         shape of X           shape of X
        vector by scalar     column              row                  column
        vector by vector     J_ij = dy_i/dx_j    J'_ij = dy_j/dx_i    J
        matrix by scalar     shape of Y          shape of Y'          shape of Y

        Products with the Hessian, and of a vector with the Jacobian, are written as gradients are; Hessians
        and values are the same in all layouts. Raises InvalidArgumentError for other layouts, and for what
        has none: derivatives of order 3 and more, of matrices by vectors and the like.

        >>> import closedform as cf
        >>> import numpy as np
        >>> f = lambda x, A, b: 0.5 * np.sum((A @ x - b) ** 2)
        >>> cf.grad(f).at(cf.vector("n"), cf.matrix("m", "n"), cf.vector("m")).in_layout("numerator")
        (Ax − b)ᵀA
        """
        turned = turned_in(layout, self.operator, [self.inputs[v].ndim for v in self.variables], self.result)
        known = list(self.inputs.values())
        marks = {mark: iter(turned) for mark in ("text", "latex")}
        return Printed(
            _joined(self.result, "text", lambda e: text(e, known, next(marks["text"])), ", "),
            _joined(self.result, "latex", lambda e: latex(e, known, next(marks["latex"])), r",\quad "),
        )

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
        if expr.ndim <= 2 or self.operator not in _MAPS or self.symmetric != "ambient":
            return False
        return needs_indices(expr) if self.operator != "derivative" else not is_diagonal(expr)

    @cached_property
    def structure(self) -> Nested:
        """Where a Jacobian, Hessian or higher derivative is zero by its structure, in words.

        "zero", "diagonal", "block diagonal, a block for each row" (of the variable), "tridiagonal",
        "diagonal plus rank one", "Kronecker product", ..., or "dense"; a tuple where the derivation has
        several results. Raises InvalidArgumentError for others.

        >>> import closedform as cf
        >>> import numpy as np
        >>> cf.hessian(lambda X: np.sum(np.sqrt(np.sum(X**2, axis=1)))).at(cf.matrix("m", "n")).structure
        'block diagonal, a block for each row'
        """
        if self.operator not in _MAPS:
            raise InvalidArgumentError(
                f"{self.operator}: a structure is that of a derivative along directions"
            )
        of = self.function_expr
        variables = self.variables
        if self.operator == "jacobian":
            return self._per_variable([structure_of(j, of.ndim) for j in _flat(self.result)])
        if self.operator == "derivative":
            return structure_of(self.expr, self.free[variables[0]].ndim)
        blocks = iter(_flat(self.result))
        return self._per_variable(
            [
                self._per_variable(
                    [structure_of(next(blocks), of.ndim + self.free[x].ndim) for _ in variables]
                )
                for x in variables
            ]
        )

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
        if self.symmetric != "ambient":
            raise InvalidArgumentError(
                f"a linear map takes all entries: not with symmetric={self.symmetric!r}"
            )
        try:
            return self._linear_map()
        except NotImplementedError as error:
            raise UnsupportedError(f"{self.trace.name}: {error} is not known to the library yet") from error

    def _linear_map(self) -> Nested:
        nodes = [self.free[v] for v in self.variables]
        f = self.function_expr
        if self.operator == "jacobian":
            return self._per_variable(
                [
                    linear_map("J", 1, f, x, tensor, finish=self.as_declared)
                    for x, tensor in zip(nodes, _flat(self.result), strict=True)
                ]
            )
        if self.operator == "hessian":
            blocks = iter(_flat(self.result))
            gradients = [simplify(j) for j in jacobians(f, nodes)]
            return self._per_variable(
                [
                    self._per_variable(
                        [linear_map("H", 2, g, x, next(blocks), finish=self.as_declared) for x in nodes]
                    )
                    for g in gradients
                ]
            )
        if self.operator == "derivative" and not f.shape and nodes[0].shape:
            gradient = simplify(jacobians(f, nodes)[0])
            count = self.order - 1
            return linear_map("D", self.order, gradient, nodes[0], self.expr, count, self.as_declared)
        raise InvalidArgumentError(
            f"{self.operator} is no linear map of a direction: use cf.jacobian, cf.hessian, or "
            "cf.derivative of a function of an array to a number"
        )

    def _per_variable(self, results: list[Nested]) -> Nested:
        return tuple(results) if isinstance(self.result, tuple) else results[0]

    @cached_property
    def function_expr(self) -> Expr:
        """The function itself, simplified, in the free inputs."""
        return simplify(self.lowered)

    def as_declared(self, expr: Expr) -> Expr:
        """An expression in the free inputs, simplified by what was declared of them."""
        new = {node: self.inputs[name] for name, node in self.free.items()}
        return expanded(simplify(replaced(expr, new)))

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the arguments of the derived function, in order."""
        return tuple(self.inputs)

    @property
    def directions(self) -> tuple[str, ...]:
        """Names of the last arguments of an hvp, jvp or vjp: what the derivative is multiplied with."""
        return self.arguments[len(self.trace.arguments) :]

    def source(self, idiom: str = "numpy", name: str = "derivative") -> str:
        """A standalone Python module with the derived function.

        idiom  "numpy", "jax", "torch" or "autograd"
        name   of the function

        Raises UnsupportedError where the idiom lacks an operation.
        """
        if not name.isidentifier() or keyword.iskeyword(name) or name in MODULES:
            raise InvalidArgumentError(f"name={name!r} is no name that a function can have here")
        checks = self._checks(idiom)
        sparse = self.form == "sparse"
        return source(self.result, self.arguments, name, idiom, self._summary(), *checks, sparse=sparse)

    def program(self, idiom: str = "numpy", name: str = "derivative") -> tuple[str, dict[str, np.ndarray]]:
        """The source without its assertions, and the captured arrays that it reads as global names."""
        sparse = self.form == "sparse"
        return source_and_constants(
            self.result, self.arguments, name, idiom, f"{self._title()}.", sparse=sparse
        )

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The compiled function itself: no checks, no dispatch."""
        compiled = compile_source(*self.program(), "derivative")
        return compiled if self.form != "operator" else self._operator(compiled)

    def _operator(self, product: Callable[..., Any]) -> Callable[..., Any]:
        """The function that returns the Hessian as an operator on flat vectors, by its product with them."""
        from scipy.sparse.linalg import LinearOperator

        position = self.arguments.index(self.variables[0])

        def operator(*arrays: np.ndarray) -> Any:
            shape, dtype = np.shape(arrays[position]), np.result_type(arrays[position])
            size = math.prod(shape)

            def matvec(v: np.ndarray) -> np.ndarray:
                return np.ravel(product(*arrays, np.reshape(v, shape).astype(dtype, copy=False)))

            return LinearOperator((size, size), matvec=matvec, rmatvec=matvec, dtype=dtype)

        return operator

    @cached_property
    def steps(self) -> Any:
        """The derivation by differentials, rule by rule: print it, iterate over it, or show it in a notebook.

        Raises InvalidArgumentError for the function itself (cf.trace).

        >>> import closedform as cf
        >>> print(cf.grad(lambda x, A: x @ A @ x).at(cf.vector("n"), cf.matrix("n", "n")).steps)
        f  = xᵀAx
        df = xᵀA dx + xᵀAᵀ dx   product rule: d(uv) = du v + u dv
           = xᵀ(A + Aᵀ) dx      like terms
        ∇f = (A + Aᵀ)x          read off: df = (∇f)ᵀ dx
        """
        from closedform.steps import steps_of  # it reads a derivation

        return steps_of(self)

    def graph(self, partials: str = "none") -> Any:
        """The computational graph of the function; `partials` is "none", "edges" or "adjoints"."""
        from closedform.graphs import graph_of  # drawing is loaded when it is asked for

        return graph_of(self.trace, partials)

    def _summary(self) -> str:
        few = len(toposort(*_flat(self.result))) < LONGEST_SUMMARY  # others have a longer text
        return f"{self._title()}: {self.text}" if few and len(self.text) < 90 else f"{self._title()}."

    def _title(self) -> str:
        of = f"{self.trace.name}({', '.join(self.trace.arguments)})"
        by = ", ".join(self.variables)
        directions = ", ".join(self.directions)
        what = _SUMMARIES[self.operator].format(of=of, by=by, order=self.order, directions=directions)
        facts = [f"{name} {fact_text(x.params[1])}" for name, x in self.inputs.items() if x.params[1]]
        return f"{what}, for {', '.join(facts)}" if facts else what

    def _held_sizes(self) -> Iterator[str]:
        """Conditions on the sizes that must be what they were: on the shape of an argument if on each."""
        sizes: dict[str, dict[int, int]] = {}
        for name, axis, size in self.fixed:
            sizes.setdefault(name, {})[axis] = size
        for name, held in sizes.items():
            if len(held) == self.inputs[name].ndim:
                yield f"{name}.shape == {tuple(held[axis] for axis in sorted(held))}"
            else:
                yield from (f"{name}.shape[{axis}] == {size}" for axis, size in held.items())

    def _checks(self, idiom: str) -> tuple[list[str], list[str]]:
        """Assertions that sizes and branches are those of the example, and the definitions they use."""
        function = self.trace.name
        used = f'"{function} used this size as a number"'
        assertions = [f"assert {held}, {used}" for held in self._held_sizes()]
        assertions += [
            f'assert {first} == {second}, "{function} was derived for axes of one size"'
            for first, second in self.equal
        ]
        assertions += [
            f'assert {first} <= {second}, "{function} was derived for sizes in this order"'
            for first, second in (
                self.ordered if idiom != "jax" else _ordered(self.lowered, self.trace.ordered, entries=True)
            )
        ]
        if not self.trace.guards:
            return assertions, []
        text, constants = self._branches(idiom)
        call = f"branches({', '.join(self.trace.arguments)})"
        taken = [guard.outcome for guard in self.trace.guards]
        matrices = any(guard.condition.op in REQUIREMENTS for guard in self.trace.guards)
        otherwise = ", or a matrix lacks what it requires" * matrices
        assertions.append(f'assert list({call}) == {taken}, "{function} takes another branch{otherwise}"')
        head, _, body = "".join(
            line for line in text.splitlines(keepends=True) if not line.startswith("import ")
        ).partition("def branches(")
        signature, _, statements = body.partition("\n")
        local = "".join(f"    {line}\n" for line in array_literals(constants, idiom))
        return assertions, [f"{head}def branches({signature}\n{local}{statements}".lstrip("\n")]

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
        sizes = [rf"\mathrm{{{name}}} = {size}" for name, size in self.chosen.items()]
        note = rf"\qquad\text{{for }} {', '.join(sizes)}" if sizes else ""
        return f"$\\displaystyle {self.latex}{note}$"

    def __repr__(self) -> str:
        note = ", ".join(f"{name} = {size}" for name, size in self.chosen.items())
        return f"{self.text}    for {note}" if note else self.text


_SUMMARIES = {
    "value": "{of}",
    "grad": "Gradient of {of} in {by}",
    "value_and_grad": "Value of {of} and its gradient in {by}",
    "jacobian": "Jacobian of {of} in {by}",
    "hessian": "Hessian of {of} in {by}",
    "derivative": "Derivative of order {order} of {of} in {by}",
    "hvp": "Hessian of {of} in {by}, times {directions}",
    "jvp": "Jacobian of {of} in {by}, times {directions}",
    "vjp": "{directions} times the Jacobian of {of} in {by}",
}


# Operators whose results are linear maps of directions.
_MAPS = frozenset({"jacobian", "hessian", "derivative"})


def _flat(result: Nested) -> list[Any]:
    return [leaf for item in result for leaf in _flat(item)] if isinstance(result, tuple) else [result]


def _zipped(choose: Callable[[Any, Any], Any], first: Nested, second: Nested) -> Nested:
    if not isinstance(first, tuple):
        return choose(first, second)
    return tuple(_zipped(choose, a, b) for a, b in zip(first, second, strict=True))


def _joined(result: Nested, style: str, render: Callable[[Expr], str], separator: str) -> str:
    if isinstance(result, LinearMap):
        shown: str = getattr(result, style)
        return shown
    if isinstance(result, Expr):
        return render(result)
    return "(" + separator.join(_joined(r, style, render, separator) for r in result) + ")"


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
    arguments = _with_annotations(function, arguments, name)
    _check_arguments(function, arguments, name)
    names = argument_names(function, len(arguments))
    if len(names) != len(arguments):
        raise InvalidArgumentError(
            f"{name} takes {len(names)} arguments ({', '.join(names)}), not {len(arguments)}"
        )
    for taken in MODULES.intersection(names):
        raise InvalidArgumentError(f"{name}: call the argument {taken!r} otherwise: it is a module's name")
    operator = _check_form(form, operator, argnums)
    leaves, trace = _traced(function, arguments, names, name)
    guards = {g.condition: g for g in trace.guards if not _is_certain(g.condition, leaves)}
    trace = replace(trace, guards=tuple(guards.values()))
    variables = _variables(argnums, names, name)
    free = [_freed(leaf) if leaf.params[0] in variables and operator != "value" else leaf for leaf in leaves]
    _check_convention(symmetric, operator, [x for x in leaves if x.params[0] in variables], name)
    normal = normalise(trace.root, free, trace.pinned, trace.lines)
    root = simplify(normal.root)
    pinned = trace.pinned
    # a loop over all entries, or x[0] and x[1] of two: with the size as a number there are no others
    while whole := covered(root) | listed(root):
        pinned |= whole
        normal = normalise(trace.root, free, pinned, trace.lines)
        root = simplify(normal.root)
    for variable in trace.counted.intersection(variables):
        raise InvalidFunctionError(
            f"{name} uses {variable!r} to count or as an index: it has no derivative in it"
        )
    if form == "sparse" and root.shape:
        raise InvalidFunctionError(
            f"form='sparse' is a matrix: the Hessian of a function that returns a number; {name} returns "
            "an array"
        )
    inputs = dict(normal.inputs)
    given = _directions(operator, root, [inputs[v] for v in variables], inputs)
    request = _Request(trace, root, inputs, variables, given, isinstance(argnums, tuple), order, symmetric)
    result = _OPERATORS[operator](request)
    declared = {inputs[leaf.params[0]]: _declared(inputs[leaf.params[0]], leaf) for leaf in leaves}
    result = _mapped(result, lambda expr: expanded(simplify(replaced(simplify(expr), declared))))
    fixed = tuple(sorted((axis.argument, axis.axis, size) for axis, size in normal.fixed.items()))
    fixed += tuple(
        (leaf.params[0], axis, size.value)
        for leaf in leaves
        for axis, size in enumerate(leaf.shape)
        if size.is_literal
    )
    known = {node.params[0]: declared.get(node, node) for node in (*inputs.values(), *given)}
    return Derivation(
        operator,
        trace,
        known,
        variables,
        normal.root,
        inputs,
        result,
        fixed,
        order,
        normal.equal,
        _ordered(normal.root, trace.ordered),
        symmetric,
        form,
        {axis.label: size for axis, size in normal.fixed.items() if axis.label},
    )


def _ordered(
    root: Expr, known: Iterable[tuple[Size, Size]], entries: bool = False
) -> tuple[tuple[Size, Size], ...]:
    """Pairs of sizes whose order the formulas of some operation take to be that of the example, and known
    ones; `entries` are checked too where indexing beyond the end is no error, as in JAX."""
    rules = ((node, PRIMITIVES[node.op].ordered) for node in toposort(root) if node.op in PRIMITIVES)
    pairs = [*known, *(rule(node) for node, rule in rules if rule is not None), *reached(root, entries)]
    found: dict[tuple[Size, Size | None], Size] = {}
    for first, second in pairs:
        small, large = (second - first).parts()
        key = (large, None if small.is_literal else small)
        if not (small.is_literal and (large.is_literal or small.value <= 0)):
            found[key] = max(small, found.get(key, small), key=lambda size: size.value)
    return tuple((small, large) for (large, _), small in found.items())


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


def _with_annotations(function: Callable[..., Any], arguments: Sequence[Any], name: str) -> tuple[Any, ...]:
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


def _traced(
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
    arguments = _with_annotations(function, arguments, name)
    _traced(function, arguments, argument_names(function, len(arguments)), name)


# Facts that imply what operations require of a matrix.
_IMPLYING = {"symmetric": ("symmetric",), "full_rank": ("spd", "orthogonal"), "principal": ("spd",)}


def _is_certain(condition: Expr, leaves: Sequence[Expr]) -> bool:
    """Whether what an operation requires of a matrix follows from what is known of the matrix."""
    facts = _IMPLYING.get(condition.op, ())
    return bool(facts) and any(holds(normalise(condition.args[0], leaves).root, fact) for fact in facts)


def _implied_shape(
    leaves: Sequence[Expr], expr: Expr
) -> tuple[Sequence[Size], Collection[Size], Collection[tuple[Size, Size]]]:
    """The symbolic sizes of what was computed, the sizes that are numbers for it, and the order of sizes that
    slices in it take for granted."""
    normal = normalise(expr, leaves)
    shape = normal.root.shape
    ordered = [*((Size.of(0), size) for size in shape), *reached(normal.root)]
    return shape, [Size((((axis,), 1),)) for axis in normal.fixed], ordered


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
    directions: tuple[Expr, ...]
    several: bool
    order: int
    symmetric: str

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


def _blocks(request: _Request, result: Expr) -> list[Expr]:
    """The derivative in each variable, in the convention asked for."""
    convert = CONVENTIONS[request.symmetric]
    found = _differentiate(result, request.nodes, request.trace.name)
    return [convert(j, j.ndim - 2) for j in found]


def _grad(request: _Request) -> Nested:
    return request.packed(_blocks(request, request.scalar("grad")))


def _value_and_grad(request: _Request) -> Nested:
    return (request.root, _grad(request))


def _jacobian(request: _Request) -> Nested:
    return request.packed(_blocks(request, request.root))


def _hessian(request: _Request) -> Nested:
    first = _differentiate(request.root, request.nodes, request.trace.name)
    convert, axis = CONVENTIONS[request.symmetric], request.root.ndim
    return request.packed([request.packed([convert(h, axis) for h in _blocks(request, j)]) for j in first])


def _hvp(request: _Request) -> Nested:
    (x,) = request.nodes
    (v,) = request.directions
    (gradient,) = _differentiate(request.scalar("hvp"), [x], request.trace.name)
    return _differentiate(dot(gradient, v, x.ndim), [x], request.trace.name)[0]


def _vjp(request: _Request) -> Nested:
    (u,) = request.directions
    projected = simplify(dot(u, request.root, u.ndim))
    return request.packed(_differentiate(projected, request.nodes, request.trace.name))


def _jvp(request: _Request) -> Nested:
    tangents = dict(zip(request.nodes, request.directions, strict=True))
    try:
        return differential(request.root, tangents)
    except NotImplementedError as error:
        raise UnsupportedError(f"{request.trace.name}: {error} is not known to the library yet") from error


def _derivative(request: _Request) -> Nested:
    if len(request.nodes) > 1:
        raise InvalidArgumentError("derivative takes one variable: use hessian or jacobian for several")
    try:
        return nth_derivative(request.root, request.nodes[0], request.order, simplify)
    except NotImplementedError as error:
        raise UnsupportedError(f"{request.trace.name}: {error} is not known to the library yet") from error


# --- symmetric variables --------------------------------------------------------------------------


def _ambient(derivative: Expr, _: int) -> Expr:
    return derivative


def _turned(derivative: Expr, axis: int) -> Expr:
    """The derivative with an axis and the next one exchanged: term by term, so that like terms meet."""
    order = list(range(derivative.ndim))
    order[axis : axis + 2] = [axis + 1, axis]
    return _termwise(derivative, lambda term: transpose(term, order))


def _termwise(derivative: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """A linear change of a sum, or of a multiple of one, as the sum of the changed terms."""
    if derivative.op == "contract" and len(derivative.args) == 1 and derivative.args[0].op == "linear":
        (inner,), spec = derivative.args, spec_of(derivative)
        if spec.labels == (spec.out,) and spec.exponents == (1,):
            return multiply(spec.coefficient, _termwise(inner, change))
    if derivative.op == "linear":
        changed = [(c, change(term)) for c, term in terms_of(derivative)]
        return linear(changed, changed[0][1].shape)
    return change(derivative)


def _projected(derivative: Expr, axis: int) -> Expr:
    """(G + G') / 2 on an axis and the next one."""
    return linear([(HALF, derivative), (HALF, _turned(derivative, axis))], derivative.shape)


def _independent(derivative: Expr, axis: int) -> Expr:
    """G + G' - G o I on an axis and the next one."""
    labels = list(range(derivative.ndim))
    labels[axis + 1] = axis
    on_diagonal = _termwise(derivative, lambda term: contract([Factor(term, tuple(labels))], labels))
    return linear([(1, derivative), (1, _turned(derivative, axis)), (-1, on_diagonal)], derivative.shape)


HALF = Fraction(1, 2)
CONVENTIONS: dict[str, Callable[[Expr, int], Expr]] = {
    "ambient": _ambient,
    "projected": _projected,
    "independent": _independent,
}


def _check_convention(symmetric: str, operator: str, variables: Sequence[Expr], function: str) -> None:
    if symmetric not in CONVENTIONS:
        raise InvalidArgumentError(f"symmetric={symmetric!r} is not one of {', '.join(CONVENTIONS)}")
    for variable in variables if symmetric != "ambient" else ():
        if not holds(variable, "symmetric"):
            raise InvalidArgumentError(
                f"symmetric={symmetric!r}: {function} has {variable.params[0]!r} as a variable, which is not "
                f"declared symmetric: describe it by cf.symmetric or cf.spd, in .at(...) or in an annotation"
            )


_OPERATORS: dict[str, Callable[[_Request], Nested]] = {
    "value": lambda request: request.root,
    "grad": _grad,
    "value_and_grad": _value_and_grad,
    "jacobian": _jacobian,
    "hessian": _hessian,
    "hvp": _hvp,
    "jvp": _jvp,
    "vjp": _vjp,
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
    if len(set(found)) < len(found):
        raise InvalidArgumentError(f"argnums={argnums!r} names an argument twice")
    return tuple(found)
