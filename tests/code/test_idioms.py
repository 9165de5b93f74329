"""Emitted idioms: every primitive computes and differentiates in each as in NumPy; the source reads well."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from scipy.special import logsumexp, softmax

import closedform as cf
from closedform.code.idioms import trace_source
from closedform.errors import UnsupportedError
from closedform.expression.expr import Expr, constant, input_
from closedform.pipeline import derive
from closedform.primitives import PRIMITIVES

TRACED = [name for name, record in PRIMITIVES.items() if record.bind]
IDIOMS = ("numpy", "autograd", "jax", "torch")
# What autograd and PyTorch themselves fail to differentiate, and what they say.
CANNOT = {
    ("autograd", "einsum"): "multiple times",
    ("autograd", "norm"): "non-broadcastable output|not implemented for ord",
    ("torch", "cond"): "modified by an inplace operation",
}


def sample(name: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    record = PRIMITIVES[name]
    rng = np.random.default_rng(7)
    if record.samples:
        return record.samples(rng)
    return tuple(rng.uniform(*record.domain, 5) for _ in record.partials or (0,)), {}


def variants(name: str) -> list[dict[str, Any]]:
    """The sample's parameters, and for reductions all axes, and kept axes."""
    _, parameters = sample(name)
    if "keepdims" not in parameters:
        return [parameters]
    return [
        parameters,
        parameters | {"axis": None, "keepdims": False},
        parameters | {"axis": 0, "keepdims": True},
    ]


# What a library's own function is worth.
LESS_EXACT = {("polygamma", "torch"): 1e-9}

CASES = [
    pytest.param(name, parameters, id=f"{name}-{i}")
    for name in TRACED
    for i, parameters in enumerate(variants(name))
]


def loaded(name: str, parameters: dict[str, Any], idiom: str) -> tuple[Callable[..., Any], list[Any]] | None:
    """The emitted function of one operation, and its array arguments; None where the record refuses."""
    operands, _ = sample(name)
    args = tuple(
        input_(f"a{i}", o.shape) if isinstance(o, np.ndarray) else Expr("number", (), (o,), ())
        for i, o in enumerate(operands)
    )
    root = Expr(name, args, tuple(parameters.items()), ())
    names = [a.params[0] for a in args if a.op == "input"]
    try:
        source, constants = trace_source(root, names, "f", idiom)
    except UnsupportedError as refusal:
        assert PRIMITIVES[name].sources.get(idiom, "") is None or "a negative step" in str(refusal)
        return None
    convert = converter(idiom)
    namespace = {key: convert(array) for key, array in constants.items()}
    exec(source, namespace)
    return namespace["f"], [convert(o) for o in operands if isinstance(o, np.ndarray)]


def converter(idiom: str) -> Callable[[np.ndarray], Any]:
    if idiom == "torch":
        return pytest.importorskip("torch").tensor
    if idiom == "jax":
        pytest.importorskip("jax").config.update("jax_enable_x64", True)
        return importlib.import_module("jax.numpy").asarray
    if idiom == "autograd":
        pytest.importorskip("autograd")
    return np.asarray


@pytest.mark.parametrize("idiom", IDIOMS)
@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_every_primitive_computes_in_each_idiom_what_numpy_does(
    name: str, parameters: dict[str, Any], idiom: str
) -> None:
    program = loaded(name, parameters, idiom)
    if program is None:
        return
    function, arguments = program
    found = np.asarray(function(*arguments))
    expected = np.asarray(PRIMITIVES[name].call(*sample(name)[0], **parameters))  # type: ignore[misc]
    np.testing.assert_allclose(found, expected, rtol=LESS_EXACT.get((name, idiom), 1e-12), atol=1e-15)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)


@pytest.mark.parametrize("idiom", ["autograd", "torch"])
@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_no_engine_is_cut_off_from_the_derivative_by_what_is_written_for_it(
    name: str, parameters: dict[str, Any], idiom: str
) -> None:
    program, numpy = loaded(name, parameters, idiom), loaded(name, parameters, "numpy")
    assert numpy is not None
    function, arguments = numpy
    value = np.asarray(function(*arguments))
    variables = [i for i, a in enumerate(arguments) if a.dtype.kind == "f"]
    if program is None or value.dtype == bool or not variables:
        return
    weights = np.random.default_rng(1).standard_normal(value.shape)
    expected = differences(lambda *a: np.sum(weights * function(*a)), arguments, variables)
    try:
        found = GRADIENTS[idiom](*program, variables, weights)
    except (ValueError, NotImplementedError, RuntimeError) as error:
        assert re.search(CANNOT[idiom, name], str(error))
        return
    for position, (one, other) in enumerate(zip(map(np.asarray, found), expected, strict=True)):
        if (
            position == 0 and PRIMITIVES[name].requires == "symmetric"
        ):  # NumPy reads one triangle, others both
            one, other = one + one.T, other + other.T
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def differences(
    total: Callable[..., Any], arguments: list[Any], variables: Sequence[int], step: float = 1e-6
) -> list[np.ndarray]:
    def slope(position: int, entry: tuple[int, ...]) -> float:
        up, down = ([a.copy() for a in arguments] for _ in range(2))
        up[position][entry] += step
        down[position][entry] -= step
        return float(total(*up) - total(*down)) / (2 * step)

    shapes = [arguments[i].shape for i in variables]
    return [
        np.array([slope(i, entry) for entry in np.ndindex(*shape)]).reshape(shape)
        for i, shape in zip(variables, shapes, strict=True)
    ]


def _autograd(f: Any, arguments: list[Any], variables: list[int], weights: np.ndarray) -> Sequence[Any]:
    autograd = importlib.import_module("autograd")
    anp = importlib.import_module("autograd.numpy")

    def total(*a: Any) -> Any:
        return anp.sum(weights * f(*a)) + 0 * sum(anp.sum(a[i]) for i in variables)

    return autograd.grad(total, tuple(variables))(*arguments)


def _torch(f: Any, arguments: list[Any], variables: list[int], weights: np.ndarray) -> Sequence[Any]:
    torch = importlib.import_module("torch")
    leaves = [arguments[i].requires_grad_() for i in variables]
    total = (torch.tensor(weights) * f(*arguments)).sum() + 0 * sum(leaf.sum() for leaf in leaves)
    return torch.autograd.grad(total, leaves)


GRADIENTS = {"autograd": _autograd, "torch": _torch}


# --- derivatives -----------------------------------------------------------------------------------

MASK = np.array([True, False, True])
U = np.array([0.5, -1.0, 2.0])
DIFFERENTIATED: dict[str, tuple[Callable[..., Any], np.ndarray]] = {
    "where": (lambda x: np.sum(np.where(MASK, x, 0.0) ** 2), U),
    "where of numbers": (lambda x: np.sum(np.where(np.array([0.0, 2.0, 1.0]), x, 0) * np.sin(x)), U),
    "where of a truth value": (lambda x: np.sum(np.where(True, x, 0.0) ** 2), U),
    "sum, where": (lambda x: np.sum(x**2, where=MASK), U),
    "triangular mask": (
        lambda x: np.sum(softmax(np.where(np.triu(np.ones((3, 3), bool), 1), -1e9, np.outer(x, x)), 1) ** 2),
        U,
    ),
    "expm": (lambda A: np.sum(scipy.linalg.expm(A) ** 2), np.outer(U, U) / 4 + np.eye(3)),
    "prod": (lambda x: np.prod(x) ** 2, U),
    "prod along": (lambda x: np.sum(np.prod(np.outer(x, x) + 1, axis=1)), U),
    "prod of one entry": (lambda x: np.prod(x) ** 2, U[:1]),
    "cumprod": (lambda x: np.sum(np.cumprod(x) ** 2), U),
    "prod of one plus": (lambda x: np.prod(1 + x), U),
    "largest entries": (lambda x: np.sum(np.sort(x)[-2:] ** 2 * x[:2]), U),
    "median": (lambda x: np.median(x) ** 2, U),
    "shifted determinant": (
        lambda x: np.linalg.slogdet(np.outer(x, x) + x[1] ** 2 * np.eye(len(x)))[1],
        U,
    ),
}


@pytest.mark.parametrize("operator", ["grad", "hessian"])
@pytest.mark.parametrize("idiom", ["jax", "torch"])
@pytest.mark.parametrize("name", DIFFERENTIATED)
def test_derivatives_are_the_same_in_each_idiom(name: str, idiom: str, operator: str) -> None:
    function, example = DIFFERENTIATED[name]
    derivation = derive(function, (example,), operator)
    convert, namespace = converter(idiom), dict[str, Any]()
    exec(derivation.source(idiom), namespace)
    found = namespace["derivative"](convert(example))
    np.testing.assert_allclose(np.asarray(found), derivation.function(example), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("derive", [cf.grad, cf.hessian])
def test_jax_source_runs_on_numpy_arrays_and_when_compiled(derive: Callable[..., Any]) -> None:
    import jax

    jax.config.update("jax_enable_x64", True)
    X = np.random.default_rng(0).standard_normal((3, 2))
    derivation = derive(lambda X, s: np.linalg.slogdet(X @ X.T + s * np.eye(len(X)))[1], "s").at(X, 1.5)
    namespace: dict[str, Any] = {}
    exec(derivation.source("jax"), namespace)
    for run in (namespace["derivative"], jax.jit(namespace["derivative"])):
        np.testing.assert_allclose(run(X, 1.5), derivation.function(X, 1.5), rtol=1e-12)


def test_a_number_is_a_truth_value_where_it_is_not_zero() -> None:
    gradient = cf.grad(lambda x, m: np.sum(np.where(m, x, 0) ** 2))
    np.testing.assert_array_equal(gradient(U, np.array([0.0, 2.0, -0.5])), [0, -2, 4])


# --- how it reads ----------------------------------------------------------------------------------

WEIGHTS = np.array([1, 2])


def example(x: Any, A: Any) -> Any:
    r = np.tanh(A @ x)
    return np.mean(np.maximum(r, 0), axis=0) + np.sum(r[:2] * WEIGHTS) / x.shape[0] + np.sqrt(x.shape[0])


NUMPY = """\
import numpy as np


def f(x, A):
    t1 = np.tanh(A @ x)
    t2 = np.mean(np.maximum(t1, 0), axis=0) + np.sum(t1[:2] * WEIGHTS) / x.shape[0]
    return t2 + np.sqrt(x.shape[0])
"""
TORCH = """\
import torch


number1 = torch.tensor(0, dtype=torch.float64)


def f(x, A):
    t1 = torch.tanh(A @ x)
    t2 = torch.mean(torch.maximum(t1, number1), dim=0) + torch.sum(t1[:2] * WEIGHTS) / x.shape[0]
    return t2 + torch.sqrt(torch.tensor(x.shape[0], dtype=torch.float64))
"""


@pytest.mark.parametrize(
    ("idiom", "expected"), [("numpy", NUMPY), ("torch", TORCH), ("jax", NUMPY), ("autograd", NUMPY)]
)
def test_the_source_reads_as_its_users_would_write_it(idiom: str, expected: str) -> None:
    trace = derive(example, (np.ones(3), np.ones((4, 3))), "value").trace
    source, constants = trace_source(trace.root, trace.arguments, "f", idiom)
    if idiom == "jax":
        expected = (
            expected.replace("numpy as np", "jax.numpy as jnp").replace("np.", "jnp.").replace("jjnp", "jnp")
        )
    if idiom == "autograd":
        expected = expected.replace("import numpy", "import autograd.numpy")
    assert source == expected
    assert list(constants) == ["WEIGHTS"]
    assert constants["WEIGHTS"].dtype == (float if idiom == "torch" else int)


def test_names_of_arguments_and_constants_do_not_clash() -> None:
    x, y = input_("np", (2,)), constant(np.ones(2), "np")
    source, constants = trace_source(Expr("add", (x, y), (), x.shape), ["np"], "f", "numpy")
    assert source == "def f(np_):\n    return np_ + np__\n"
    assert list(constants) == ["np__"]


def test_operators_keep_their_order() -> None:
    x = input_("x", (2,))
    difference = Expr("subtract", (x, Expr("subtract", (x, x), (), x.shape)), (), x.shape)
    power = Expr("power", (Expr("negative", (difference,), (), x.shape), x), (), x.shape)
    assert "return (-(x - (x - x))) ** x" in trace_source(power, ["x"], "f", "numpy")[0]


def test_what_a_template_repeats_is_computed_once() -> None:
    x = input_("x", (2,))
    logit = Expr("logit", (Expr("exp", (x,), (), x.shape),), (), x.shape)
    lines = trace_source(logit, ["x"], "f", "autograd")[0].splitlines()
    assert lines[-2:] == ["    t1 = np.exp(x)", "    return np.log(t1 / (1 - t1))"]


def test_refusals_say_why() -> None:
    x = input_("x", (2, 2))
    with pytest.raises(UnsupportedError, match=r"^autograd has no expm$"):
        trace_source(Expr("expm", (x,), (), x.shape), ["x"], "f", "autograd")
    with pytest.raises(UnsupportedError, match="the operation 'nonsense' has no source"):
        trace_source(Expr("nonsense", (x,), (), x.shape), ["x"], "f", "numpy")
    reverse = Expr("getitem", (x,), (("index", (("slice", None, None, -1),)),), x.shape)
    assert "return x[::-1]" in trace_source(reverse, ["x"], "f", "jax")[0]
    with pytest.raises(UnsupportedError, match=r"PyTorch has no slices with a negative step: write np\.flip"):
        trace_source(reverse, ["x"], "f", "torch")
    with pytest.raises(ValueError, match="idiom 'fortran' is not one of numpy, autograd, jax, torch"):
        trace_source(x, ["x"], "f", "fortran")


DERIVED = {
    "least entry": lambda a: np.sin(np.min(a)),
    "largest of sums": lambda a: np.max(np.sum(a, axis=1)) ** 2,
    "logsumexp of rows": lambda a: np.sum(logsumexp(a, axis=0) ** 2),
    "logsumexp of all": lambda a: logsumexp(a) ** 2,
    "softmax of all": lambda a: np.sum(softmax(a) ** 2),
    "numbers beside arrays of indices": lambda a: np.sum(np.sin(np.stack([a, a])[1, :, np.array([0, 2, 1])])),
    "turned": lambda a: np.sum(np.arange(9.0).reshape(3, 3) * np.rot90(np.stack([a**2, a])[0])),
    "diagonal": lambda a: np.trace(np.linalg.inv(a @ a.T + np.eye(3))),
}


@pytest.mark.parametrize("name", DERIVED)
@pytest.mark.parametrize("order", ["grad", "hessian"])
def test_derivatives_in_pytorch(name: str, order: str) -> None:
    torch = pytest.importorskip("torch")
    a = np.random.default_rng(0).standard_normal((3, 3))
    derivation = getattr(cf, order)(DERIVED[name]).at(a)
    namespace: dict[str, Any] = {}
    exec(derivation.source("torch"), namespace)
    found = namespace["derivative"](torch.tensor(a))
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.numpy(), derivation.function(a), rtol=1e-12, atol=1e-14)
