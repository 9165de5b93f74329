"""HIPS autograd: reverse mode over its own wrapper of NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from closedform.engines.base import Engine, Task, blocks


@final
class HipsAutograd(Engine):
    """`autograd.grad`, `jacobian` and `hessian`; higher orders by nesting."""

    name = "autograd"
    distribution = "autograd"
    module = "autograd"

    def start(self) -> None:
        """Load what emitted sources import."""
        import autograd.numpy
        import autograd.scipy.linalg
        import autograd.scipy.special  # noqa: F401

    def prepare(self, task: Task) -> Callable[[], Any]:
        """The transformed function at the arguments."""
        import autograd

        function, arguments = task.program("autograd").load(), task.arguments

        def nested(position: int) -> Callable[..., Any]:
            result = function
            step = autograd.elementwise_grad if task.entrywise(position) else autograd.jacobian
            for _ in range(task.order):
                result = step(result, position)
            return result

        def hessian(row: int) -> Callable[..., Any]:
            gradient = autograd.jacobian(function, row)
            return blocks(task.argnums, lambda column: autograd.jacobian(gradient, column))

        transformations: dict[str, Callable[[], Any]] = {
            "value": lambda: function,
            "grad": lambda: autograd.grad(function, task.argnums),
            "jacobian": lambda: blocks(task.argnums, lambda i: autograd.jacobian(function, i)),
            "hessian": lambda: blocks(task.argnums, hessian),
            "derivative": lambda: blocks(task.argnums, nested),
        }
        transformed = transformations[task.operator]()

        def call() -> Any:
            return transformed(*arguments)

        return call
