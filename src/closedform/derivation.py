"""What deriving gives: a formula, and its readings as text, LaTeX, steps, graph, source and function."""

from __future__ import annotations

import keyword
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from closedform.arguments import (
    fact_text,
)
from closedform.code.idioms import trace_source
from closedform.code.numpy_source import array_literals, compile_source, source, source_and_constants
from closedform.code.sparse import structure_of
from closedform.derivative.reverse import jacobians
from closedform.errors import InvalidArgumentError, UnsupportedError
from closedform.expression.expr import Expr, toposort
from closedform.expression.size import Size
from closedform.layouts import Printed, turned_in
from closedform.linear_maps import LinearMap, linear_map
from closedform.notation.latex import latex
from closedform.notation.matrix import is_diagonal, needs_indices
from closedform.notation.text import text
from closedform.primitives import PRIMITIVES
from closedform.primitives.record import REQUIREMENTS
from closedform.primitives.structure import reached
from closedform.simplify.simplify import expanded, replaced, simplify
from closedform.sources.numpy_function import Trace

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
        needed = [self._needs_map(leaf) for leaf in flat(self.result)]
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
            return self._per_variable([structure_of(j, of.ndim) for j in flat(self.result)])
        if self.operator == "derivative":
            return structure_of(self.expr, self.free[variables[0]].ndim)
        blocks = iter(flat(self.result))
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
                    for x, tensor in zip(nodes, flat(self.result), strict=True)
                ]
            )
        if self.operator == "hessian":
            blocks = iter(flat(self.result))
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
            shape, dtype = np.shape(arrays[position]), np.result_type(arrays[position], 1.0)
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
        few = len(toposort(*flat(self.result))) < LONGEST_SUMMARY  # others have a longer text
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
                self.ordered
                if idiom != "jax"
                else ordered_sizes(self.lowered, self.trace.ordered, entries=True)
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


def flat(result: Nested) -> list[Any]:
    return [leaf for item in result for leaf in flat(item)] if isinstance(result, tuple) else [result]


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


def ordered_sizes(
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
