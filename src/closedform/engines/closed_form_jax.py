"""The closed form in JAX: the derivative that was derived, emitted for JAX and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from closedform.engines.base import Engine, Task
from closedform.engines.jax import load


@final
class ClosedFormJax(Engine):
    """The emitted JAX source of the derived derivative under `jax.jit`: JAX's compiler without its
    derivatives."""

    name = "closed form (JAX)"
    distribution = "jax"
    module = "jax"

    def start(self) -> None:
        """Load JAX for double precision."""
        load()

    def prepare(self, task: Task) -> Callable[[], Any]:
        """The derived function, compiled, at the arguments as JAX arrays."""
        import jax
        import jax.numpy as jnp

        program = task.program("jax") if task.operator == "value" else task.closed_program("jax")
        compiled = jax.jit(program.load(jnp.asarray))
        arguments = jax.block_until_ready([jnp.asarray(array) for array in task.arrays()])

        def call() -> Any:
            return jax.block_until_ready(compiled(*arguments))

        return call
