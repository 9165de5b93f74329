"""A traced function and what is known of it at a point in, a drawing of its computational graph out."""

from __future__ import annotations

import math
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from closedform.errors import InvalidArgumentError
from closedform.expression.expr import ArrayConstant, Expr, input_, toposort
from closedform.notation.drawing import draw_svg, escaped, rasterise
from closedform.notation.text import text
from closedform.primitives.record import POWER, PRIMITIVES

# DejaVu Sans is the widest of these, so text that fits its node in it fits in the others.
FONTS = "DejaVu Sans,Verdana,Segoe UI,Helvetica,Arial,sans-serif"
INK, QUIET, FORWARD, ADJOINT = "#1a1a1a", "#555555", "#0b5394", "#a33b00"

_NODE_STYLES = {
    "input": 'shape=box style="rounded,filled" fillcolor="#ffffff"',
    "constant": 'shape=box style=filled fillcolor="#e6e6e6" color="#8c8c8c"',
    "operation": 'shape=ellipse style=filled fillcolor="#ffffff"',
}
_LEAVES = frozenset({"input", "constant", "number", "size"})
_USUAL_SIGNS = {"·": "×", "-": "−", "*": "×"}
_SUPERSCRIPTS = str.maketrans("0123456789-−×", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻ˣ")
_HOLE = "\0"

Kind = Literal["input", "constant", "operation"]


@dataclass(frozen=True)
class Annotations:
    """What is known of a traced function at one point.

    values         the value of each node
    edge_partials  the partial derivative of a node with respect to its operand number i (from 0),
                   as text, under the key (node, i): the forward view
    adjoints       the derivative of the output with respect to each node (its cotangent): the reverse view

    Whatever is missing is not drawn.
    """

    values: Mapping[Expr, Any] = field(default_factory=lambda: MappingProxyType({}))
    edge_partials: Mapping[tuple[Expr, int], str] = field(default_factory=lambda: MappingProxyType({}))
    adjoints: Mapping[Expr, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Node:
    """One drawn node.

    id       its name in DOT
    expr     the expression it stands for
    kind     input, constant or operation
    label    what is written in it: a name, a number, or the operation's sign
    notes    lines of small text below: parameters, shape, value
    adjoint  line of small text with the adjoint, or ""
    output   whether it is the function's result
    """

    id: str
    expr: Expr
    kind: Kind
    label: str
    notes: tuple[str, ...] = ()
    adjoint: str = ""
    output: bool = False


@dataclass(frozen=True)
class Edge:
    """From an operand to the operation that uses it.

    tail, head  ids of the two nodes
    position    number of the operand, from 0
    ordered     whether the order of the operands matters, so that the position is drawn
    partial     the partial derivative of the operation with respect to this operand, as text, or ""
    """

    tail: str
    head: str
    position: int
    ordered: bool = False
    partial: str = ""


@dataclass(frozen=True)
class Graph:
    """The computational graph of a traced function, as a drawing.

    Inputs are rounded boxes, constants grey boxes, operations ellipses; the output has a double border.
    An edge shows the operand's place where the order matters, and its partial derivative if given.
    `dot` is the text for Graphviz and needs nothing else; the other drawings need Graphviz, which comes
    with pygraphviz, or raise DrawingError. In a notebook the graph draws itself. Above some 150 nodes it
    is still drawn, in seconds, but is hard to read.

    >>> from closedform.expression.expr import input_
    >>> x = input_("x", ())
    >>> graph = Graph.of(Expr("sin", (x,), (), ()), Annotations(values={x: 0.0}))
    >>> [node.label for node in graph.nodes], graph.nodes[0].notes
    (['x', 'sin'], ('x = 0',))
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    title: str = "Computational graph"

    @staticmethod
    def of(root: Expr, annotations: Annotations | None = None, name: str = "") -> Graph:
        """The graph of the function with the result `root` (level one), annotated with what is given.

        A literal number is drawn beside each operation that uses it; a literal exponent is written in its
        operation. `name` is the function's, for the title and the output's value.
        """
        known = annotations or Annotations()
        order = toposort(root)
        symbols = {node: symbol(own) for node, own in names(root, name).items()}
        ids: dict[Expr, str] = {}
        nodes: list[Node] = []
        edges: list[Edge] = []

        def draw(node: Expr) -> str:
            identifier = f"n{len(nodes)}"
            nodes.append(_node(node, identifier, symbols.get(node, ""), known, node is root))
            return identifier

        for node in order:
            if node.op in {"number", "size"} and node is not root:
                continue
            tails = [ids.get(arg) or draw(arg) for arg in _drawn_operands(node)]
            ids[node] = draw(node)
            ordered = len(tails) > 1 and not _commutes(node.op, tuple(a.ndim for a in node.args), node.params)
            for position, tail in enumerate(tails):
                partial = known.edge_partials.get((node, position), "")
                edges.append(Edge(tail, ids[node], position, ordered, partial))
        title = f"Computational graph of {name}" if name.isidentifier() else "Computational graph"
        return Graph(tuple(nodes), tuple(edges), title)

    @cached_property
    def dot(self) -> str:
        """The graph in the DOT language."""
        effort = " nslimit=1 nslimit1=1" if len(self.nodes) > 150 else ""  # keeps layout to some seconds
        lines = [
            "digraph {",
            f"  graph [rankdir={self._direction} bgcolor=white pad=0.1 nodesep=0.25 ranksep=0.35{effort}]",
            f'  node [fontname="{FONTS}" fontsize=13 fontcolor="{INK}" color="{INK}" penwidth=0.9'
            ' margin="0.09,0.05" width=0.45 height=0.4]',
            f'  edge [fontname="{FONTS}" fontsize=9 color="{QUIET}" penwidth=0.8 arrowsize=0.6]',
        ]
        lines += [f"  {node.id} [{_node_attributes(node)}]" for node in self.nodes]
        lines += [f"  {edge.tail} -> {edge.head}{_edge_attributes(edge)}" for edge in self.edges]
        return "\n".join([*lines, "}", ""])

    @cached_property
    def svg(self) -> str:
        """The drawing as an `<svg>` element, ready to stand in a page.

        It has no XML declaration and no ids (nothing refers to them, and a page may hold several graphs);
        the drawing, its nodes and its edges have a `<title>`.
        """
        return draw_svg(self.dot, self.title, self._titles())

    @property
    def png(self) -> bytes:
        """The drawing as PNG, at 192 dots per inch; this needs resvg-py too."""
        return rasterise(self.svg)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the graph to a file, as its suffix says: .dot, .svg or .png.

        InvalidArgumentError for another suffix.
        """
        target = Path(path)
        suffix = target.suffix.lower()
        if suffix == ".png":
            target.write_bytes(self.png)
        elif suffix == ".svg":
            target.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{self.svg}', encoding="utf-8")
        elif suffix == ".dot":
            target.write_text(self.dot, encoding="utf-8")
        else:
            raise InvalidArgumentError(f"a graph is saved as .png, .svg or .dot, not as {target.name!r}")

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<{self.title}: {len(self.nodes)} nodes, {len(self.edges)} edges>"

    @property
    def _direction(self) -> str:
        """From left to right as long as that fits on a page, else from top to bottom."""
        depth = {node.id: 0 for node in self.nodes}
        for edge in self.edges:
            depth[edge.head] = max(depth[edge.head], depth[edge.tail] + 1)
        columns = max(depth.values()) * (2 if any(edge.partial for edge in self.edges) else 1)
        return "LR" if columns <= 8 else "TB"

    def _titles(self) -> dict[str, str]:
        labels = {node.id: node.label for node in self.nodes}
        lines = {node.id: [node.label, *node.notes, node.adjoint] for node in self.nodes}
        titles = {identifier: "; ".join(filter(None, line)) for identifier, line in lines.items()}
        for edge in self.edges:
            titles[f"{edge.tail}->{edge.head}"] = f"{labels[edge.tail]} → {labels[edge.head]}"
        return titles


# --- names and numbers ----------------------------------------------------------------------------


def names(root: Expr, name: str = "") -> dict[Expr, str]:
    """A name for every node but the literals, as the drawing shows it (by way of `symbol`).

    Inputs and named constants have their own; the operations are numbered v1, v2, ... in the order of
    evaluation (with another letter where an input's name begins with v), and the output has the
    function's name.
    """
    order = toposort(root)
    own = {node: leaf for node in order if node.op in {"input", "constant"} and (leaf := _own_name(node))}
    letter = next(c for c in "vuwzsrtq_" if c == "_" or not any(leaf.startswith(c) for leaf in own.values()))
    operations = [node for node in order if node.op not in _LEAVES]
    numbered = {node: f"{letter}{i}" for i, node in enumerate(operations, 1)}
    if root in numbered and name.isidentifier() and name not in own.values():
        numbered[root] = name
    return own | numbered


def _own_name(leaf: Expr) -> str:
    return str(leaf.params[0]) if leaf.op == "input" else str(leaf.params[0].name or "")


def symbol(name: str) -> str:
    """A name as the library's formulas write it.

    >>> symbol("x0"), symbol("alpha_12"), symbol("Sigma"), symbol("weights")
    ('x₀', 'α₁₂', 'Σ', 'weights')
    """
    return text(input_(name, ()))


def _bar(name: str) -> str:
    """The adjoint of a node: a bar over its letter, or the word where there are several letters."""
    lowered = all(unicodedata.decomposition(c).startswith("<sub>") for c in name[1:])
    return f"{name[0]}\u0304{name[1:]}" if lowered else "adjoint"


def number_text(value: Any) -> str:
    """A scalar with four significant digits.

    >>> number_text(0.84147), number_text(-3.0), number_text(6.02e23), number_text(True)
    ('0.8415', '−3', '6.02×10²³', 'True')
    """
    item = np.asarray(value).item()
    if isinstance(item, bool) or not isinstance(item, int | float):
        return str(item) if isinstance(item, bool) else f"{item:.4g}"
    if isinstance(item, int) and abs(item) < 10**6:
        return f"{item}".replace("-", "−")
    if math.isinf(item):
        return "∞" if item > 0 else "−∞"
    mantissa, _, exponent = f"{item:.4g}".partition("e")
    power = f"×10{str(int(exponent)).translate(_SUPERSCRIPTS)}" if exponent else ""
    return mantissa.replace("-", "−") + power


def _value_text(name: str, value: Any) -> str:
    """`x = 0.8415`, `x = (1, 2)`, or the Euclidean norm of the entries, `‖x‖ = 3.2`."""
    array = np.asarray(value)
    if array.ndim == 0:
        return f"{name} = {number_text(array)}"
    if array.ndim == 1 and array.size <= 3:
        return f"{name} = ({', '.join(number_text(v) for v in array)})"
    return f"‖{name}‖ = {number_text(np.linalg.norm(array.ravel()))}"


# --- labels ---------------------------------------------------------------------------------------


def _node(node: Expr, identifier: str, name: str, known: Annotations, output: bool) -> Node:
    adjoint = known.adjoints.get(node)
    bar = "" if adjoint is None or not name else _value_text(_bar(name), adjoint)
    kind: Kind = "input" if node.op == "input" else "constant" if node.op in _LEAVES else "operation"
    label = _sign(node) if kind == "operation" else name or _literal(node)
    return Node(identifier, node, kind, label, tuple(_notes(node, name, known)), bar, output)


def _notes(node: Expr, name: str, known: Annotations) -> Iterator[str]:
    """The small text of a node: parameters, shape, value."""
    record = PRIMITIVES.get(node.op)
    if node.op not in _LEAVES:
        for key, value in node.params:
            if value is not None and value is not False and not (record and f"{{{key}}}" in record.text):
                yield f"{key} = {_parameter(value)}"
    value = known.values.get(node)
    written = None if value is None or not name else _value_text(name, value)
    if node.shape and (written is None or written.startswith("‖")):
        sizes = "×".join(str(size.value) for size in node.shape).translate(_SUPERSCRIPTS)
        yield f"{name} ∈ ℝ{sizes}".removeprefix(" ")
    elif written is None and node.op not in _LEAVES:
        yield name
    if written is not None:
        yield written


def _literal(leaf: Expr) -> str:
    """A constant without a name: its number, or its first entries."""
    if leaf.op == "size":
        return repr(leaf.params[0])
    value = np.asarray(leaf.params[0].array if leaf.op == "constant" else leaf.params[0])
    if value.ndim == 0:
        return number_text(value)
    entries = [number_text(v) for v in value.flat[:3]]
    return f"({', '.join([*entries, '…'] if value.size > 3 else entries)})"


def _drawn_operands(node: Expr) -> tuple[Expr, ...]:
    """The operands that get an edge: all, but for the literal exponent of a power."""
    return node.args[:1] if _has_literal_exponent(node) else node.args


def _has_literal_exponent(node: Expr) -> bool:
    record = PRIMITIVES.get(node.op)
    literal = len(node.args) == 2 and node.args[1].op == "number"
    return literal and record is not None and record.strength == POWER


def _sign(node: Expr) -> str:
    """An operation's usual sign, read off its record's text: +, sin, |·|, (·)², or else its name.

    Where two operations are written alike, the first in the registry has the sign and the other its name.
    """
    record = PRIMITIVES.get(node.op)
    if record is None:
        return node.op
    operands = [_HOLE] * len(node.args)
    if _has_literal_exponent(node):
        operands[1] = _literal(node.args[1])
    parameters = {key: _parameter(value) for key, value in node.params}
    written = record.text.format(*operands, **parameters, args=_HOLE, rest=_HOLE)
    code = record.source.replace("{0}", _HOLE).replace("{1}", _HOLE)
    for shown in (written, code) if _HOLE in operands[1:] else ():
        if infix := re.fullmatch(rf"{_HOLE}(?: (\S+) |(\^)){_HOLE}", shown):
            sign = infix[1] or infix[2]
            return _USUAL_SIGNS.get(sign, sign)
    first = next(other for other in PRIMITIVES.values() if other.text == record.text)
    return (_function_sign(written) if first is record else "") or node.op


def _function_sign(written: str) -> str:
    """What `sin v`, `max(v, w)`, `v²` or `|v|` is without the operands; "" where too little is left."""
    operands = rf"{_HOLE}|\({_HOLE}(?:, {_HOLE})*\)"
    if call := re.fullmatch(rf"([^{_HOLE}|()]*[^{_HOLE}|()^ ]) ?(?:{operands})", written):
        return call[1]
    if not written.startswith(_HOLE):
        return written.replace(_HOLE, "·")
    rest = written[1:]
    if rest.startswith("["):
        return rest.replace(_HOLE, "·")
    if not rest or _HOLE in rest:
        return ""
    return "(·)" + re.sub(r"\^([−\d]+)$", lambda power: power[1].translate(_SUPERSCRIPTS), rest)


def _parameter(value: Any) -> str:
    """A parameter as NumPy would have it: an axis, a shape, an index."""
    if isinstance(value, tuple):
        if value[:1] == ("slice",):
            start, stop, step = ("" if v is None else str(v) for v in value[1:])
            return f"{start}:{stop}" + (f":{step}" if step else "")
        return ", ".join(_parameter(v) for v in value)
    if isinstance(value, ArrayConstant):
        return value.name or _literal(Expr("constant", (), (value,), value.array.shape))
    return "…" if value == "..." else str(value)


@cache
def _commutes(op: str, ranks: tuple[int, ...], params: tuple[Any, ...]) -> bool:
    """Whether an operation on two operands has the same value with them exchanged, tried on two arrays."""
    record = PRIMITIVES.get(op)
    if record is None or record.call is None or len(ranks) != 2:
        return False
    rng = np.random.default_rng(0)
    v, w = (rng.uniform(0.5, 1.5, (2,) * rank) for rank in ranks)
    try:
        with np.errstate(all="ignore"):
            return np.array_equal(record.call(v, w, **dict(params)), record.call(w, v, **dict(params)))
    except (ValueError, TypeError, IndexError, ArithmeticError):
        return False  # the exchanged operands do not fit


# --- DOT ------------------------------------------------------------------------------------------


def _text(words: str, limit: int = 48) -> str:
    """Any text in a label written as HTML, where Graphviz still reads a backslash as an escape."""
    if len(words) > limit:
        words = words[: limit - 1] + "…"
    return escaped(words).replace("\\", "\\\\")


def _node_attributes(node: Node) -> str:
    label = _text(node.label)
    lines = [f"<i>{label}</i>" if node.kind != "operation" and node.label[:1].isalpha() else label]
    lines += [_small(note, QUIET) for note in node.notes]
    if node.adjoint:
        lines.append(_small(node.adjoint, ADJOINT))
    rows = "".join(f"<tr><td>{line}</td></tr>" for line in lines)
    table = f'<table border="0" cellspacing="0" cellpadding="0">{rows}</table>'
    content = table if len(lines) > 1 else lines[0]
    border = " peripheries=2" if node.output else ""
    return f"{_NODE_STYLES[node.kind]}{border} label=<{content}>"


def _small(words: str, color: str) -> str:
    return f'<font point-size="9" color="{color}">{_text(words)}</font>'


def _edge_attributes(edge: Edge) -> str:
    """Partial derivative and position stand together, so that neither hides the other."""
    place = _circled(edge.position + 1) if edge.ordered else ""
    if edge.partial:
        before = f'<font color="{QUIET}">{place}</font> ' if place else ""
        return f' [fontcolor="{FORWARD}" label=<&#160;{before}{_text(edge.partial)}&#160;>]'
    return f' [labelfontcolor="{QUIET}" labeldistance=1.3 headlabel="{place}"]' if place else ""


def _circled(number: int) -> str:
    return chr(ord("①") + number - 1) if number <= 20 else f"({number})"
