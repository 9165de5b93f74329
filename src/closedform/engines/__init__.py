"""The engines, in the order in which tables show them. To add one, write its file and name it here."""

from functools import cache

from closedform.engines.base import Engine, Program, Task
from closedform.engines.by_hand import ByHand
from closedform.engines.closed_form import ClosedForm
from closedform.engines.closed_form_jax import ClosedFormJax
from closedform.engines.finite_differences import FiniteDifferences
from closedform.engines.hips_autograd import HipsAutograd
from closedform.engines.jax import Jax
from closedform.engines.pytorch import PyTorch

ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        ClosedForm(),
        ClosedFormJax(),
        ByHand(),
        HipsAutograd(),
        PyTorch(),
        Jax(),
        Jax("eager"),
        Jax("taylor"),
        FiniteDifferences(),
    )
}

# What a comparison runs when it is not told; the others are asked for by name.
USUAL = ("closed form", "by hand", "autograd", "PyTorch", "JAX", "finite differences")


@cache
def start(name: str) -> None:
    """Import and configure an engine's library, once in a process."""
    ENGINES[name].start()


__all__ = ["ENGINES", "USUAL", "Engine", "Program", "Task", "start"]
