"""The computational graph: what is drawn, its text for Graphviz, and the drawings made of it."""

import io
import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedform.errors import InvalidArgumentError
from closedform.expression.expr import Expr, constant, input_
from closedform.expression.size import Size
from closedform.notation.drawing import MOST_PIXELS, rasterise
from closedform.notation.graph import Annotations, Graph, Node, names, number_text, symbol
from closedform.primitives import PRIMITIVES, Primitive

SVG = "{http://www.w3.org/2000/svg}"


def op(name: str, *args: Expr, shape: Any = None, **params: Any) -> Expr:
    return Expr(name, args, tuple(params.items()), args[0].shape if shape is None else shape)


def number(value: float) -> Expr:
    return Expr("number", (), (value,), ())


X, Y = input_("x", ()), input_("y", ())
SIN, COS = op("sin", X), op("cos", Y)
DIFFERENCE = op("subtract", SIN, COS)
SQUARE = op("power", DIFFERENCE, number(2))
SHEET = op("exp", op("negative", SQUARE))


def labels(graph: Graph, kind: str) -> list[str]:
    return [node.label for node in graph.nodes if node.kind == kind]


def node_of(graph: Graph, expr: Expr) -> Node:
    return next(node for node in graph.nodes if node.expr is expr)


def words(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


# --- what is drawn --------------------------------------------------------------------------------


def test_the_function_of_the_sheet_has_exactly_its_primitives() -> None:
    graph = Graph.of(SHEET, name="f")
    assert labels(graph, "operation") == ["sin", "cos", "−", "(·)²", "−", "exp"]
    assert labels(graph, "input") == ["x", "y"]
    assert labels(graph, "constant") == []
    ids = {node.id: node.expr.op for node in graph.nodes}
    assert [(ids[edge.tail], ids[edge.head]) for edge in graph.edges] == [
        ("input", "sin"),
        ("input", "cos"),
        ("sin", "subtract"),
        ("cos", "subtract"),
        ("subtract", "power"),
        ("power", "negative"),
        ("negative", "exp"),
    ]


def test_a_square_written_as_a_product_is_a_product() -> None:
    graph = Graph.of(op("multiply", DIFFERENCE, DIFFERENCE))
    assert labels(graph, "operation") == ["sin", "cos", "−", "×"]
    assert len(graph.edges) == 6
    assert graph.edges[-1].tail == graph.edges[-2].tail
    assert graph.svg.count("→ ×") == 2


def test_only_the_result_is_the_output() -> None:
    graph = Graph.of(SHEET)
    assert [node.output for node in graph.nodes] == [False] * 7 + [True]
    assert graph.dot.count("peripheries=2") == 1


def test_a_function_that_returns_its_argument_is_one_node() -> None:
    graph = Graph.of(X, name="f")
    assert (labels(graph, "input"), graph.edges) == (["x"], ())
    assert "x" in words(graph.svg)


def test_a_function_that_returns_a_number_is_one_node() -> None:
    assert labels(Graph.of(number(3), name="f"), "constant") == ["3"]


def test_a_number_stands_beside_each_use_and_an_array_once() -> None:
    w = constant(np.ones(2), "W")
    v = input_("v", (2,))
    root = op("add", op("multiply", op("multiply", v, w), number(2)), op("multiply", w, number(2)))
    assert labels(Graph.of(root), "constant") == ["W", "2", "2"]


@pytest.mark.parametrize(
    ("leaf", "label"),
    [
        (number(0.1), "0.1"),
        (number(-3), "−3"),
        (constant(np.array([1.0, 2.0])), "(1, 2)"),
        (constant(np.eye(2)), "(1, 0, 0, …)"),
        (constant(np.full(2, 7.5), "beta_1"), "β₁"),
        (Expr("size", (), (Size.axis("x", 0, 5) + 1,), ()), "x.shape[0] + 1"),
    ],
)
def test_constants(leaf: Expr, label: str) -> None:
    (node,) = (n for n in Graph.of(op("add", X, leaf)).nodes if n.kind == "constant")
    assert node.label == label


@pytest.mark.parametrize(
    ("name", "ranks", "ordered"),
    [
        ("add", (0, 0), False),
        ("multiply", (1, 0), False),
        ("maximum", (1, 1), False),
        ("dot", (1, 1), False),
        ("subtract", (0, 0), True),
        ("divide", (1, 1), True),
        ("matmul", (2, 1), True),
        ("arctan2", (0, 0), True),
        ("greater", (0, 0), True),
        ("unknown", (0, 0), True),
    ],
)
def test_the_place_of_an_operand_is_drawn_where_order_matters(
    name: str, ranks: tuple[int, int], ordered: bool
) -> None:
    operands = [input_(letter, (3,) * rank) for letter, rank in zip("ab", ranks, strict=True)]
    graph = Graph.of(op(name, *operands))
    assert [edge.ordered for edge in graph.edges] == [ordered] * 2
    assert [mark in graph.dot for mark in "①②"] == [ordered] * 2


def test_no_edge_to_one_operand_has_a_place() -> None:
    assert not any(edge.ordered for edge in Graph.of(op("sin", op("power", X, number(2)))).edges)


def _sample(record: Primitive) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if record.samples is not None:
        return record.samples(np.random.default_rng(0))
    return (0.5,) * (2 if "{1}" in record.text else 1), {"n": 1} if "{n}" in record.text else {}


@pytest.mark.parametrize("record", PRIMITIVES.values(), ids=PRIMITIVES)
def test_every_primitive_has_a_sign(record: Primitive) -> None:
    operands, params = _sample(record)
    args = [input_(f"a{i}", np.shape(value)) for i, value in enumerate(operands)]
    label = Graph.of(Expr(record.name, tuple(args), tuple(params.items()), ())).nodes[-1].label
    assert label and not set(label) & set("\0{}")


M = input_("m", (5, 3))


@pytest.mark.parametrize(
    ("node", "label", "notes"),
    [
        (op("abs", X), "|·|", ("v₁",)),
        (op("power", X, Y), "^", ("v₁",)),
        (op("power", X, number(-1)), "(·)⁻¹", ("v₁",)),
        (op("power", X, number(0.5)), "(·)^0.5", ("v₁",)),
        (op("maximum", X, Y), "max", ("v₁",)),
        (op("not_a_record", X), "not_a_record", ("v₁",)),
        (op("sum", M, shape=(5,), axis=1, keepdims=False), "Σ", ("axis = 1", "v₁ ∈ ℝ⁵")),
        (op("transpose", M, shape=(3, 5), axes=None), "(·)ᵀ", ("v₁ ∈ ℝ³ˣ⁵",)),
        (op("inv", X), "inv", ("v₁",)),  # the registry's first (·)⁻¹ is the reciprocal
        (op("getitem", M, shape=(2,), index=(("slice", 1, None, 2), 0)), "[1::2, 0]", ("v₁ ∈ ℝ²",)),
        (op("getitem", M, shape=(5, 1), index=("...", None, 0)), "[…, None, 0]", ("v₁ ∈ ℝ⁵ˣ¹",)),
    ],
    ids=lambda value: value.op if isinstance(value, Expr) else None,
)
def test_signs_and_parameters(node: Expr, label: str, notes: tuple[str, ...]) -> None:
    drawn = Graph.of(node).nodes[-1]
    assert (drawn.label, drawn.notes) == (label, notes)


# --- names and values -----------------------------------------------------------------------------


def test_names_number_the_operations() -> None:
    assert names(SHEET, "f") == {X: "x", Y: "y", SIN: "v1", COS: "v2", DIFFERENCE: "v3", SQUARE: "v4",
                                 SHEET.args[0]: "v5", SHEET: "f"}  # fmt: skip


def test_names_avoid_those_of_the_inputs() -> None:
    v1, f = input_("v1", ()), input_("f", ())
    root = op("add", v1, f)
    assert names(root, "f") == {v1: "v1", f: "f", root: "u1"}
    assert names(root, "<lambda>")[root] == "u1"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("x0", "x₀"), ("x_10", "x₁₀"), ("alpha", "α"), ("Lambda", "Λ"), ("lambda_", "λ"), ("PI", "PI"),
        ("weights2", "weights₂"), ("größe", "größe"), ("_", "_"), ("1", "1"),
    ],
)  # fmt: skip
def test_symbols(name: str, shown: str) -> None:
    assert symbol(name) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"), (-0.25, "−0.25"), (123456, "123456"), (1e-7, "1×10⁻⁷"), (12345678, "1.235×10⁷"),
        (np.float32(0.1), "0.1"), (float("inf"), "∞"), (float("-inf"), "−∞"), (float("nan"), "nan"),
        (np.bool_(True), "True"), (np.int64(-4), "−4"), (1 + 2j, "1+2j"),
    ],
)  # fmt: skip
def test_numbers(value: Any, shown: str) -> None:
    assert number_text(value) == shown


@pytest.mark.parametrize(
    ("value", "notes", "adjoint"),
    [
        (np.array([1.0, -0.5, 2.0]), ("x₀ = (1, −0.5, 2)",), "x̄₀ = (1, −0.5, 2)"),
        (np.full((2, 2), 3.0), ("x₀ ∈ ℝ²ˣ²", "‖x₀‖ = 6"), "‖x̄₀‖ = 6"),
        (np.float64(1.5), ("x₀ = 1.5",), "x̄₀ = 1.5"),
    ],
)
def test_values_and_adjoints(value: Any, notes: tuple[str, ...], adjoint: str) -> None:
    x = input_("x0", np.shape(value))
    node = Graph.of(op("sin", x), Annotations(values={x: value}, adjoints={x: value})).nodes[0]
    assert (node.notes, node.adjoint) == (notes, adjoint)


def test_the_adjoint_of_a_long_name() -> None:
    weights = input_("weights", ())
    assert Graph.of(weights, Annotations(adjoints={weights: 2.0})).nodes[0].adjoint == "adjoint = 2"


def test_annotations_of_the_sheet() -> None:
    given_ = Annotations(
        values={X: 0.5, SHEET: 0.9864},
        edge_partials={(SIN, 0): "cos x = 0.8776", (SQUARE, 0): "2v₃", (SQUARE, 1): "not drawn"},
        adjoints={SHEET: 1.0},
    )
    graph = Graph.of(SHEET, given_, name="f")
    assert node_of(graph, X).notes == ("x = 0.5",)
    assert node_of(graph, Y).notes == ()
    assert node_of(graph, SIN).notes == ("v₁",)
    assert (node_of(graph, SHEET).notes, node_of(graph, SHEET).adjoint) == (("f = 0.9864",), "f̄ = 1")
    assert [edge.partial for edge in graph.edges if edge.partial] == ["cos x = 0.8776", "2v₃"]
    shown = words(graph.svg)
    assert {"x = 0.5", "f̄ = 1"} <= set(shown)
    assert "cos x = 0.8776" in [text.strip("\xa0") for text in shown]


# --- DOT ------------------------------------------------------------------------------------------


def test_dot_is_readable() -> None:
    lines = Graph.of(op("subtract", X, number(1))).dot.splitlines()
    assert lines[0] == "digraph {"
    assert lines[4:] == [
        '  n0 [shape=box style="rounded,filled" fillcolor="#ffffff" label=<<i>x</i>>]',
        '  n1 [shape=box style=filled fillcolor="#e6e6e6" color="#8c8c8c" label=<1>]',
        '  n2 [shape=ellipse style=filled fillcolor="#ffffff" peripheries=2 label=<<table border="0"'
        ' cellspacing="0" cellpadding="0"><tr><td>−</td></tr><tr><td><font point-size="9" color="#555555">'
        "v₁</font></td></tr></table>>]",
        '  n0 -> n2 [labelfontcolor="#555555" labeldistance=1.3 headlabel="①"]',
        '  n1 -> n2 [labelfontcolor="#555555" labeldistance=1.3 headlabel="②"]',
        "}",
    ]


AWKWARD = [
    'say "hi"',
    "a\\N\\L\\\\n",
    "<b>&amp;</i>",
    "]; n9 -> n0 [",
    "naïve 変数 𝑥",
    "-->",
    'id="n0"',
    "a\nb\tc",
]


@pytest.mark.parametrize("name", AWKWARD)
def test_any_name_is_shown_as_it_is(name: str) -> None:
    graph = Graph.of(op("sin", input_(name, ())), Annotations({}, {(op("sin", input_(name, ())), 0): name}))
    shown = " ".join(name.split())
    assert shown in words(graph.svg)
    assert f"\xa0{shown}\xa0" in words(graph.svg)


@given(st.text(min_size=1, max_size=60))
@settings(max_examples=40, deadline=None)
def test_no_name_breaks_the_drawing(name: str) -> None:
    graph = Graph.of(op("sin", input_(name, ())), name=name)
    assert len(list(ElementTree.fromstring(graph.svg).iter(f"{SVG}ellipse"))) == 2


def test_long_names_are_cut() -> None:
    assert max(map(len, words(Graph.of(op("sin", input_("long" * 100, ()))).svg))) == 48


# --- SVG, PNG, files ------------------------------------------------------------------------------


def test_svg_stands_in_a_page() -> None:
    svg = Graph.of(SHEET, Annotations(values={X: 0.5}), name="f").svg
    assert svg.startswith("<svg ")
    assert svg.rstrip().endswith("</svg>")
    assert "<!" not in svg
    root = ElementTree.fromstring(f"<div>{svg}{svg}</div>")
    assert not [element for element in root.iter() if "id" in element.attrib]
    titles = [element.text for element in root[0].iter(f"{SVG}title")]
    assert titles[:3] == ["Computational graph of f", "x; x = 0.5", "sin; v₁"]
    assert "x → sin" in titles
    assert Graph.of(SHEET)._repr_svg_().startswith("<svg ")


def test_a_short_function_is_drawn_across_and_a_long_one_down() -> None:
    root = X
    for _ in range(12):
        root = op("sin", root)
    assert "rankdir=LR" in Graph.of(SHEET).dot
    assert "rankdir=TB" in Graph.of(root).dot
    assert "rankdir=TB" in Graph.of(SHEET, Annotations(edge_partials={(SIN, 0): "cos x"})).dot


def test_png_shows_the_text() -> None:
    image = pytest.importorskip("PIL.Image")
    adjoint = Annotations(adjoints={X: 1.0})
    png = Graph.of(SHEET, adjoint).png
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    svg = ElementTree.fromstring(Graph.of(SHEET, adjoint).svg)
    points = float(svg.attrib["width"].removesuffix("pt"))
    assert width == pytest.approx(points * 96 / 72 * 2, abs=2)
    pixels = np.asarray(image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    reddish = (pixels[..., 0] - pixels[..., 2]) > 100
    assert reddish.sum() > 100  # only the text of the adjoint has that colour
    assert height > 100


def test_a_huge_png_is_scaled_down() -> None:
    png = rasterise('<svg width="90000pt" height="9000pt" xmlns="http://www.w3.org/2000/svg"></svg>')
    width, height = struct.unpack(">II", png[16:24])
    assert 0.9 * MOST_PIXELS < width * height < 1.1 * MOST_PIXELS


def test_a_graph_of_a_thousand_nodes() -> None:
    root = X
    for i in range(500):
        root = op("multiply", op("sin", root), number(i))
    graph = Graph.of(root)
    assert len(graph.nodes) == 1501
    assert graph.svg.count("<ellipse") == 1001


def test_save(tmp_path: Path) -> None:
    graph = Graph.of(SHEET)
    for suffix in ("dot", "svg", "PNG"):
        graph.save(tmp_path / f"graph.{suffix}")
    graph.save(str(tmp_path / "again.png"))
    assert (tmp_path / "graph.dot").read_text(encoding="utf-8") == graph.dot
    assert ElementTree.parse(tmp_path / "graph.svg").getroot().tag == f"{SVG}svg"
    assert (tmp_path / "graph.PNG").read_bytes() == (tmp_path / "again.png").read_bytes() == graph.png


@pytest.mark.parametrize("name", ["graph.pdf", "graph"])
def test_other_files_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidArgumentError, match=rf"saved as \.png, \.svg or \.dot, not as '{name}'"):
        Graph.of(SHEET).save(tmp_path / name)


def test_repr_says_how_large_it_is() -> None:
    assert repr(Graph.of(SHEET, name="f")) == "<Computational graph of f: 8 nodes, 7 edges>"
