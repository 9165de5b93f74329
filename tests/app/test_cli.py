"""The command line: what is printed, and how it ends when something is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from closedform.app.cli import app
from closedform.app.targets import TargetError, argument, arguments_of, function_at
from closedform.engines import ENGINES
from closedform.problems import PROBLEMS

LEAST_SQUARES = "closedform.problems.least_squares:least_squares"
SHAPES = ["--arg", "x=vector:n", "--arg", "A=matrix:mxn", "--arg", "b=vector:m"]


def run(*arguments: str | Path):
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(a) for a in arguments])


def test_an_unknown_problem_lists_the_names() -> None:
    done = run("lab", "--problem", "no-such")
    assert done.exit_code == 2
    assert "no problem 'no-such'" in done.stderr
    assert all(name in done.stderr for name in PROBLEMS)


def test_an_unknown_engine_lists_the_names() -> None:
    done = run("lab", "--engine", "abacus")
    assert done.exit_code == 2
    assert "no engine 'abacus'" in done.stderr
    assert all(name in done.stderr for name in ENGINES)


def test_a_folder_that_cannot_be_written_to_is_refused_first(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("lab", "--out", tmp_path / "file" / "report")
    assert done.exit_code == 2
    assert "cannot write to the folder" in done.stderr and "--out" in done.stderr


def test_a_damaged_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lab.db").write_text("nothing that SQLite would read " * 100)
    done = run("lab", "--out", tmp_path)
    assert done.exit_code == 2
    assert "cannot be used as a store of measurements" in done.stderr


def test_derive_prints_the_formula() -> None:
    done = run("derive", LEAST_SQUARES, *SHAPES)
    assert (done.exit_code, done.stdout) == (0, "Aᵀ(Ax − b)\n")


def test_derive_prints_source_and_latex() -> None:
    source = run("derive", LEAST_SQUARES, *SHAPES, "--operator", "hessian", "--source", "numpy").stdout
    assert source.startswith("def derivative(x, A, b):") and "A.T @ A" in source
    assert r"\top" in run("derive", LEAST_SQUARES, *SHAPES, "--latex").stdout


def test_derive_prints_the_steps() -> None:
    lines = run("derive", LEAST_SQUARES, *SHAPES, "--steps").stdout.splitlines()
    assert lines[0].startswith("f ") and lines[-1].endswith("read off: df = (∇f)ᵀ dx")
    assert r"\begin{aligned}" in run("derive", LEAST_SQUARES, *SHAPES, "--steps", "--latex").stdout


def test_derive_names_a_missing_argument() -> None:
    done = run("derive", LEAST_SQUARES, "--arg", "x=vector:3")
    assert done.exit_code == 2
    assert "least_squares needs --arg A=...; its arguments are x, A, b" in done.stderr


def test_an_unknown_operator_lists_the_names() -> None:
    done = run("derive", LEAST_SQUARES, *SHAPES, "--operator", "laplacian")
    assert done.exit_code == 2
    assert "grad, jacobian, hessian" in done.stderr


def test_what_cannot_be_derived_is_a_line_not_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def f(x):\n    return x\n")
    done = run("derive", f"{path}:f", "--arg", "x=vector:3")
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: grad needs a function that returns a number")


def test_check_says_what_is_wrong_and_exits_with_one() -> None:
    module = "closedform.problems.linear_regression"
    shapes = ["--arg", "w=0.5", "--arg", "x=vector:4", "--arg", "y=vector:4"]
    wrong = run("check", f"{module}:sheet_gradient", f"{module}:mean_squared_error", *shapes)
    assert (wrong.exit_code, wrong.stdout.split("(")[0]) == (1, "4 times the gradient ")
    right = run("check", f"{module}:gradient", f"{module}:mean_squared_error", *shapes)
    assert right.exit_code == 0 and right.stdout.startswith("right")


def test_graph_prints_dot_and_writes_files(tmp_path: Path) -> None:
    target = ["closedform.problems.graph:bump", "--arg", "x=1", "--arg", "y=0.5"]
    assert run("graph", *target).stdout.startswith("digraph")
    path = tmp_path / "graph.svg"
    assert run("graph", *target, "--out", path).exit_code == 0
    assert "<svg" in path.read_text(encoding="utf-8")
    done = run("graph", *target, "--out", tmp_path / "none" / "graph.svg")
    assert done.exit_code == 2 and "cannot write" in done.stderr


def test_compare_prints_a_table() -> None:
    done = run("compare", LEAST_SQUARES, *SHAPES, "--engine", "closed-form", "--engine", "By Hand",
               "--by-hand", "closedform.problems.least_squares:gradient")  # fmt: skip
    assert done.exit_code == 0
    assert "closed form" in done.stdout and "by hand" in done.stdout


def test_engines_are_listed() -> None:
    done = run("engines")
    assert done.exit_code == 0 and all(name in done.stdout for name in ENGINES)


def test_serve_says_that_it_is_not_there() -> None:
    done = run("serve")
    assert done.exit_code == 2 and "not there yet" in done.stderr


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    code = (
        "import sys, closedform.app.cli; print({'jax', 'torch', 'matplotlib', 'ziamath'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    "target, message",
    [
        ("numpy.tanh", "write a function as module:function"),
        ("no_such_module:f", "cannot import 'no_such_module'"),
        ("nowhere.py:f", "there is no file nowhere.py"),
        ("closedform.problems.quartic:cube", "has no 'cube'; its functions are"),
        ("math:pi", "is a float, not a function"),
    ],
)
def test_a_wrong_target_is_explained(target: str, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        function_at(target)


def test_a_file_that_fails_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("1 / 0\n")
    with pytest.raises(TargetError, match=r"cannot import .*mine.py: ZeroDivisionError"):
        function_at(f"{tmp_path / 'mine.py'}:f")


@pytest.mark.parametrize(
    "text", ["vector", "matrix:3", "tensor:3x3", "vector:-1", "vector:0", "__import__('os')", ""]
)
def test_a_wrong_argument_is_explained(text: str) -> None:
    with pytest.raises(TargetError, match="write a number, or one of scalar, vector:n, matrix:mxn"):
        argument(text)


@pytest.mark.parametrize(
    "texts, message", [(["x"], "write name=kind:axes"), (["z=1"], "has no argument 'z'")]
)
def test_wrong_arguments_are_explained(texts: list[str], message: str) -> None:
    with pytest.raises(TargetError, match=message):
        arguments_of(lambda x: x, texts)
