"""Simplification: an expression in, an equal and simpler one out, by the rules applied bottom-up."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from closedform.expression.calculus import contract, factors_of, label_sizes, linear, spec_of
from closedform.expression.expr import Expr, toposort
from closedform.primitives import PRIMITIVES
from closedform.simplify import (  # noqa: F401  (they register their rules)
    bands,
    by_facts,
    cancelling,
    exponentials,
    functions,
    inverses,
    logarithms,
    matrices,
    parts,
    rolling,
    spectral,
    sums,
)
from closedform.simplify.rules import RULES, Rule

BY_OP: dict[str, list[Rule]] = {}
for _rule in RULES:
    for _op in _rule.ops:
        BY_OP.setdefault(_op, []).append(_rule)

# No chain of rewrites at one node is this long; reaching it means that two rules undo each other.
LONGEST_CHAIN = 200


def with_operands(node: Expr, args: tuple[Expr, ...]) -> Expr:
    """The node with other operands, in normal form."""
    if args == node.args:
        return node
    if node.op == "linear":
        return linear(zip(node.params, args, strict=True), node.shape)
    if node.op == "contract":
        spec = spec_of(node)
        factors = [f._replace(base=arg) for f, arg in zip(factors_of(node), args, strict=True)]
        return contract(factors, spec.out, label_sizes(node), spec.coefficient)
    return Expr(node.op, args, node.params, node.shape)


def replaced(root: Expr, new: Mapping[Expr, Expr]) -> Expr:
    """The expression with nodes replaced, in normal form."""
    known = dict(new)
    for node in toposort(root, without=new.__contains__):
        known[node] = with_operands(node, tuple(known[arg] for arg in node.args))
    return known[root]


def expanded(root: Expr) -> Expr:
    """The expression with what the records say that their operations stand for, simplified."""
    known: dict[Expr, Expr] = {}
    for node in toposort(root):
        known[node] = with_operands(node, tuple(known[arg] for arg in node.args))
        record = PRIMITIVES.get(node.op)
        if record and record.expand:
            known[node] = record.expand(known[node])
    return root if known[root] is root else simplify(known[root])


def simplify(root: Expr) -> Expr:
    """The expression with every rule applied until none changes it.

    >>> from closedform.expression.expr import input_
    >>> z = input_("z", ())
    >>> def f(op, v): return Expr(op, (v,), (), ())
    >>> simplify(f("log", 1 + f("exp", z)))
    softplus(z)
    """
    return _simplify(root, {}, 0)


# Expressions are simplified again with what is built from them; None for those that stay what they are.
_SIMPLIFIED: weakref.WeakKeyDictionary[Expr, Expr | None] = weakref.WeakKeyDictionary()


def _simplify(root: Expr, done: dict[Expr, Expr], depth: int) -> Expr:
    if depth > LONGEST_CHAIN:
        raise RecursionError(f"rules undo each other at {root!r}")
    recalled = _LISTENER.get() is None  # else every rule is to be heard

    def is_done(node: Expr) -> bool:
        if recalled and node not in done and node in _SIMPLIFIED:
            done[node] = _SIMPLIFIED[node] or node
        return node in done

    for node in toposort(root, without=is_done):
        if node not in done:
            rebuilt = with_operands(node, tuple(done[arg] for arg in node.args))
            if rebuilt is not node and rebuilt not in done:
                done[node] = _simplify(rebuilt, done, depth + 1)
            else:
                done[node] = done.get(rebuilt) or _rewrite(node, done, depth)
            _SIMPLIFIED[node] = None if done[node] is node else done[node]
    return done[root]


# The rules that fire, in order, while somebody listens.
_LISTENER: ContextVar[list[Rule] | None] = ContextVar("fired rules", default=None)


@contextmanager
def fired_rules() -> Iterator[list[Rule]]:
    """The rules that fire inside the `with` block, in order.

    >>> from closedform.expression.expr import input_
    >>> z = input_("z", ())
    >>> with fired_rules() as fired:
    ...     simplify(Expr("log", (Expr("exp", (z,), (), ()),), (), ())) is z
    True
    >>> [rule.name for rule in fired]
    ['log of exp']
    """
    fired: list[Rule] = []
    token = _LISTENER.set(fired)
    try:
        yield fired
    finally:
        _LISTENER.reset(token)


def _rewrite(node: Expr, done: dict[Expr, Expr], depth: int) -> Expr:
    for rule in BY_OP.get(node.op, ()):
        new = rule.rewrite(node)
        if new is not None and new is not node:
            fired = _LISTENER.get()
            if fired is not None:
                fired.append(rule)
            return _simplify(new, done, depth + 1)
    return node
