"""`sqlenv`, the command line. One module a command; what they share is in `common.py`."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sqlenv import __version__
from sqlenv.cli import data, demo, doctor, evaluate, gateway, play, report, score, tokens, train, up
from sqlenv.cli.common import err, safe
from sqlenv.errors import SqlEnvError


class _Commands(TyperGroup):
    """Says what went wrong as one clear line, unless `--debug` asks for the traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command. Exit status 1 for errors that have words, 130 for Ctrl-C."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            err.print("\ninterrupted" if err.is_terminal else "interrupted")
            raise typer.Exit(130) from None
        except (SqlEnvError, OSError) as error:
            if ctx.params.get("debug") or isinstance(error, BrokenPipeError):
                raise
            err.print(_words(error), style="red", highlight=False, markup=False, soft_wrap=True)
            raise typer.Exit(1) from None


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"error: {f'{error.filename}: ' if error.filename else ''}{error.strerror}"
    return "error: " + "\n".join(safe(line) for line in str(error).splitlines())


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="""
SQLEnv: episodes in which an agent answers questions about databases, over gRPC.

Start with `sqlenv demo`. Then `sqlenv up` serves episodes, `sqlenv play` lets you play one, and `sqlenv eval` measures
an agent. If something does not work, ask `sqlenv doctor`.
""",
)


def _version(asked: bool) -> None:
    if asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


app.command("up")(up.up)
app.command("gateway")(gateway.gateway)
app.command("play")(play.play)
app.command("eval")(evaluate.evaluate)
app.command("report")(report.report)
app.command("score")(score.score)
app.add_typer(data.app, name="data")
app.add_typer(train.app, name="train")
app.add_typer(tokens.app, name="token")
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)


def _terminated(number: int, frame: FrameType | None) -> None:
    # As an exception, so that services that were started are stopped and half-written files removed.
    sys.exit(128 + number)


def main() -> None:
    """The entry point of the `sqlenv` script."""
    signal.signal(signal.SIGTERM, _terminated)
    app()
