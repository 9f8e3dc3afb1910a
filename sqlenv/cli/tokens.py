"""`sqlenv token`: who may call a service: makes tokens, lists their names, revokes them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from sqlenv.cli.common import err
from sqlenv.errors import ConfigError
from sqlenv.serving.tokens import new_token, read_tokens, revoke

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke the tokens that let clients in.")

File = Annotated[
    Path,
    typer.Option(
        "--file", envvar="SQLENV_ENV_TOKENS_FILE", help="The file of the server's setting TOKENS_FILE.", metavar="FILE"
    ),
]
Name = Annotated[str, typer.Argument(help="Whose token it is; the server's log shows this name.")]


@app.command("new")
def new(name: Name, file: File) -> None:
    """
    Make a token, print it once, and add its digest to the file.

    The file never holds the token itself. A running server reads the file again by itself. To replace a token, make
    another of the same name, hand it out, then `sqlenv token revoke --keep-newest`.

    Example: sqlenv token new trainer --file tokens.txt > trainer.token
    """
    print(new_token(file, name))
    err.print(f"{name} added to {file}; this is the only time that the token is shown", markup=False, highlight=False)


@app.command("list")
def names(file: File) -> None:
    """Print the names of the file, and how many tokens each has."""
    for name, count in Counter(token.name for token in read_tokens(file)).items():
        print(f"{name}\t{count}")


@app.command("revoke")
def remove(
    name: Name,
    file: File,
    keep_newest: Annotated[bool, typer.Option("--keep-newest", help="All but the one that was made last.")] = False,
) -> None:
    """Take the tokens of that name out of the file. Within two seconds a running server lets them in no more."""
    if name not in {token.name for token in read_tokens(file)}:
        raise ConfigError(f"{file} has no token named {name}")
    count = revoke(file, name, keep_newest)
    err.print(f"{count} of {name} removed from {file}", markup=False, highlight=False)
