"""The command line: what is typed comes in, the library is called, and the result is printed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from closedform.errors import ClosedformError, InvalidArgumentError

app = typer.Typer(
    name="closedform",
    help="Derivatives of NumPy functions as formulas and as code, checked and compared.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

FUNCTION = "The function: module:name or file.py:name."
Target = Annotated[str, typer.Argument(help=FUNCTION, show_default=False)]
Arguments = Annotated[
    list[str] | None,
    typer.Option(
        "--arg", help="An argument: x=vector:7, A=matrix:mxn, S=spd:n, t=0.5. Repeatable.", show_default=False
    ),
]
Operator = Annotated[str, typer.Option(help="value, grad, jacobian, hessian or derivative.")]
Order = Annotated[int, typer.Option(min=1, help="The order of a derivative.")]
Variable = Annotated[str, typer.Option(help="The variable: a name or a position.")]
OPERATORS = ("value", "grad", "jacobian", "hessian", "derivative")


@app.command()
def lab(
    problem: Annotated[
        list[str] | None, typer.Option(help="Only this problem. Repeatable.", show_default=False)
    ] = None,
    engine: Annotated[
        list[str] | None, typer.Option(help="Only this engine. Repeatable.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder of the report and of the measurements.")] = Path(
        "report"
    ),
    quick: Annotated[bool, typer.Option("--quick", help="Fewer sizes and samples: a minute or two.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget earlier measurements.")] = False,
) -> None:
    """Compare the engines on the problems and write a report. A lab that was stopped goes on where it was."""
    with _user_errors():
        from rich.console import Console

        from closedform.app.lab import Plan, engines_named, problems_named, questions_named, run

        names = problem or []
        plan = Plan(
            problems_named(names), engines_named(engine or []), out, quick, fresh, questions_named(names)
        )
        try:
            run(plan, Console())
        except KeyboardInterrupt:
            typer.echo("Stopped. What was measured is kept: the same command goes on from here.", err=True)
            raise typer.Exit(130) from None


@app.command()
def derive(
    function: Target,
    arg: Arguments = None,
    operator: Operator = "grad",
    order: Order = 1,
    variable: Variable = "0",
    source: Annotated[
        str, typer.Option(help="Print source: numpy, jax, torch or autograd.", show_default=False)
    ] = "",
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX.")] = False,
    steps: Annotated[bool, typer.Option("--steps", help="Print the derivation, rule by rule.")] = False,
) -> None:
    """Print the derivative of a function as a formula, as LaTeX or as source, or how it is found."""
    with _user_errors():
        from closedform.pipeline import derive as derived

        f, arguments = _loaded(function, arg)
        derivation = derived(f, arguments, _operator(operator), _argnums(variable), order)
        shown = derivation.steps if steps else derivation
        typer.echo(derivation.source(source) if source else shown.latex if latex else str(shown))


@app.command()
def compare(
    function: Target,
    arg: Arguments = None,
    operator: Operator = "grad",
    order: Order = 1,
    variable: Variable = "0",
    by_hand: Annotated[
        str, typer.Option(help="The derivative by hand: module:name.", show_default=False)
    ] = "",
    engine: Annotated[
        list[str] | None, typer.Option(help="Only this engine. Repeatable.", show_default=False)
    ] = None,
) -> None:
    """Compare the engines on a function: errors, times and memory."""
    with _user_errors():
        from rich.console import Console

        from closedform.app.lab import engines_named
        from closedform.app.targets import function_at
        from closedform.comparison import compare as compared

        f, arguments = _loaded(function, arg)
        hand = function_at(by_hand) if by_hand else None
        engines = engines_named(engine or [])
        Console().print(
            compared(
                f, *arguments, operator=_operator(operator), by_hand=hand, engines=engines,
                argnums=_argnums(variable), order=order,
            )
        )  # fmt: skip


@app.command()
def check(
    candidate: Annotated[str, typer.Argument(help="The derivative by hand: module:name or file.py:name.")],
    function: Target,
    arg: Arguments = None,
    operator: Operator = "grad",
    order: Order = 1,
    variable: Variable = "0",
) -> None:
    """Say whether a derivative worked out by hand is right, or what is wrong with it (exit code 1)."""
    with _user_errors():
        from closedform.app.targets import function_at
        from closedform.comparison import check as checked

        f, arguments = _loaded(function, arg)
        verdict = checked(
            function_at(candidate),
            f,
            *arguments,
            operator=_operator(operator),
            argnums=_argnums(variable),
            order=order,
        )
        typer.echo(verdict.diagnosis)
        if verdict.worst is not None and not verdict.ok:
            index, got, want = verdict.worst
            typer.echo(
                f"worst entry {index or ''}: {got!r}, where it should be {want!r}".replace(
                    "entry :", "entry:"
                )
            )
    if not verdict.ok:
        raise typer.Exit(1)


@app.command()
def graph(
    function: Target,
    arg: Arguments = None,
    out: Annotated[
        Path | None, typer.Option(help="A .svg, .png or .dot file; without it DOT is printed.")
    ] = None,
    partials: Annotated[str, typer.Option(help="none, edges or adjoints.")] = "none",
) -> None:
    """Draw the computational graph of a function."""
    with _user_errors():
        from closedform.pipeline import derive as derived

        f, arguments = _loaded(function, arg)
        drawing = derived(f, arguments, "value").graph(partials)
        if out is None:
            typer.echo(drawing.dot)
            return
        try:
            drawing.save(out)
        except OSError as error:
            raise InvalidArgumentError(f"cannot write {out}: {error.strerror or error}") from error


@app.command()
def engines() -> None:
    """List the engines, their versions, and why one is missing."""
    from rich.console import Console
    from rich.table import Table

    from closedform.engines import ENGINES

    table = Table(header_style="bold")
    for column in ("engine", "library"):
        table.add_column(column)
    for engine in ENGINES.values():
        table.add_row(engine.name, engine.available() or engine.version())
    Console().print(table)


@app.command()
def serve() -> None:
    """Not there yet: pages in the browser."""
    typer.echo(
        "closedform serve is not there yet; `closedform lab` writes a report to read in the browser.",
        err=True,
    )
    raise typer.Exit(2)


def _loaded(target: str, texts: list[str] | None) -> tuple[Callable[..., Any], list[Any]]:
    from closedform.app.targets import arguments_of, function_at

    f = function_at(target)
    return f, arguments_of(f, texts or [])


def _operator(name: str) -> str:
    if name not in OPERATORS:
        raise InvalidArgumentError(f"no operator {name!r}; there are {', '.join(OPERATORS)}")
    return name


def _argnums(variable: str) -> int | str:
    return int(variable) if variable.lstrip("-").isdigit() else variable


@contextmanager
def _user_errors() -> Iterator[None]:
    """What a user can put right is told in a line, and exits with code 2."""
    try:
        yield
    except ClosedformError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(2) from None


def main() -> None:
    """The entry point of the command `closedform`."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a sign shows another one
    app()
