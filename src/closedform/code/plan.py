"""From derived formulas to the steps that compute them: what to multiply first, what to share, what to add in place."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from closedform.code.contraction import WIRING, Network, Placed, Tensor, placed_whole, volume
from closedform.code.stable import HELPERS, polynomial_of, stable
from closedform.code.steps import Place, Program, Step, toposort
from closedform.expression.calculus import Number, exact, factors_of, label_sizes, spec_of, terms_of
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
    planner = _Planner(roots)
    return _with_solves(planner.program, [planner.full(planner.chosen[root]) for root in roots])


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
            form = self.chosen[node] = stable(node)
            if form is not node:
                if form in self.chosen:
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
        elif node.op in {"constant", "size", "select", "unit", "gather", "triangle", "reshape"}:
            step = program.step(node.op, (), node.params, node.shape)
        elif node.op in HELPERS or (node.op in PRIMITIVES and PRIMITIVES[node.op].elementwise):
            tensors = [self.tensor(arg) for arg in node.args]
            labels = tuple(sorted({label for t in tensors for label in t.labels}))
            aligned = [program.arrange(t.step, t.labels, labels) for t in tensors]
            step = program.step("call", aligned, (node.op, node.params), [node.shape[i] for i in labels])
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
        arrays = [f for f in factors_of(node) if f.base.ndim]
        if len(arrays) == 1 and self._is_permutation(node) and self.chosen[arrays[0].base].op == "linear":
            base = self.chosen[arrays[0].base]
            inner = [Tensor(self.tensor(f.base).step, (), f.exponent) for f in factors_of(node) if not f.base.ndim]
            inner = [*scalars, *inner]
            if (inner or abs(scale) != 1) and self.uses[arrays[0].base] == 1 and self._cheaper_in_terms(base):
                placed = self._sum(base, scale, inner)
                step, labels, _ = self._tensor(placed)
                order = arrays[0].labels
                return Placed(
                    step, tuple(order[a] for a in labels), tuple(map(Place, spec.out)), label_sizes(node), node.shape
                )
        tensors, wiring = [*scalars], []
        for base, labels, exponent in factors_of(node):
            if base.op in WIRING and exponent > 0:
                wiring.append((base, labels))
            else:
                tensor = self.tensor(base)
                tensors.append(Tensor(tensor.step, tuple(labels[a] for a in tensor.labels), exponent))
        network = Network(self.program, tensors, wiring, spec.out, label_sizes(node), scale)
        return network.plan()

    @staticmethod
    def _is_permutation(node: Expr) -> bool:
        """Whether the array factor of a contraction only has its axes reordered."""
        spec = spec_of(node)
        used = next((labels for labels in spec.labels if labels), ())
        exponents = [p for labels, p in zip(spec.labels, spec.exponents, strict=True) if labels]
        return exponents == [1] and len(set(spec.out)) == len(spec.out) and sorted(used) == sorted(spec.out)

    def _cheaper_in_terms(self, node: Expr) -> bool:
        """Whether to multiply the terms of a sum by a scalar takes less work than to multiply the sum."""
        whole = volume(node.shape)
        return sum(self._scaling_work(term) for _, term in terms_of(node)) < whole

    def _scaling_work(self, term: Expr) -> float:
        """Entries to multiply to scale a term: those of its smallest factor."""
        term = self.chosen.get(term, term)
        if term.op != "contract":
            return volume(term.shape)
        factors = [f for f in factors_of(term) if f.base.ndim]
        sizes = label_sizes(term)
        kept = volume(sizes[label] for label in set(spec_of(term).out) & {x for f in factors for x in f.labels})
        return min([volume(f.base.shape) for f in factors] + [kept])

    # --- sums -------------------------------------------------------------------------------------

    def _sum(self, node: Expr, scale: Number = 1, scalars: Sequence[Tensor] = ()) -> Placed:
        """A sum, times a number and scalars."""
        if scale == 1 and not scalars:
            polynomial = self._polynomial(node)
            if polynomial is not None:
                return polynomial
        dense: list[tuple[int, Tensor]] = []
        rest: list[tuple[int, Placed]] = []
        for coefficient, term in zip(node.params, node.args, strict=True):
            total = exact(coefficient * scale)
            placed = self._scaled(self.chosen[term], abs(total), scalars)
            sign = 1 if total > 0 else -1
            if placed.is_dense:
                dense.append((sign, self._tensor(placed)))
            else:
                rest.append((sign, placed))
        labels = tuple(sorted({label for _, t in dense for label in t.labels}))
        terms = [(sign, self.program.arrange(t.step, t.labels, labels)) for sign, t in dense]
        if not rest:
            return placed_whole(self.program.total(terms), labels, node.shape)
        base = self._full(self.program.total(terms), labels, node.shape) if terms else None
        for sign, placed in rest:
            base = self.scattered(placed, base, sign)
        assert base is not None
        return placed_whole(base, range(node.ndim), node.shape)

    def _scaled(self, node: Expr, scale: Number, scalars: Sequence[Tensor]) -> Placed:
        if scale == 1 and not scalars:
            return self.values[node]
        if node.op == "contract":
            return self._contraction(node, scale, scalars)
        step, labels, _ = self.tensor(node)
        network = Network(self.program, [*scalars, Tensor(step, labels)], [], range(node.ndim), dict(enumerate(node.shape)), scale)
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
                term = program.number(abs(c))
                sign = 1 if c > 0 else -1
                value = program.total([(sign, term)]) if value is None else program.total([(1, value), (sign, term)])
        assert value is not None
        return placed_whole(value, labels, node.shape)

    def scattered(self, placed: Placed, base: Step | None = None, sign: int = 1) -> Step:
        """The value at its places in an array of zeros, or added there to `base`."""
        program = self.program
        if base is None and sign == 1:
            labels = {p.label for p in placed.places}
            diagonal = len(placed.places) == 2 and len(labels) == 1 and all(p.is_whole for p in placed.places)
            if diagonal and placed.labels:
                return program.step("diagonal_matrix", (placed.step,), (), placed.shape)
            if diagonal:
                eye = program.step("identity", (), (), placed.shape)
                return program.product(1, [placed.step, eye], [])
        numbers: dict[int, int] = {}
        for label in (*placed.labels, *(p.label for p in placed.places if p.label is not None)):
            numbers.setdefault(label, len(numbers))
        places = tuple(p if p.label is None else p._replace(label=numbers[p.label]) for p in placed.places)
        sizes = tuple(placed.sizes[label] for label in numbers)
        args = (placed.step,) if base is None else (placed.step, base)
        return program.step("scatter", args, (sign, places, sizes), placed.shape)


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
            views = [u for u in users[step] if u.op == "transpose" and u not in roots]
            direct = [u for u in users[step] if u not in views] + [u for v in views for u in users.get(v, ())]
            products = all(u.op == "matmul" and u.args[0] is not u.args[1] for u in direct)
            if products and len(set(direct)) < SHARED_INVERSE:
                solved.add(step)
    if not solved:
        return roots
    new: dict[Step, Step] = {}
    for step in steps:
        args = [new[arg] for arg in step.args]
        new[step] = _solution(program, step, args, solved) or program.step(step.op, args, step.params, step.sizes)
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
        factor = args[side].args[0] if transposed else args[side]
        matrix, other = factor.args[0], args[1 - side]
        if transposed != (side == 1):
            matrix = program.transpose(matrix, (1, 0))
        if side == 1 and other.ndim == 2:
            other = program.transpose(other, (1, 0))
        solution = program.step("solve", (matrix, other), (), (matrix.sizes[1], *other.sizes[1:]))
        return program.transpose(solution, (1, 0)) if side == 1 and other.ndim == 2 else solution
    return None
