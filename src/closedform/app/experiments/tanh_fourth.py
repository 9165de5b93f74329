"""Derivatives of tanh of orders 1 to 10: nested differentiation, Taylor mode and the closed form."""

from __future__ import annotations

import ast
import math
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from closedform.app.blocks import Block, Figure, Heading, Paragraph, Table
from closedform.app.experiments.record import Experiment, Payload, Results, Setting, register, typical_seconds
from closedform.app.wording import duration, listing, number, span
from closedform.problems.tanh_fourth import fourth

POINT = 0.7
# Percent beyond which single precision is called poor.
POOR = 0.01
FAR = 6.0
ORDER = 4


def steps(setting: Setting) -> list[str]:
    """Every way and order; single precision at the end."""
    ways = [w for w in WAYS if w in setting.engines or (w == "JAX (taylor)" and "JAX" in setting.engines)]
    orders = range(1, 7 if setting.quick else 11)
    return [f"{way}/{order}" for way in ways for order in orders] + [
        f"{way}/float32" for way in (*ways, "by hand")
    ]


def run(step: str, setting: Setting) -> Payload:
    """One way at one order: seconds to prepare, seconds of a call, operations, and the error."""
    way, what = step.split("/")
    if what == "float32":
        return single(way)
    order = int(what)
    warm(way)
    begin = time.perf_counter()
    function, operations = WAYS[way](order, np.float64)
    value = float(function(POINT))
    prepare = time.perf_counter() - begin
    return {
        "prepare": prepare,
        "seconds": typical_seconds(lambda: function(POINT)),
        "operations": operations,
        "error": abs(value / truth(order, POINT) - 1),
    }


@cache
def warm(way: str) -> None:
    """Do once what a library does once in a process: its imports and its first compilation."""
    WAYS[way](1, np.float64)[0](POINT)


def single(way: str) -> Payload:
    """The 4th derivative at a point far out, computed in single precision, against the truth."""
    function = fourth if way == "by hand" else WAYS[way](ORDER, np.float32)[0]
    value = function(np.float32(FAR))
    return {
        "value": float(value),
        "error": abs(float(value) / truth(ORDER, FAR) - 1),
        "dtype": str(np.asarray(value).dtype),
    }


def truth(order: int, x: float) -> float:
    """The derivative in ball arithmetic of 400 bits: n! times the n-th Taylor coefficient at x."""
    import flint

    with flint.ctx.workprec(400):
        flint.ctx.cap = order + 1
        e = (flint.arb_series([flint.arb(2 * x), 2], order + 1)).exp()
        coefficient = ((e - 1) / (e + 1))[order]
        return float(coefficient * math.factorial(order))


def _closed_form(order: int, dtype: Any) -> tuple[Callable[[Any], Any], int | None]:
    import closedform as cf

    derivation = cf.derivative(np.tanh, order=order).at(dtype(POINT))
    return derivation.function, operations_in(derivation.source("numpy", name="derivative"))


def operations_in(source: str) -> int:
    """The arithmetic operations and calls in a module's source."""
    return sum(isinstance(node, ast.BinOp | ast.UnaryOp | ast.Call) for node in ast.walk(ast.parse(source)))


def _jax(nested: bool) -> Callable[[int, Any], tuple[Callable[[Any], Any], int | None]]:
    def prepare(order: int, dtype: Any) -> tuple[Callable[[Any], Any], int | None]:
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        function = _nested(jax.grad, jnp.tanh, order) if nested else _taylor(order)
        operations = equations(jax.make_jaxpr(function)(dtype(POINT)).jaxpr)
        compiled = jax.jit(function)
        return lambda x: compiled(jnp.asarray(x, dtype)).block_until_ready(), operations

    return prepare


def _nested(transform: Callable[[Any], Any], function: Any, order: int) -> Any:
    for _ in range(order):
        function = transform(function)
    return function


def _taylor(order: int) -> Callable[[Any], Any]:
    import jax.numpy as jnp
    from jax.experimental.jet import jet

    def derivative(x: Any) -> Any:
        direction = [jnp.ones_like(x)] + [jnp.zeros_like(x)] * (order - 1)
        return jet(jnp.tanh, (x,), (direction,))[1][-1]

    return derivative


def equations(jaxpr: Any) -> int:
    """The equations of a jaxpr; those within calls are counted in place of the call."""
    total = 0
    for equation in jaxpr.eqns:
        inner = [p for p in equation.params.values() if hasattr(p, "jaxpr") or hasattr(p, "eqns")]
        total += sum(equations(getattr(p, "jaxpr", p)) for p in inner) or 1
    return total


def _autograd(order: int, dtype: Any) -> tuple[Callable[[Any], Any], int | None]:
    import autograd
    import autograd.numpy

    function = _nested(autograd.grad, autograd.numpy.tanh, order)
    return lambda x: function(dtype(x)), None


def _torch(order: int, dtype: Any) -> tuple[Callable[[Any], Any], int | None]:
    import torch

    torch.set_num_threads(1)
    kind = torch.float32 if dtype is np.float32 else torch.float64

    def function(x: Any) -> Any:
        variable = torch.tensor(float(x), dtype=kind, requires_grad=True)
        value = torch.tanh(variable)
        for k in range(order):
            (value,) = torch.autograd.grad(value, variable, create_graph=k + 1 < order)
        return value.numpy()

    return function, None


WAYS: dict[str, Callable[[int, Any], tuple[Callable[[Any], Any], int | None]]] = {
    "closed form": _closed_form,
    "JAX": _jax(nested=True),
    "JAX (taylor)": _jax(nested=False),
    "autograd": _autograd,
    "PyTorch": _torch,
}
NAMES = {"JAX": "nested JAX", "JAX (taylor)": "JAX in Taylor mode"}


def section(results: Results) -> list[Block]:
    """Orders and single precision."""
    by_way: dict[str, dict[int, Payload]] = {}
    singles: dict[str, Payload] = {}
    for step, result in results.items():
        way, what = step.split("/")
        if what == "float32":
            singles[way] = result
        else:
            by_way.setdefault(way, {})[int(what)] = result
    blocks: list[Block] = []
    if by_way:
        blocks += [Heading("Orders one to ten" if max(map(max, by_way.values())) == 10 else "Higher orders")]
        blocks += [Paragraph(_growth(by_way)), _plots(by_way), _table(by_way)]
    if singles:
        blocks += [Heading("In single precision"), *_singles(singles)]
    return blocks


def _growth(by_way: dict[str, dict[int, Payload]]) -> str:
    sentences = []
    nested = by_way.get("JAX")
    if nested:
        counts = [str(nested[n]["operations"]) for n in sorted(nested)]
        last = max(nested)
        sentences.append(
            "Nesting `jax.grad` differentiates the derivative as a program: its equations number "
            f"{', '.join(counts)} for orders 1 to {last}, and order {last} takes "
            f"{duration(nested[last]['prepare'])} to compile."
        )
    taylor = by_way.get("JAX (taylor)")
    if taylor:
        last = max(taylor)
        sentences.append(
            "Taylor mode (`jax.experimental.jet`) carries all orders through once: "
            f"{taylor[last]['operations']} equations and {duration(taylor[last]['prepare'])} at order {last}."
        )
    closed = by_way.get("closed form")
    if closed:
        last = max(closed)
        sentences.append(
            f"The closed form stays a polynomial in tanh: {closed[last]['operations']} operations at order "
            f"{last}, derived in {duration(closed[last]['prepare'])}, and "
            f"{duration(closed[last]['seconds'])} a call."
        )
    error, way, order = max((r["error"], way, n) for way, found in by_way.items() for n, r in found.items())
    sentences.append(
        f"In double precision at x = {POINT:g} the largest error of all is {number(error)}, of "
        f"{NAMES.get(way, way)} at order {order}."
    )
    return " ".join(sentences)


def _plots(by_way: dict[str, dict[int, Payload]]) -> Figure:
    from closedform.app.plots import Panel, Series, plot

    def lines(key: str) -> list[Series]:
        found = []
        for way, orders in by_way.items():
            kept = [n for n in sorted(orders) if orders[n][key] is not None]
            if kept:
                found.append(Series(NAMES.get(way, way), kept, [orders[n][key] for n in kept]))
        return found

    return Figure(
        plot(
            Panel(lines("operations"), "order", "operations", log="y", title="size of the program"),
            Panel(lines("prepare"), "order", "seconds", log="y", title="preparation"),
            Panel(lines("seconds"), "order", "seconds", log="y", title="a call"),
        ),
        "Three plots over the order, on logarithmic scales: number of operations, seconds to prepare, "
        "seconds of a call. Nested JAX grows exponentially in the first two; the closed form stays flat.",
        "Operations (equations of the jaxpr; operations in the closed form's source), time to derive, trace "
        "and compile with the first call, and time of a call.",
    )


def _table(by_way: dict[str, dict[int, Payload]]) -> Table:
    orders = sorted({n for found in by_way.values() for n in found})
    shown = sorted({n for n in orders if n % 3 == 1} | {orders[-1]})
    rows = []
    for way, found in by_way.items():
        cells = []
        for n in shown:
            result = found.get(n)
            count = "" if result is None or result["operations"] is None else f"{result['operations']} / "
            cells.append(
                "—"
                if result is None
                else f"{count}{duration(result['prepare'])} / {duration(result['seconds'])}"
            )
        rows.append([NAMES.get(way, way), *cells])
    return Table(
        "Operations (where they can be counted) / preparation / a call",
        ["", *(f"order {n}" for n in shown)],
        rows,
    )


def _names(ways: Sequence[str]) -> str:
    names = {**NAMES, "closed form": "the closed form", "by hand": "the formula by hand, with 1/cosh² x"}
    return listing(names.get(way, way) for way in ways)


def _singles(singles: dict[str, Payload]) -> list[Block]:
    exact = truth(ORDER, FAR)
    rows = [
        [NAMES.get(way, way), number(r["value"], 6), f"{number(100 * r['error'])} %", r["dtype"]]
        for way, r in singles.items()
    ]
    text = f"The 4th derivative at x = {FAR:g} is {number(exact, 6)}. "
    kept = {way: 100 * r["error"] for way, r in singles.items() if r["dtype"] == "float32"}
    poor = [way for way, percent in kept.items() if percent > POOR]
    if poor:
        text += (
            f"Computed in float32, {_names(poor)} {'is' if len(poor) == 1 else 'are'} off by "
            f"{span([kept[way] for way in poor], number)} %: tanh x is rounded to a number so close to one "
            "that 1 − tanh² x keeps few digits. "
        )
    good = [way for way in kept if way not in poor]
    if good:
        text += f"Off by at most {number(max(kept[way] for way in good))} %: {_names(good)}. "
    wider = [way for way in singles if way not in kept]
    if wider:
        text += f"Gone over to float64 on the way: {_names(wider)}."
    return [
        Paragraph(text.strip()),
        Table(
            f"The 4th derivative of tanh at x = {FAR:g}, for x in float32",
            ["", "Value", "Off by", "Result in"],
            rows,
        ),
    ]


register(Experiment("tanh-fourth", steps, run, section))
