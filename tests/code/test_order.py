"""The order of products: cheapest by brute force, shared products counted once, greedy for the long ones."""

from __future__ import annotations

from closedform.code.order import contraction_order

SIZE = 100.0


def chain(count: int, out: int = 0) -> tuple[tuple[int, ...], tuple[int, ...], int, tuple[float, ...]]:
    """A chain of matrices, axis i of the chain is label i."""
    return tuple(0b11 << i for i in range(count)), tuple(range(count)), out, (SIZE,) * (count + 1)


def test_matrix_times_vector_first():
    first, _ = contraction_order((0b011, 0b110, 0b100), (0, 1, 2), 0b001, (SIZE,) * 3)
    assert set(first) == {1, 2}


def test_a_small_axis_in_the_middle_is_summed_last():
    # A (100 x 2), B (2 x 100), C (100 x 2): B C is small
    masks, kinds, out, _ = chain(3, out=0b1001)
    assert set(contraction_order(masks, kinds, out, (SIZE, 2.0, SIZE, 2.0))[0]) == {1, 2}


def test_equal_products_are_computed_once():
    # x'A'A x: both halves are A x
    masks, kinds = (0b001, 0b011, 0b110, 0b100), (0, 1, 1, 0)
    pairs = contraction_order(masks, kinds, 0, (SIZE, 2 * SIZE, SIZE))
    assert {frozenset(pair) for pair in pairs[:2]} == {frozenset({0, 1}), frozenset({2, 3})}


def test_every_factor_is_used_once():
    for count in (2, 5, 12, 30):
        pairs = contraction_order(*chain(count))
        used = [i for pair in pairs for i in pair]
        assert sorted(used) == list(range(2 * count - 2))


def test_parts_without_a_common_label():
    pairs = contraction_order((0b001, 0b010, 0b100), (0, 1, 2), 0b111, (SIZE,) * 3)
    assert sorted(i for pair in pairs for i in pair) == [0, 1, 2, 3]


def test_many_vectors_on_one_axis():
    pairs = contraction_order((1,) * 20, tuple(range(20)), 1, (SIZE,))
    assert len(pairs) == 19
