"""Opens and judges files that nobody else may have made or may change: links, foreign files, and files that
others may write are refused.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import BinaryIO

WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class NotOursError(RuntimeError):
    """A file or folder is a link, belongs to another user, or is open to others;
    the message names it and says what to do.
    """


def require_ours(path: Path, owners: AbstractSet[int], *, secret: bool = False) -> None:
    """Does nothing if `path` is missing, or belongs to one of `owners` (uids) who alone can change it.

    `secret`: others may not read it either. Raises `NotOursError`.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(found.st_mode):
        raise NotOursError(f"{path} is a link, which makima does not follow: name the real one, or remove it")
    if found.st_uid not in owners:
        raise NotOursError(
            f"{path} belongs to another user (uid {found.st_uid}): remove it, or choose another --data-dir"
        )
    if found.st_mode & WRITABLE_BY_OTHERS:
        raise NotOursError(f"{path} can be written by other users: `chmod go-w {path}`, or choose another")
    if secret and found.st_mode & FOR_OTHERS:
        raise NotOursError(
            f"{path} holds a secret that other users can read: `chmod 600 {path}`, or remove it for a new one"
        )


def require_closed_way(path: Path) -> None:
    """Refuses a path on which others may rename a folder: one that everybody may write and that is not sticky.

    /tmp is sticky. Raises `NotOursError`.
    """
    for step in path.parents:
        mode = step.stat().st_mode if step.exists() else 0
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise NotOursError(
                f"{step} can be written by every user, who could replace {path}: choose another --data-dir"
            )


def append_to(path: Path) -> BinaryIO:
    """Opens a file for appending, which it creates if missing; only our user may read it then.

    Raises `NotOursError` for a link and for a file of another user.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, 0o600)
    except OSError as error:
        if path.is_symlink():
            require_ours(path, {os.geteuid()})
        raise error from None
    if os.fstat(handle).st_uid != os.geteuid():
        os.close(handle)
        require_ours(path, {os.geteuid()})
    os.fchmod(handle, 0o600)
    return os.fdopen(handle, "a+b")


def read(path: Path) -> str:
    """The text of a file that another user may have put there. Raises `OSError`, also for a link (`ELOOP`)."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as source:
        return source.read().decode(errors="replace")


def copy(source: Path, target: Path) -> None:
    """Copies a file; only our user may read the copy. What was in its place, or a link, is removed. Raises `OSError`."""
    target.unlink(missing_ok=True)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as out, source.open("rb") as content:
        shutil.copyfileobj(content, out)


def replace(path: Path, text: str, owner: tuple[int, int] | None = None) -> None:
    """Replaces a file atomically, by renaming a new one of mode 600; a link in its place is replaced, too.

    `owner`: the uid and gid that it gets; None: ours.
    """
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp: mode 600
    with os.fdopen(handle, "w") as out:
        if owner is not None and owner[0] != os.geteuid():
            os.fchown(handle, *owner)
        out.write(text)
    Path(beside).replace(path)
