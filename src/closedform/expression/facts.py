"""What is known of an expression's values: declared on inputs, derived by rules for the rest."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from closedform.expression.calculus import Spec, factors_of, linear, spec_of, transpose
from closedform.expression.expr import Expr

# A declared fact implies these as well.
IMPLIED: dict[str, frozenset[str]] = {
    "positive": frozenset({"nonnegative"}),
    "probability": frozenset({"positive", "nonnegative"}),
    "spd": frozenset({"symmetric"}),
    "simplex": frozenset({"nonnegative"}),
    "diagonal": frozenset({"symmetric", "lower", "upper"}),
}

# Facts that hold in all of an open set when they hold at a point: a derivative can rely on them.
OPEN = frozenset({"positive", "negative", "probability"})

# Functions that act on each entry alone: the registry of primitives adds its own.
ELEMENTWISE: set[str] = set()

# Elementwise functions whose values are never negative.
NONNEGATIVE_MAPS = frozenset({"exp", "expit", "abs", "cosh", "softplus", "softmax", "sech", "hypot"})


def holds(node: Expr, fact: str) -> bool:
    """Whether a fact is known to hold; False means "not known"."""
    if node.op == "input":
        declared: frozenset[str] = node.params[1]
        return fact in declared or any(fact in IMPLIED.get(d, ()) for d in declared)
    rule = _RULES.get(fact)
    return rule is not None and rule(node)


def _nonnegative(node: Expr) -> bool:
    if node.op in NONNEGATIVE_MAPS or node.op == "size":
        return True
    if node.op == "linear":
        return all(c > 0 for c in node.params) and all(holds(arg, "nonnegative") for arg in node.args)
    if node.op != "contract":
        return False
    spec: Spec = spec_of(node)
    return spec.coefficient >= 0 and all(
        p % 2 == 0 or not isinstance(p, int) or holds(base, "nonnegative") for base, _, p in factors_of(node)
    )


def _symmetric(node: Expr) -> bool:
    if node.ndim != 2 or node.shape[0] != node.shape[1]:
        return False
    if node.op in {"inv", "expm", "cofactor"} or node.op in ELEMENTWISE:
        return all(holds(arg, "symmetric") for arg in node.args)
    known = _SYMMETRIC.get(node)
    if known is None:
        _SYMMETRIC[node] = False  # while it is being found out
        known = _SYMMETRIC[node] = _equals_transpose(node)
    return known


_SYMMETRIC: weakref.WeakKeyDictionary[Expr, bool] = weakref.WeakKeyDictionary()


def _equals_transpose(node: Expr) -> bool:
    if node.op == "contract":
        return transpose(node, (1, 0)) is node
    if node.op == "linear":
        terms = zip(node.params, node.args, strict=True)
        return linear([(c, transpose(term, (1, 0))) for c, term in terms], node.shape) is node
    return False


_RULES: dict[str, Callable[[Expr], bool]] = {"nonnegative": _nonnegative, "symmetric": _symmetric}
