"""The one thing that flows through the library: an immutable, interned expression node."""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

import numpy as np

from closedform.expression.size import Size

Shape = tuple[Size, ...]


class Expr:
    """One operation applied to expressions. Equal expressions are the same object.

    op      name of the operation: a primitive, or one of the calculus' own
            ("input", "constant", "size", "contract", "linear")
    args    the operands, expressions themselves
    params  what else the operation needs (hashable)
    shape   symbolic sizes of the result's axes
    key     a digest of the structure: orders terms and factors alike in every run
    weight  number of nodes counted as a tree (with an upper limit): simple sorts before complex
    """

    __slots__ = ("__weakref__", "args", "key", "op", "params", "shape", "weight")
    op: str
    args: tuple[Expr, ...]
    params: tuple[Any, ...]
    shape: Shape
    key: bytes
    weight: int

    def __new__(
        cls, op: str, args: tuple[Expr, ...], params: tuple[Any, ...], shape: Iterable[int | Size]
    ) -> Expr:
        sizes = tuple([s if isinstance(s, Size) else Size.of(s) for s in shape])
        identity = (op, args, params, sizes)
        known = _INTERNED.get(identity)
        if known is not None:
            return known
        with _LOCK:
            known = _INTERNED.get(identity)
            if known is not None:
                return known
            self = super().__new__(cls)
            digest = hashlib.blake2b(f"{op}|{params!r}|{sizes!r}".encode(), digest_size=12)
            for arg in args:
                digest.update(arg.key)
            for name, value in (
                ("op", op),
                ("args", args),
                ("params", params),
                ("shape", sizes),
                ("key", digest.digest()),
                ("weight", min(1 + sum(arg.weight for arg in args), 1 << 30)),
            ):
                object.__setattr__(self, name, value)
            _INTERNED[identity] = self
            return self

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("expressions are immutable")

    def __reduce__(self) -> tuple[Any, ...]:
        return Expr, (self.op, self.args, self.params, self.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __repr__(self) -> str:
        if self.op == "input":
            return str(self.params[0])
        if self.weight > LARGEST_SHOWN:  # a shared part would be written each time it stands somewhere
            return f"{self.op}(... {self.weight} nodes)"
        return f"{self.op}({', '.join(map(repr, (*self.args, *self.params)))})"

    # Operators write elementwise formulas ("1 - y**2"); operands have one shape, or are scalars.
    def __add__(self, other: Operand) -> Expr:
        return _calculus().add(self, other)

    def __sub__(self, other: Operand) -> Expr:
        return _calculus().add(self, _calculus().multiply(-1, other))

    def __rsub__(self, other: Operand) -> Expr:
        return _calculus().add(other, _calculus().multiply(-1, self))

    def __mul__(self, other: Operand) -> Expr:
        return _calculus().multiply(self, other)

    def __truediv__(self, other: Operand) -> Expr:
        return _calculus().multiply(self, _calculus().power(other, -1))

    def __rtruediv__(self, other: Operand) -> Expr:
        return _calculus().multiply(other, _calculus().power(self, -1))

    def __pow__(self, exponent: Any) -> Expr:
        return _calculus().power(self, exponent)

    def __neg__(self) -> Expr:
        return _calculus().multiply(-1, self)

    __radd__ = __add__
    __rmul__ = __mul__


Operand = Any  # Expr or a real number
# The weight up to which an expression is written out in messages.
LARGEST_SHOWN = 1000

_INTERNED: weakref.WeakValueDictionary[tuple[Any, ...], Expr] = weakref.WeakValueDictionary()
_LOCK = threading.RLock()


def _calculus() -> Any:
    from closedform.expression import calculus  # the operators need it, and it needs Expr

    return calculus


class ArrayConstant:
    """An array captured by the user's function, compared by its bytes and its name.

    >>> ArrayConstant(np.ones(2), "w") == ArrayConstant(np.ones(2), "w")
    True
    """

    __slots__ = ("array", "digest", "name")

    def __init__(self, array: np.ndarray, name: str | None = None) -> None:
        self.array = np.array(array, copy=True)
        self.array.setflags(write=False)
        self.name = name
        content = f"{name}|{self.array.dtype}{self.array.shape}".encode() + self.array.tobytes()
        self.digest = hashlib.blake2b(content, digest_size=16).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArrayConstant) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"array:{self.digest}"


def input_(name: str, shape: Iterable[int | Size], facts: Iterable[str] = ()) -> Expr:
    """A function's argument. An axis given as a number gets the symbolic size `name.shape[axis]`;
    sizes 0 and 1 stay literal, since broadcasting treats 1 apart."""
    axes = tuple(shape)
    sizes = [
        s if isinstance(s, Size) else (Size.of(s) if s < 2 else Size.axis(name, i, s, len(axes)))
        for i, s in enumerate(axes)
    ]
    return Expr("input", (), (name, frozenset(facts)), sizes)


def constant(array: np.ndarray, name: str | None = None) -> Expr:
    """A captured array, with literal sizes."""
    return Expr("constant", (), (ArrayConstant(array, name),), np.shape(array))


def toposort(*roots: Expr, without: Callable[[Expr], object] | None = None) -> list[Expr]:
    """Every node below the roots once, operands before their users; none that the rest is to be `without`,
    nor what stands below such nodes alone."""
    done: dict[Expr, None] = {}
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        node, ready = stack.pop()
        if node in done:
            continue
        if ready:
            done[node] = None
        elif without is None or not without(node):
            stack.append((node, True))
            stack.extend((arg, False) for arg in reversed(node.args) if arg not in done)
    return list(done)


def rebuild(root: Expr, build: Callable[[Expr, tuple[Expr, ...]], Expr]) -> Expr:
    """Fold bottom-up: `build(node, new_args)` for every node, without recursion."""
    new: dict[Expr, Expr] = {}
    for node in toposort(root):
        new[node] = build(node, tuple(new[arg] for arg in node.args))
    return new[root]


def inputs(*roots: Expr) -> Iterator[Expr]:
    """The input nodes below the roots."""
    return (node for node in toposort(*roots) if node.op == "input")


Value = TypeVar("Value")


class Known(Generic[Value]):
    """What a rule finds of every node, operands before their users, each once."""

    def __init__(self, rule: Callable[[Expr], Value], unknown: Value) -> None:
        self.rule = rule
        self.unknown = unknown
        self.found: weakref.WeakKeyDictionary[Expr, Value] = weakref.WeakKeyDictionary()

    def __call__(self, node: Expr) -> Value:
        known = self.found.get(node)
        if known is not None:
            return known
        stack = [(node, False)]
        while stack:
            inner, ready = stack.pop()
            if inner in self.found:
                continue
            if ready:
                self.found[inner] = self.unknown  # while it is being found out
                self.found[inner] = self.rule(inner)
            else:
                stack.append((inner, True))
                stack.extend((arg, False) for arg in inner.args)
        return self.found[node]
