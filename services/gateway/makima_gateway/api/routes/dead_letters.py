"""Shows administrators what could not be processed, sends it again where that helps, and deletes it."""

from datetime import timedelta
from typing import Annotated, get_args

import structlog
from fastapi import APIRouter, Path
from makima_kernel.event_log.log import MAX_POSITION
from makima_kernel.service.settings import Settings
from makima_kernel.service.silence_timeout import silence_seconds
from makima_schemas.silence import SenderKind
from nats.errors import Error as NatsError
from starlette.responses import Response

from makima_gateway.api.reads import Cursor, Limit, Reading
from makima_gateway.api.schemas.system import DeadLetterPage, DeadLetterView, RetriedDeadLetter
from makima_gateway.api.writes import WriteContext, Writing
from makima_gateway.http import pagination as cursors
from makima_gateway.http.problems import broker_away
from makima_gateway.http.responses import json_response
from makima_gateway.system import dead_letters, letter_box
from makima_gateway.system.dead_letters import DeadLetter
from makima_gateway.system.handled_letters import Handled, Outcome
from makima_gateway.system.letter_retry import Timeouts

router = APIRouter(tags=["system"])
LetterId = Annotated[int, Path(ge=1, le=MAX_POSITION)]


@router.get("/dead-letters", response_model=DeadLetterPage)
async def list_dead_letters(read: Reading, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Newest first; kept for 30 days. A page may have fewer than `limit` although there are older ones: go on with
    `next_cursor`.
    """
    before = cursors.position("dead-letters", cursor)
    try:
        letters = await dead_letters.newest(read.gateway.nats, limit, timeouts(read.gateway.settings), before)
    except (NatsError, TimeoutError) as error:
        raise broker_away(error) from error
    page = cursors.page(letters.found, limit, "dead-letters", lambda letter: letter.number, _view)
    if page["next_cursor"] is None and letters.before is not None:
        page["next_cursor"] = cursors.encode("dead-letters", letters.before)
    return read.answer(page)


@router.get("/dead-letters/{letter_id}", response_model=DeadLetterView)
async def show_dead_letter(letter_id: LetterId, read: Reading) -> Response:
    try:
        found = await letter_box.letter(read.gateway.nats, letter_id, timeouts(read.gateway.settings))
    except (NatsError, TimeoutError) as error:
        raise broker_away(error) from error
    return read.answer(_view(found))


@router.post("/dead-letters/{letter_id}/retry", status_code=202, response_model=RetriedDeadLetter)
async def retry_dead_letter(letter_id: LetterId, write: Writing) -> Response:
    """A heartbeat is sent again as it came, and the letter is gone; what still cannot be processed comes back as
    another one. `CONFLICT` for what a retry does not mend: what cannot be read now either, an event, and a heartbeat
    older than the timeout of its sender, as that would say today that it lived then.
    """
    first = await _first_answer(write, letter_id, "retried")
    nats = write.gateway.nats
    try:
        if first is None:
            resent = await letter_box.send_again(nats, letter_id, timeouts(write.gateway.settings))
            first = Handled(letter_id, "retried", resent.stream, resent.sequence)
            await _note(write, first)
            structlog.get_logger().info(
                "dead_letter.retried", number=letter_id, sequence=resent.sequence, by=write.principal.actor
            )
        await letter_box.delete(nats, letter_id, "retried")
    except (NatsError, TimeoutError) as error:
        raise broker_away(error) from error
    return json_response(RetriedDeadLetter(first.stream or "", first.sequence or 0), status=202)


@router.delete("/dead-letters/{letter_id}", status_code=204)
async def delete_dead_letter(letter_id: LetterId, write: Writing) -> Response:
    """Nothing else is changed by it: the message was not processed, and is not."""
    first = await _first_answer(write, letter_id, "deleted")
    nats = write.gateway.nats
    try:
        if first is None:
            await letter_box.check(nats, letter_id)
            await _note(write, Handled(letter_id, "deleted"))
            structlog.get_logger().info("dead_letter.deleted", number=letter_id, by=write.principal.actor)
        await letter_box.delete(nats, letter_id, "deleted")
    except (NatsError, TimeoutError) as error:
        raise broker_away(error) from error
    return Response(status_code=204)


async def _first_answer(write: WriteContext, letter_id: int, outcome: Outcome) -> Handled | None:
    """Of a repeat with the same idempotency key. Raises `IDEMPOTENCY_KEY_REUSED`."""
    if not write.repeatable:
        return None
    tenant = write.principal.tenant
    return await write.gateway.handled_letters.find(tenant, write.command_id, letter_id, outcome)


async def _note(write: WriteContext, handled: Handled) -> None:
    if write.repeatable:
        await write.gateway.handled_letters.note(write.principal.tenant, write.command_id, handled)


def timeouts(settings: Settings) -> Timeouts:
    kinds: tuple[SenderKind, ...] = get_args(SenderKind)
    return {kind: timedelta(seconds=silence_seconds(settings.contracts, kind)) for kind in kinds}


def _view(letter: DeadLetter) -> DeadLetterView:
    return DeadLetterView(
        id=str(letter.number),
        stream=letter.stream,
        consumer=letter.consumer,
        sequence=letter.sequence,
        subject=letter.subject,
        reason=letter.reason,
        sender=letter.sender,
        first_at=letter.at,
        deliveries=letter.deliveries,
        excerpt=letter.excerpt,
        truncated=letter.truncated,
        retry_until=letter.retry_until,
    )
