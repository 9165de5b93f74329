"""The true derivatives of a function at a point, from its NumPy code and not from a formula."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from tests.corpus.record import Entry

import closedform as cf
from closedform.arguments import Described, example
from closedform.code.idioms import trace_source
from closedform.code.numpy_source import compile_source
from closedform.engines.exact import reference
from closedform.errors import UnsupportedError

Truth = Callable[..., np.ndarray]

SIZES = (4, 3, 2, 6, 8, 10)
MOST_ATTEMPTS = 10_000


def point(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    seed: int,
    sizes: Mapping[str | int, int] | None = None,
) -> tuple[Any, ...]:
    """Random arguments of the kinds described at which the function is finite; plain ones stay as they are.

    sizes  of the named axes; by default small ones that the library's own examples do not have
    """
    rng = np.random.default_rng([seed, 17])
    known = dict(sizes or {})

    def size(axis: str | int) -> int:
        return axis if isinstance(axis, int) else known.setdefault(axis, SIZES[len(known)])

    for _ in range(MOST_ATTEMPTS):
        found = tuple(example(a, size, rng) if isinstance(a, Described) else a for a in arguments)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if np.all(np.isfinite(function(*found))):
                return found
    raise ValueError(f"no point was found at which {function} is finite")


def example_sizes(entry: Entry) -> dict[str | int, int]:
    """The sizes of the named axes in the library's examples."""
    nodes = cf.trace(entry.function, *entry.arguments).inputs.values()
    named = [a.axes if isinstance(a, Described) else () for a in entry.arguments]
    return {
        axis: size.value
        for axes, node in zip(named, nodes, strict=True)
        for axis, size in zip(axes, node.shape, strict=False)
    }


def value(function: Callable[..., Any], arguments: Sequence[Any]) -> np.ndarray:
    """What the function itself returns."""
    return np.asarray(function(*arguments))


def exact(function: Callable[..., Any], arguments: Sequence[Any], argnums: int, order: int) -> np.ndarray:
    """Gradient (or Jacobian) or Hessian at a point, proved in Taylor arithmetic on the function's trace.

    Raises UnsupportedError where there is no exact rule for an operation.
    """
    operator = {1: "jacobian", 2: "hessian"}[order]
    return np.asarray(reference(cf.derive(function, arguments, operator, argnums), perturbations=1).value)


def by_jax(function: Callable[..., Any], arguments: Sequence[Any], argnums: int, order: int) -> np.ndarray:
    """The same by JAX in double precision: from the function's own code with jax.numpy in NumPy's place, or
    from its trace where JAX cannot run it.

    Raises UnsupportedError where JAX lacks an operation.
    """
    import jax

    jax.config.update("jax_enable_x64", True)
    position = argnums % len(arguments)
    failures = []
    for on_jax in (_rebound, _emitted):
        try:
            derived = on_jax(function, arguments)
            for wrap in (jax.jacrev, jax.jacfwd)[:order]:
                derived = wrap(derived, argnums=position)
            return np.asarray(jax.jit(derived)(*arguments))
        except (TypeError, AttributeError, NotImplementedError, UnsupportedError) as failure:
            failures.append(failure)
    raise UnsupportedError(f"JAX has no derivative: {failures}")


def first(truths: Sequence[Truth], *question: Any) -> np.ndarray:
    """What the first says that has an answer."""
    *others, last = truths
    for ask in others:
        with contextlib.suppress(UnsupportedError):
            return ask(*question)
    return last(*question)


def _rebound(function: Any, _: Sequence[Any]) -> Callable[..., Any]:
    """The function with the modules of JAX in place of NumPy and of parts of SciPy, in its helpers too."""
    import jax.scipy.linalg
    import jax.scipy.special

    instead = {
        np: jax.numpy,
        "scipy": jax.scipy,
        "scipy.special": jax.scipy.special,
        "scipy.linalg": jax.scipy.linalg,
    }
    scope: dict[str, Any] = {}
    for name, value in function.__globals__.items():
        if isinstance(value, ModuleType):
            value = instead.get(value, instead.get(value.__name__, value))  # type: ignore[call-overload]
        elif isinstance(value, FunctionType) and value.__globals__ is function.__globals__:
            value = FunctionType(value.__code__, scope, name, value.__defaults__, value.__closure__)
        scope[name] = value
    return FunctionType(
        function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
    )


def _emitted(function: Callable[..., Any], arguments: Sequence[Any]) -> Callable[..., Any]:
    trace = cf.trace(function, *arguments).trace
    return compile_source(*trace_source(trace.root, trace.arguments, "function", "jax"), "function")
