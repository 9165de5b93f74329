"""Emitted idioms: every primitive computes in each what NumPy computes, and the source reads as written."""

import importlib
from typing import Any

import numpy as np
import pytest

from closedform.code.idioms import trace_source
from closedform.errors import UnsupportedError
from closedform.expression.expr import Expr, input_
from closedform.primitives import PRIMITIVES

TRACED = [name for name, record in PRIMITIVES.items() if record.bind]
LIBRARY = {"numpy": "numpy", "autograd": "autograd", "jax": "jax", "torch": "torch"}


def sample(name: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    record = PRIMITIVES[name]
    rng = np.random.default_rng(7)
    if record.samples:
        return record.samples(rng)
    return tuple(rng.uniform(*record.domain, 5) for _ in range(record.source.count("{"))), {}


def node_of(name: str, operands: tuple[Any, ...], parameters: dict[str, Any]) -> tuple[Expr, list[str]]:
    """The operation on inputs; Python numbers stay numbers."""
    args = tuple(
        input_(f"a{i}", o.shape) if isinstance(o, np.ndarray) else Expr("number", (), (o,), ())
        for i, o in enumerate(operands)
    )
    return Expr(name, args, tuple(parameters.items()), ()), [a.params[0] for a in args if a.op == "input"]


def variants(name: str) -> list[dict[str, Any]]:
    """The sample's parameters, and for reductions all axes, and kept axes."""
    _, parameters = sample(name)
    found = [parameters]
    if "keepdims" in parameters:
        found += [parameters | {"axis": None}, parameters | {"axis": 0, "keepdims": True}]
    return found


CASES = [
    pytest.param(name, parameters, id=f"{name}-{i}")
    for name in TRACED
    for i, parameters in enumerate(variants(name))
]


@pytest.mark.parametrize("idiom", LIBRARY)
@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_every_primitive_computes_in_each_idiom_what_numpy_does(
    name: str, parameters: dict[str, Any], idiom: str
) -> None:
    pytest.importorskip(LIBRARY[idiom])
    operands, _ = sample(name)
    root, arguments = node_of(name, operands, parameters)
    try:
        source, constants = trace_source(root, arguments, "f", idiom)
    except UnsupportedError:
        assert PRIMITIVES[name].sources[idiom] is None  # a refusal is declared in the record
        return
    to_idiom = converter(idiom)
    namespace = {key: to_idiom(array) for key, array in constants.items()}
    exec(source, namespace)
    found = namespace["f"](*[to_idiom(o) for o in operands if isinstance(o, np.ndarray)])
    expected = PRIMITIVES[name].call(*operands, **parameters)  # type: ignore[misc]
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-12, atol=1e-15)
    assert np.shape(found) == np.shape(expected)


def converter(idiom: str) -> Any:
    if idiom == "torch":
        import torch

        return torch.as_tensor
    if idiom == "jax":
        jax = importlib.import_module("jax")
        jax.config.update("jax_enable_x64", True)
        return jax.numpy.asarray
    return np.asarray
