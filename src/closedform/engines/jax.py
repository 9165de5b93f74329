"""JAX: compiled by XLA under `jax.jit`; also without compiling, and in Taylor mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, final

from closedform.engines.base import Engine, Task, blocks
from closedform.errors import UnsupportedError

Mode = Literal["jit", "eager", "taylor"]


@final
class Jax(Engine):
    """`jax.grad`, `jacrev` and `hessian`.

    mode  "jit": compiled; "eager": operation by operation; "taylor": n-th derivatives by
          `jax.experimental.jet` instead of nested gradients, compiled
    """

    distribution = "jax"
    module = "jax"

    def __init__(self, mode: Mode = "jit") -> None:
        self.mode = mode
        self.name = "JAX" if mode == "jit" else f"JAX ({mode})"

    def start(self) -> None:
        """Load JAX for double precision."""
        load()

    def prepare(self, task: Task) -> Callable[[], Any]:
        """The transformed, compiled function at the arguments as JAX arrays."""
        import jax
        import jax.numpy as jnp

        if self.mode == "taylor":
            _refuse_all_but_entrywise(task)
        function = task.program("jax").load(jnp.asarray)
        arguments = jax.block_until_ready([jnp.asarray(array) for array in task.arrays()])

        def nested(position: int) -> Callable[..., Any]:
            result = function
            for _ in range(task.order):
                if task.entrywise(position):
                    result = jax.grad(_total(result), position)
                else:
                    result = jax.jacrev(result, position)
            return result

        higher = _taylor(function, task) if self.mode == "taylor" else nested
        transformations: dict[str, Callable[[], Any]] = {
            "value": lambda: function,
            "grad": lambda: jax.grad(function, task.argnums),
            "jacobian": lambda: jax.jacrev(function, task.argnums),
            "hessian": lambda: jax.hessian(function, task.argnums),
            "derivative": lambda: blocks(task.argnums, higher),
        }
        transformed = transformations[task.operator]()
        compiled = transformed if self.mode == "eager" else jax.jit(transformed)

        def call() -> Any:
            return jax.block_until_ready(compiled(*arguments))

        return call


def load() -> None:
    """Import JAX with double precision, and start its compiler. (By default `jnp.asarray` of a float64 array
    is float32.)"""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    import jax.scipy.linalg
    import jax.scipy.special

    jax.block_until_ready(jax.jit(jax.hessian(jnp.prod))(jnp.ones(2)))


def _refuse_all_but_entrywise(task: Task) -> None:
    entrywise = task.operator == "derivative" and all(map(task.entrywise, task.variables))
    if task.operator != "value" and not entrywise:
        raise UnsupportedError(
            "Taylor mode is for n-th derivatives of a function of one number, or entry by entry"
        )


def _total(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: function(*arguments).sum()


def _taylor(function: Callable[..., Any], task: Task) -> Callable[[int], Callable[..., Any]]:
    """The n-th derivative at a variable, from the Taylor series of t -> f(x + t)."""

    def build(position: int) -> Callable[..., Any]:
        from jax.experimental.jet import jet

        def derivative(*arguments: Any) -> Any:
            def along(x: Any) -> Any:
                return function(*arguments[:position], x, *arguments[position + 1 :])

            x = arguments[position]
            direction = [x * 0 + 1] + [x * 0] * (task.order - 1)
            _, series = jet(along, (x,), (direction,))
            return series[-1]

        return derivative

    return build
