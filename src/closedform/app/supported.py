"""The registry goes in, the page docs/supported.md comes out: functions, printed forms, derivatives.

python -m closedform.app.supported > docs/supported.md
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from closedform.derivative.reverse import jacobians
from closedform.expression.calculus import dot
from closedform.expression.expr import Expr, input_
from closedform.notation.text import text
from closedform.primitives import PRIMITIVES, Primitive
from closedform.primitives.record import BY_CALLABLE, SEVERAL, Results, called_name
from closedform.simplify.normalise import normalise
from closedform.simplify.simplify import simplify
from closedform.sources.compositions import COMPOSITIONS

# The modules of `closedform.primitives`, as titles.
GROUPS = {
    "elementwise": "Entry by entry",
    "reductions": "Reductions",
    "contraction": "Products",
    "structure": "Structure",
    "linalg": "Linear algebra",
    "factorisations": "Factorisations",
    "matrix_functions": "Functions of a matrix",
    "norms": "Norms",
}
IDIOMS = {"autograd": "autograd", "jax": "JAX", "torch": "PyTorch"}


def page() -> str:
    """The whole page.

    >>> page().startswith("# What is supported")
    True
    """
    parts = [INTRODUCTION]
    for module, title in GROUPS.items():
        rows = [_row(record) for record in _records(module)]
        parts.append(f"## {title}\n\n{HEAD}\n" + "\n".join(rows) + "\n")
    composed = sorted(
        f"`{called_name(function)}`" for function in COMPOSITIONS if function not in _recorded()
    )
    parts.append(f"## Written with these\n\n{', '.join(composed)}.\n")
    return "\n".join(parts)


INTRODUCTION = """# What is supported

Made from the registry by `python -m closedform.app.supported`; do not edit. Each row tells how a function is
printed, and its derivative: that in each entry u, v, w of the operands, or for a function of arrays the
gradient of its result's sum with the weights g; "-" where it is a combination of others, whose rules apply.
Second derivatives are there too unless it says "first order"; the last column names the libraries for which
no source can be written.
"""
HEAD = "| function | printed | derivative | not in |\n|---|---|---|---|"


def _records(module: str) -> Iterator[Primitive]:
    """The records of functions of NumPy and SciPy that a module registers."""
    for record in PRIMITIVES.values():
        if _functions(record) and _module(record) == module:
            yield record


def _functions(record: Primitive) -> list[Any]:
    """The functions of NumPy and SciPy that are traced to a record, alone or as one of several results."""
    return [*record.numpy, *(f for f, bind in SEVERAL.items() if record.name in _results(bind))]


@functools.cache
def _results(bind: Callable[..., Results]) -> frozenset[str]:
    parameters = inspect.signature(bind).parameters.values()
    required = [None for p in parameters if p.default is p.empty]
    try:
        return frozenset(result[0] for result in bind(*required).values() if isinstance(result, tuple))
    except TypeError:  # it refuses its default
        return frozenset()


def _module(record: Primitive) -> str:
    defined = record.lower or next(iter(record.partials), None) or record.jacobian or record.pullback
    return str(getattr(defined, "__module__", "")).rpartition(".")[2]


def _recorded() -> set[Any]:
    return set(BY_CALLABLE) | set(SEVERAL)


def _row(record: Primitive) -> str:
    names = ", ".join(f"`{called_name(function)}`" for function in _functions(record))
    lacking = [shown for idiom, shown in IDIOMS.items() if record.sources.get(idiom, record.source) is None]
    cells = [names, _code(_printed(record)), _code(_derivative(record)), ", ".join(lacking)]
    return "| " + " | ".join(cells) + " |"


def _code(formula: str) -> str:
    return f"`{formula}`".replace("|", "\\|") if formula != "-" else "-"


def _printed(record: Primitive) -> str:
    names = ["u", "v", "w"]
    try:
        params = dict.fromkeys(("shape", "n", "order"), "n") | {"index": "i", "k": "k"}
        if record.partials and record.samples is not None:  # as in its derivative
            params |= record.samples(np.random.default_rng(0))[1]
        return record.text.format(*names, args="u, v", rest="v", **params)
    except (KeyError, IndexError):
        return record.name


def _derivative(record: Primitive) -> str:
    """What the library prints for the derivatives in the operands."""
    operands = [input_(name, ()) for name in "uvw"[: len(record.partials)]]
    if operands:
        _, parameters = record.samples(np.random.default_rng(0)) if record.samples else ((), {})
        node: Expr = Expr(record.name, tuple(operands), tuple(parameters.items()), ())
    elif record.lower is None or record.samples is not None:
        return _gradient(record)
    else:
        operands = [input_("u", ())]
        node = Expr(record.name, tuple(operands), (), ())
    lowered = simplify(normalise(node, operands).root)
    return ", ".join(text(simplify(found)) for found in jacobians(lowered, operands))


def _gradient(record: Primitive) -> str:
    """The gradient of the weighted sum of a function of arrays, for those that have a rule of their own."""
    if record.jacobian is None and record.pullback is None:
        return "-"
    assert record.samples is not None and record.call is not None
    given, parameters = record.samples(np.random.default_rng(0))
    arrays = [np.asarray(a) for a in given]
    leaves = [input_(name, a.shape) for name, a in zip("uvw", arrays, strict=False)]
    value = np.asarray(record.call(*arrays, **parameters))
    node = Expr(record.name, tuple(leaves), tuple(parameters.items()), value.shape)
    normal = normalise(node, leaves)
    root, variables = simplify(normal.root), list(normal.inputs.values())
    weighted = simplify(dot(input_("g", root.shape), root, root.ndim))
    gradients = [simplify(found) for found in jacobians(weighted, variables)]
    shown = ", ".join(map(text, gradients))
    try:
        for gradient in gradients:
            jacobians(gradient, variables)
    except NotImplementedError:
        return f"{shown} (first order)"
    return shown


if __name__ == "__main__":
    print(page(), end="")
