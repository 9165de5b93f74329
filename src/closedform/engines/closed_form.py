"""The closed form: the derivative that was derived, as the emitted source computes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from closedform.engines.base import Engine, Task


@final
class ClosedForm(Engine):
    """The emitted NumPy source of the derived derivative; its function value is that of the traced
    function."""

    name = "closed form"
    distribution = "closedform"
    module = "closedform"

    def start(self) -> None:
        """Load what emitted sources import."""
        import scipy.linalg
        import scipy.special  # noqa: F401

    def prepare(self, task: Task) -> Callable[[], Any]:
        """The derived function at the arguments, without checks or dispatch."""
        program = task.program("numpy") if task.operator == "value" else task.closed_program("numpy")
        function, arguments = program.load(), task.arguments

        def call() -> Any:
            return function(*arguments)

        return call
