"""A failing program made small: statements dropped, expressions replaced by their parts, arguments cut."""

from __future__ import annotations

import ast
import copy
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Program = tuple[str, tuple[np.ndarray, ...]]
# A failure that takes longer to make small is reported as it is then.
MOST_SECONDS = 60.0


def shrunk(
    source: str, arguments: Any, fails: Callable[[str, Any], bool], seconds: float = MOST_SECONDS
) -> Program:
    """The smallest program found that still fails, by greedy descent."""
    until = time.monotonic() + seconds
    current: Program = (ast.unparse(ast.parse(source)), tuple(arguments))
    found = True
    while found and time.monotonic() < until:
        found = False
        for candidate in smaller(*current):
            if time.monotonic() > until:
                break
            if fails(*candidate):
                current, found = candidate, True
                break
    return current


def smaller(source: str, arguments: tuple[np.ndarray, ...]) -> Iterator[Program]:
    """Programs a step smaller, those that are much smaller first."""
    seen = {source}
    for text in _smaller_sources(source):
        if text not in seen:
            seen.add(text)
            yield text, arguments
    body, last = source.partition(":")[2], len(arguments) - 1
    if last and f"x{last}" not in body:
        yield f"def f({', '.join(f'x{k}' for k in range(last))}):{body}", arguments[:last]
    for size in sorted({n for a in arguments for n in a.shape if n > 1}):
        yield source, tuple(_cut(a, size) for a in arguments)
    rounded = tuple(np.round(a, 1) for a in arguments)
    if any(np.any(a != r) for a, r in zip(arguments, rounded, strict=True)):
        yield source, rounded


def _cut(array: np.ndarray, size: int) -> np.ndarray:
    """The array with the last entry left out along each axis of that size."""
    return np.ascontiguousarray(array[tuple(slice(0, n - (n == size)) for n in array.shape)])


def _smaller_sources(source: str) -> Iterator[str]:
    tree = ast.parse(source)
    for block, position in _statements(tree):
        yield _edited(tree, block, position, [])
    for block, position in _statements(tree):
        statement = _nodes(tree)[block].body[position]
        if isinstance(statement, ast.If | ast.For | ast.While):
            yield _edited(tree, block, position, statement.body)
            yield _edited(tree, block, position, getattr(statement, "orelse", []))
    for index, node in enumerate(_nodes(tree)):
        if isinstance(node, ast.expr):
            for part in _parts(node):
                yield _replaced(tree, index, part)


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    """The largest expressions within one that may stand for it: operands, no modules and no functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(node, ast.Call) and child is node.func:
            if isinstance(child, ast.Attribute) and not _is_module(child.value):
                yield child.value
        elif isinstance(child, ast.keyword):
            yield child.value
        elif isinstance(child, ast.expr) and not _is_module(child):
            yield child


def _is_module(node: ast.AST) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in ("np", "scipy")


def _nodes(tree: ast.AST) -> list[Any]:
    return list(ast.walk(tree))


def _statements(tree: ast.AST) -> list[tuple[int, int]]:
    """The statements that are not a return, last ones first: the number of the block's node, the position."""
    found = []
    for index, node in enumerate(_nodes(tree)):
        if isinstance(node, ast.FunctionDef | ast.For | ast.While | ast.If):
            found += [(index, k) for k, s in enumerate(node.body) if not isinstance(s, ast.Return)]
    return found[::-1]


def _edited(tree: ast.AST, block: int, position: int, instead: list[ast.stmt]) -> str:
    changed = copy.deepcopy(tree)
    body = _nodes(changed)[block].body
    body[position : position + 1] = instead
    if not body:
        body.append(ast.Pass())
    return ast.unparse(changed)


def _replaced(tree: ast.AST, index: int, part: ast.expr) -> str:
    changed = copy.deepcopy(tree)
    target = _nodes(changed)[index]

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> Any:
            return copy.deepcopy(part) if node is target else super().generic_visit(node)

    return ast.unparse(ast.fix_missing_locations(Replace().visit(changed)))
