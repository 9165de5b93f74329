"""An expression of the calculus goes in, its notation tree (see `form`) comes out, read as matrices.

Conventions. Axes of a result written with indices are i, j, k, l, in this order; positions count from 0, as
in NumPy. vec(A) stacks the rows of A, and a result of order 4 is the matrix H[(i, j), (k, l)]: P_ik Q_jl is
the Kronecker product of P and Q, P_il Q_jk is the same times the commutation matrix K (K vec(V) = vec(V')),
and A_ij B_kl is vec(A) vec(B)'. diag_n(v), n > 2, is the tensor of order n with v where all indices are
equal. A plain number in a sum with a vector is added to every entry. Functions of arrays act on each entry,
but for those of matrices (inverse, determinant, e^A; exp with a circled dot is the elementwise one); an
index at a function is the axis it works along. S with a slice is the matrix that takes
the slice, L x are the running sums of x. [a, b] is the vector of two numbers and [[a, b], [c, d]] the matrix
with these rows; [A, B] stands for blocks side by side, [A; B] for blocks one above the other, and 0 for a
block of zeros. divdiff(h, h', v) is the matrix of the divided differences (h_i - h_j) / (v_i - v_j) of a
function with the values h and the derivatives h' at v, h'_i for v_i = v_j, and recipgaps(v) that of
1 / (v_j - v_i), 0 on its diagonal. A vector x has n_x entries, a matrix A has m_A rows and n_A columns.
"""

from __future__ import annotations

import itertools
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction

import numpy as np

from closedform.expression.calculus import (
    Factor,
    Number,
    Spec,
    as_number,
    broadcast_axes,
    contract,
    exact,
    expand_product,
    factors_of,
    is_nonnegative,
    is_zero,
    label_sizes,
    linear,
    spec_of,
    terms_of,
    transpose,
    without_axes,
)
from closedform.expression.expr import Expr, Shape, toposort
from closedform.expression.expr import inputs as inputs_below
from closedform.expression.facts import holds
from closedform.expression.size import Atom, AxisOf, Size
from closedform.notation import form as fm
from closedform.notation.blocks import Block, Cutter
from closedform.notation.contraction import Graph
from closedform.notation.index import (
    Label,
    bound,
    different,
    entry,
    is_elementwise,
    lettered,
    pushed,
    running_product,
    scalar_version,
)
from closedform.notation.structure import Reading, item_of, rolled, structure_read


def notation(root: Expr, inputs: Iterable[Expr] = (), turned: bool = False) -> Expr:
    """The notation tree of an expression; `inputs` are all arguments, if there are more than stand in it;
    `turned` asks for the transpose.

    >>> from closedform.expression.calculus import dot
    >>> from closedform.expression.expr import input_
    >>> x = input_("x", (2,))
    >>> notation(dot(input_("A", (3, x.shape[0])), x)).op
    'matmul'
    """
    if turned and root.ndim == 2:
        return notation(transpose(root, (1, 0)), inputs)
    known = list(inputs)
    standing = {(node.params[0], node.shape) for node in inputs_below(root)}
    if any((node.params[0], node.shape) not in standing for node in known):  # whose names are taken
        form = _Reader(root, known).read()
    elif root in _NOTATIONS:
        form = _NOTATIONS[root]
    else:
        form = _NOTATIONS[root] = _Reader(root, known).read()
    return fm.row(form) if turned and root.ndim == 1 else form


# Formulas are read to compare them, then to write them, in one language or several.
_NOTATIONS: weakref.WeakKeyDictionary[Expr, Expr] = weakref.WeakKeyDictionary()


def needs_indices(root: Expr) -> bool:
    """Whether index notation stands anywhere in the formula."""
    return any(form.op == "index" for form in toposort(notation(root)))


def is_diagonal(root: Expr) -> bool:
    """Whether the formula is a tensor that is zero where indices differ, times scalars."""
    return fm.factored(notation(root))[1].op == "diag"


# Letters of the notation that no axis is called by.
RESERVED = frozenset({"I", "K", "L", "S", "e", "H", "V"})
# Products with tensors are multiplied out up to this many terms.
MOST_TERMS = 24


# An array is written by its blocks rather than as a sum of parts if it is at most so much longer then.
WORTH_A_WHOLE = 1.5
_PLACING = frozenset({"basis", "selection"})


class _Reader:
    """Reads every node below a root once, operands first."""

    def __init__(self, root: Expr, known: Iterable[Expr]) -> None:
        self.root = root
        self.order = toposort(root)
        self.forms: dict[Expr, Expr] = {}
        self.sums = self._sums_below()
        self.fresh = itertools.count()
        self.uses: dict[Expr, int] = {}
        for node in self.order:
            turned = _is_multiple(node) and spec_of(node).coefficient == -1  # it is written b - a
            for arg in () if turned else node.args:
                self.uses[arg] = self.uses.get(arg, 0) + 1
        arguments = [*known, *inputs_below(root)]
        self.names = {str(node.params[0]) for node in arguments}
        axes = {axis for node in (*arguments, *self.order) for axis in _axes(node)}
        self.orders = _orders(arguments, axes)
        # What the user calls an axis, where that is no other name.
        self.labels = {
            (axis.argument, axis.axis): axis.label
            for axis in axes
            if axis.label and axis.label.isidentifier() and axis.label not in self.names | RESERVED
        }
        self.names |= set(self.labels.values())
        self.constants: dict[Expr, str] = {}
        self.cutter = Cutter()

    def _sums_below(self) -> dict[Shape, list[Expr]]:
        """The sums of more than two terms that stand in the formula, by their shape, the longest first."""
        found: dict[Shape, list[Expr]] = {}
        for node in self.order:
            if node.op == "linear" and len(node.args) > 2:
                found.setdefault(node.shape, []).append(node)
        return {shape: sorted(sums, key=lambda node: -len(node.args)) for shape, sums in found.items()}

    def read(self) -> Expr:
        self._read_below(self.root)
        whole = self._multiplied_out(self.root, Graph.operator_form) if self.root.ndim == 4 else None
        return lettered(whole or self.forms[self.root], self.names)

    def _read_below(self, *roots: Expr) -> None:
        for node in toposort(*roots):
            if node not in self.forms:
                self.forms[node] = _READINGS.get(node.op, _Reader.call)(self, node)
                self.forms[node] = self._in_blocks(node) or self.forms[node]

    def _in_blocks(self, node: Expr) -> Expr | None:
        """An array by its entries or blocks, where that is shorter."""
        found = self.cutter.blocks(node, node is self.root) if node.op in {"linear", "contract"} else None
        if found is None:
            return None
        self._read_below(*(block.expr for row in found for block in row))
        rows = [[self._block(block) for block in row] for row in found]
        form, other = fm.blocks(rows, node.shape), self.forms[node]
        apart = fm.factored(other)[1].op == "sum" or any(part.op in _PLACING for part in toposort(other))
        whole = WORTH_A_WHOLE if apart else 1
        return form if fm.length(form) <= whole * fm.length(other) else None

    def _block(self, block: Block) -> Expr:
        form = self.forms[block.expr]
        return fm.row(form) if block.is_row else form

    # --- leaves -------------------------------------------------------------------------------------

    def input(self, node: Expr) -> Expr:
        return fm.symbol(node.params[0], node.shape, holds(node, "symmetric"))

    def constant(self, node: Expr) -> Expr:
        """A captured array: a number, or a name no input has."""
        array = node.params[0].array
        if array.ndim == 0 and array.dtype.kind in "biuf" and np.isfinite(array):
            return fm.literal(exact(float(array)))
        wanted = node.params[0].name or ("c" if array.ndim < 2 else "C")
        candidates = itertools.chain([wanted], (f"{wanted}_{n}" for n in itertools.count(1)))
        name = next(candidate for candidate in candidates if candidate not in self.names)
        self.names.add(name)
        return fm.symbol(name, node.shape)

    def size(self, node: Expr) -> Expr:
        return self._size(node.params[0])

    def _size(self, size: Size) -> Expr:
        terms = [fm.product(fm.literal(c), *(self._atom(atom) for atom in atoms)) for atoms, c in size.terms]
        return fm.total(terms, ()) if terms else fm.literal(0)

    def _atom(self, atom: Atom) -> Expr:
        if isinstance(atom, AxisOf):
            return fm.symbol(self._size_name(atom.argument, atom.axis))
        quotient = fm.product(self._size(atom.size), fm.power(fm.literal(atom.divisor), -1))
        return Expr("ceiling", (quotient,), (), ())

    def _size_name(self, argument: str, axis: int) -> str:
        """What the axis is called, or m_A and n_A of a matrix, n_x of a vector; dim_0_x if an input has that
        name."""
        if (argument, axis) in self.labels:
            return self.labels[argument, axis]
        order = self.orders.get(argument, 1)
        letter = "mn"[axis] if order == 2 else "n" if order == 1 else f"n_{axis}"
        name = f"{letter}_{argument}"
        return f"dim_{axis}_{argument}" if name in self.names else name

    def selection(self, node: Expr) -> Expr:
        return Expr("selection", (), (item_of(node, self._size_name),), node.shape)

    def basis(self, node: Expr) -> Expr:
        return Expr("basis", (), (dict(node.params)["index"],), node.shape)

    def triangle(self, node: Expr) -> Expr:
        return Expr("triangle", (), (dict(node.params)["k"],), node.shape)

    def shift(self, node: Expr) -> Expr:
        """The matrix R with R x = roll(x): the identity, rolled."""
        return rolled(fm.identity(node.shape[0]), dict(node.params)["by"], 0)

    def reshaping(self, node: Expr) -> Expr:
        return Expr("reshaping", (), (), node.shape)

    # --- sums and products --------------------------------------------------------------------------

    def linear(self, node: Expr) -> Expr:
        return self._sum(terms_of(node), node)

    def _in_one_sum(self, terms: Iterable[tuple[Number, Expr]]) -> list[tuple[Number, Expr]]:
        """The terms, with those of sums among them, or of their transposes, that stand nowhere else."""
        terms = list(terms)
        counts = Counter(term if term.op == "linear" else _turned_sum(term) for _, term in terms)
        found: list[tuple[Number, Expr]] = []
        for c, term in terms:
            inner = term if term.op == "linear" else _turned_sum(term)
            if inner is None or abs(c) != 1 or self.uses.get(inner, 0) > counts[inner]:
                found.append((c, term))
                continue
            parts = terms_of(inner)
            if inner is not term:
                parts = [(k, transpose(part, (1, 0))) for k, part in parts]
                self._read_below(*(part for _, part in parts))
            found += [(exact(c * k), part) for k, part in parts]
        return found

    def _with_known_sums(self, terms: list[tuple[Number, Expr]], node: Expr) -> list[tuple[Number, Expr]]:
        """The terms of a sum with a multiple of another sum of the formula in place of its terms: y - 2 p for
        y - 2 a - 2 b where p = a + b stands elsewhere."""
        totals: dict[Expr, Number] = {}
        for c, term in terms:
            totals[term] = exact(totals.get(term, 0) + c)
        for known in self.sums.get(node.shape, ()):
            if not all(term in totals for term in known.args):
                continue
            ratios = {exact(Fraction(totals[term]) / Fraction(c)) for c, term in terms_of(known)}
            if len(known.args) < len(totals) and len(ratios) == 1 and 0 not in ratios:
                totals = {term: c for term, c in totals.items() if term not in known.args}
                totals[known] = ratios.pop()
                self._read_below(known)
        return [(c, term) for term, c in totals.items() if c != 0]

    def _sum(self, terms: Iterable[tuple[Number, Expr]], node: Expr) -> Expr:
        """A sum of terms; with indices if each of them has indices, or there is no other notation."""
        terms = self._with_known_sums(self._in_one_sum(terms), node)
        forms = [fm.product(fm.literal(c), self._summand(term)) for c, term in terms]
        if len(terms) > 1 and all(c < 0 for c, _ in terms):  # y (b - a) - x for -x - y (a - b)
            turned = (n for n, (c, term) in enumerate(terms) if self._negated(c, term) is not None)
            n = next(turned, None)
            if n is not None:
                forms[n] = self._negated(*terms[n]) or forms[n]
        if not forms:
            return fm.literal(0, node.shape)
        if node.ndim <= 2 and not all(form.op == "index" for form in forms):
            written = [  # a product that was multiplied out is no sum of its own
                part
                for (_, term), form in zip(terms, forms, strict=True)
                for part in (fm.summands(form) if term.op == "contract" else [form])
            ]
            return fm.total(written, node.shape)
        axes: list[Label] = [next(self.fresh) for _ in node.shape]
        return bound(fm.total([entry(form, axes, self.fresh) for form in forms], ()), axes, node.shape)

    def _summand(self, term: Expr) -> Expr:
        """A term; a constant is added to every entry of a vector."""
        return fm.literal(1, term.shape) if _fill(term) == 1 and term.ndim == 1 else self.forms[term]

    def contract(self, node: Expr) -> Expr:
        if _is_multiple(node):
            return self._multiple(node)
        filled = self._filled_diagonal(node)
        if filled is not None:
            return filled
        graph, coefficient = self._graph(node)
        form = graph.matrix_form() or graph.diagonal_form()
        if form is None and node.ndim <= 2 and _over_terms(node):
            form = self._multiplied_out(node, Graph.matrix_form)
            if form is not None:
                return form
        if form is None:
            graph, _ = self._graph(node, merging=False)
            form = graph.index_form(node.shape, self.fresh)
        value = _fill(node)
        if value is not None and node.ndim > 2:
            form = fm.literal(1, node.shape)
        return fm.product(fm.literal(coefficient), form)

    def _filled_diagonal(self, node: Expr) -> Expr | None:
        """diag(v) − u v' for (I − u 1') diag(v); None for what is no such product."""
        spec = spec_of(node)
        factors = factors_of(node)
        sums = [f for f in factors if f.base.op == "linear" and f.base.ndim == 2 and f.exponent == 1]
        vectors = [f for f in factors if len(f.labels) == 1]
        scalars = [f for f in factors if not f.labels]
        if len(sums) != 1 or not vectors or len(sums) + len(vectors) + len(scalars) < len(factors):
            return None
        (inner,) = sums
        if set(inner.labels) != set(spec.out):
            return None
        others = [term for term in inner.base.args if not _is_unit_diagonal(term)]
        if len(inner.base.args) != len(others) + 1 or not all(map(_is_outer_product, others)):
            return None
        terms = [
            (c, contract([*vectors, Factor(term, inner.labels)], spec.out))
            for c, term in terms_of(inner.base)
        ]
        self._read_below(*(term for _, term in terms), *(f.base for f in scalars))
        powers = [fm.power(self.forms[f.base], f.exponent) for f in scalars]
        return fm.product(fm.literal(spec.coefficient), *powers, self._sum(terms, node))

    def _negated(self, coefficient: Number, term: Expr) -> Expr | None:
        """A negative multiple of a product, with the sign in one of its sums, or None."""
        node = contract([Factor(term, tuple(range(term.ndim)))], tuple(range(term.ndim)), None, coefficient)
        if node.op != "contract" or _is_multiple(node) or _fill(node) is not None:
            return None
        form = self.contract(node)
        return form if fm.split_sign(form)[0] > 0 and form.op != "index" else None

    def _multiple(self, node: Expr) -> Expr:
        """c times a sum: multiplied out, unless c is all that its terms have before them."""
        coefficient = spec_of(node).coefficient
        (inner,) = node.args
        fractions = [self.forms[term] for term in inner.args if isinstance(coefficient, int)]
        divided = any(scalar.op == "fraction" for form in fractions for scalar in fm.factored(form)[0])
        if abs(coefficient) == 1 or divided or any(abs(c) != 1 for c in inner.params):
            return self._sum(((coefficient * c, term) for c, term in terms_of(inner)), node)
        form = self.forms[inner]
        opposite = self._opposite(inner) if coefficient < 0 else None
        if opposite is not None:
            coefficient, form = -coefficient, opposite
        return fm.product(fm.literal(coefficient), form)

    def _opposite(self, node: Expr, exponent: Number = 1) -> Expr | None:
        """The negative of a sum, if it needs no leading minus: b - a, or y (b - a) - x."""
        if self._turns(node, exponent):
            return fm.opposite(self.forms[node])
        if min(node.params) < 0 or self.uses.get(node, 0) > 1:
            return None
        terms = [(-c, term) for c, term in terms_of(node)]
        if all(self._negated(c, term) is None for c, term in terms):
            return None
        return self._sum(terms, node)

    def _turns(self, node: Expr, exponent: Number = 1) -> bool:
        """Whether -(a - b) is better written b - a: not if a - b stands elsewhere too, or is a probability
        1 - b, or a divisor 1 - b."""
        mixed = min(node.params) < 0 < max(node.params)
        kept = any(_fill(arg) is not None for arg in node.args) and (exponent < 0 or is_nonnegative(node))
        return mixed and self.uses.get(node, 0) <= 1 and not kept

    def _graph(self, node: Expr, merging: bool = True) -> tuple[Graph, Number]:
        spec = spec_of(node)
        coefficient = spec.coefficient
        readings: list[Reading] = []
        for base, labels, exponent in zip(node.args, spec.labels, spec.exponents, strict=True):
            form = self.forms[base]
            odd = isinstance(exponent, int) and exponent % 2 == 1
            turns = coefficient < 0 and odd
            turned = self._opposite(base, exponent) if base.op == "linear" and turns else None
            if turned is not None:
                coefficient, form = -coefficient, turned
            elif base.op == "sign" and turns and base.args[0].op == "linear" and self._turns(base.args[0]):
                argument = fm.negative(self.forms[base.args[0]])
                coefficient, form = -coefficient, Expr("call", (argument,), form.params, form.shape)
            readings.append(Reading(form, labels, exponent, base))
        readings = structure_read(readings, spec.out, self._size, self._size_name)
        readings = _raveled(readings, spec.out, label_sizes(node))
        return Graph(readings, spec.out, label_sizes(node), merging), coefficient

    def _multiplied_out(self, node: Expr, read: Callable[[Graph], Expr | None]) -> Expr | None:
        """A sum in matrix notation, multiplied out where a factor is a sum of tensors; None without one."""
        found: dict[Expr, Number] = {}
        forms: dict[Expr, Expr] = {}
        stack = terms_of(node)[::-1]
        while stack:
            c, term = stack.pop()
            if term.op != "contract" or len(found) + len(stack) > MOST_TERMS:
                return None
            self._read_below(*term.args)
            graph, coefficient = self._graph(term)
            form = read(graph)
            parts = _over_terms(term) if form is None else []
            if form is not None:
                forms[term] = fm.product(fm.literal(coefficient), form)
                found[term] = exact(found.get(term, 0) + c)
            elif not parts:
                return None
            stack += [(exact(c * k), part) for k, part in reversed(parts)]
        summands = [fm.product(fm.literal(c), forms[term]) for term, c in found.items() if c != 0]
        written = [part for summand in summands for part in fm.summands(summand)]
        return fm.total(written, written[0].shape) if written else None

    # --- functions ----------------------------------------------------------------------------------

    def call(self, node: Expr) -> Expr:
        """A primitive; a constant operand is written as a number."""
        values = [_fill(arg) for arg in node.args]
        args = [
            self.forms[arg] if value is None else fm.literal(value, arg.shape)
            for arg, value in zip(node.args, values, strict=True)
        ]
        return self._entrywise(node, args)

    def _entrywise(self, node: Expr, args: list[Expr]) -> Expr:
        """A primitive of forms, in index notation where its operands are."""
        form = Expr("call", tuple(args), (node.op, *node.params), node.shape)
        has_matrix_form = node.ndim <= 2 and not any(arg.op == "index" for arg in args)
        if has_matrix_form or not is_elementwise(form):
            return form
        axes: list[Label] = [next(self.fresh) for _ in node.shape]
        operands = [entry(arg, axes, self.fresh) if arg.shape else arg for arg in args]
        return bound(scalar_version(form, operands), axes, node.shape)

    def power(self, node: Expr) -> Expr:
        """A power; an exponent that all entries share is a scalar."""
        base, exponent = node.args
        every = range(exponent.ndim)
        if not node.shape or len(broadcast_axes(exponent)) < node.ndim:
            return self.call(node)
        scalar = without_axes(exponent, every)
        self._read_below(scalar)
        return self._entrywise(node, [self.forms[base], self.forms[scalar]])

    def exponential(self, node: Expr) -> Expr:
        """e^(u + a ln c) = c^a e^u for a number c."""
        terms = [(term, *_power_of_number(c, term)) for c, term in terms_of(node.args[0])]
        powers = [(c, exponent) for _, c, exponent in terms if exponent is not None]
        if not powers:
            return self.call(node)
        rest = linear([(c, term) for term, c, exponent in terms if exponent is None], node.shape)
        self._read_below(rest, *(exponent for _, exponent in powers))
        forms = [
            Expr("call", (fm.literal(c), self.forms[exponent]), ("power",), node.shape)
            for c, exponent in powers
        ]
        if not is_zero(rest):
            forms.append(self.call(Expr("exp", (rest,), (), node.shape)))
        return fm.elementwise((form, 1) for form in forms) if node.shape else fm.product(*forms)

    def differential(self, node: Expr) -> Expr:
        return Expr("differential", (self.forms[node.args[0]],), (), node.shape)

    def inverse(self, node: Expr) -> Expr:
        return Expr("inverse", (self.forms[node.args[0]],), (), node.shape)

    def product_over(self, node: Expr) -> Expr:
        (array,) = node.args
        labels = [next(self.fresh) for _ in array.shape]
        label = labels[dict(node.params).get("axis", 0)]
        body = running_product(pushed(self.forms[array], labels, self.fresh), label)
        return bound(body, [other for other in labels if other != label], node.shape)

    def product_without(self, node: Expr) -> Expr:
        """The product of all entries along the last axis but some; zero where two of these are the same."""
        (array,) = node.args
        *lead, label = [next(self.fresh) for _ in array.shape]
        axes = [next(self.fresh) for _ in range(node.ndim - len(lead))]
        body = running_product(pushed(self.forms[array], [*lead, label], self.fresh), label, axes)
        apart = [different(a, b) for a, b in itertools.combinations(axes, 2)]
        return bound(fm.product(*apart, body), [*lead, *axes], node.shape)


def _axes(node: Expr) -> Iterator[AxisOf]:
    """The inputs' axes in the sizes of a node."""
    for size in (*node.shape, *(p for p in node.params if isinstance(p, Size))):
        for atoms, _ in size.terms:
            yield from (atom for atom in atoms if isinstance(atom, AxisOf))


def _orders(known: list[Expr], axes: Iterable[AxisOf]) -> dict[str, int]:
    """How many axes each argument has, as far as its node or its sizes tell."""
    orders: dict[str, int] = {}
    for axis in axes:
        orders[axis.argument] = max(orders.get(axis.argument, 1), axis.order or axis.axis + 1)
    return orders | {str(node.params[0]): node.ndim for node in known}


def _power_of_number(coefficient: Number, term: Expr) -> tuple[Number, Expr | None]:
    """(c, a) where a multiple of a term is a ln(c) for a number c; else (coefficient, None)."""
    factors = factors_of(term) if term.op == "contract" else [Factor(term)]
    for n, f in enumerate(factors):
        base = as_number(f.base.args[0]) if f.base.op == "log" and f.exponent == 1 else None
        if base is not None and not f.labels:
            rest = [*factors[:n], *factors[n + 1 :]]
            out, sizes = (spec_of(term).out, label_sizes(term)) if term.op == "contract" else ((), None)
            return base, contract(rest, out, sizes, coefficient)
    return coefficient, None


def _over_terms(node: Expr) -> list[tuple[Number, Expr]]:
    """A product with a tensor that is a sum, as the terms of the product multiplied out; else nothing."""
    for n, (base, _, exponent) in enumerate(factors_of(node)):
        if base.op == "linear" and base.ndim > 2 and exponent == 1:
            return expand_product(node, [n])
    return []


def _raveled(readings: list[Reading], out: tuple[int, ...], sizes: Mapping[int, Size]) -> list[Reading]:
    """The factors with those that reshapes flatten together as one: ravel(x y') for Σ_ij R_kij x_i y_j, and
    A ⊗ B for Σ R_kij A_ip B_jq R_lpq."""
    flat = [r for r in readings if r.node.op == "reshape" and not r.node.args and len(set(r.labels)) == 3]
    for chosen in (*((r,) for r in flat), *itertools.combinations(flat, 2)):
        ends = [r.labels[0] for r in chosen]
        axes = [label for r in chosen for label in r.labels[1:]]
        left = [r for r in readings if r not in chosen]
        inside: list[Reading] = []
        reached = set(axes)
        while found := [r for r in left if reached & set(r.labels)]:
            inside += found
            left = [r for r in left if r not in found]
            reached |= {label for r in found for label in r.labels}
        if reached & {*ends, *out}:
            continue
        graph = Graph(inside, tuple(axes), sizes)
        form = graph.matrix_form() if len(chosen) == 1 else graph.operator_form()
        if form is not None:
            if len(chosen) == 1:
                scalars, array = fm.factored(form)
                form = fm.product(*scalars, Expr("ravel", (array,), (), chosen[0].node.shape[:1]))
            return [*left, Reading(form, tuple(ends), 1, form)]
    return readings


def _turned_sum(node: Expr) -> Expr | None:
    """The sum of matrices that a node is the transpose of, or None."""
    turned = Spec(1, ((1, 0),), (1,), (0, 1))
    same = (
        node.op == "contract"
        and len(node.args) == 1
        and spec_of(node) in (turned, turned._replace(labels=((0, 1),), out=(1, 0)))
    )
    return node.args[0] if same and node.args[0].op == "linear" else None


def _is_unit_diagonal(node: Expr) -> bool:
    """Whether a node is the identity matrix."""
    return node.op == "contract" and not node.args and len(set(spec_of(node).out)) == 1


def _is_outer_product(node: Expr) -> bool:
    """Whether no factor of a matrix joins its rows and columns."""
    if node.op != "contract" or len(set(spec_of(node).out)) < 2:
        return False
    return all(len(f.labels) < 2 for f in factors_of(node))


def _is_multiple(node: Expr) -> bool:
    """Whether a node is a number times a sum."""
    if node.op != "contract" or len(node.args) != 1 or node.args[0].op != "linear":
        return False
    spec = spec_of(node)
    return spec.exponents == (1,) and spec.labels == (spec.out,) and len(set(spec.out)) == len(spec.out)


def _fill(node: Expr) -> Number | None:
    """The value of an array that has one value everywhere."""
    if node.op != "contract" or node.args or len(set(spec_of(node).out)) < node.ndim:
        return None
    return spec_of(node).coefficient


_READINGS: dict[str, Callable[[_Reader, Expr], Expr]] = {
    "input": _Reader.input,
    "constant": _Reader.constant,
    "size": _Reader.size,
    "select": _Reader.selection,
    "gather": _Reader.selection,
    "unit": _Reader.basis,
    "shift": _Reader.shift,
    "triangle": _Reader.triangle,
    "reshape": _Reader.reshaping,
    "linear": _Reader.linear,
    "contract": _Reader.contract,
    "inv": _Reader.inverse,
    "power": _Reader.power,
    "exp": _Reader.exponential,
    "differential": _Reader.differential,
    "prod": _Reader.product_over,
    "products_without": _Reader.product_without,
}
