"""How a derivative is found, as a person writes it: a derivation goes in, its steps come out.

Each step is an expression of the calculus: f; df in terms of the differentials of what f is made of, one
rule after the other, down to dx; the derivative, read off df = (∇f)ᵀdx; and what the simplification rules
make of it. A Hessian goes on with d(∇f) = H dx.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, overload

from closedform.derivative.by_differentials import (
    LINEARITY,
    PRODUCT_RULE,
    TRACE_IDENTITY,
    Line,
    along,
    lines,
)
from closedform.derivative.by_differentials import Rule as Differentiation
from closedform.derivative.forward import differential
from closedform.derivative.higher import nth_derivative
from closedform.errors import InvalidArgumentError, UnsupportedError
from closedform.expression.calculus import dot
from closedform.expression.expr import Expr
from closedform.linear_maps import linear_map
from closedform.notation import latex as latex_notation
from closedform.notation import text as text_notation
from closedform.notation.matrix import needs_indices
from closedform.simplify.rules import Rule
from closedform.simplify.simplify import expanded, fired_rules, replaced, simplify

if TYPE_CHECKING:
    from closedform.derivation import Derivation

# Steps are merged until a derivation has at most this many.
MOST_LINES = 8
# Of a derivation of more lines than this, not all are looked at.
MOST_WRITTEN = 14
# Rules are written in one column, not further to the right than this.
WIDEST_COLUMN = 64


# A step is printed, and compared with its neighbours.
text = lru_cache(maxsize=64)(text_notation.text)
latex = lru_cache(maxsize=64)(latex_notation.latex)


@dataclass(frozen=True)
class Name:
    """The name of a quantity, as text and in LaTeX."""

    text: str
    latex: str

    def d(self) -> Name:
        """The name of its differential."""
        return Name(f"d{self.text}", rf"\mathrm{{d}}{self.latex}")


@dataclass(frozen=True)
class Step:
    """One line of a derivation.

    rule      what was done, by name: "product rule", "read off", "simplification: softplus"
    equation  the rule itself, as text and in LaTeX, where it has one
    name      of the quantity that the line gives: f, df, ∇f, H
    before    the expression of the line before; None on the first line of a quantity
    after     the expression; d(u) stands for the differential of u
    """

    rule: str
    equation: Name
    name: Name
    before: Expr | None
    after: Expr

    @property
    def text(self) -> str:
        """The line as Unicode text."""
        return f"{self.name.text} = {text(self.after)}"

    @property
    def latex(self) -> str:
        """The line in LaTeX."""
        return f"{self.name.latex} = {latex(self.after)}"

    @property
    def reason(self) -> str:
        """The rule with its equation, as text."""
        return f"{self.rule}: {self.equation.text}" if self.equation.text else self.rule

    def __repr__(self) -> str:
        return f"{self.text}   [{self.reason}]" if self.rule else self.text


class Steps(Sequence[Step]):
    """The steps of a derivation, in order: print them, iterate over them, or show them in a notebook."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = tuple(steps)

    @overload
    def __getitem__(self, index: int) -> Step: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Step]: ...

    def __getitem__(self, index: int | slice) -> Step | Sequence[Step]:
        return self._steps[index]

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps)

    @cached_property
    def text(self) -> str:
        """The derivation as aligned lines of Unicode text, with the rules at the right."""
        names = _shown_once([step.name.text for step in self])
        width = max(map(len, names), default=0)
        left = [f"{n:<{width}} = {text(step.after)}" for n, step in zip(names, self, strict=True)]
        column = max((len(line) for line in left if len(line) <= WIDEST_COLUMN), default=0) + 3
        rows = zip(left, self, strict=True)
        return "\n".join(
            f"{line:<{column - 3}}   {step.reason}" if step.rule else line for line, step in rows
        )

    @cached_property
    def latex(self) -> str:
        """The derivation as an `aligned` block of LaTeX."""
        names = _shown_once([step.name.latex for step in self])
        rows = [
            f"{name} &= {latex(step.after)}{_comment(step)}" for name, step in zip(names, self, strict=True)
        ]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"

    def __repr__(self) -> str:
        return self.text


def _shown_once(names: Sequence[str]) -> list[str]:
    """A name only where it is another one than on the line before."""
    return [name if n == 0 or name != names[n - 1] else "" for n, name in enumerate(names)]


def _comment(step: Step) -> str:
    if not step.rule:
        return ""
    rule = step.rule.replace("_", r"\_")
    return rf" && \text{{{rule}: }} {step.equation.latex}" if step.equation.latex else rf" && \text{{{rule}}}"


NOTHING = Name("", "")
F = Name("f", "f")


def steps_of(derivation: Derivation) -> Steps:
    """The steps of a derivation.

    Raises InvalidArgumentError for operators that have none, UnsupportedError for unknown derivatives.
    """
    tell = _TELLERS.get(derivation.operator)
    if tell is None:
        raise InvalidArgumentError(
            f"{derivation.operator} has no derivation by differentials: use cf.grad, cf.hessian, cf.jacobian "
            "or cf.derivative"
        )
    with fired_rules() as fired:
        f = simplify(derivation.lowered)
    try:
        told = [Step(*_simplified("", fired), F, None, f), *tell(derivation, f)]
    except NotImplementedError as error:
        raise UnsupportedError(f"{derivation.trace.name}: {error} is not known to the library yet") from error
    told = [replace(s, before=s.before and expanded(s.before), after=expanded(s.after)) for s in told]
    return Steps([*_declared(told, derivation), *_converted(told, derivation)])


def _declared(told: Sequence[Step], derivation: Derivation) -> list[Step]:
    """The steps with what was declared of the variables: they are differentiated as if they were free."""
    new = {node: derivation.inputs[name] for name, node in derivation.free.items()}
    if all(node is declared for node, declared in new.items()):
        return list(told)
    steps: list[Step] = []
    for n, step in enumerate(told):
        last = n + 1 == len(told) or told[n + 1].name != step.name
        after = derivation.as_declared(step.after) if last else replaced(step.after, new)
        before = step.before and replaced(step.before, new)
        if steps and steps[-1].name == step.name and _same(after, steps[-1].after):
            steps[-1] = replace(steps[-1], after=after)
        else:
            steps.append(replace(step, before=before, after=after))
    return steps


def _converted(told: Sequence[Step], derivation: Derivation) -> list[Step]:
    """The results in another convention for symmetric variables than that of free entries."""
    if derivation.symmetric == "ambient":
        return []
    results = [derivation.result] if isinstance(derivation.result, Expr) else list(derivation.result)
    last = {step.name: derivation.as_declared(step.after) for step in told}
    names = list(last)[-len(results) :]
    rule = f"symmetric={derivation.symmetric!r}"
    return [
        Step(rule, NOTHING, name, last[name], result) for name, result in zip(names, results, strict=True)
    ]


# --- the parts of a derivation --------------------------------------------------------------------


def _gradient(derivation: Derivation, f: Expr) -> list[Step]:
    variables = _variables(derivation)
    return _derived(f, F, variables, _gradient_names(variables))[0]


def _jacobian(derivation: Derivation, f: Expr) -> list[Step]:
    variables = _variables(derivation)
    names = [_partial(x) for x in variables] if variables[1:] else [Name("J", "J")]
    return _derived(f, F, variables, names, derivation.as_declared)[0]


def _hessian(derivation: Derivation, f: Expr) -> list[Step]:
    variables = _variables(derivation)
    firsts = _gradient_names(variables)
    finish = derivation.as_declared
    steps, gradients = _derived(f, F, variables, firsts)
    for first, x, gradient in zip(firsts, variables, gradients, strict=True):
        if variables[1:]:
            seconds = [_partial(x, y) for y in variables]
        else:
            seconds = [Name("H", "H") if x.shape else _primed(2)]
        steps += _derived(gradient, first, variables, seconds, finish)[0]
    return steps


def _derivative(derivation: Derivation, f: Expr) -> list[Step]:
    x = _variables(derivation)[0]
    if f.shape == x.shape:
        return _entrywise(f, x, derivation.order)
    (name,) = _gradient_names([x])
    steps, (result,) = _derived(f, F, [x], [name])
    action = derivation.linear_map
    for order, direction in enumerate(action.directions, 2):
        steps += _differentials(result, name, [x])[0]
        result = simplify(differential(result, {x: direction}))
        names = ", ".join(text(v) for v in action.directions[: order - 1])
        name = Name(f"D{_raised(order)}f[{names}]", f"D^{{{order}}} f[{names}]")
        after = action.expr if order == derivation.order else result
        steps.append(_along([x], [direction], name, steps[-1].after, after))
    return steps


def _entrywise(f: Expr, x: Expr, order: int) -> list[Step]:
    """The derivatives of a function of a number, or entry by entry."""
    steps: list[Step] = []
    result, name = f, F
    for k in range(1, order + 1):
        steps += _differentials(result, name, [x])[0]
        with fired_rules() as fired:
            result = simplify(nth_derivative(result, x, 1, simplify))
        own, d, dx = _primed(k), name.d(), _named_differential(x)
        times, latex_times = ("⊙ ", r"\odot") if x.shape else ("", r"\,")
        equation = Name(
            f"{d.text} = {own.text} {times}{dx.text}", f"{d.latex} = {own.latex} {latex_times} {dx.latex}"
        )
        rule, _ = _simplified("read off", fired)
        steps.append(Step(rule, equation, own, steps[-1].after, result))
        name = own
    return steps


def _product(derivation: Derivation, f: Expr) -> list[Step]:
    """The gradient, and its differential along the vector."""
    (x,) = _variables(derivation)
    v = derivation.inputs[derivation.directions[0]]
    names = _gradient_names([x])
    steps, (gradient,) = _derived(f, F, [x], names)
    steps += _differentials(gradient, names[0], [x])[0]
    name = Name(f"H[{text(v)}]", f"H[{latex(v)}]") if x.ndim > 1 else Name(f"H{text(v)}", f"H {latex(v)}")
    return [*steps, _along([x], [v], name, steps[-1].after, derivation.expr)]


def _forward(derivation: Derivation, f: Expr) -> list[Step]:
    """The differential along the directions."""
    variables = _variables(derivation)
    directions = [derivation.inputs[name] for name in derivation.directions]
    steps, _ = _differentials(f, F, variables)
    names = ", ".join(text(v) for v in directions)
    latex_names = ", ".join(latex(v) for v in directions)
    name = Name(f"J[{names}]", f"J[{latex_names}]")
    return [*steps, _along(variables, directions, name, steps[-1].after, derivation.expr)]


def _backward(derivation: Derivation, f: Expr) -> list[Step]:
    """The gradient of the product with the direction."""
    u = derivation.inputs[derivation.directions[0]]
    weighted = simplify(dot(u, f, u.ndim))
    variables = _variables(derivation)
    name = Name(f"⟨{text(u)}, f⟩", rf"\langle {latex(u)}, f \rangle")
    names = [Name(f"∇{name.text}", rf"\nabla {name.latex}")]
    if variables[1:]:
        names = [
            Name(f"∂{name.text}/∂{text(x)}", rf"\partial {name.latex} / \partial {latex(x)}")
            for x in variables
        ]
    first = Step("weighted by " + text(u), NOTHING, name, f, weighted)
    return [first, *_derived(weighted, name, variables, names)[0]]


_TELLERS: dict[str, Callable[[Derivation, Expr], list[Step]]] = {
    "grad": _gradient,
    "value_and_grad": _gradient,
    "jacobian": _jacobian,
    "hessian": _hessian,
    "derivative": _derivative,
    "hvp": _product,
    "jvp": _forward,
    "vjp": _backward,
}


def _variables(derivation: Derivation) -> list[Expr]:
    return [derivation.free[name] for name in derivation.variables]


def _derived(
    result: Expr,
    name: Name,
    variables: Sequence[Expr],
    names: Sequence[Name],
    finish: Callable[[Expr], Expr] = simplify,
) -> tuple[list[Step], list[Expr]]:
    """From a quantity to its derivatives in the variables, which have the names given."""
    steps, raw = _differentials(result, name, variables)
    before = steps[-1].after
    found = []
    for x, own, derivative in zip(variables, names, raw, strict=True):
        with fired_rules() as fired:
            simple = simplify(derivative)
        found.append(simple)
        equation = _reading(result, name, x, own)
        if variables[1:]:
            equation = Name(
                equation.text.replace("= ", "= … + "), equation.latex.replace("= ", r"= \dots + ")
            )
        if simple.ndim > 2 and needs_indices(simple):
            action = linear_map(own.text, 1, result, x, finish(simple), finish=finish)
            v = action.directions[0]
            head = Name(f"{own.text}[{text(v)}]", f"{own.latex}[{latex(v)}]")
            steps.append(_along([x], [v], head, before, action.expr))
        elif text(simple) == text(derivative) or (derivative.ndim > 2 and needs_indices(derivative)):
            steps.append(Step("read off", equation, own, before, simple))
        else:
            steps.append(Step("read off", equation, own, before, derivative))
            steps.append(Step(*_simplified("simplification", fired), own, derivative, simple))
    return steps, found


def _differentials(result: Expr, name: Name, variables: Sequence[Expr]) -> tuple[list[Step], list[Expr]]:
    """The lines from d(result) to an expression in the differentials of the variables."""
    written, raw = lines(result, variables)
    steps: list[Step] = []
    for rules, expr in _merged(written):
        if PRODUCT_RULE in rules and not result.shape and "tr(" in text(expr):
            rules = [*rules, TRACE_IDENTITY]
        steps.append(Step(*_named(rules), name.d(), steps[-1].after if steps else None, expr))
    if not steps:
        return [Step("", NOTHING, name.d(), None, along(raw, variables, result))], raw
    last = steps[-1].after
    if not result.shape:
        whole = along(raw, variables, result)
        rule, equation = _named([TRACE_IDENTITY]) if "tr(" in text(last) else ("like terms", NOTHING)
    else:
        with fired_rules() as fired:
            whole = simplify(last)
        rule, equation = _simplified("simplification", fired)
    if not _same(whole, last) and needs_indices(whole) <= needs_indices(last):
        steps.append(Step(rule, equation, name.d(), last, whole))
    return steps, raw


def _along(
    variables: Sequence[Expr], directions: Sequence[Expr], name: Name, before: Expr, after: Expr
) -> Step:
    chosen = ", ".join(f"d{text(x)} = {text(v)}" for x, v in zip(variables, directions, strict=True))
    return Step(f"along {chosen}", NOTHING, name, before, after)


# --- names ----------------------------------------------------------------------------------------


def _gradient_names(variables: Sequence[Expr]) -> list[Name]:
    if variables[1:]:
        return [_partial(x) for x in variables]
    return [Name("∇f", r"\nabla f") if variables[0].shape else _primed(1)]


def _partial(*variables: Expr) -> Name:
    """The partial derivative of f in one variable, or in two."""
    mark, exponent = ("²", "^2") if variables[1:] else ("", "")
    below = "".join(f"∂{text(x)}" for x in variables)
    latex_below = r" \, ".join(rf"\partial {latex(x)}" for x in variables)
    return Name(f"∂{mark}f/{below}", rf"\frac{{\partial{exponent} f}}{{{latex_below}}}")


def _primed(order: int) -> Name:
    """The derivative of an order of a function of a number."""
    if order <= 3:
        return Name("f" + "′″‴"[order - 1], "f" + "'" * order)
    return Name(f"f⁽{_raised(order)}⁾", f"f^{{({order})}}")


def _raised(number: int) -> str:
    return "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(number))


def _named_differential(x: Expr) -> Name:
    return Name(f"d{text(x)}", rf"\mathrm{{d}}{latex(x)}")


def _reading(result: Expr, name: Name, x: Expr, own: Name) -> Name:
    """How a derivative is read off the differential."""
    d, dx = name.d(), _named_differential(x)
    plain = not x.shape or (result.ndim == 1 and x.ndim == 1)
    if plain:
        return Name(f"{d.text} = {own.text} {dx.text}", rf"{d.latex} = {own.latex} \, {dx.latex}")
    if result.shape:
        return Name(
            f"vec({d.text}) = {own.text} vec({dx.text}), vec by rows",
            rf"\operatorname{{vec}}({d.latex}) = {own.latex} \operatorname{{vec}}({dx.latex})"
            r"\text{, vec by rows}",
        )
    turned, latex_turned = f"({own.text})ᵀ", rf"({own.latex})^\top"
    if x.ndim == 1:
        return Name(f"{d.text} = {turned} {dx.text}", rf"{d.latex} = {latex_turned} {dx.latex}")
    if x.ndim == 2:
        return Name(
            f"{d.text} = tr({turned} {dx.text})",
            rf"{d.latex} = \operatorname{{tr}}({latex_turned} {dx.latex})",
        )
    return Name(
        f"{d.text} = ⟨{own.text}, {dx.text}⟩", rf"{d.latex} = \langle {own.latex}, {dx.latex} \rangle"
    )


# --- rules, named and merged ----------------------------------------------------------------------

Group = tuple[list[Differentiation], Expr]


def _merged(written: Sequence[Line]) -> list[Group]:
    """The lines with the trivial ones taken together, MOST_LINES - 2 at most."""
    groups: list[Group] = []
    for line in _thinned(written):
        if groups and (groups[-1][0][-1] == line.rule or _same(groups[-1][1], line.expr)):
            rules = [rule for rule in groups[-1][0] if rule != line.rule]
            groups[-1] = ([*rules, line.rule], line.expr)
        else:
            groups.append(([line.rule], line.expr))
    if len(groups) > 1 and groups[0][0] == [LINEARITY] and _is_multiple(groups[0][1]):
        del groups[0]
    while len(groups) > MOST_LINES - 2:
        linear = [n for n, (rules, _) in enumerate(groups) if n and rules == [LINEARITY]]
        sizes = [len(first[0]) + len(second[0]) for first, second in pairwise(groups)]
        at = linear[0] if linear else 1 + sizes.index(min(sizes))
        joined = list(dict.fromkeys([*groups[at - 1][0], *groups[at][0]]))
        groups[at - 1 : at + 1] = [(joined, groups[at][1])]
    return groups


def _thinned(written: Sequence[Line]) -> list[Line]:
    """Of a very long derivation only some lines are written at all."""
    every = math.ceil(len(written) / MOST_WRITTEN)
    return list(written[::-every][::-1]) if every > 1 else list(written)


def _is_multiple(line: Expr) -> bool:
    """Whether a line is a number times the differential of a number."""
    return not line.shape and [arg.op for arg in line.args] == ["differential"] and not line.args[0].shape


def _same(first: Expr, second: Expr) -> bool:
    return first is second or text(first) == text(second)


def _named(rules: Sequence[Differentiation]) -> tuple[str, Name]:
    """The names of the rules of one step, and their equations."""
    shown = [rule for rule in rules if rule is not LINEARITY] or list(rules)
    equations = [_equation(rule) for rule in shown]
    names = ", ".join(dict.fromkeys(rule.name for rule in shown))
    return names, Name("; ".join(e.text for e in equations), r",\; ".join(e.latex for e in equations))


def _equation(rule: Differentiation) -> Name:
    if rule.left is None or rule.right is None:
        return Name(*rule.words)
    return Name(
        f"{text(rule.left)} = {text(expanded(rule.right))}",
        f"{latex(rule.left)} = {latex(expanded(rule.right))}",
    )


def _simplified(what: str, fired: Sequence[Rule]) -> tuple[str, Name]:
    """A step of simplification, with the names of the rules that fired."""
    rules = list(dict.fromkeys(fired))
    names = ", ".join(rule.name for rule in rules)
    equations = "; ".join(rule.equation for rule in rules) if len(rules) <= 2 else ""
    return " by ".join(part for part in (what, names) if part), Name(equations, "")
