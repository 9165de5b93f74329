"""PyTorch: reverse mode on a tape, and forward over reverse for Hessians."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import numpy as np

from closedform.engines.base import Engine, Task, blocks


@final
class PyTorch(Engine):
    """`torch.autograd.grad` for gradients, `torch.func` for everything else, in eager mode on the CPU."""

    name = "PyTorch"
    distribution = "torch"
    module = "torch"

    def start(self) -> None:
        """Load torch, with the number of threads that the environment asks for. The first Hessian in a
        process loads a second or two of factorisations: it is taken here."""
        import os

        import torch
        import torch.func

        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        torch.func.hessian(torch.prod)(torch.ones(2))

    def prepare(self, task: Task) -> Callable[[], Any]:
        """The transformed function at the arguments as tensors."""
        import torch

        function = task.program("torch").load(tensor)
        arguments = [tensor(array) for array in task.arrays()]
        if task.operator == "grad":
            return _gradient(function, arguments, task)

        def nested(position: int) -> Callable[..., Any]:
            result = function
            for _ in range(task.order):
                if task.entrywise(position):
                    result = torch.func.grad(_total(result), position)
                else:
                    result = torch.func.jacrev(result, position)
            return result

        transformations: dict[str, Callable[[], Any]] = {
            "value": lambda: function,
            "jacobian": lambda: torch.func.jacrev(function, task.argnums),
            "hessian": lambda: torch.func.hessian(function, task.argnums),
            "derivative": lambda: blocks(task.argnums, nested),
        }
        transformed = transformations[task.operator]()

        def call() -> Any:
            with torch.no_grad():
                return transformed(*arguments)

        return call

    def numpy(self, result: Any) -> Any:
        """Tensors as NumPy arrays."""
        if isinstance(result, tuple):
            return tuple(self.numpy(part) for part in result)
        return result.detach().numpy() if hasattr(result, "detach") else np.asarray(result)


def tensor(array: np.ndarray) -> Any:
    """A tensor with its own copy of the array."""
    import torch

    return torch.tensor(np.array(array))


def _gradient(function: Callable[..., Any], arguments: list[Any], task: Task) -> Callable[[], Any]:
    """The gradient as PyTorch's users take it: variables that require it, one call of
    `torch.autograd.grad`."""
    import torch

    variables = tuple(arguments[i].requires_grad_() for i in task.variables)

    def call() -> Any:
        found = torch.autograd.grad(
            function(*arguments), variables, allow_unused=True, materialize_grads=True
        )
        return found if isinstance(task.argnums, tuple) else found[0]

    return call


def _total(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: function(*arguments).sum()
