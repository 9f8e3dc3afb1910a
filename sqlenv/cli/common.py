"""What commands share: consoles, options, services to talk to, files that are written whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from sqlenv.calling.access import NO_ACCESS, AccessOptions
from sqlenv.calling.protocol import Retry
from sqlenv.cli.datasets import resolve
from sqlenv.client import SqlEnvClient
from sqlenv.errors import DataSetError, DeadlineExceeded, SqlEnvError, Unavailable
from sqlenv.launch import launch
from sqlenv.serving.certificates import read_file

out = Console()
err = Console(stderr=True)

OWN = {"SQLENV_ENV_DRAIN_MS": "0", "SQLENV_REWARD_DRAIN_MS": "0"}
"""Settings of services that a command starts for itself: when it ends nobody else is using them."""

REACH_S = 3.0
"""How long a command waits for a server that it was told about: a wrong address should be said soon."""

Server = Annotated[
    str | None,
    typer.Option(
        help="Address of a running service, host:port. Without it the command starts its own.", metavar="ADDR"
    ),
]
CaFile = Annotated[Path | None, typer.Option(help="PEM bundle to verify --server with; turns TLS on.", metavar="FILE")]
CertFile = Annotated[
    Path | None, typer.Option(help="PEM certificate of yours, where --server wants one.", metavar="FILE")
]
KeyFile = Annotated[Path | None, typer.Option(help="PEM private key of --cert-file.", metavar="FILE")]
TokenFile = Annotated[
    Path | None,
    typer.Option(help="File with the token for --server; without it SQLENV_TOKEN is sent, if set.", metavar="FILE"),
]
SendInsecure = Annotated[bool, typer.Option("--insecure", help="Send the token in plain text beyond loopback, too.")]
Dataset = Annotated[
    Path | None,
    typer.Option(
        help="Folder of a data set, ours or Spider's or BIRD's as they come. The bundled one by default.", metavar="DIR"
    ),
]
Split = Annotated[str | None, typer.Option(help="Only tasks of this split: train, eval, …", metavar="NAME")]
Db = Annotated[str | None, typer.Option(help="Only tasks of this database.", metavar="DB_ID")]
Difficulty = Annotated[
    str | None, typer.Option(help="Only tasks of this difficulty: easy, medium, hard, extra.", metavar="NAME")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file that --out names.")]


class RubricName(StrEnum):
    """`sqlenv.types.RUBRICS` as an option's choices."""

    DENSE = "dense"
    SPARSE = "sparse"
    POTENTIAL = "potential"


Rubric = Annotated[RubricName, typer.Option(help="How steps are scored.")]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def safe(text: str) -> str:
    """Text of others with what could steer a terminal written as an escape. To be printed with markup off."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape", "surrogatepass").decode(), text)


def lines(text: str) -> str:
    """As `safe`, but line breaks stay."""
    return "\n".join(safe(line) for line in text.split("\n"))


def plain_table(title: str) -> Table:
    """An empty table in the style of all summaries, which fit in 80 columns."""
    heading = Text(f"\n{safe(title)}", style="bold")
    return Table(
        title=heading, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True
    )


def access_options(
    ca_file: Path | None, cert_file: Path | None, key_file: Path | None, token_file: Path | None, insecure: bool
) -> AccessOptions:
    """The options of a command as a client takes them. A token is no option: who lists processes would see it."""
    token = read_file(token_file).decode("utf-8", "replace").strip() if token_file else None
    return AccessOptions(ca_file=ca_file, cert_file=cert_file, key_file=key_file, token=token, insecure=insecure)


@contextmanager
def reaching(address: str) -> Iterator[None]:
    """Says which address gave no answer, and what to do about it."""
    try:
        yield
    except (Unavailable, DeadlineExceeded) as error:
        words = f"no service answers at {address}; is it running? `sqlenv up` starts one ({error.message})"
        raise SqlEnvError(words) from None


@contextmanager
def environment(
    server: str | None,
    dataset: Path | None,
    access: AccessOptions | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[SqlEnvClient]:
    """A client of the server, or of services that are started on the data set for the length of the block.

    `settings` are environment variables for services that are started here.
    """
    if server is None:
        with (
            launch(resolve(dataset), settings={**OWN, **(settings or {})}) as services,
            SqlEnvClient(services.env_target, **NO_ACCESS) as client,
        ):
            yield client
        return
    patience = Retry(patience_s=REACH_S)
    access = access or AccessOptions()
    with reaching(server), SqlEnvClient(server, timeout_s=REACH_S, retry=patience, **access) as probe:
        probe.list_databases()
    with SqlEnvClient(server, **access) as client:
        yield client


def same_version(here: str, there: str, what: str) -> None:
    """Raises DataSetError where a server plays another data set than the one that is read here."""
    if here != there:
        words = f"{what} has version {here}, but the server plays {there}; name the server's data set with --dataset"
        raise DataSetError(words)


@contextmanager
def new_file(path: Path | None, force: bool) -> Iterator[Callable[[str], None]]:
    """A function that writes a line to `path`, which appears when the block has ended without an error.

    None takes lines and drops them. Raises SqlEnvError where the file exists and `force` does not allow to replace it.
    """
    if path is None:
        yield lambda line: None
        return
    if path.exists() and not force:
        raise SqlEnvError(f"{path} exists; --force overwrites it")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", errors="surrogatepass") as stream:
            yield lambda line: print(line, file=stream)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A function to call when one of `total` is done: a bar on standard error where that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


@contextmanager
def progress_of(what: str) -> Iterator[Callable[[int, int], None]]:
    """The same for work that says itself how much of how much is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
