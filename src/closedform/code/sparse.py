"""The zero structure of a derivative, read off the steps that compute it, and source that keeps it sparse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from closedform.code.plan import plan
from closedform.code.steps import Place, Program, Step
from closedform.expression.calculus import Number, factors_of, spec_of, terms_of
from closedform.expression.expr import Expr
from closedform.expression.pattern import structure
from closedform.expression.size import Size

ZERO = Size.of(0)
NUMBERS = ("zero", "one", "two", "three")


@dataclass(frozen=True)
class Piece:
    """Values that are put at places of an array, all other entries being zero.

    value   a step
    labels  of its axes
    places  where entries go, one an axis of the array
    sizes   of the labels; the value is stretched along those that it lacks
    """

    value: Step
    labels: tuple[int, ...]
    places: tuple[Place, ...]
    sizes: tuple[Size, ...]

    def ties(self, row: int, column: int) -> bool:
        """Whether an entry's place along two axes is told by one of the value's indices, or is fixed."""
        first, second = self.places[row], self.places[column]
        return first.label == second.label or None in (first.label, second.label)

    def offset(self, row: int, column: int) -> int | None:
        """The distance of the diagonal on which all entries lie, as a plain number."""
        first, second = self.places[row], self.places[column]
        if first.label is None or first.entries or second.entries or first[::2] != second[::2]:
            return None  # the same label and stride are needed
        distance = second.start - first.start
        return distance.value if distance.is_literal else None


def pieces_of(step: Step, program: Program) -> list[Piece]:
    """An array as the sum of its pieces; what is dense is one piece that fills it.

    program  where new steps go
    """
    if step.op == "scatter":
        sign, places, sizes, present = step.params
        inner = [_composed(p, places, sizes, present) for p in pieces_of(step.args[0], program)]
        if None in inner:
            inner = [Piece(step.args[0], present, places, sizes)]
        found = [_scaled(p, sign, (), program) for p in inner if p is not None]
        return found + [p for base in step.args[1:] for p in pieces_of(base, program)]
    if step.op == "diagonal_matrix":
        return [Piece(step.args[0], (0,), (Place(0), Place(0)), step.sizes[:1])]
    if step.op == "identity":
        return [Piece(program.number(1), (), (Place(0), Place(0)), step.sizes[:1])]
    if step.op == "full" and step.args[0].op == "number" and step.args[0].params[0] == 0:
        return []
    if step.op == "total":
        parts = zip(step.params, step.args, strict=True)
        if all(arg.sizes == step.sizes for arg in step.args):
            return [_scaled(p, c, (), program) for c, arg in parts for p in pieces_of(arg, program)]
    if step.op == "transpose":
        (order,) = step.params
        found = pieces_of(step.args[0], program)
        return [replace(p, places=tuple(p.places[axis] for axis in order)) for p in found]
    if step.op == "product":
        coefficient, signs = step.params
        arrays = [(arg, sign) for arg, sign in zip(step.args, signs, strict=True) if arg.ndim]
        if len(arrays) == 1 and arrays[0][1] == 1:
            scalars = tuple((arg, s) for arg, s in zip(step.args, signs, strict=True) if not arg.ndim)
            return [_scaled(p, coefficient, scalars, program) for p in pieces_of(arrays[0][0], program)]
    every = tuple(range(step.ndim))
    return [Piece(step, every, tuple(map(Place, every)), step.sizes)]


def _scaled(
    piece: Piece, coefficient: Number, scalars: Sequence[tuple[Step, int]], program: Program
) -> Piece:
    above = [s for s, sign in scalars if sign > 0]
    below = [s for s, sign in scalars if sign < 0]
    return replace(piece, value=program.product(coefficient, [*above, piece.value], below))


def _composed(
    inner: Piece, places: tuple[Place, ...], sizes: tuple[Size, ...], present: tuple[int, ...]
) -> Piece | None:
    """A piece of a value, at the places where the value's own entries go."""
    count = len(inner.sizes)
    stretched = [label for label in range(len(sizes)) if label not in present]
    names = {label: count + i for i, label in enumerate(stretched)}
    found = []
    for place in places:
        if place.label is None or place.label in names:
            label = None if place.label is None else names[place.label]
            found.append(place._replace(label=label))
            continue
        within = inner.places[present.index(place.label)]
        if within.is_identity or (within == Place(within.label) and within.label is not None):
            found.append(place._replace(label=within.label))
        elif place.entries or within.entries:
            return None
        else:
            start = place.start + within.start * place.step
            found.append(Place(within.label, start, place.step * within.step))
    new_sizes = (*inner.sizes, *(sizes[label] for label in stretched))
    return Piece(inner.value, inner.labels, tuple(found), new_sizes)


# --- in words -------------------------------------------------------------------------------------


def structure_of(expr: Expr, lead: int) -> str:
    """Where a derivative is zero, or how it is made of smaller matrices, in words; "dense" where it is not.

    lead  how many axes are those of what was differentiated; the others are the variable's

    >>> from closedform.expression.calculus import identity
    >>> from closedform.expression.size import Size
    >>> structure_of(identity((Size.axis("x", 0, 3),)), 1)
    'diagonal'
    """
    words = structure(expr, lead)
    if words:
        return words
    if expr.ndim == 4 and lead == 2:
        return _structure_of_tensor(expr)
    return _structure_of_matrix(pieces_of(plan([expr])[0], Program())) if expr.ndim == 2 else "dense"


def _structure_of_matrix(pieces: Sequence[Piece]) -> str:
    sparse = [p for p in pieces if p.ties(0, 1)]
    offsets = [p.offset(0, 1) for p in sparse]
    known = [k for k in offsets if k is not None]
    rank = sum(_is_outer(p.value) for p in pieces if p not in sparse)
    if len(sparse) == len(pieces):
        if len(known) < len(offsets):
            return "sparse"
        return _banded(min(known), max(known))
    if rank < len(pieces) - len(sparse) or any(k != 0 for k in offsets):
        return "dense"
    low = f"rank {NUMBERS[rank] if rank < len(NUMBERS) else rank}"
    return f"diagonal plus {low}" if sparse else low


def _is_outer(step: Step) -> bool:
    """Whether the matrix has rank one: an outer product, or one number everywhere."""
    arrays = [arg for arg in step.args if arg.ndim]
    if step.op == "product" and len(arrays) == 1:
        return _is_outer(arrays[0])
    return step.op == "outer" or (step.op == "full" and not arrays)


def _banded(low: int, high: int) -> str:
    if low == high == 0:
        return "diagonal"
    if (low, high) == (-1, 1):
        return "tridiagonal"
    return f"banded ({max(-low, 0)} below the diagonal, {max(high, 0)} above it)"


def _structure_of_tensor(expr: Expr) -> str:
    """Of the matrix with the pairs of axes as rows and columns."""
    kinds = [_separation(term) for _, term in terms_of(expr)]
    if len(kinds) > 1 and set(kinds) == {KRONECKER}:
        return "sum of Kronecker products"
    diagonal = [i for i, (_, term) in enumerate(terms_of(expr)) if structure(term, 2) == "diagonal"]
    if len(kinds) == 2 and len(diagonal) == 1 and kinds[1 - diagonal[0]] == RANK_ONE:
        return f"diagonal plus {RANK_ONE}"
    return (kinds[0] if len(kinds) == 1 else "") or "dense"


KRONECKER, RANK_ONE = "Kronecker product", "rank one"


def _separation(term: Expr) -> str:
    """How the factors of a product separate into two matrices."""
    if term.op != "contract":
        return ""
    out = spec_of(term).out
    parts: list[set[object]] = [{label} for label in set(out)]
    for factor in factors_of(term):
        touching = [part for part in parts if part & set(factor.labels)]
        parts = [part for part in parts if part not in touching]
        parts.append(set(factor.labels).union(*touching))
    groups = {frozenset(i for i, label in enumerate(out) if label in part) for part in parts}
    names = {
        ((0, 1), (2, 3)): RANK_ONE,
        ((0, 2), (1, 3)): KRONECKER,
        ((0, 3), (1, 2)): "Kronecker product times a commutation matrix",
    }
    for pairs, name in names.items():
        if all(any(group <= set(pair) for pair in pairs) for group in groups):
            return name
    return ""


# --- as a program ---------------------------------------------------------------------------------


def sparse_plan(expr: Expr) -> list[Step] | None:
    """The step that makes a sparse matrix, with pairs of axes as rows and columns; None if it is dense."""
    program = Program()
    half = expr.ndim // 2
    pieces = pieces_of(plan([expr])[0], program)
    if any(not any(p.ties(i, i + half) for i in range(half)) for p in pieces):
        return None
    params = tuple((p.labels, p.places, p.sizes) for p in pieces)
    return [program.step("sparse", [p.value for p in pieces], params, expr.shape)]


SPARSE = '''
def sparse(shape, dtype, *pieces):
    """The sparse matrix with the sum of pieces (values, rows, columns), which are broadcast."""
    whole = [np.broadcast_arrays(*piece) for piece in pieces]
    values, rows, columns = (np.concatenate([p[i].ravel() for p in whole]) for i in range(3))
    return scipy.sparse.coo_array((values.astype(dtype), (rows, columns)), shape).tocsr()
'''
