"""By hand: a derivative that a person worked out and wrote in NumPy."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import reduce
from typing import Any, final

from closedform.engines.base import Engine, Task
from closedform.errors import UnsupportedError


@final
class ByHand(Engine):
    """The callable in `Task.by_hand`, called with the function's own arguments."""

    name = "by hand"

    def prepare(self, task: Task) -> Callable[[], Any]:
        """The callable at the arguments; for the function value, the traced function."""
        function = task.program("numpy").load() if task.operator == "value" else resolve(task.by_hand)
        arguments = task.arguments

        def call() -> Any:
            return function(*arguments)

        return call


def resolve(by_hand: str | Callable[..., Any] | None) -> Callable[..., Any]:
    """The function at an import path "package.module:name"; functions pass through.

    >>> resolve("math:cos")(0.0)
    1.0

    Raises UnsupportedError for None: nobody worked it out.
    """
    if by_hand is None:
        raise UnsupportedError("no derivative by hand was given")
    if callable(by_hand):
        return by_hand
    module, _, name = by_hand.partition(":")
    return attribute(importlib.import_module(module), name)


def attribute(module: Any, name: str) -> Any:
    """What a dotted name stands for in a module."""
    return reduce(getattr, name.split("."), module)
