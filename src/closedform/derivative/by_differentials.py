"""The derivation by differentials, as on paper: an expression goes in, lines from d(f) to dx come out.

A line is an expression of the calculus in which d(u) stands for the differential of a node u
(`differential_of`). A step replaces one d(u) by what the record of u says of it. As d is linear, a line is
the sum of <cotangent of u, d(u)> over the nodes that are still to be differentiated, and the cotangents are
those of the reverse pass. Method: J. R. Magnus, H. Neudecker, "Matrix Differential Calculus", Wiley 1988.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from closedform.derivative.forward import differential
from closedform.derivative.reverse import Terms, pulled_back
from closedform.expression.calculus import (
    Number,
    contract,
    dot,
    factors_of,
    identity,
    is_zero,
    label_sizes,
    linear,
    spec_of,
    zeros,
)
from closedform.expression.expr import Expr, rebuild, toposort
from closedform.primitives import PRIMITIVES


@dataclass(frozen=True)
class Rule:
    """A rule of differentiation: its name, and its equation as an expression in differentials, or in words.

    left, right  both sides, where the record of an operation gives them
    words        the equation as text, and in LaTeX, where it holds for many operations
    """

    name: str
    words: tuple[str, str] = ("", "")
    left: Expr | None = None
    right: Expr | None = None


@dataclass(frozen=True)
class Line:
    """One line of a derivation.

    rule    that was applied to the d(u) of the line before
    shares  the cotangents of the nodes that are still to be differentiated
    result  the quantity
    """

    rule: Rule
    shares: Mapping[Expr, Sequence[tuple[Number, Expr]]]
    result: Expr

    @cached_property
    def expr(self) -> Expr:
        """The sum of <cotangent of u, d(u)>; found forwards, from the d(u), where cotangents are tensors."""
        cotangents = [(c, share, node) for node, shares in self.shares.items() for c, share in shares]
        if any(share.ndim > 2 for _, share, _ in cotangents):
            return differential(self.result, {node: differential_of(node) for node in self.shares})
        terms = [(c, dot(share, differential_of(node), node.ndim)) for c, share, node in cotangents]
        return linear(terms, self.result.shape) if terms else zeros(self.result.shape)


LINEARITY = Rule("linearity", ("d(Au + b) = A du", r"\mathrm{d}(A u + b) = A\, \mathrm{d}u"))
SQUARED_NORM = Rule(
    "squared norm", ("d(‖u‖²) = 2uᵀ du", r"\mathrm{d}(\lVert u \rVert^{2}) = 2 u^\top \mathrm{d}u")
)
POWER_RULE = Rule("power rule", ("d(uᵖ) = p uᵖ⁻¹ du", r"\mathrm{d}(u^p) = p\, u^{p-1} \mathrm{d}u"))
PRODUCT_RULE = Rule(
    "product rule", ("d(uv) = du v + u dv", r"\mathrm{d}(u v) = \mathrm{d}u\, v + u\, \mathrm{d}v")
)
QUOTIENT_RULE = Rule(
    "quotient rule",
    ("d(u/v) = du/v − u dv/v²", r"\mathrm{d}(u / v) = \mathrm{d}u / v - u\, \mathrm{d}v / v^2"),
)


TRACE_IDENTITY = Rule(
    "trace identity", ("tr(AB) = tr(BA)", r"\operatorname{tr}(A B) = \operatorname{tr}(B A)")
)


def differential_of(node: Expr) -> Expr:
    """d(node): a name for the node's differential."""
    return Expr("differential", (node,), (), node.shape)


def expanded(line: Expr, tangents: Mapping[Expr, Expr]) -> Expr:
    """The line with every d(u) carried out, for the differentials of the variables that are given."""

    def build(node: Expr, args: tuple[Expr, ...]) -> Expr:
        if node.op == "differential":
            return tangents.get(node.args[0]) or differential(node.args[0], tangents)
        return _with_operands(node, args)

    return rebuild(line, build)


def _with_operands(node: Expr, args: tuple[Expr, ...]) -> Expr:
    if args == node.args:
        return node
    if node.op == "linear":
        return linear(zip(node.params, args, strict=True), node.shape)
    if node.op == "contract":
        spec = spec_of(node)
        factors = [f._replace(base=arg) for f, arg in zip(factors_of(node), args, strict=True)]
        return contract(factors, spec.out, label_sizes(node), spec.coefficient)
    return Expr(node.op, args, node.params, node.shape)


def lines(result: Expr, variables: Sequence[Expr]) -> tuple[list[Line], list[Expr]]:
    """The lines of the derivation of d(result), and the derivative in each variable, read off the last one.

    Raises NotImplementedError where the derivative of an operation is not known.

    >>> from closedform.expression.calculus import dot
    >>> from closedform.expression.expr import input_
    >>> x = input_("x", (3,))
    >>> (line,), (gradient,) = lines(dot(x, x), [x])
    >>> line.rule.name, line.expr is 2 * dot(x, differential_of(x)), gradient is 2 * x
    ('squared norm', True, True)
    """
    order = toposort(result)
    active = set(variables)
    for node in order:
        if any(arg in active for arg in node.args):
            active.add(node)
    pending: dict[Expr, Terms] = {result: [(1, identity(result.shape))]} if result in active else {}
    written = []
    for node in reversed(order):
        if node not in pending or node in variables:
            continue
        cotangent = linear(pending.pop(node), (*result.shape, *node.shape))
        positions = [n for n, arg in enumerate(node.args) if arg in active]
        for n in positions if not is_zero(cotangent) else ():
            pending.setdefault(node.args[n], []).append(pulled_back(node, n, cotangent, result.ndim))
        shares = {u: tuple(terms) for u, terms in pending.items()}
        written.append(Line(_rule_of(node, positions), shares, result))
    empty: Terms = []
    return written, [linear(pending.get(x, empty), (*result.shape, *x.shape)) for x in variables]


def along(derivatives: Sequence[Expr], variables: Sequence[Expr], result: Expr) -> Expr:
    """The differential from the derivatives: the sum of <derivative, dx>."""
    shares = {x: [(1, d)] for x, d in zip(variables, derivatives, strict=True)}
    return Line(LINEARITY, shares, result).expr


# --- the names of the rules -----------------------------------------------------------------------


def _rule_of(node: Expr, positions: Sequence[int]) -> Rule:
    """The rule by which a node is differentiated in the operands at the positions."""
    if node.op == "linear":
        return LINEARITY
    if node.op == "contract":
        return _rule_of_contraction(node, positions)
    return _rule_of_function(node, positions)


def _rule_of_contraction(node: Expr, positions: Sequence[int]) -> Rule:
    spec = spec_of(node)
    exponents = [spec.exponents[n] for n in positions]
    if len(positions) > 1:
        return QUOTIENT_RULE if min(exponents) < 0 else PRODUCT_RULE
    if exponents == [1]:
        return LINEARITY
    labels = spec.labels[positions[0]]
    held = {label for n, at in enumerate(spec.labels) if n not in positions for label in at}
    squared = exponents == [2] and labels and not spec.out and not held & set(labels)
    return SQUARED_NORM if squared else POWER_RULE


def _rule_of_function(node: Expr, positions: Sequence[int]) -> Rule:
    """The rule of a record, shown for operands named u, v, w; an elementwise one for numbers."""
    primitive = PRIMITIVES[node.op]
    shapes = [() if primitive.partials else arg.shape for arg in node.args]
    names = ("U" if len(shape) > 1 else "u" for shape in shapes)
    operands = [
        Expr("input", (), (chr(ord(name) + n), frozenset()), shape)
        for n, (name, shape) in enumerate(zip(names, shapes, strict=True))
    ]
    general = Expr(node.op, tuple(operands), node.params, () if primitive.partials else node.shape)
    tangents = {operands[n]: differential_of(operands[n]) for n in positions}
    name = "chain rule" if primitive.partials else f"differential of {primitive.title or node.op}"
    return Rule(name, left=differential_of(general), right=differential(general, tangents))
