"""Reads and writes `contexts.toml`: the makima systems that CLI and SDK can connect to,
with their addresses.
"""

import fcntl
import os
import re
import tempfile
import tomllib
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import tomli_w
from makima_schemas.addresses import contexts_file

from makima_local.data_folder import DataFolder, UnusableError

LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Context:
    """How to reach one makima system.

    A field is None if the system does not offer it or if it is not known.
    """

    name: str
    url: str  # of the gateway
    nats_url: str  # with user and password, if the broker has users
    database_url: str | None = None
    token: str | None = None  # for the gateway
    data_dir: str | None = None  # the data folder, of a system on this machine


@dataclass(frozen=True, slots=True)
class Contexts:
    """All known contexts."""

    current: str | None  # the name of the default one
    by_name: Mapping[str, Context]


def file() -> Path:
    """The path of `contexts.toml`."""
    return contexts_file(os.environ)


def load() -> Contexts:
    """Reads the file; no contexts if it does not exist. Raises `OSError`, and `ValueError` if it is no file of
    contexts.
    """
    path = file()
    if not path.is_file():
        return Contexts(None, {})
    document = tomllib.loads(path.read_text("utf-8-sig"))
    found: object = document.get("contexts", {})
    if not isinstance(found, dict) or not all(
        isinstance(entry, dict) for entry in cast("dict[str, object]", found).values()
    ):
        raise ValueError("`contexts` must be tables: [contexts.NAME]")
    entries = cast("dict[str, dict[str, str]]", found)
    return Contexts(
        cast("str | None", document.get("current")),
        {name: _context(name, entry) for name, entry in entries.items()},
    )


def save(contexts: Contexts) -> None:
    """Replaces the file atomically, by renaming a new one.

    Only its owner may read it, because it contains secrets.
    """
    path = file()
    path.parent.mkdir(parents=True, exist_ok=True)
    document: dict[str, object] = {"current": contexts.current} if contexts.current else {}
    document["contexts"] = {context.name: _entry(context) for context in contexts.by_name.values()}
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".contexts.")  # mkstemp: mode 600
    with os.fdopen(handle, "wb") as out:
        tomli_w.dump(document, out)
    Path(beside).replace(path)


def remember(context: Context) -> None:
    """Adds or replaces a context.

    It becomes the current one if there is none, or if the current one is of a system on this machine that does
    not run any more (it was killed, for example). The context `local` also replaces a current one of another data
    folder on this machine that runs.
    """
    with _exclusive():
        known = load()
        current = known.by_name.get(known.current or "")
        yields = current is None or (
            current.data_dir is not None
            and (context.name == LOCAL or not DataFolder(Path(current.data_dir)).in_use())
        )
        save(Contexts(context.name if yields else known.current, {**known.by_name, context.name: context}))


def use(name: str) -> bool:
    """Makes a context the current one; False if there is none of that name."""
    with _exclusive():
        known = load()
        if name in known.by_name:
            save(Contexts(name, known.by_name))
        return name in known.by_name


def forget(name: str) -> None:
    """Removes a context; there is no current one then if it was that."""
    with _exclusive():
        known = load()
        left = {other: context for other, context in known.by_name.items() if other != name}
        save(Contexts(None if known.current == name else known.current, left))


@contextmanager
def _exclusive() -> Generator[None]:
    """Holds a lock, so that two systems that start at the same time do not overwrite each other's entry."""
    folder = file().parent
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def name_for(data_dir: Path) -> str:
    """The context's name for a data folder: `local` for the default one, else the folder's own name.

    A number is appended if another data folder has that name already.
    """
    with suppress(UnusableError):
        if data_dir == DataFolder.default().path:
            return LOCAL
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", data_dir.name).strip("-") or "data"
    known = load().by_name
    candidates = [name, *(f"{name}-{number}" for number in range(2, len(known) + 3))]
    mine = str(data_dir)
    return next(c for c in candidates if c != LOCAL and (c not in known or known[c].data_dir == mine))


def _context(name: str, entry: Mapping[str, str]) -> Context:
    return Context(
        name,
        entry.get("url", ""),
        entry.get("nats_url", ""),
        entry.get("database_url"),
        entry.get("token"),
        entry.get("data_dir"),
    )


def _entry(context: Context) -> dict[str, str]:
    members = ("url", "nats_url", "database_url", "token", "data_dir")
    return {member: value for member in members if (value := getattr(context, member)) is not None}
