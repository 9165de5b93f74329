"""Any contraction: its formula, read back, must mean what einsum computes."""

from __future__ import annotations

import functools
from typing import Any
from unittest import mock

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dense import evaluate
from tests.reading import read_back

from closedform.expression.calculus import Factor, contract, linear
from closedform.expression.expr import Expr, input_, inputs
from closedform.expression.size import Size
from closedform.notation.shared import shared

SIZES = {"a": 2, "b": 3, "c": 2, "d": 2, "e": 3, "f": 2}
Parts = list[tuple[str, str, int]]
Term = tuple[int, Parts, str]


def named(name: str, labels: str) -> Expr:
    """The input of a name, a tensor with the labels' sizes; names with S are symmetric matrices."""
    shape = [Size.of(SIZES[label]) for label in labels]
    square = len(shape) == 2 and shape[0] == shape[1]
    facts = ["symmetric"] if name == "S" and square else []
    return input_(name + "".join(str(s.value) for s in shape), shape, facts)


def value_of(node: Expr) -> np.ndarray:
    """The same positive array for the same name."""
    rng = np.random.default_rng(sum(node.params[0].encode()))
    array = rng.uniform(0.5, 1.5, [s.value for s in node.shape])
    return (array + array.T) / 2 if "symmetric" in node.params[1] else array


labels = st.sampled_from(sorted(SIZES))
orders = st.sampled_from([1, 1, 1, 2, 2, 2, 2, 2, 2, 3])
wirings = orders.flatmap(lambda n: st.lists(labels, min_size=n, max_size=n).map("".join))
factors = st.lists(
    st.tuples(st.sampled_from(["A", "B", "S"]), wirings, st.sampled_from([1, 1, 1, 1, 2, -1])), max_size=6
)
outs = st.lists(labels, max_size=4, unique=True).map("".join)
terms = st.tuples(st.sampled_from([1, -2, 3]), factors, st.lists(labels, max_size=4).map("".join))


def meaning(node: Expr, values: dict[str, np.ndarray]) -> np.ndarray:
    """The value of the printed formula of a node."""
    return evaluate(read_back(node, {leaf.params[0]: leaf for leaf in inputs(node)}), values)


def build(term: Term) -> tuple[Expr, np.ndarray, dict[str, np.ndarray]]:
    """The node of a term, its value by einsum and the values of the names."""
    coefficient, parts, out = term
    values: dict[str, np.ndarray] = {}
    operands: list[Any] = []
    found = []
    numbers = {label: n for n, label in enumerate(sorted(SIZES))}
    for name, at, exponent in parts:
        node = named(name, at)
        values[node.params[0]] = value_of(node)
        found.append(Factor(node, tuple(at), exponent))
        operands += [value_of(node) ** float(exponent), [numbers[label] for label in at]]
    for label in out:
        operands += [np.ones(SIZES[label]), [numbers[label]]]
    distinct = "".join(dict.fromkeys(out))
    flat = np.einsum(float(coefficient), [], *operands, [numbers[label] for label in distinct])
    value = np.zeros([SIZES[label] for label in out])
    for where in np.ndindex(*[SIZES[label] for label in distinct]):
        at_label = dict(zip(distinct, where, strict=True))
        value[tuple(at_label[label] for label in out)] = flat[where]
    sizes = {label: Size.of(size) for label, size in SIZES.items() if label in out}
    return contract(found, tuple(out), sizes, coefficient), value, values


@settings(max_examples=300)
@given(terms)
def test_the_formula_means_the_contraction(term: Term) -> None:
    node, value, values = build(term)
    got = meaning(node, values).reshape(value.shape)
    np.testing.assert_allclose(got, value, rtol=1e-10)


@settings(max_examples=150)
@given(st.lists(terms, min_size=2, max_size=3), st.lists(labels, max_size=4).map("".join))
def test_the_formula_means_the_sum(parts: list[Term], out: str) -> None:
    built = [build((c, found, out)) for c, found, _ in parts]
    node = linear([(n + 1, node) for n, (node, _, _) in enumerate(built)], built[0][0].shape)
    value = sum((n + 1) * array for n, (_, array, _) in enumerate(built))
    values = {name: array for _, _, known in built for name, array in known.items()}
    got = meaning(node, values)
    np.testing.assert_allclose(got.reshape(np.shape(value)), value, rtol=1e-9)


@settings(max_examples=150)
@given(st.lists(factors, min_size=2, max_size=2), st.lists(labels, min_size=3, max_size=4), factors, outs)
def test_the_formula_means_a_product_with_a_sum(
    parts: list[Parts], inner: list[str], rest: Parts, out: str
) -> None:
    """A tensor that is a sum is multiplied out, or its sum is kept as one factor."""
    first, second = (build((1, part, "".join(inner))) for part in parts)
    tensor = linear([(1, first[0]), (-3, second[0])], first[0].shape)
    product, values = [Factor(tensor, tuple(inner))], {**first[2], **second[2]}
    numbers = {label: n for n, label in enumerate(sorted(SIZES))}
    operands: list[Any] = [first[1] - 3 * second[1], [numbers[label] for label in inner]]
    for name, at, exponent in rest:
        node = named(name, at)
        values[node.params[0]] = value_of(node)
        product.append(Factor(node, tuple(at), exponent))
        operands += [value_of(node) ** float(exponent), [numbers[label] for label in at]]
    for label in out:
        operands += [np.ones(SIZES[label]), [numbers[label]]]
    value = np.einsum(*operands, [numbers[label] for label in out])
    node = contract(product, tuple(out), {label: Size.of(SIZES[label]) for label in out})
    got = meaning(node, values)
    np.testing.assert_allclose(got.reshape(value.shape), value, rtol=1e-8, atol=1e-8)


@given(terms)
def test_named_parts_do_not_change_the_meaning(term: Term) -> None:
    node, value, values = build(term)
    with mock.patch("closedform.notation.text.shared", functools.partial(shared, most=4)):
        got = meaning(node * node + node, values)
    np.testing.assert_allclose(got, value**2 + value, rtol=1e-8)
