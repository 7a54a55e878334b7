"""Keeps what an earlier process left in its spool and makima refuses: nobody waits for the answer, and a person may
want the text.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson
from makima_schemas.times import rfc3339

from makima_sdk.private_file import open_private
from makima_sdk.problems import ProblemError
from makima_sdk.spool_format import Entry

MAX_REFUSED_BYTES: Final = 16 * 1024 * 1024  # then the file becomes `<name>.old`, in place of the one before


def file_of(spool: Path) -> Path:
    return spool.with_name(f"{spool.name}.refused")


def keep(spool: Path, entry: Entry, problem: ProblemError) -> None:
    """Append it as one line of JSON. Raises `OSError`."""
    path = file_of(spool)
    line = orjson.dumps(
        {
            "refused_at": rfc3339(datetime.now(UTC)),
            "code": problem.code,
            "detail": problem.detail,
            "kind": entry.kind,
            "route": entry.route,
            "connection_id": entry.connection_id,
            "key": entry.key,
            "body": dict(entry.body),
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )
    if path.exists() and path.stat().st_size + len(line) > MAX_REFUSED_BYTES:
        path.replace(path.with_name(f"{path.name}.old"))
    with open_private(path, "ab") as file:
        size = os.fstat(file.fileno()).st_size
        if file.write(line) != len(line):
            file.truncate(size)  # the next line is not to follow half of this one
            raise OSError(f"{path} cannot be written: the disk is full")
