"""The page of supported functions is the one that the registry gives."""

from pathlib import Path

from closedform.app.supported import page

PAGE = Path(__file__).parents[2] / "docs" / "supported.md"


def test_the_page_is_made_from_the_registry() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_it_shows_derivatives_and_what_is_written_with_others() -> None:
    assert "| `np.tanh` | `tanh u` | `1 − tanh² u` |" in page()
    assert "`np.median`" in page().partition("## Written with these")[2]
