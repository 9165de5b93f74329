"""The operators: gradient, Jacobian, Hessian, products with them and higher derivatives, of an expression."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from closedform.derivation import Nested
from closedform.derivative.forward import differential
from closedform.derivative.higher import nth_derivative
from closedform.derivative.reverse import jacobians
from closedform.errors import InvalidArgumentError, InvalidFunctionError
from closedform.expression.calculus import dot
from closedform.expression.expr import Expr
from closedform.simplify.simplify import simplify
from closedform.symmetric_variables import CONVENTIONS


@dataclass(frozen=True)
class Request:
    """What an operator needs to know.

    name        of the function, for errors
    root        the function, simplified
    variables   the input nodes that it is differentiated in
    directions  the input nodes of what the derivative is multiplied with
    several     whether a tuple of variables was given
    order       of the derivative
    symmetric   the convention for symmetric variables
    """

    name: str
    root: Expr
    variables: Sequence[Expr]
    directions: Sequence[Expr]
    several: bool
    order: int
    symmetric: str

    def packed(self, results: Sequence[Nested]) -> Nested:
        """A tuple of results for a tuple of variables, else the only one."""
        return tuple(results) if self.several else results[0]

    def scalar(self, operator: str) -> Expr:
        """The function's result, which must be a number."""
        if self.root.shape:
            shape = tuple(s.value for s in self.root.shape)
            raise InvalidFunctionError(
                f"{operator} needs a function that returns a number; {self.name} returned an array of "
                f"shape {shape}. Use cf.jacobian, or reduce the result (np.sum, np.mean)"
            )
        return self.root


def _differentiate(result: Expr, variables: Sequence[Expr]) -> list[Expr]:
    return [simplify(j) for j in jacobians(result, variables)]


def _blocks(request: Request, result: Expr) -> list[Expr]:
    """The derivative in each variable, in the convention asked for."""
    convert = CONVENTIONS[request.symmetric]
    found = _differentiate(result, request.variables)
    return [convert(j, j.ndim - 2) for j in found]


def _grad(request: Request) -> Nested:
    return request.packed(_blocks(request, request.scalar("grad")))


def _value_and_grad(request: Request) -> Nested:
    return (request.root, _grad(request))


def _jacobian(request: Request) -> Nested:
    return request.packed(_blocks(request, request.root))


def _hessian(request: Request) -> Nested:
    first = _differentiate(request.root, request.variables)
    convert, axis = CONVENTIONS[request.symmetric], request.root.ndim
    return request.packed([request.packed([convert(h, axis) for h in _blocks(request, j)]) for j in first])


def _hvp(request: Request) -> Nested:
    (x,) = request.variables
    (v,) = request.directions
    (gradient,) = _differentiate(request.scalar("hvp"), [x])
    return _differentiate(dot(gradient, v, x.ndim), [x])[0]


def _vjp(request: Request) -> Nested:
    (u,) = request.directions
    projected = simplify(dot(u, request.root, u.ndim))
    return request.packed(_differentiate(projected, request.variables))


def _jvp(request: Request) -> Nested:
    tangents = dict(zip(request.variables, request.directions, strict=True))
    return differential(request.root, tangents)


def _derivative(request: Request) -> Nested:
    if len(request.variables) > 1:
        raise InvalidArgumentError("derivative takes one variable: use hessian or jacobian for several")
    return nth_derivative(request.root, request.variables[0], request.order, simplify)


OPERATORS: dict[str, Callable[[Request], Nested]] = {
    "value": lambda request: request.root,
    "grad": _grad,
    "value_and_grad": _value_and_grad,
    "jacobian": _jacobian,
    "hessian": _hessian,
    "hvp": _hvp,
    "jvp": _jvp,
    "vjp": _vjp,
    "derivative": _derivative,
}
