"""Textbook functions: right, written with matrices, and not longer than twice the textbook's formula."""

from collections import Counter
from functools import cache

import pytest
from tests.corpus import truth
from tests.corpus.exceptions import LONG, REFUSED, UNREAD, WITH_INDICES
from tests.corpus.table import (
    LONGEST_RATIO,
    TOLERANCE,
    Row,
    collect,
    difference,
    orders,
    row,
    textbook,
    totals,
)
from tests.corpus.textbook import values
from tests.corpus.tokens import has_indices

BY_NAME = {entry.name: entry for entry in collect()}
CASES = [(name, order) for name, entry in BY_NAME.items() for order in orders(entry)]


PRINTED = [(name, order) for name, order in CASES if textbook(BY_NAME[name], order)]


@cache
def derived(name: str, order: int) -> Row:
    return row(BY_NAME[name], order, (truth.exact, truth.by_jax), times=0)


@pytest.mark.parametrize(("name", "order"), CASES)
def test_derivative_is_right(name, order):
    found = derived(name, order)
    assert found.failure == "" or (found.refused and (name, order) in REFUSED), found.failure


@pytest.mark.parametrize(("name", "order"), CASES)
def test_indices_only_where_the_textbook_has_them(name, order):
    formula = textbook(BY_NAME[name], order)
    allowed = (name, order) in WITH_INDICES or (formula is not None and has_indices(formula))
    found = derived(name, order)
    assert found.refused or found.matrices or allowed, found.text


@pytest.mark.parametrize(("name", "order"), PRINTED)
def test_formula_is_not_much_longer_than_the_textbook_s(name, order):
    found = derived(name, order)
    long = found.ratio is not None and found.ratio > LONGEST_RATIO
    assert long == ((name, order) in LONG), found.text


@pytest.mark.parametrize(("name", "order"), sorted({*PRINTED} - {*REFUSED} - UNREAD))
def test_textbook_is_right(name, order):
    entry = BY_NAME[name]
    assert difference(*values(entry, textbook(entry, order), order)) < TOLERANCE


def test_exceptions_are_cases():
    assert not (UNREAD | REFUSED.keys() | WITH_INDICES.keys() | LONG.keys()) - set(CASES)


def test_names_are_unique():
    assert [name for name, count in Counter(e.name for e in collect()).items() if count > 1] == []


@pytest.mark.parametrize("name", BY_NAME)
def test_every_entry_has_a_source(name):
    assert name == name.lower().strip() and BY_NAME[name].source.strip()


def test_totals_are_one_line():
    first, second = list(BY_NAME.values())[:2]
    rows = [
        Row(first, 1, "", "x", True, tokens=9, wanted=4, milliseconds=2.0),
        Row(first, 2, "WRONG: error 1.0e+00", "xᵢ", False, tokens=8, wanted=4, milliseconds=5.0),
        Row(second, 1, "refused: why", wanted=3),
    ]
    assert totals(rows) == (
        "1 of 3 derivatives of 2 functions right; 1 refused; 1 of 2 (50.0%) in matrix notation; 1 of 2 "
        f"longer than 2 times the textbook's; derived in 3.5 ms (median), 5.0 ms at worst "
        f"({first.name}, order 2)"
    )
    assert totals(rows[2:]).endswith("0 of 0 longer than 2 times the textbook's")
