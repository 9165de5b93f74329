"""Drawing by Graphviz and resvg: alike on every machine, and clear about what is missing."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from closedform.notation import drawing
from closedform.notation.drawing import DrawingError, draw_svg, rasterise

DOT = 'digraph { n0 [fontname="DejaVu Sans" label="a wide label: α₁"]; n0 -> n0 }'
TITLES = {"n0": "a < b", "n0->n0": "a → b"}
DRAW = f"from closedform.notation.drawing import draw_svg; print(ascii(draw_svg({DOT!r}, 'T', {TITLES!r})))"


def _without(*missing: str) -> Any:
    find = importlib.util.find_spec
    return lambda name, *rest: None if name in missing else find(name, *rest)


def test_titles() -> None:
    svg = draw_svg(DOT, "a & b", TITLES)
    assert [f"<title>{t}</title>" in svg for t in ("a &amp; b", "a &lt; b", "a → b")] == [True] * 3


def test_text_is_as_wide_on_a_machine_without_fonts_and_nothing_is_said(tmp_path: Path) -> None:
    settings = tmp_path / "fonts.conf"
    settings.write_text(f"<fontconfig><cachedir>{tmp_path}</cachedir></fontconfig>")
    environment = os.environ | {"FONTCONFIG_FILE": str(settings)}
    done = subprocess.run(
        [sys.executable, "-c", DRAW], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ascii(draw_svg(DOT, "T", TITLES))
    assert done.stderr == ""


def test_the_environment_and_standard_error_are_left_as_they_were(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FONTCONFIG_FILE", "mine.conf")
    before = dict(os.environ)
    drawing._load_fonts.cache_clear()
    draw_svg(DOT, "T", TITLES)
    assert dict(os.environ) == before
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the program `dot`, the only Graphviz."""
    path = tmp_path / "dot"
    monkeypatch.setattr(importlib.util, "find_spec", _without("pygraphviz"))
    monkeypatch.setenv("PATH", str(tmp_path))
    return path


def _write(program: Path, code: str) -> None:
    program.write_text(f"#!{sys.executable}\nimport os, sys\n{code}\n")
    program.chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script")
def test_the_program_dot_draws_where_pygraphviz_is_missing(program: Path) -> None:
    _write(
        program,
        "import pygraphviz\n"
        "assert os.path.exists(os.environ['FONTCONFIG_FILE']) and sys.argv[1:] == ['-Tsvg']\n"
        "graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())\n"
        "sys.stdout.buffer.write(graph.draw(format='svg', prog='dot'))",
    )
    drawn = draw_svg(DOT, "T", TITLES)
    assert drawn == _by_pygraphviz()


def _by_pygraphviz() -> str:
    done = subprocess.run([sys.executable, "-c", DRAW], capture_output=True, text=True, check=True)
    return str(eval(done.stdout))  # the literal that the line above printed


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script")
def test_a_failure_of_the_program_dot_is_passed_on(program: Path) -> None:
    _write(program, "sys.exit('syntax error in line 1')")
    with pytest.raises(DrawingError, match="dot failed: syntax error in line 1"):
        draw_svg(DOT, "T", TITLES)


def test_without_graphviz_the_error_says_what_to_install(program: Path) -> None:
    with pytest.raises(DrawingError, match=r"pip install pygraphviz.*or put the program dot on the path"):
        draw_svg(DOT, "T", TITLES)


def test_without_resvg_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", _without("resvg_py"))
    with pytest.raises(DrawingError, match="pip install resvg-py"):
        rasterise("<svg/>")


def test_without_matplotlib_the_fonts_are_those_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", _without("matplotlib"))
    with drawing._font_settings() as settings:
        assert settings == {}
    png = rasterise('<svg width="20pt" height="20pt" xmlns="http://www.w3.org/2000/svg"></svg>')
    assert png.startswith(b"\x89PNG")
