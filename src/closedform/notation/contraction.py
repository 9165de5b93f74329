"""A contraction's factors go in, its matrix form comes out, or nothing where it has none.

The contraction is a graph: labels are points, vectors hang on points, matrices are edges. It is reduced
like a series-parallel network: parallel edges are an elementwise product, a dead end is a matrix-vector
product, a point between two edges a matrix product, a closed path a trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from closedform.expression.calculus import Number, exact, is_symmetric
from closedform.expression.expr import Expr, Shape
from closedform.expression.size import Size
from closedform.notation import form as fm
from closedform.notation.form import Pair
from closedform.notation.index import Label, bound, delta, entry, summed
from closedform.notation.structure import Reading


@dataclass
class Edge:
    """An elementwise product of matrices between two points; `symmetric` if it is its transpose."""

    pairs: list[Pair]
    row: int
    column: int
    symmetric: bool = False

    def matrix(self, row: int) -> Expr:
        """The matrix with the given point as its rows: transposed as a whole, or in its factors."""
        matrix = fm.elementwise(self.pairs)
        if row == self.row:
            return matrix
        turned = fm.elementwise(self.reversed().pairs)
        whole = len(self.pairs) > 1 and fm.marks(turned) > fm.marks(matrix)
        return fm.transposed_whole(matrix) if whole else turned

    def reversed(self) -> Edge:
        """The same edge from its other end."""
        pairs = self.pairs if self.symmetric else [(fm.transposed(matrix), p) for matrix, p in self.pairs]
        return Edge(pairs, self.column, self.row, self.symmetric)

    def other(self, point: int) -> int:
        """The other end."""
        return self.column if point == self.row else self.row


class Graph:
    """A contraction under reduction. Without `merging`, what is left is what index notation writes best."""

    def __init__(
        self,
        factors: Iterable[Reading],
        out: tuple[int, ...],
        sizes: Mapping[int, Size],
        merging: bool = True,
    ) -> None:
        self.out, self.sizes, self.merging = out, sizes, merging
        self.scalars: list[Expr] = []
        self.vectors: dict[int, list[Pair]] = {}
        self.edges: list[Edge] = []
        self.tensors: list[Reading] = []
        for factor in factors:
            self._place(factor)
        held = {label for tensor in self.tensors for label in tensor.labels}
        self.kept = held | set(out)
        while self._close_loop() or self._close_point() or self._merge() or self._fold() or self._join():
            pass

    def _place(self, factor: Reading) -> None:
        form, labels, exponent, node = factor
        if not labels:
            self.scalars.append(fm.power(form, exponent))
        elif len(labels) == 1:
            self._hang(labels[0], form, exponent)
        elif len(labels) == 2:
            self.edges.append(Edge([(form, exponent)], *labels, symmetric=is_symmetric(node)))
        else:
            self.tensors.append(factor)

    def _hang(self, point: int, vector: Expr, exponent: Number = 1) -> None:
        self.vectors.setdefault(point, []).append((vector, exponent))

    def _at(self, point: int) -> list[Edge]:
        return [edge for edge in self.edges if point in (edge.row, edge.column)]

    def _points(self) -> list[int]:
        ends = [label for edge in self.edges for label in (edge.row, edge.column)]
        return sorted(set(ends) | set(self.vectors))

    def vector(self, point: int) -> Expr:
        """What hangs on a point, ones if nothing does."""
        pairs = self.vectors.get(point)
        return fm.elementwise(pairs) if pairs else fm.ones(self.sizes[point])

    def _close_loop(self) -> bool:
        """A_ii is the diagonal of A; where it is all that meets in i, the trace."""
        for edge in self.edges:
            point = edge.row
            if point != edge.column:
                continue
            matrix = edge.matrix(point)
            self.edges.remove(edge)
            alone = point not in self.kept and not self._at(point)
            if alone and point not in self.vectors:
                self.scalars.append(fm.trace(matrix))
            elif alone and matrix.op == "matmul":
                weights = fm.diag(self.vector(point))
                del self.vectors[point]
                self.scalars.append(fm.trace(fm.matmul(weights, matrix)))
            else:
                scalars, array = fm.factored(matrix)
                diagonal = Expr("diagonal", (array,), (), array.shape[:1])
                self._hang(point, fm.product(*scalars, diagonal))
            return True
        return False

    def _close_point(self) -> bool:
        """What hangs on a summed point without edges is an inner product."""
        for point in self.vectors:
            if point not in self.kept and not self._at(point):
                self.scalars.append(inner_product(self.vectors.pop(point)))
                return True
        return False

    def _merge(self) -> bool:
        """Parallel edges are an elementwise product; if they are all there is, the path is closed instead."""
        for first in self.edges if self.merging else ():
            ends = {first.row, first.column}
            parallel = [edge for edge in self.edges if {edge.row, edge.column} == ends]
            closed = len(parallel) == 2 and not ends & self.kept
            if len(parallel) < 2 or (closed and all(len(self._at(point)) == 2 for point in ends)):
                continue
            turned = [edge if edge.row == first.row else edge.reversed() for edge in parallel]
            pairs = [pair for edge in turned for pair in edge.pairs]
            self.edges = [edge for edge in self.edges if edge not in parallel]
            self.edges.append(Edge(pairs, first.row, first.column))
            return True
        return False

    def _fold(self) -> bool:
        """A summed point with one edge is a matrix-vector product at the other end."""
        for edge in self.edges:
            loose = [p for p in (edge.column, edge.row) if p not in self.kept and len(self._at(p)) == 1]
            if not loose:
                continue
            self.edges.remove(edge)
            bare = len(loose) == 2 and not set(loose) & set(self.vectors)
            if bare and len(edge.pairs) == 1 and edge.pairs[0][1] == 2:
                self.scalars.append(fm.sum_of_squares(edge.pairs[0][0]))
            else:
                point = loose[0]
                other = edge.other(point)
                self._hang(other, fm.matmul(edge.matrix(other), self.vector(point)))
                self.vectors.pop(point, None)
            return True
        return False

    def _join(self) -> bool:
        """A summed point between two edges is a matrix product."""
        for point in self._points():
            edges = self._at(point)
            if point in self.kept or len(edges) != 2:
                continue
            first, second = edges
            start, end = first.other(point), second.other(point)
            if start == end and not self.merging:
                continue
            weights = [fm.diag(self.vector(point))] if point in self.vectors else []
            self.vectors.pop(point, None)
            matrix = fm.matmul(first.matrix(start), *weights, second.matrix(point))
            self.edges = [edge for edge in self.edges if edge not in edges]
            self.edges.append(Edge([(matrix, 1)], start, end))
            return True
        return False

    # --- the result ---------------------------------------------------------------------------------

    def matrix_form(self) -> Expr | None:
        """The result of order 0, 1 or 2 as a scalar, column or matrix."""
        if len(self.out) > 2 or not self._reduced():
            return None
        if not self.out:
            return fm.product(*self.scalars)
        array = self.vector(self.out[0]) if len(self.out) == 1 else self._pair(*self.out)
        return fm.product(*self.scalars, array)

    def _reduced(self) -> bool:
        """Whether only the points of the result are left."""
        return not self.tensors and set(self._points()) <= set(self.out)

    def _pair(self, row: int, column: int) -> Expr:
        """The matrix between two points of the result."""
        if row == column:
            return fm.diag(self.vector(row))
        edges = [edge for edge in self._at(row) if edge.other(row) == column]
        if not edges:
            return fm.outer(self.vector(row), self.vector(column))
        left = [fm.diag(self.vector(row))] if row in self.vectors else []
        right = [fm.diag(self.vector(column))] if column in self.vectors else []
        return fm.matmul(*left, edges[0].matrix(row), *right)

    def diagonal_form(self) -> Expr | None:
        """The result of order 3 or more that is zero unless all indices are equal."""
        if len(set(self.out)) != 1 or not self._reduced():
            return None
        return fm.product(*self.scalars, fm.diag(self.vector(self.out[0]), len(self.out)))

    def operator_form(self) -> Expr | None:
        """The result of order 4 as a matrix between pairs of axes."""
        if len(self.out) != 4 or not self._reduced():
            return None
        i, j, k, l = self.out
        if i == j == k == l:
            return self.diagonal_form()
        if self._separate((i, k), (j, l)):
            array = fm.kron(self._pair(i, k), self._pair(j, l))
        elif self._separate((i, l), (j, k)):
            crossed = (self._pair(i, l), self._pair(j, k))
            array = fm.commutation(self.sizes[l], self.sizes[k])
            if any(form.op != "identity" for form in crossed):
                array = fm.matmul(fm.kron(*crossed), array)
        elif self._separate((i, j), (k, l)):
            array = fm.outer(fm.vec(self._pair(i, j)), fm.vec(self._pair(k, l)))
        elif (i, j) == (k, l):
            array = fm.diag(fm.vec(self._pair(i, j)))
        else:
            return None
        return fm.product(*self.scalars, array)

    def _separate(self, first: tuple[int, int], second: tuple[int, int]) -> bool:
        """Whether nothing joins two pairs of axes."""
        ends = [{edge.row, edge.column} for edge in self.edges]
        return not set(first) & set(second) and all(e <= set(first) or e <= set(second) for e in ends)

    def index_form(self, shape: Shape, fresh: Iterator[int]) -> Expr:
        """The result in index notation."""
        names: dict[int, Label] = {}
        axes: list[Label] = []
        factors = list(self.scalars)
        for label in self.out:
            axis = next(fresh)
            axes.append(axis)
            if label in names:
                factors.append(delta(names[label], axis))
            else:
                names[label] = axis
        entries: list[tuple[Expr, tuple[int, ...], Number]] = [
            (vector, (point,), p) for point, pairs in self.vectors.items() for vector, p in pairs
        ]
        entries += [(m, (edge.row, edge.column), p) for edge in self.edges for m, p in edge.pairs]
        entries += [(tensor.form, tensor.labels, tensor.exponent) for tensor in self.tensors]
        dummies: list[Label] = []
        for form, labels, exponent in entries:
            for label in labels:
                if label not in names:
                    names[label] = next(fresh)
                    dummies.append(names[label])
            factors.append(fm.power(entry(form, [names[label] for label in labels], fresh), exponent))
        return bound(summed(dummies, factors), axes, shape)


def inner_product(pairs: Iterable[Pair]) -> Expr:
    """The sum over a product of vectors: v'w, x'x, or 1'v."""
    powers: dict[Expr, Number] = {}
    for form, exponent in pairs:
        powers[form] = exact(powers.get(form, 0) + exponent)
    if len(powers) == 1 and 2 in powers.values():
        return fm.sum_of_squares(next(iter(powers)))
    plain = sorted((form for form, p in powers.items() if p == 1), key=fm.scalar_order)
    if not plain or len(powers) == 1:
        whole = fm.elementwise(powers.items())
        return fm.dot(fm.ones(whole.shape[0]), whole)
    left = plain[0]
    return fm.dot(left, fm.elementwise((form, p) for form, p in powers.items() if form is not left))
