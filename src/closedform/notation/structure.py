"""A product with structured constants goes in; slices, entries and reshapes of its other factors come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from closedform.expression.calculus import Number
from closedform.expression.expr import Expr
from closedform.expression.size import Size
from closedform.notation.form import transposed

# What stands at one axis: None for all of it, ("at", k), ("slice", "1:") or ("gather", array).
Item = tuple[str, Any] | None
Written = Callable[[Size], Expr]
SizeName = Callable[[str, int], str]


class Reading(NamedTuple):
    """A factor of a product as it will be written; `node` is the expression it was."""

    form: Expr
    labels: tuple[int, ...]
    exponent: Number
    node: Expr


def item_of(node: Expr, name: SizeName) -> Item:
    """The index that a structured constant stands for; `name` is that of the size of an argument's axis."""
    params = dict(node.params)
    if node.op == "unit":
        return ("at", params["index"])
    if node.op == "gather":
        return ("gather", params["index"])
    rows, size = node.shape
    return ("slice", _slice(params["start"], params["step"], rows, size, name))


def _slice(start: int | Size, step: int, rows: Size, size: Size, name: SizeName) -> str:
    """A slice as NumPy writes it."""
    start = Size.of(start)
    if rows == Size.of(0):
        return ":0"
    if step > 0:
        to_the_end = rows == (size - start).ceildiv(step)
        first = "" if start == Size.of(0) else _bound(start, size, name)
        last = "" if to_the_end else _bound(start + rows * step - (step - 1), size, name)
    else:
        first = "" if start == size - 1 else _bound(start, size, name)
        lowest = start + (rows - 1) * step
        rounded = rows.is_rounded or start.is_rounded
        to_the_start = lowest == Size.of(0) or (rounded and lowest.value < -step)
        last = "" if to_the_start else _bound(lowest - 1, size, name)
    return f"{first}:{last}" + (f":{step}" if step != 1 else "")


def _bound(position: Size, size: Size, name: SizeName) -> str:
    """A position, counted from the end where only that distance is a number."""
    if not position.is_literal and (position - size).is_literal:
        position = position - size
    return position.render(name).replace(" ", "")


def structure_read(
    factors: list[Reading], out: tuple[int, ...], written: Written, name: SizeName
) -> list[Reading]:
    """The factors with slices, unit vectors and reshapes taken into the factor they are multiplied with;
    `written` gives the form of a size, `name` that of an argument's axis."""
    changed = True
    while changed:
        changed = False
        for factor in factors:
            # forms made here may be called as the constants are, but constants have no operands
            rule = None if factor.node.args else _RULES.get(factor.node.op)
            others = [other for other in factors if other is not factor]
            shorter = rule(factor, others, out, written, name) if rule else None
            if shorter is not None and factor.exponent > 0:
                factors, changed = shorter, True
                break
    return factors


def _only(label: int, others: list[Reading], out: tuple[int, ...]) -> int | None:
    """The position of the one factor that shares a summed label, if it has it once."""
    holders = [n for n, other in enumerate(others) for held in other.labels if held == label]
    return holders[0] if len(holders) == 1 and label not in out else None


def _cut(
    factor: Reading, others: list[Reading], out: tuple[int, ...], _: Written, name: SizeName
) -> list[Reading] | None:
    *kept, label = factor.labels
    at = [n for n, other in enumerate(others) if label in other.labels]
    alone = _only(label, others, out) is not None
    matrices = label not in out and all(len(others[n].labels) == len(set(others[n].labels)) == 2 for n in at)
    # a unit vector picks the columns of all matrices that meet in it: X diag(e) Y is an outer product
    several = factor.node.op == "unit" and matrices and len(at) > 1
    if not (alone or several) or label in kept or any(others[n].node.op in _RULES for n in at):
        return None
    for n in at:
        other = others[n]
        axis = other.labels.index(label)
        labels = (*other.labels[:axis], *kept, *other.labels[axis + 1 :])
        form = part(other.form, axis, item_of(factor.node, name), factor.node.shape[:-1])
        others = [*others[:n], Reading(form, labels, other.exponent, form), *others[n + 1 :]]
    return others


def part(form: Expr, axis: int, item: Item, size: tuple[Size, ...]) -> Expr:
    """A form with an index or slice at one axis; `size` is the new size of that axis, if it stays."""
    shape = (*form.shape[:axis], *size, *form.shape[axis + 1 :])
    if form.op == "transpose" and form.ndim == 2:
        inner = part(form.args[0], 1 - axis, item, size)
        return transposed(inner) if inner.ndim == 2 else inner
    if form.op == "part":
        kept = [n for n, known in enumerate(form.params) if known is None or known[0] != "at"]
        if form.params[kept[axis]] is None:
            items = (*form.params[: kept[axis]], item, *form.params[kept[axis] + 1 :])
            return Expr("part", form.args, items, shape)
    items = tuple(item if n == axis else None for n in range(form.ndim))
    return Expr("part", (form,), items, shape)


def _roll(
    factor: Reading, others: list[Reading], out: tuple[int, ...], _: Written, __: SizeName
) -> list[Reading] | None:
    """A cyclic shift of a factor: forth along the axis that it shares, or back."""
    by = dict(factor.node.params)["by"]
    for shared, kept, shift in ((1, 0, by), (0, 1, -by)):
        n = _only(factor.labels[shared], others, out)
        if n is None or factor.labels[0] == factor.labels[1] or others[n].node.op in _RULES:
            continue
        other = others[n]
        if factor.labels[kept] in other.labels or (other.form.op == "sum" and other.form.ndim > 1):
            continue
        axis = other.labels.index(factor.labels[shared])
        labels = (*other.labels[:axis], factor.labels[kept], *other.labels[axis + 1 :])
        form = rolled(other.form, shift, axis)
        return [*others[:n], Reading(form, labels, other.exponent, form), *others[n + 1 :]]
    return None


def rolled(form: Expr, by: int, axis: int) -> Expr:
    """A form whose entries are shifted cyclically along an axis, as np.roll does."""
    if form.op == "transpose" and form.ndim == 2:
        return transposed(rolled(form.args[0], by, 1 - axis))
    return Expr("roll", (form,), (by, axis), form.shape)


def _reshape(
    factor: Reading, others: list[Reading], out: tuple[int, ...], written: Written, _: SizeName
) -> list[Reading] | None:
    flat, *axes = factor.labels
    n = _only(flat, others, out)
    if n is not None and len(others[n].labels) == 1:
        other = others[n]
        shape = factor.node.shape[1:]
        form = Expr("reshape", (other.form, *(written(size) for size in shape)), (), shape)
        return [*others[:n], Reading(form, tuple(axes), other.exponent, form), *others[n + 1 :]]
    holders = {_only(label, others, out) for label in axes}
    n = holders.pop()
    if holders or n is None or others[n].node.op in _RULES or sorted(others[n].labels) != sorted(axes):
        return None
    other = others[n]
    if list(other.labels) == axes:
        form = other.form
    elif len(axes) == 2:
        form = transposed(other.form)
    else:
        return None
    form = Expr("ravel", (form,), (), factor.node.shape[:1])
    return [*others[:n], Reading(form, (flat,), other.exponent, form), *others[n + 1 :]]


Rule = Callable[[Reading, list[Reading], tuple[int, ...], Written, SizeName], list[Reading] | None]

_RULES: dict[str, Rule] = {
    "select": _cut,
    "unit": _cut,
    "gather": _cut,
    "shift": _roll,
    "reshape": _reshape,
}
