"""The format of a spool file: one record a line, each with a checksum. Pure: bytes in, bytes out.

A line is `<CRC-32 of the JSON, 8 hexadecimal digits> <JSON object>` and a line break. JSON text holds no line break, so a reader finds the
next line whatever happened to this one: a torn tail or a damaged line costs that line alone. The first line says
what the file is, and whose; then come `put` (an entry), and `done` (it was delivered, refused or dropped).
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

import orjson

FORMAT: Final = 1
_CHECKSUM_LENGTH: Final = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """One write that waits for makima."""

    seq: int  # its place in the order of delivery; counts from 1 within a file
    key: str  # its Idempotency-Key: however often it is sent, it happens once
    kind: str  # `save`, `step` or `result`
    route: str
    body: Mapping[str, object]
    connection_id: str  # of the process that wrote it


@dataclass(frozen=True, slots=True)
class Read:
    """What a spool file says."""

    owner: str | None  # whose it is; null: its first line is damaged
    entries: tuple[Entry, ...]  # put and not done, in order
    next_seq: int
    damaged: int  # lines that were left out: 0, or 1 after a kill in the middle of a write

    @property
    def is_spool(self) -> bool:
        """False for a file in which nothing is a record, and something is: another program's."""
        return self.owner is not None or bool(self.entries) or self.next_seq > 1 or not self.damaged


def header(owner: str) -> bytes:
    return _line({"spool": FORMAT, "owner": owner})


def put(entry: Entry) -> bytes:
    record = {
        "put": entry.seq,
        "key": entry.key,
        "kind": entry.kind,
        "route": entry.route,
        "body": dict(entry.body),
        "connection_id": entry.connection_id,
    }
    return _line(record)


def done(seq: int) -> bytes:
    return _line({"done": seq})


def read(data: bytes) -> Read:
    """Everything that is whole in `data`."""
    owner: str | None = None
    entries: dict[int, Entry] = {}
    newest = damaged = 0
    for line in _lines(data):
        match _record(line):
            case {"spool": 1, "owner": str(name)}:
                owner = name
            case {
                "put": int(seq),
                "key": str(key),
                "kind": str(kind),
                "route": str(route),
                "body": body,
                "connection_id": str(connection_id),
            }:
                entries[seq] = Entry(seq, key, kind, route, cast("Mapping[str, object]", body), connection_id)
                newest = max(newest, seq)
            case {"done": int(seq)}:
                entries.pop(seq, None)
                newest = max(newest, seq)
            case _:
                damaged += 1
    return Read(owner, tuple(entries.values()), newest + 1, damaged)


def _line(record: Mapping[str, object]) -> bytes:
    text = orjson.dumps(record)
    return b"%08x %b\n" % (zlib.crc32(text), text)


def _lines(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        if end < 0:
            yield data[start:]
            return
        yield data[start:end]
        start = end + 1


def _record(line: bytes) -> Mapping[str, object] | None:
    """The JSON of a line; None if the line is not whole."""
    checksum, text = line[:_CHECKSUM_LENGTH], line[_CHECKSUM_LENGTH + 1 :]
    if line[_CHECKSUM_LENGTH : _CHECKSUM_LENGTH + 1] != b" " or b"%08x" % zlib.crc32(text) != checksum:
        return None
    try:
        record: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return cast("Mapping[str, object]", record) if isinstance(record, dict) else None
