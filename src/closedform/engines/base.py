"""What an engine is: from a task (a function, an operator, arguments) to a call that computes the answer."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, final

import numpy as np

from closedform.errors import UnsupportedError

OPERATORS = ("value", "grad", "jacobian", "hessian", "derivative")


@final
@dataclass(frozen=True)
class Program:
    """A function as the source of a Python module.

    source     text of the module
    name       the function in it
    constants  arrays that the module reads as global names

    >>> Program("def double(x):\\n    return two * x", "double", {"two": np.array(2.0)}).load()(3.0)
    np.float64(6.0)
    """

    source: str
    name: str
    constants: Mapping[str, np.ndarray] = field(default_factory=dict)

    def load(self, convert: Callable[[np.ndarray], Any] = np.asarray) -> Callable[..., Any]:
        """The function itself; `convert` makes the engine's arrays of the constants."""
        namespace: dict[str, Any] = {name: convert(array) for name, array in self.constants.items()}
        exec(compile(self.source, f"<{self.name}>", "exec"), namespace)  # our own emitted source
        function: Callable[..., Any] = namespace[self.name]
        return function


@final
@dataclass(frozen=True)
class Task:
    """What engines are asked to compute; it holds text and arrays only, so that it can be sent to a child.

    problem    name of the function
    operator   one of OPERATORS
    arguments  where to evaluate: arrays and numbers
    argnums    the variables: a position, or several
    order      of the derivative, for the operator "derivative": entry by entry where the function has the
               shape of its variable, else the tensor of shape result_shape + order * shape of the variable
    result_shape  shape of the function's value
    programs   the function in each idiom, or the reason why it cannot be written in it
    closed     the derived derivative in each idiom, or the reason why there is none
    by_hand    the derivative worked out by hand: an import path "package.module:function", or the function
               itself (which then cannot be sent)
    """

    problem: str
    operator: str
    arguments: tuple[Any, ...]
    argnums: int | tuple[int, ...] = 0
    order: int = 1
    result_shape: tuple[int, ...] = ()
    programs: Mapping[str, Program | str] = field(default_factory=dict)
    closed: Mapping[str, Program | str] = field(default_factory=dict)
    by_hand: str | Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise ValueError(f"operator {self.operator!r} is not one of {', '.join(OPERATORS)}")
        if self.operator == "derivative" and self.order < 1:
            raise ValueError(f"the order of a derivative is 1 or more, not {self.order}")

    @property
    def value(self) -> Task:
        """The task of computing the function itself."""
        return replace(self, operator="value")

    @property
    def variables(self) -> tuple[int, ...]:
        """The positions of the variables."""
        return self.argnums if isinstance(self.argnums, tuple) else (self.argnums,)

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 where the floating-point arrays among the arguments are, else float64."""
        kinds = [a.dtype for a in self.arguments if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
        return np.result_type(*kinds) if kinds else np.dtype(np.float64)

    def entrywise(self, position: int) -> bool:
        """Whether the function has the shape of a variable, so that its higher derivatives are taken entry
        by entry."""
        return np.shape(self.arguments[position]) == self.result_shape

    def arrays(self) -> list[np.ndarray]:
        """The arguments as arrays; Python numbers take the dtype of the task."""
        return [np.asarray(a, None if hasattr(a, "dtype") else self.dtype) for a in self.arguments]

    def program(self, idiom: str) -> Program:
        """The function in an idiom.

        Raises UnsupportedError with the reason where there is none.
        """
        return _program(self.programs.get(idiom, f"the function was not written for {idiom}"))

    def closed_program(self, idiom: str) -> Program:
        """The derived derivative in an idiom.

        Raises UnsupportedError with the reason where there is none.
        """
        return _program(self.closed.get(idiom, f"no closed form was derived for {idiom}"))


def _program(found: Program | str) -> Program:
    if isinstance(found, str):
        raise UnsupportedError(found)
    return found


class Engine(ABC):
    """A way of computing derivatives. Final classes implement it, one a file; heavy libraries are imported
    in their methods only.

    name          in tables
    distribution  the installed package whose version is reported
    module        what must be importable
    tolerance     relative error (float64) beyond which a result counts as wrong and is not timed
    """

    name: str
    distribution: ClassVar[str] = "numpy"
    module: ClassVar[str] = "numpy"
    tolerance: ClassVar[float] = 1e-6

    def available(self) -> str | None:
        """None, or the reason why the engine cannot be used here."""
        if importlib.util.find_spec(self.module) is None:
            return f"{self.distribution} is not installed: pip install {self.distribution}"
        return None

    def version(self) -> str:
        """The library and its version, as "torch 2.13.0"."""
        return f"{self.distribution} {importlib.metadata.version(self.distribution)}"

    def start(self) -> None:
        """Import and configure the library; called once, in the process that measures."""
        importlib.import_module(self.module)

    @abstractmethod
    def prepare(self, task: Task) -> Callable[[], Any]:
        """A call without arguments that computes the answer and returns when it is there.

        Everything that is done once is done here: converting the inputs, transforming, compiling.
        Raises UnsupportedError where the engine cannot do the task.
        """

    def numpy(self, result: Any) -> Any:
        """A result of the call as NumPy arrays, in the same tuples."""
        if isinstance(result, tuple):
            return tuple(self.numpy(part) for part in result)
        return np.asarray(result)


def blocks(argnums: int | tuple[int, ...], build: Callable[[int], Any]) -> Callable[..., Any]:
    """A function of one variable's position made for every variable: a tuple of results for a tuple of
    them."""
    if isinstance(argnums, int):
        function: Callable[..., Any] = build(argnums)
        return function
    functions = [build(position) for position in argnums]
    return lambda *arguments: tuple(function(*arguments) for function in functions)


def leaves(result: Any) -> Iterator[np.ndarray]:
    """The arrays in nested tuples, in order.

    >>> [leaf.tolist() for leaf in leaves((1.0, (np.zeros(2), 3.0)))]
    [1.0, [0.0, 0.0], 3.0]
    """
    if isinstance(result, (tuple, list)):
        for part in result:
            yield from leaves(part)
    else:
        yield np.asarray(result)
