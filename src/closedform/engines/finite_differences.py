"""Finite differences: central differences of function values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, final

import numpy as np

from closedform.engines.base import Engine, Task, blocks
from closedform.errors import UnsupportedError

# More evaluations of the function than this take minutes even for a fast one.
MOST_EVALUATIONS = 50_000


@final
class FiniteDifferences(Engine):
    """Central differences with the usual step: the entry's size (1 at least) times eps^(1/(n + 2)) for
    order n, which balances the truncation error O(h^2) with the rounding error O(eps / h^n).

    Source: Press et al., Numerical Recipes, section 5.7.
    """

    name = "finite differences"
    tolerance = 0.05

    def start(self) -> None:
        """Load what emitted sources import."""
        import scipy.linalg
        import scipy.special  # noqa: F401

    def prepare(self, task: Task) -> Callable[[], Any]:
        """The differences at the arguments."""
        function, arguments = task.program("numpy").load(), task.arrays()
        _refuse_many(task, arguments)
        epsilon = float(np.finfo(task.dtype).eps)

        def first(position: int) -> Callable[..., Any]:
            return lambda *points: _jacobian(function, points, position, epsilon ** (1 / 3))

        def second(row: int) -> Callable[..., Any]:
            return blocks(
                task.argnums, lambda column: lambda *p: _hessian(function, p, row, column, epsilon**0.25)
            )

        def higher(position: int) -> Callable[..., Any]:
            if not task.entrywise(position):
                raise UnsupportedError("higher differences are taken entry by entry only")
            step = epsilon ** (1 / (task.order + 2))
            return lambda *points: _derivative(function, points, position, task.order, step)

        transformations: dict[str, Callable[[], Any]] = {
            "value": lambda: function,
            "grad": lambda: blocks(task.argnums, first),
            "jacobian": lambda: blocks(task.argnums, first),
            "hessian": lambda: blocks(task.argnums, second),
            "derivative": lambda: blocks(task.argnums, higher),
        }
        transformed = transformations[task.operator]()

        def call() -> Any:
            return transformed(*arguments)

        return call


def _refuse_many(task: Task, arguments: list[np.ndarray]) -> None:
    entries = sum(arguments[i].size for i in task.variables)
    evaluations = {"grad": 2 * entries, "jacobian": 2 * entries, "hessian": 4 * entries**2}.get(
        task.operator, 1
    )
    if evaluations > MOST_EVALUATIONS:
        raise UnsupportedError(
            f"{evaluations:,} evaluations of the function would be needed (at most {MOST_EVALUATIONS:,} are "
            f"made)"
        )


def _moved(points: tuple[np.ndarray, ...], *moves: tuple[int, int, float]) -> list[np.ndarray]:
    """The points with some entries moved: (argument, flat index, by how much)."""
    moved = list(points)
    for position, index, by in moves:
        copy = np.array(moved[position])
        copy.reshape(-1)[index] += by
        moved[position] = copy
    return moved


def _steps(point: np.ndarray, relative: float) -> list[float]:
    return [float(h) for h in relative * np.maximum(1.0, np.abs(point)).reshape(-1)]


def _jacobian(
    function: Callable[..., Any], points: tuple[np.ndarray, ...], position: int, relative: float
) -> np.ndarray:
    """(f(x + h e_i) - f(x - h e_i)) / 2h for every entry i."""
    x = points[position]
    columns = [
        (
            np.asarray(function(*_moved(points, (position, i, h))))
            - function(*_moved(points, (position, i, -h)))
        )
        / (2 * h)
        for i, h in enumerate(_steps(x, relative))
    ]
    return np.stack(columns, axis=-1).reshape(columns[0].shape + x.shape)


def _hessian(
    function: Callable[..., Any], points: tuple[np.ndarray, ...], row: int, column: int, relative: float
) -> np.ndarray:
    """(f(+h, +k) - f(+h, -k) - f(-h, +k) + f(-h, -k)) / 4hk for every pair of entries."""
    x, y = points[row], points[column]

    def entry(i: int, h: float, j: int, k: float) -> Any:
        corners = [
            np.asarray(function(*_moved(points, (row, i, s * h), (column, j, t * k))))
            for s, t in ((1, 1), (1, -1), (-1, 1), (-1, -1))
        ]
        return (corners[0] - corners[1] - corners[2] + corners[3]) / (4 * h * k)

    entries = np.array(
        [
            [entry(i, h, j, k) for j, k in enumerate(_steps(y, relative))]
            for i, h in enumerate(_steps(x, relative))
        ]
    )
    shape = entries.shape[2:]
    return np.moveaxis(entries.reshape(x.shape + y.shape + shape), range(-len(shape), 0), range(len(shape)))


def _derivative(
    function: Callable[..., Any], points: tuple[np.ndarray, ...], position: int, order: int, relative: float
) -> np.ndarray:
    """sum over k of (-1)^k (n over k) f(x + (n/2 - k) h) / h^n, all entries of x moved at once."""
    x = np.asarray(points[position])
    h = relative * np.maximum(1.0, np.abs(x))

    def at(shift: float) -> np.ndarray:
        return np.asarray(function(*points[:position], x + shift * h, *points[position + 1 :]))

    total = sum((-1) ** k * math.comb(order, k) * at(order / 2 - k) for k in range(order + 1))
    return np.asarray(total / h**order)
