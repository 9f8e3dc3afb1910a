"""Fetches a data set from the Hugging Face Hub and imports it: `sqlenv data pull spider`.

The questions that most copies of Spider on the Hub hold are of no use without the databases. `KNOWN` names copies that
have both; any other data set repository in a layout that `data.layouts` knows works by its own name ("owner/name").
The optional package huggingface_hub does the transfer: into its own cache, several files at a time; a second call
after a break fetches only the files that are missing. Which Hub, whose account and where the cache lies is set as ever
by HF_ENDPOINT, HF_TOKEN and HF_HOME.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data.archives import overlay
from data.layouts import find_layout
from data.spider import ImportReport, Progress, import_dataset
from sqlenv.errors import DataSetError

_KINDS = ("*.json", "*.jsonl", "*.csv", "*.sqlite", "*.sqlite3", "*.db", "*.sqlite-wal", "*.sqlite-journal", "*.zip")


@dataclass(frozen=True, slots=True)
class Source:
    """A repository, and the folder of it that is wanted ("" for all)."""

    repo_id: str
    folder: str = ""


# The repositories from which PremSQL reads these sets, databases included (premsql/datasets/real/spider.py and bird.py
# of premAI-io/premsql): Spider as train.json, validation.json, database/<db_id>/<db_id>.sqlite; BIRD as a
# folder a split. BIRD's training databases alone are tens of GB, so "bird" is the evaluation part.
KNOWN = {
    "spider": Source("premai-io/spider"),
    "bird": Source("premai-io/birdbench", "validation"),
}


def pull(
    repo_id: str,
    out: Path,
    revision: str | None = None,
    *,
    name: str | None = None,
    progress: Progress | None = None,
    force: bool = False,
) -> ImportReport:
    """Downloads a data set repository and imports it into `out`.

    `repo_id` is a name in `KNOWN` ("spider" is premai-io/spider) or "owner/name". `revision` is a branch, a tag or a
    commit: name a commit to get the same data always. What an interrupted download has fetched is kept for
    the next call. Raises DataSetError, which says what to do, where the download or the import can't be done.
    """
    source = KNOWN.get(repo_id, Source(repo_id))
    if out.exists() and not force and not (out.is_dir() and not any(out.iterdir())):
        raise DataSetError(f"{out}: exists already and is not empty; choose another folder or force it")
    snapshot = _download(source, revision)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", suffix=".unpacked", dir=out.parent) as work:
        try:
            overlay(snapshot, Path(work))
        except OSError as error:
            raise DataSetError(f"{source.repo_id}: can't be unpacked beside {out}: {_os_words(error)}") from error
        root = _root(Path(work) / source.folder, source)
        return import_dataset(root, out, name or repo_id.replace("/", "-"), progress, force=force)


def _download(source: Source, revision: str | None) -> Path:
    """The repository's files of the kinds that we read, in huggingface_hub's cache."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise DataSetError("pulling needs huggingface_hub: pip install 'sqlenv[hub]'") from None
    patterns = [f"{source.folder}/{kind}" if source.folder else kind for kind in _KINDS]
    try:
        folder = snapshot_download(source.repo_id, repo_type="dataset", revision=revision, allow_patterns=patterns)
    except Exception as error:  # its own errors, those of the HTTP library beneath it (which has changed), and the OS's
        raise DataSetError(_words(error, source, revision)) from error
    return Path(folder)


def _words(error: Exception, source: Source, revision: str | None) -> str:
    """What went wrong with a download, and what to do."""
    from huggingface_hub import errors

    at = f"{source.repo_id}" + (f" at {revision}" if revision else "")
    local = "with a copy on this machine, `sqlenv data import DIR --out DIR` needs no network"
    chain = list(_chain(error))
    statuses = {getattr(getattr(each, "response", None), "status_code", None) for each in chain}
    if any(isinstance(each, errors.HFValidationError) for each in chain):
        return f"{source.repo_id!r} is not a repository's name: expected owner/name or one of {', '.join(KNOWN)}"
    if any(isinstance(each, errors.RevisionNotFoundError) for each in chain):
        return f"{source.repo_id} has no revision {revision!r}"
    if any(isinstance(each, errors.GatedRepoError) for each in chain):
        return f"{at}: access must be asked for on the Hub first, then `hf auth login`"
    if any(isinstance(each, errors.RepositoryNotFoundError) for each in chain) or statuses & {401, 403, 404}:
        return (
            f"{at}: there is no such data set on the Hub, or it is private; check the name, or `hf auth login`; {local}"
        )
    for each in chain:
        if isinstance(each, OSError) and each.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"{at}: no space left for the download; set HF_HOME to a folder on a larger disk and pull again"
        if isinstance(each, PermissionError):
            return f"{at}: {_os_words(each)}; set HF_HOME to a folder that you may write"
    if any(isinstance(each, errors.OfflineModeIsEnabled) for each in chain):
        return f"{at}: HF_HUB_OFFLINE is set and the data set is not in the cache; {local}"
    reason = next((f"{type(each).__name__}: {each}" for each in reversed(chain) if str(each)), repr(error))
    first = reason.splitlines()[0][:200]
    return f"{at}: the Hub can't be reached or broke off ({first}); pull again: what is there is kept; {local}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _os_words(error: OSError) -> str:
    return f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")


def _root(folder: Path, source: Source) -> Path:
    """The folder that holds the questions: the repository's own, or one a little way down (archives have one)."""
    if not folder.is_dir():
        raise DataSetError(f"{source.repo_id}: has no folder {folder.name!r}, or nothing in it that can be read")
    level = [folder]
    first: DataSetError | None = None
    for _ in range(3):
        for candidate in level:
            try:
                find_layout(candidate)
            except DataSetError as error:
                first = first or error
            else:
                return candidate
        level = [path for parent in level for path in sorted(parent.iterdir()) if path.is_dir()]
    assert first is not None
    raise DataSetError(str(first).replace(str(folder), source.repo_id)) from None
