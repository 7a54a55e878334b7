"""Sends dead letters again, and deletes them. Which ones may be sent again, `letter_retry` says.

A retry is `send_again`, and then `delete`: a process that dies between leaves a letter too many, and loses none.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from makima_kernel.telemetry import metrics
from makima_schemas import subjects
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused
from nats.aio.client import Client
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NotFoundError

from makima_gateway.system.dead_letters import DeadLetter, place, read
from makima_gateway.system.handled_letters import Outcome
from makima_gateway.system.letter_retry import NotRetryableError, Timeouts, resending

PUBLISH_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Resent:
    """Where the message lies now: it is read as if it had just come."""

    stream: str
    sequence: int


async def send_again(nats: Client, number: int, timeouts: Timeouts) -> Resent:
    """Send the message of letter `number` again: what cannot be processed again comes back as another letter.

    Whoever asks twice at once sends it once: the broker drops the second, as its id is the letter's. Raises
    `NOT_FOUND`, `CONFLICT` for what a retry cannot mend, and nats-py's errors if the broker does not answer.
    """
    letter, at = await _existing(nats, number)
    stream, consumer = place(letter)
    try:
        found = resending(stream, consumer, letter.data or b"", at, timeouts)
        found.check(datetime.now(UTC))
    except NotRetryableError as error:
        detail = f"dead letter {number} cannot be sent again: {error}"
        raise Refused(ErrorCode.CONFLICT, detail, hint=error.hint) from error
    headers = found.headers | {"Nats-Msg-Id": f"retry:{number}"}
    jetstream = nats.jetstream()
    stored = await jetstream.publish(
        found.subject, found.payload, timeout=PUBLISH_TIMEOUT_SECONDS, headers=headers
    )
    return Resent(stored.stream, stored.seq)


async def delete(nats: Client, number: int, outcome: Outcome) -> None:
    """One that is gone is none any more. Raises nats-py's errors if the broker does not answer."""
    try:
        await nats.jetstream().delete_msg(subjects.DEAD_LETTERS_STREAM, number)
    except APIError:
        if await _found(nats, number) is not None:
            raise
        return
    metrics.dead_letters_handled.labels(outcome).inc()


async def check(nats: Client, number: int) -> None:
    """Raises `NOT_FOUND` without such a letter, and nats-py's errors if the broker does not answer."""
    await _existing(nats, number)


async def letter(nats: Client, number: int, timeouts: Timeouts) -> DeadLetter:
    """Raises as `check`."""
    found = read(number, (await _existing(nats, number))[0], timeouts)
    assert found is not None, "it has a time"
    return found


async def _existing(nats: Client, number: int) -> tuple[RawStreamMsg, datetime]:
    found = await _found(nats, number)
    if found is None or found.time is None:
        raise Refused(
            ErrorCode.NOT_FOUND,
            f"there is no dead letter {number}",
            hint="it was sent again, deleted, or is older than 30 days",
        )
    return found, found.time


async def _found(nats: Client, number: int) -> RawStreamMsg | None:
    try:
        return await nats.jetstream().get_msg(subjects.DEAD_LETTERS_STREAM, number)
    except NotFoundError:
        return None
