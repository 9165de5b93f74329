"""The public transformations: grad, hessian and the like, as callables that derive on first use."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from closedform.arguments import annotated, check_callable, check_declared, checked_array
from closedform.derivation import Derivation
from closedform.errors import InvalidArgumentError, SingularMatrixError, UnsupportedError
from closedform.pipeline import Argnums, derive
from closedform.sources.numpy_function import argument_names
from closedform.sources.surroundings import Surroundings
from closedform.sources.traced import Traced
from closedform.tracing import check_memory, in_c_order

# Derivations kept for one function; a function called with ever new shapes or branches drops the oldest.
MOST_KEPT = 64
PLAIN_NUMBERS = frozenset({int, float, np.float64})


class Derived:
    """The derivative of a function: call it with arrays, or ask `.at(...)` for the formula.

    It is derived on first use and kept by the shapes of the arguments. A call that takes another branch
    of the function is derived anew, and so is one after captured data has changed.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        operator: str,
        argnums: Argnums = 0,
        order: int = 1,
        symmetric: str = "ambient",
        form: str = "dense",
    ) -> None:
        check_callable(function)
        self.function = function
        self.operator = operator
        self.argnums = argnums
        self.order = order
        self.symmetric = symmetric
        self.form = form
        self._surroundings: Surroundings | None = None
        self._declared = annotated(function)
        self._known: dict[tuple[Any, ...], list[Derivation]] = {}
        self._strides: set[tuple[Any, ...]] = set()
        self.__name__ = f"{operator}_of_{getattr(function, '__name__', 'function')}"
        self.__doc__ = f"{operator} of {getattr(function, '__name__', 'a function')}, derived by closedform."

    def at(self, *arguments: Any, **named: Any) -> Derivation:
        """The derivation for arguments like these: arrays, or descriptions such as cf.vector("n").

        Arguments that are left out are described by the function's annotations.

        >>> import numpy as np
        >>> import closedform as cf
        >>> def f(x: cf.vector("n"), S: cf.spd("n")):
        ...     return x @ np.linalg.solve(S, x)
        >>> cf.grad(f).at()
        2S⁻¹x
        """
        return self._derive(self._positional(arguments, named))

    def _derive(self, arguments: tuple[Any, ...]) -> Derivation:
        return derive(
            self.function, arguments, self.operator, self.argnums, self.order, self.symmetric, self.form
        )

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        if named:
            arguments = self._positional(arguments, named)
        arrays = [
            a if type(a) is np.ndarray and a.dtype.kind == "f" else self._array(a, i, len(arguments))
            for i, a in enumerate(arguments)
        ]
        if self._declared:
            self._check_declared(arrays)
        if self._surroundings is not None and self._surroundings.changed():
            self._known.clear()
            self._strides.clear()
            self._surroundings = None
        key: tuple[Any, ...] = tuple([a.shape for a in arrays])
        if any(a is not b for a, b in zip(arrays, arguments, strict=True)):  # integers may be indices
            key += tuple([np.asarray(a).dtype.kind for a in arguments])
        try:
            known = (d for d in self._known.get(key, ()) if d.holds_for(arrays))
            derivation = next(known, None) or self._derived(key, arrays, arguments)
            if derivation.trace.by_memory and not in_c_order(arrays):
                self._check_memory(derivation, arrays, arguments)
            return derivation.function(*arrays)
        except (ZeroDivisionError, OverflowError) as error:  # of numbers that are no arrays: sizes, constants
            shapes = ", ".join(str(a.shape) for a in arrays)
            raise InvalidArgumentError(
                f"{self.__name__} has no finite value for arguments of shapes {shapes}: {error}"
            ) from error
        except np.linalg.LinAlgError as error:
            raise SingularMatrixError(f"{self.__name__} has no value at these arguments: {error}") from error

    def _derived(self, key: tuple[Any, ...], arrays: list[np.ndarray], given: tuple[Any, ...]) -> Derivation:
        count = len(arrays) - self._directions()
        derivation = self._derive(given[:count])
        for v, name in zip(arrays[count:], derivation.directions, strict=False):
            wanted = tuple(s.value for s in derivation.inputs[name].shape)
            if v.shape != wanted:
                what = "the result" if self.operator == "vjp" else "the variable"
                raise InvalidArgumentError(
                    f"{self.operator}: the vector has shape {v.shape}, {what} {wanted}"
                )
        if len(self._known) >= MOST_KEPT:
            self._known.pop(next(iter(self._known)))
        self._surroundings = self._surroundings or Surroundings(self.function)
        kept = self._known.setdefault(key, [])
        kept.insert(0, derivation)
        del kept[MOST_KEPT:]
        return derivation

    def _check_memory(self, derivation: Derivation, arrays: list[np.ndarray], given: tuple[Any, ...]) -> None:
        """Refuse arrays that lie in memory so that the function makes something else of them; each way in
        which they may lie is looked at once."""
        count = len(arrays) - self._directions()
        strides = (id(derivation), *(a.strides for a in arrays[:count]))
        if strides not in self._strides:
            check_memory(self.function, given[:count])
            self._strides.add(strides)

    def _check_declared(self, arrays: list[np.ndarray]) -> None:
        """Refuse arrays that are not what the function's annotations say: the derivation relies on it."""
        names = argument_names(self.function, len(arrays))
        declared = {i: self._declared[name] for i, name in enumerate(names) if name in self._declared}
        check_declared(
            dict(enumerate(arrays)), declared, names, getattr(self.function, "__name__", "the function")
        )

    def _directions(self) -> int:
        """How many of the last arguments the derivative is multiplied with."""
        if self.operator == "jvp" and isinstance(self.argnums, tuple):
            return len(self.argnums)
        return int(self.operator in {"hvp", "jvp", "vjp"})

    def _array(self, argument: Any, position: int, count: int) -> np.ndarray:
        if type(argument) in PLAIN_NUMBERS:
            return np.asarray(argument, dtype=np.float64)
        if isinstance(argument, Traced):
            raise UnsupportedError(
                f"{self.__name__} is called inside a function that is being derived; "
                f"use cf.hessian, cf.jacobian or cf.derivative(..., order=2) of the innermost function"
            )
        names = argument_names(self.function, count)
        name = names[position] if position < len(names) else f"argument {position}"
        return checked_array(argument, name, getattr(self.function, "__name__", "the function"))

    def _positional(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """Arguments in order, named ones put in their places."""
        if not named:
            return arguments
        try:
            bound = inspect.signature(self.function).bind(*arguments, **named)
        except TypeError as error:
            raise InvalidArgumentError(f"{self.__name__}: {error}") from None
        names = list(inspect.signature(self.function).parameters)
        last = max(names.index(n) for n in bound.arguments)
        bound.apply_defaults()
        if bound.kwargs:
            raise InvalidArgumentError(
                f"{self.__name__}: keyword-only arguments {', '.join(bound.kwargs)} cannot "
                f"be traced; bind them with functools.partial"
            )
        return bound.args[: last + 1]

    def __repr__(self) -> str:
        return f"<{self.__name__}>"


def grad(f: Callable[..., Any], argnums: Argnums = 0, *, symmetric: str = "ambient") -> Derived:
    """The gradient of a function that returns a number; it has the shape of the variable.

    f          a NumPy function
    argnums    the variable: position, name, or a tuple of them (the result is then a tuple)
    symmetric  what the gradient G in a variable X that is declared symmetric stands for:
               "ambient"      G_ij = df/dX_ij with all entries of X free, as JAX and others give it; where f
                              tells X from X' it need not be symmetric (that of tr(AX) is A')
               "projected"    (G + G')/2, the one symmetric matrix with df = tr(G dX) for symmetric dX
                              (Srinivasan, Panda, "What is the gradient of a scalar function of a symmetric
                              matrix?", 2023); steps along it stay symmetric
               "independent"  G + G' - G ⊙ I, the derivatives in the entries on and below the diagonal
                              (Matrix Cookbook, sec. 2.8; Magnus, Neudecker, "Matrix Differential Calculus")

    Raises InvalidArgumentError where a convention is asked for and a variable is not declared symmetric.

    >>> import numpy as np
    >>> import closedform as cf
    >>> df = cf.grad(lambda x, A: x @ A @ x)
    >>> df(np.array([1.0, 2.0]), np.eye(2))
    array([2., 4.])
    >>> def entropy(X: cf.spd("n")):
    ...     return np.linalg.slogdet(X)[1]
    >>> cf.grad(entropy).at(), cf.grad(entropy, symmetric="independent").at()
    (X⁻¹, 2X⁻¹ − X⁻¹ ⊙ I)
    """
    return Derived(f, "grad", argnums, symmetric=symmetric)


def value_and_grad(f: Callable[..., Any], argnums: Argnums = 0) -> Derived:
    """The pair (f, gradient of f), computed together.

    >>> import numpy as np
    >>> import closedform as cf
    >>> value, gradient = cf.value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    >>> float(value), gradient
    (5.0, array([2., 4.]))
    """
    return Derived(f, "value_and_grad", argnums)


def jacobian(f: Callable[..., Any], argnums: Argnums = 0) -> Derived:
    """The Jacobian, of shape out.shape + x.shape.

    >>> import numpy as np
    >>> import closedform as cf
    >>> cf.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return Derived(f, "jacobian", argnums)


def hessian(
    f: Callable[..., Any], argnums: Argnums = 0, *, symmetric: str = "ambient", form: str = "dense"
) -> Derived:
    """The Hessian, of shape x.shape + x.shape: for a function to an array, the Jacobian of its Jacobian, of
    shape out.shape + x.shape + x.shape.

    A tuple of variables gives the blocks d2 f / dx dy as a tuple of tuples. `symmetric` is as in `grad`,
    in each of the two pairs of axes.

    form  "dense"     an array
          "sparse"    a scipy.sparse array, made from the entries that are not zero by structure
          "operator"  a scipy.sparse.linalg.LinearOperator, which multiplies and never forms the matrix
          The last two act on the flat variable, for a matrix as for `X.ravel()`.

    `.at(...).structure` says what is known of the zeros: "diagonal", "tridiagonal", "block diagonal", ...
    Raises UnsupportedError where form="sparse" is asked of a Hessian without zeros, and InvalidFunctionError
    where a form other than "dense" is asked of a function to an array.

    >>> import numpy as np
    >>> import closedform as cf
    >>> cf.hessian(lambda x, A: x @ A @ x / 2).at(cf.vector("n"), cf.symmetric("n")).text
    'A'
    >>> cf.hessian(lambda X: np.linalg.inv(X)).at(cf.matrix("n", "n"))
    H[V] = X⁻¹VX⁻¹ ⊗ X⁻ᵀ + X⁻¹ ⊗ X⁻ᵀVᵀX⁻ᵀ
    >>> cf.hessian(lambda x: np.sum(x**4), form="sparse")(np.arange(3.0)).toarray()
    array([[ 0.,  0.,  0.],
           [ 0., 12.,  0.],
           [ 0.,  0., 48.]])
    """
    return Derived(f, "hessian", argnums, symmetric=symmetric, form=form)


def derivative(f: Callable[..., Any], order: int = 1, argnums: Argnums = 0) -> Derived:
    """The derivative of an order: of a function of a number, entry by entry of an elementwise function, or
    the tensor of shape x.shape * order of a function from an array to a number.

    >>> import numpy as np
    >>> import closedform as cf
    >>> float(cf.derivative(lambda x: x**3, order=2)(2.0))
    12.0
    """
    return Derived(f, "derivative", argnums, order)


def hvp(f: Callable[..., Any], argnums: int | str = 0) -> Derived:
    """The product of the Hessian with a vector, which is the last argument; the Hessian is never formed.

    >>> import numpy as np
    >>> import closedform as cf
    >>> cf.hvp(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """
    return Derived(f, "hvp", argnums)


def jvp(f: Callable[..., Any], argnums: Argnums = 0) -> Derived:
    """The Jacobian times a tangent, the derivative along it, of the shape of f; no Jacobian is formed.

    The tangent is the last argument; for a tuple of variables the last arguments are their tangents.

    >>> import numpy as np
    >>> import closedform as cf
    >>> cf.jvp(lambda x: x**2)(np.array([1.0, 2.0]), np.array([1.0, -1.0]))
    array([ 2., -4.])
    """
    return Derived(f, "jvp", argnums)


def vjp(f: Callable[..., Any], argnums: Argnums = 0) -> Derived:
    """A cotangent times the Jacobian, of the shape of the variable; no Jacobian is formed.

    The cotangent is the last argument and has the shape of f; a tuple of variables gives a tuple.

    >>> import numpy as np
    >>> import closedform as cf
    >>> cf.vjp(lambda x, A: A @ x).at(cf.vector("n"), cf.matrix("m", "n"))
    Aᵀu
    """
    return Derived(f, "vjp", argnums)


def trace(f: Callable[..., Any], *arguments: Any) -> Derivation:
    """The function itself as an expression, for arguments like these.

    >>> import closedform as cf
    >>> cf.trace(lambda x, A: A @ x, cf.vector("n"), cf.matrix("m", "n")).text
    'Ax'
    """
    return derive(f, arguments, "value")
