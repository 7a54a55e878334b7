"""`contexts.toml`: where the systems are that CLI and SDK may talk to."""

import fcntl
import os
import re
import tempfile
import tomllib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import tomli_w

from makima_local.data_folder import DataFolder

LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Context:
    """What one needs to reach a system; absent is what it does not offer, or what `makima up` has not been told."""

    name: str
    url: str
    nats_url: str
    database_url: str | None = None
    token: str | None = None
    data_dir: str | None = None


@dataclass(frozen=True, slots=True)
class Contexts:
    """All of them; `current` is the one that is meant when none is named."""

    current: str | None
    by_name: Mapping[str, Context]


def file() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "makima" / "contexts.toml"


def load() -> Contexts:
    path = file()
    if not path.is_file():
        return Contexts(None, {})
    document = tomllib.loads(path.read_text())
    entries = cast("dict[str, dict[str, str]]", document.get("contexts", {}))
    return Contexts(cast("str | None", document.get("current")), {name: _context(name, entry) for name, entry in entries.items()})


def save(contexts: Contexts) -> None:
    """Written beside the old one and renamed: whoever reads sees one or the other, and nobody else reads the secrets."""
    path = file()
    path.parent.mkdir(parents=True, exist_ok=True)
    document: dict[str, object] = {"current": contexts.current} if contexts.current else {}
    document["contexts"] = {context.name: _entry(context) for context in contexts.by_name.values()}
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".contexts.")  # mkstemp: mode 600
    with os.fdopen(handle, "wb") as out:
        tomli_w.dump(document, out)
    Path(beside).replace(path)


def remember(context: Context) -> None:
    """Add or replace it. It becomes the current one if there is none; `local` also takes that place from another data folder of this machine."""
    with _alone():
        known = load()
        current = known.by_name.get(known.current or "")
        yields = current is None or (context.name == LOCAL and current.data_dir is not None)
        save(Contexts(context.name if yields else known.current, {**known.by_name, context.name: context}))


def forget(name: str) -> None:
    with _alone():
        known = load()
        left = {other: context for other, context in known.by_name.items() if other != name}
        save(Contexts(None if known.current == name else known.current, left))


@contextmanager
def _alone() -> Generator[None]:
    """Two systems that start at once must not write over each other's entry."""
    folder = file().parent
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def name_for(data_dir: Path) -> str:
    """`local` for the default data folder; for another one its last name, made unlike that of any other folder."""
    if data_dir == DataFolder.default().path:
        return LOCAL
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", data_dir.name).strip("-") or "data"
    known = load().by_name
    candidates = [name, *(f"{name}-{number}" for number in range(2, len(known) + 3))]
    mine = str(data_dir)
    return next(c for c in candidates if c != LOCAL and (c not in known or known[c].data_dir == mine))


def _context(name: str, entry: Mapping[str, str]) -> Context:
    return Context(
        name, entry.get("url", ""), entry.get("nats_url", ""), entry.get("database_url"), entry.get("token"), entry.get("data_dir")
    )


def _entry(context: Context) -> dict[str, str]:
    members = ("url", "nats_url", "database_url", "token", "data_dir")
    return {member: value for member in members if (value := getattr(context, member)) is not None}
