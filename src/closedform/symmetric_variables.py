"""The conventions for derivatives in symmetric variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from closedform.errors import InvalidArgumentError
from closedform.expression.calculus import (
    Factor,
    contract,
    linear,
    multiply,
    spec_of,
    terms_of,
    transpose,
)
from closedform.expression.expr import Expr
from closedform.expression.facts import holds

HALF = Fraction(1, 2)


def _ambient(derivative: Expr, _: int) -> Expr:
    return derivative


def _turned(derivative: Expr, axis: int) -> Expr:
    """The derivative with an axis and the next one exchanged: term by term, so that like terms meet."""
    order = list(range(derivative.ndim))
    order[axis : axis + 2] = [axis + 1, axis]
    return _termwise(derivative, lambda term: transpose(term, order))


def _termwise(derivative: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """A linear change of a sum, or of a multiple of one, as the sum of the changed terms."""
    if derivative.op == "contract" and len(derivative.args) == 1 and derivative.args[0].op == "linear":
        (inner,), spec = derivative.args, spec_of(derivative)
        if spec.labels == (spec.out,) and spec.exponents == (1,):
            return multiply(spec.coefficient, _termwise(inner, change))
    if derivative.op == "linear":
        changed = [(c, change(term)) for c, term in terms_of(derivative)]
        return linear(changed, changed[0][1].shape)
    return change(derivative)


def _projected(derivative: Expr, axis: int) -> Expr:
    """(G + G') / 2 on an axis and the next one."""
    return linear([(HALF, derivative), (HALF, _turned(derivative, axis))], derivative.shape)


def _independent(derivative: Expr, axis: int) -> Expr:
    """G + G' - G o I on an axis and the next one."""
    labels = list(range(derivative.ndim))
    labels[axis + 1] = axis
    on_diagonal = _termwise(derivative, lambda term: contract([Factor(term, tuple(labels))], labels))
    return linear([(1, derivative), (1, _turned(derivative, axis)), (-1, on_diagonal)], derivative.shape)


CONVENTIONS: dict[str, Callable[[Expr, int], Expr]] = {
    "ambient": _ambient,
    "projected": _projected,
    "independent": _independent,
}


def check_convention(symmetric: str, variables: Sequence[Expr], function: str) -> None:
    """Raise InvalidArgumentError for an unknown convention, or one of variables that are not symmetric."""
    if symmetric not in CONVENTIONS:
        raise InvalidArgumentError(f"symmetric={symmetric!r} is not one of {', '.join(CONVENTIONS)}")
    for variable in variables if symmetric != "ambient" else ():
        if not holds(variable, "symmetric"):
            raise InvalidArgumentError(
                f"symmetric={symmetric!r}: {function} has {variable.params[0]!r} as a variable, which is not "
                f"declared symmetric: describe it by cf.symmetric or cf.spd, in .at(...) or in an annotation"
            )
