"""`makima contracts export`: writes everything about a contract as one JSON document."""

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, cast

import click
import orjson
from makima_sdk.http import Http, Json
from makima_sdk.paths import path

from makima_cli import exits
from makima_cli.session import Session, echo_json, with_session

EXPORT_TIMEOUT_SECONDS: Final = 300.0  # between two pieces of the document


@click.command()
@click.argument("contract_id", metavar="ID")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="F",
    help="Write the document to this file, which only you can read; it is replaced as a whole, or not at all.",
)
@with_session("json")
def export(session: Session, contract_id: str, *, output: Path | None) -> None:
    """Write everything about a contract as one JSON document: all its events, and what they fold to.

    On stdout, or with `--output` to a file; then stdout says what was written. Nothing is changed in makima.
    """
    target = None if output is None else output.resolve()
    if target is not None and not target.parent.is_dir():
        raise click.UsageError(f"{target.parent} is no folder: create it, or name another file with --output")
    document = session.run(lambda http: _fetch(http, contract_id))
    if "events" not in document:
        detail = f"the answer is no export: {document.get('detail', '')}"
        exits.exit_with(exits.FAILED, "NO_EXPORT", detail, as_json=session.as_json)
    if target is None:
        echo_json(document)
        return
    _replace(target, orjson.dumps(document) + b"\n")
    events = len(cast("Sequence[object]", document["events"]))
    echo_json({"id": contract_id, "output": str(target), "version": document["version"], "events": events})


async def _fetch(http: Http, contract_id: str) -> Json:
    route = path("contracts", contract_id, "export")
    return (await http.send("GET", route, timeout=EXPORT_TIMEOUT_SECONDS)).body


def _replace(target: Path, content: bytes) -> None:
    """Put the content in place of the file: whoever reads it finds the old one or the new one, whole."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
