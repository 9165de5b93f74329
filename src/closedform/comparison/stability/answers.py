"""A function and points in; what the closed form and each library compute, and how often it is wrong, out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.code.idioms import trace_source
from closedform.code.numpy_source import compile_source
from closedform.comparison.stability.cases import TOLERANCE, Case
from closedform.engines import start

Answer = Callable[[Case, int, np.ndarray], Any]


@dataclass(frozen=True)
class Tally:
    """How often a derivative is wrong.

    points    where an entry of the true answer is a normal number
    failures  how many of them have a relative error above TOLERANCE there, or no finite number
    worst     the largest error; infinite where there is no finite number, 0 without points
    refusal   why the library does not compute it at all; there are no failures then
    """

    points: int
    failures: int = 0
    worst: float = 0.0
    refusal: str = ""


def tally(engine: str, case: Case, order: int, points: np.ndarray, true: np.ndarray) -> Tally:
    """The failures of an engine; `true` are the right answers at the points, of the order.

    >>> from closedform.comparison.stability import COMPOSITES, points_and_truth
    >>> case = COMPOSITES[0]
    >>> case.name
    'log(1 + exp(x))'
    >>> points, true = points_and_truth(case, 30)
    >>> tally("closed form", case, 1, points, true[1]).failures
    0
    >>> tally("JAX", case, 1, points, true[1]).failures > 0
    True
    """
    normal = int(np.sum(~np.isnan(largest_errors(true, true))))
    start(engine)
    try:
        with np.errstate(all="ignore"):
            errors = largest_errors(ANSWERS[engine](case, order, points), true)
    except Exception as error:  # a library's own refusal, of any class
        if engine == "closed form":
            raise
        return Tally(normal, refusal=f"{type(error).__name__}: {error}".splitlines()[0])
    known = errors[~np.isnan(errors)]
    return Tally(len(known), int(np.sum(known > TOLERANCE)), float(np.max(known, initial=0.0)))


def closed_form(case: Case, order: int, points: np.ndarray) -> Any:
    """The emitted NumPy code."""
    function = case.derived(order).function
    if case.size is None:
        return function(points)
    return np.array([function(*point) if case.arguments > 1 else function(point) for point in points])


def _written(case: Case, idiom: str) -> Callable[..., Any]:
    """The function as it is written, of one array or number."""
    trace = case.trace
    function = compile_source(*trace_source(trace.root, trace.arguments, "f", idiom), "f")
    return (lambda point: function(*point)) if case.arguments > 1 else function


def _transformed(case: Case, order: int, function: Callable[..., Any], library: Any) -> Callable[..., Any]:
    """The derivative at one point, by `grad`, `jacrev` and `hessian` of JAX, or of PyTorch."""
    if case.size is not None and order == 2:
        return library.hessian(function)
    derivative = library.grad if case.trace.root.shape == () else library.jacrev
    for _ in range(order):
        function = derivative(function)
    return function


def _hips_autograd(case: Case, order: int, points: np.ndarray) -> Any:
    import autograd

    derived = _written(case, "autograd")
    for _ in range(order):
        derived = (autograd.elementwise_grad if case.size is None else autograd.jacobian)(derived)
    return derived(points) if case.size is None else np.array([derived(point) for point in points])


def _pytorch(case: Case, order: int, points: np.ndarray) -> Any:
    import torch

    derived = _transformed(case, order, _written(case, "torch"), torch.func)
    return torch.func.vmap(derived)(torch.as_tensor(points)).numpy()


def _jax(case: Case, order: int, points: np.ndarray) -> Any:
    import jax

    derived = _transformed(case, order, _written(case, "jax"), jax)
    return np.asarray(jax.jit(jax.vmap(derived))(points))


ANSWERS: dict[str, Answer] = {
    "closed form": closed_form,
    "autograd": _hips_autograd,
    "PyTorch": _pytorch,
    "JAX": _jax,
}


def relative_errors(got: Any, true: np.ndarray) -> np.ndarray:
    """Errors where the truth is a normal number, infinite where the result is not finite; nan elsewhere."""
    with np.errstate(all="ignore"):
        errors = np.abs(np.asarray(got) - true) / np.abs(true)
    return np.where(np.isfinite(true) & (true != 0), np.where(np.isnan(errors), np.inf, errors), np.nan)


def largest_errors(got: Any, true: np.ndarray) -> np.ndarray:
    """For each point the largest relative error of the entries; nan where none is a normal number."""
    entries = relative_errors(got, true).reshape(len(true), -1)
    largest: np.ndarray = np.max(np.where(np.isnan(entries), -1, entries), axis=1, initial=-1)
    return np.where(largest < 0, np.nan, largest)
