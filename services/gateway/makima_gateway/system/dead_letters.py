"""Reads the stream of dead letters, newest first. What strangers sent is cut, and made printable."""

import asyncio
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

import orjson
from makima_schemas import subjects
from makima_schemas.heartbeat_codec import MalformedHeartbeatError, decode_subject
from nats.aio.client import Client
from nats.js.api import RawStreamMsg
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from makima_gateway.system.letter_retry import NotRetryableError, Timeouts, resending

MAX_EXCERPT: Final = 2000  # characters of the payload
MAX_TEXT: Final = 1000  # characters of the reason, of a subject and of a sender
_MAX_CONCURRENT_READS: Final = 16  # letters read at the same time; one may have a megabyte
# Sequences looked at for one page, per letter asked for: deleted ones leave gaps.
_LOOKS_PER_LETTER: Final = 4


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be processed. `sequence` is its place in the stream `stream`, null if unknown."""

    number: int  # its sequence in the stream of dead letters
    subject: str
    stream: str
    consumer: str
    sequence: int | None
    reason: str
    sender: str | None  # `<kind>:<id>`; null: none could be told
    at: datetime
    deliveries: int | None  # to the consumer, before it gave up; null: an older version wrote the letter
    excerpt: str
    truncated: bool
    retry_until: datetime | None  # until when it may be sent again; null: that would not help


@dataclass(frozen=True, slots=True)
class Letters:
    """Letters, newest first, and the number to go on before; null: there are no older ones."""

    found: list[DeadLetter]
    before: int | None


async def newest(nats: Client, limit: int, timeouts: Timeouts, before: int | None = None) -> Letters:
    """At most `limit` letters with a number below `before` (null: the newest).

    May give fewer although there are older ones, where many were deleted. Raises nats-py's errors if the broker
    does not answer.
    """
    jetstream = nats.jetstream()
    state = (await jetstream.stream_info(subjects.DEAD_LETTERS_STREAM)).state
    number = state.last_seq if before is None else min(before - 1, state.last_seq)
    lowest = max(state.first_seq, number - limit * _LOOKS_PER_LETTER + 1, 1)
    found: list[DeadLetter] = []
    while number >= lowest and len(found) < limit:
        some = range(number, max(number - min(_MAX_CONCURRENT_READS, limit - len(found)), lowest - 1), -1)
        read = await asyncio.gather(*(_letter(jetstream, one, timeouts) for one in some))
        found += [letter for letter in read if letter is not None]
        number -= len(some)
    return Letters(found, number + 1 if number >= max(state.first_seq, 1) else None)


async def _letter(jetstream: JetStreamContext, number: int, timeouts: Timeouts) -> DeadLetter | None:
    try:
        message = await jetstream.get_msg(subjects.DEAD_LETTERS_STREAM, number, direct=True)
    except NotFoundError:
        return None
    return read(number, message, timeouts)


def place(message: RawStreamMsg) -> tuple[str, str]:
    """Stream and consumer of the message that could not be processed, of `makima.dead.<stream>.<consumer>`."""
    stream, _, consumer = (message.subject or "").removeprefix("makima.dead.").partition(".")
    return stream, consumer


def read(number: int, message: RawStreamMsg, timeouts: Timeouts) -> DeadLetter | None:
    """The letter in a message; None if it has no time. Whatever its body is, it is shown."""
    if message.time is None:
        return None
    body = _object(message.data or b"")
    origin = _members(body.get("origin"))
    stream, consumer = place(message)
    subject = origin.get("subject") or origin.get("stream")
    sequence = origin.get("sequence", origin.get("position"))
    excerpt, cut = _excerpt(body, message.data or b"")
    return DeadLetter(
        number,
        printable(str(subject or message.subject or ""), MAX_TEXT),
        printable(stream, MAX_TEXT),
        printable(consumer, MAX_TEXT),
        _whole(sequence),
        printable(str(body.get("reason") or "unknown"), MAX_TEXT),
        _sender(origin),
        message.time,
        _whole(body.get("deliveries")),
        excerpt,
        cut or body.get("truncated") is True,
        _retry_until(stream, consumer, message, timeouts),
    )


def _retry_until(stream: str, consumer: str, message: RawStreamMsg, timeouts: Timeouts) -> datetime | None:
    assert message.time is not None
    try:
        return resending(stream, consumer, message.data or b"", message.time, timeouts).until
    except NotRetryableError:
        return None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def printable(text: str, most: int) -> str:
    """The first `most` characters, those that a terminal or a page could take for more than text as escapes."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text[:most].encode("utf-8", "backslashreplace").decode()
    )


def _sender(origin: Mapping[str, object]) -> str | None:
    """Who sent it: the sender of a heartbeat's subject, or the stream of an event."""
    stream, subject = origin.get("stream"), origin.get("subject")
    if isinstance(stream, str):
        category, _, entity = stream.partition("-")
        return printable(f"{category}:{entity}", MAX_TEXT)
    if not isinstance(subject, str):
        return None
    try:
        address = decode_subject(subject)
    except MalformedHeartbeatError:
        return None
    return None if address is None else f"{address.kind}:{address.entity_id}"


def _excerpt(body: Mapping[str, object], raw: bytes) -> tuple[str, bool]:
    payload, encoded = body.get("payload"), body.get("payload_base64")
    if isinstance(payload, str):
        text = payload
    elif isinstance(encoded, str):
        # Four characters of base64 are three bytes; a part that is no base64 is shown as it is.
        kept = encoded[: MAX_EXCERPT // 3 * 4]
        try:
            text = b64decode(kept).decode("utf-8", "backslashreplace") + " " * (len(encoded) > len(kept))
        except ValueError:
            text = encoded
    else:
        text = raw.decode("utf-8", "backslashreplace")
    return printable(text, MAX_EXCERPT), len(text) > MAX_EXCERPT


def _object(data: bytes) -> Mapping[str, object]:
    try:
        return _members(orjson.loads(data))
    except orjson.JSONDecodeError:
        return {}


def _members(value: object) -> Mapping[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}
