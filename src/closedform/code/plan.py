"""From derived formulas to the steps that compute them: what to multiply first, share and add in place."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from closedform.code.arrange import arranged
from closedform.code.contraction import WIRING, Network, Placed, placed_whole
from closedform.code.determinants import without_division
from closedform.code.helpers import HELPERS
from closedform.code.products import Tensor, hadamard, volume
from closedform.code.stable import polynomial_of, stable
from closedform.code.steps import Place, Program, Step, toposort
from closedform.code.structured import solver, structured
from closedform.expression.calculus import Number, exact, factors_of, label_sizes, spec_of
from closedform.expression.expr import Expr
from closedform.expression.size import Size
from closedform.primitives.record import PRIMITIVES

# An inverse that so many products use is computed; below it, each solves its system.
SHARED_INVERSE = 3


def plan(roots: Sequence[Expr]) -> list[Step]:
    """The steps of the results; each is an array of the root's shape.

    >>> from closedform.expression.calculus import dot
    >>> from closedform.expression.expr import input_
    >>> from closedform.expression.size import Size
    >>> n = Size.axis("x", 0, 3)
    >>> A, x = input_("A", (n, n)), input_("x", (n,))
    >>> plan([dot(dot(A, A), x)])
    [matmul(name('A'), matmul(name('A'), name('x')))]
    """
    roots = [without_division(root) for root in roots]
    planner = _Planner(roots)
    results = [planner.program.as_numbers(planner.full(planner.chosen[root])) for root in roots]
    return _with_solves(planner.program, results)


class _Planner:
    """The value of every node below the roots, in stable form."""

    def __init__(self, roots: Sequence[Expr]) -> None:
        self.program = Program()
        self.values: dict[Expr, Placed] = {}
        self.arrays: dict[Expr, Tensor] = {}
        self.chosen: dict[Expr, Expr] = {}
        self.uses: Counter[Expr] = Counter(roots)
        for node in self._stable_order(roots):
            self.values[node] = self._value(node)

    def _stable_order(self, roots: Sequence[Expr]) -> list[Expr]:
        """Every node needed, in stable form, operands first; `chosen` tells the form of each."""
        order: list[Expr] = []
        stack = [(root, False) for root in reversed(roots)]
        while stack:
            node, ready = stack.pop()
            if ready:
                order.append(node)
                continue
            if node in self.chosen:
                continue
            form = self.chosen[node] = arranged(structured(stable(node)))
            if form is not node:
                if form in self.chosen:  # as a node of its own, which may have another form
                    self.chosen[node] = self.chosen[form]
                    continue
                self.chosen[form] = form
            self.uses.update(form.args)
            stack.append((form, True))
            stack.extend((arg, False) for arg in reversed(form.args))
        return order

    # --- values -----------------------------------------------------------------------------------

    def _value(self, node: Expr) -> Placed:
        program = self.program
        if node.op == "contract":
            return self._contraction(node)
        if node.op == "linear":
            return self._sum(node)
        labels = tuple(range(node.ndim))
        if node.op == "input":
            step = program.step("name", (), (node.params[0],), node.shape)
        elif node.op in {"constant", "size", "select", "unit", "gather", "shift", "triangle", "reshape"}:
            step = program.step(node.op, (), node.params, node.shape)
        elif _is_elementwise(node):
            tensors = [self.tensor(arg) for arg in node.args]
            labels = tuple(sorted({label for t in tensors for label in t.labels}))
            aligned = [program.arrange(t.step, t.labels, labels) for t in tensors]
            if node.op == "quotient":
                step = program.product(1, aligned[:1], aligned[1:])
            else:
                step = program.step("call", aligned, (node.op, node.params), [node.shape[i] for i in labels])
        elif node.op in {"inv", "logdet"} and (kind := solver(node.args[0])):
            operands = [self.full(node.args[0])]
            program.solvers[operands[0]] = kind
            definite = node.op == "logdet" and kind == "spd"
            call = ("definite_logdet", ()) if definite else ("call", (node.op, node.params))
            step = program.step(call[0], operands, call[1], node.shape)
        else:
            operands = [self.full(arg) for arg in node.args]
            step = program.step("call", operands, (node.op, node.params), node.shape)
        return placed_whole(step, labels, node.shape)

    def tensor(self, node: Expr) -> Tensor:
        """The node as an array whose labels are axes of the node: those along which it is not constant."""
        node = self.chosen[node]
        if node not in self.arrays:
            self.arrays[node] = self._tensor(self.values[node])
        return self.arrays[node]

    def _tensor(self, placed: Placed) -> Tensor:
        if not placed.is_dense:
            return Tensor(self.scattered(placed), tuple(range(len(placed.shape))))
        axis = {place.label: i for i, place in enumerate(placed.places)}
        return Tensor(placed.step, tuple(axis[label] for label in placed.labels))

    def full(self, node: Expr) -> Step:
        """The node as an array of its shape, axes in order."""
        step, labels, _ = self.tensor(node)
        return self._full(step, labels, node.shape)

    def _full(self, step: Step, labels: Sequence[int], shape: Sequence[Size]) -> Step:
        return self.program.filled(self.program.arrange(step, labels, range(len(shape))), shape)

    # --- contractions -----------------------------------------------------------------------------

    def _contraction(self, node: Expr, scale: Number = 1, scalars: Sequence[Tensor] = ()) -> Placed:
        """A contraction, times a number and scalars."""
        spec = spec_of(node)
        scale = exact(scale * spec.coefficient)
        if scale == 0:
            return placed_whole(self.program.number(0), (), node.shape)
        into_sum = self._into_sum(node, scale, scalars)
        if into_sum is not None:
            return into_sum
        tensors, wiring = [*scalars], []
        for base, labels, exponent in zip(node.args, spec.labels, spec.exponents, strict=True):
            if base.op in WIRING and exponent > 0:
                wiring.append((base, labels))
            else:
                tensor = self.tensor(base)
                tensors.append(Tensor(tensor.step, tuple(labels[a] for a in tensor.labels), exponent))
        network = Network(self.program, tensors, wiring, spec.out, label_sizes(node), scale)
        placed = network.plan()
        if placed.shape == node.shape and not network.rolled:
            return placed
        step, labels, _ = self._tensor(placed)
        whole = self._full(step, labels, placed.shape)
        for axis, by in network.rolled:
            whole = self.program.step("roll", (whole,), (axis, by), whole.sizes)
        if placed.shape != node.shape:
            whole = self.program.step("reshape", (whole,), (), node.shape)
        return placed_whole(whole, range(node.ndim), node.shape)

    def _into_sum(self, node: Expr, scale: Number, scalars: Sequence[Tensor]) -> Placed | None:
        """A sum times numbers, with its terms multiplied instead where that is less work."""
        spec = spec_of(node)
        arrays = [i for i, arg in enumerate(node.args) if arg.ndim]
        if len(arrays) != 1 or not self._is_permutation(node):
            return None
        (position,) = arrays
        base = self.chosen[node.args[position]]
        if base.op != "linear" or self.uses[node.args[position]] > 1:
            return None
        inner = [
            *scalars,
            *(Tensor(self.tensor(f.base).step, (), f.exponent) for f in factors_of(node) if not f.base.ndim),
        ]
        outside = self._sum_work(base, 1, False) + volume(base.shape)
        if self._sum_work(base, scale, bool(inner)) >= outside:
            return None
        step, axes, _ = self._tensor(self._sum(base, scale, inner))
        labels = tuple(spec.labels[position][axis] for axis in axes)
        return Placed(step, labels, tuple(map(Place, spec.out)), label_sizes(node), node.shape)

    @staticmethod
    def _is_permutation(node: Expr) -> bool:
        """Whether the array factor of a contraction only has its axes reordered."""
        spec = spec_of(node)
        used = next((labels for labels in spec.labels if labels), ())
        exponents = [p for labels, p in zip(spec.labels, spec.exponents, strict=True) if labels]
        return exponents == [1] and len(set(spec.out)) == len(spec.out) and sorted(used) == sorted(spec.out)

    def _sum_work(self, node: Expr, scale: Number, scalars: bool) -> float:
        """Entries to multiply for the coefficients of a sum, times a number and maybe scalars."""
        work = 0.0
        for magnitude, terms in self._by_magnitude(node, scale).items():
            if magnitude != 1 or scalars:
                each = sum(self._scaling_work(term) for _, term in terms)
                work += min(each, volume(node.shape)) if len(terms) > 1 else each
        return work

    def _scaling_work(self, term: Expr) -> float:
        """Entries to multiply to scale a term: those of its smallest factor."""
        term = self.chosen.get(term, term)
        if term.op != "contract":
            return volume(term.shape)
        factors = [f for f in factors_of(term) if f.base.ndim]
        sizes = label_sizes(term)
        kept = volume(
            sizes[label] for label in set(spec_of(term).out) & {x for f in factors for x in f.labels}
        )
        return min([volume(f.base.shape) for f in factors] + [kept])

    # --- sums -------------------------------------------------------------------------------------

    def _sum(self, node: Expr, scale: Number = 1, scalars: Sequence[Tensor] = ()) -> Placed:
        """A sum, times a number and scalars."""
        if scale == 1 and not scalars:
            polynomial = self._polynomial(node)
            if polynomial is not None:
                return polynomial
        dense: list[tuple[int, Tensor]] = []
        rest: dict[tuple[object, ...], list[tuple[int, Placed]]] = {}
        for magnitude, terms in self._by_magnitude(node, scale).items():
            together = self._scaled_together(node, terms) if magnitude != 1 or scalars else None
            if together is not None:
                labels, step = together
                step = hadamard(self.program, [*scalars, Tensor(step, labels)], labels, magnitude)
                dense.append((1, Tensor(step, labels)))
                continue
            for sign, term in terms:
                placed = self._scaled(self.chosen[term], magnitude, scalars)
                if placed.is_dense:
                    dense.append((sign, self._tensor(placed)))
                else:
                    rest.setdefault(placed.target(), []).append((sign, placed))
        labels, step = self._total(dense)
        base = self._full(step, labels, node.shape) if dense and rest else step
        for group in rest.values():
            base = self._added(group, base if dense else None)
            dense = dense or [(1, Tensor(base, ()))]
        return placed_whole(base, range(node.ndim) if rest else labels, node.shape)

    def _by_magnitude(self, node: Expr, scale: Number) -> dict[Number, list[tuple[int, Expr]]]:
        """The terms of a sum, times a number, with their signs by the absolute value of the coefficient."""
        groups: dict[Number, list[tuple[int, Expr]]] = {}
        stack = [(scale, node)]
        while stack:
            factor, term = stack.pop()
            form = self.chosen[term]
            if form.op == "linear" and (term is node or self.uses[term] == 1):
                terms = zip(form.params, form.args, strict=True)
                stack.extend((exact(factor * c), t) for c, t in reversed(list(terms)))
            else:
                groups.setdefault(max(factor, -factor), []).append((1 if factor > 0 else -1, term))
        return groups

    def _total(self, dense: Sequence[tuple[int, Tensor]]) -> tuple[tuple[int, ...], Step]:
        """The sum of terms with signs, and its labels."""
        labels = tuple(sorted({label for _, t in dense for label in t.labels}))
        terms = [(sign, self.program.arrange(t.step, t.labels, labels)) for sign, t in dense]
        return labels, self.program.total(terms) if terms else self.program.number(0)

    def _scaled_together(
        self, node: Expr, terms: Sequence[tuple[int, Expr]]
    ) -> tuple[tuple[int, ...], Step] | None:
        """The sum of terms that are multiplied by the same number, if it is best multiplied as a whole."""
        values = [(sign, self.values[self.chosen[term]]) for sign, term in terms]
        if len(terms) < 2 or not all(placed.is_dense for _, placed in values):
            return None
        if sum(self._scaling_work(term) for _, term in terms) < volume(node.shape):
            return None
        return self._total([(sign, self._tensor(placed)) for sign, placed in values])

    def _added(self, group: Sequence[tuple[int, Placed]], base: Step | None) -> Step:
        """Values that go to the same places, added up and put there."""
        sign, placed = group[0]
        if len(group) > 1:
            labels, step = self._total([(s, Tensor(p.step, p.numbered())) for s, p in group])
            names = placed.labels_in_order()
            placed = replace(placed, step=step, labels=tuple(names[number] for number in labels))
            sign = 1
        return self.scattered(placed, base, sign)

    def _scaled(self, node: Expr, scale: Number, scalars: Sequence[Tensor]) -> Placed:
        if scale == 1 and not scalars:
            return self.values[node]
        if node.op == "contract":
            return self._contraction(node, scale, scalars)
        step, labels, _ = self.tensor(node)
        network = Network(
            self.program,
            [*scalars, Tensor(step, labels)],
            [],
            range(node.ndim),
            dict(enumerate(node.shape)),
            scale,
        )
        return network.plan()

    def _polynomial(self, node: Expr) -> Placed | None:
        """A polynomial of degree 3 or more in one expression, by Horner's rule."""
        found = polynomial_of(node)
        if found is None or max(found[1]) < 3:
            return None
        base, coefficients = found
        step, labels, _ = self.tensor(base)
        program = self.program
        stride = math.gcd(*coefficients)
        variable = program.power(step, stride)
        value: Step | None = None
        for k in range(max(coefficients), -1, -stride):
            c = coefficients.get(k, 0)
            if value is not None:
                value = program.product(1, [value, variable], [])
            if c:
                term = program.number(max(c, -c))
                sign = 1 if c > 0 else -1
                value = (
                    program.total([(sign, term)])
                    if value is None
                    else program.total([(1, value), (sign, term)])
                )
        assert value is not None
        return placed_whole(value, labels, node.shape)

    def scattered(self, placed: Placed, base: Step | None = None, sign: int = 1) -> Step:
        """The value at its places in an array of zeros, or added there to `base`."""
        program = self.program
        if base is None and sign == 1:
            labels = {p.label for p in placed.places}
            diagonal = len(placed.places) == 2 and len(labels) == 1 and all(map(placed.fills, (0, 1)))
            if diagonal and placed.labels:
                return program.step("diagonal_matrix", (placed.step,), (), placed.shape)
            if diagonal:
                eye = program.step("identity", (), (), placed.shape)
                return program.product(1, [placed.step, eye], [])
        order = placed.labels_in_order()
        places, sizes = placed.target()
        step = program.arrange(
            placed.step, placed.labels, [label for label in order if label in placed.labels]
        )
        present = tuple(i for i, label in enumerate(order) if label in placed.labels)
        args = (step,) if base is None else (step, base)
        return program.step("scatter", args, (sign, places, sizes, present), placed.shape)


def _is_elementwise(node: Expr) -> bool:
    """Whether the operation acts on each entry alone."""
    if node.op in HELPERS:
        return HELPERS[node.op].elementwise
    return node.op == "quotient" or (node.op in PRIMITIVES and PRIMITIVES[node.op].elementwise)


def _with_solves(program: Program, roots: list[Step]) -> list[Step]:
    """Products with an inverse become solutions of linear systems, unless the inverse is needed anyway."""
    steps = toposort(roots)
    users: dict[Step, list[Step]] = {}
    for step in steps:
        for arg in step.args:
            users.setdefault(arg, []).append(step)
    solved = set()
    for step in steps:
        if step.op == "call" and step.params[0] == "inv" and step not in roots:
            views = [
                u for u in users[step] if u.op == "transpose" and u.params[0] == _swap(u) and u not in roots
            ]
            direct = [u for u in users[step] if u not in views] + [u for v in views for u in users.get(v, ())]
            products = all(u.op == "matmul" and u.args[0] is not u.args[1] for u in direct)
            if products and len(set(direct)) < SHARED_INVERSE:
                solved.add(step)
    if not solved:
        return roots
    new: dict[Step, Step] = {}
    for step in steps:
        args = [new[arg] for arg in step.args]
        new[step] = _solution(program, step, args, solved) or program.step(
            step.op, args, step.params, step.sizes
        )
    return [new[root] for root in roots]


def _solution(program: Program, step: Step, args: list[Step], solved: set[Step]) -> Step | None:
    """X^-1 b as the solution of X y = b, b X^-1 as that of X' y' = b'."""
    if step.op != "matmul":
        return None
    for side in (0, 1):
        transposed = step.args[side].op == "transpose"
        inverse = step.args[side].args[0] if transposed else step.args[side]
        if inverse not in solved:
            continue
        kind = program.solvers.get(inverse.args[0], "")
        factor = args[side].args[0] if transposed else args[side]
        matrix, other = factor.args[0], args[1 - side]
        if transposed != (side == 1) and kind != "spd":
            matrix = program.transpose(matrix, _swap(matrix))
            kind = {"lower": "upper", "upper": "lower"}.get(kind, kind)
        if side == 0 or other.ndim < 2:
            return program.step("solve", (matrix, other), (kind,), step.sizes)
        right = program.transpose(other, _swap(other))
        sizes = (*step.sizes[:-2], step.sizes[-1], step.sizes[-2])
        return program.transpose(program.step("solve", (matrix, right), (kind,), sizes), _swap(step))
    return None


def _swap(step: Step) -> tuple[int, ...]:
    """The order of axes that transposes every matrix of a stack."""
    return (*range(step.ndim - 2), step.ndim - 1, step.ndim - 2)
