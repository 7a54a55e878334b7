"""Shows administrators what could not be processed, sends it again where that helps, and deletes it."""

from datetime import timedelta
from typing import Annotated

import structlog
from fastapi import APIRouter, Path
from makima_kernel.service.settings import Settings
from nats.errors import Error as NatsError
from starlette.responses import Response

from makima_gateway.api.context import CurrentGateway
from makima_gateway.api.reads import MAX_POSITION, Cursor, Limit, Reading
from makima_gateway.api.schemas.system import DeadLetterPage, DeadLetterView, RetriedDeadLetter
from makima_gateway.auth.principal import CurrentPrincipal
from makima_gateway.http import pagination as cursors
from makima_gateway.http.problems import broker_away
from makima_gateway.http.responses import json_response
from makima_gateway.system import dead_letters, letter_box
from makima_gateway.system.dead_letters import DeadLetter
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
    following = None if letters.before is None else cursors.encode("dead-letters", letters.before)
    return read.answer(DeadLetterPage([_view(letter) for letter in letters.found], following))


@router.post("/dead-letters/{letter_id}/retry", status_code=202, response_model=RetriedDeadLetter)
async def retry_dead_letter(
    letter_id: LetterId, gateway: CurrentGateway, caller: CurrentPrincipal
) -> Response:
    """A heartbeat is sent again as it came, and the letter is gone; what still cannot be processed comes back as
    another one. `CONFLICT` for what a retry does not mend: what cannot be read now either, an event, and a heartbeat
    older than the timeout of its sender, as that would say today that it lived then.
    """
    try:
        resent = await letter_box.retry(gateway.nats, letter_id, timeouts(gateway.settings))
    except (NatsError, TimeoutError) as error:
        raise broker_away(error) from error
    structlog.get_logger().info(
        "dead_letter.retried", number=letter_id, sequence=resent.sequence, by=caller.actor
    )
    return json_response(RetriedDeadLetter(resent.stream, resent.sequence), status=202)


@router.delete("/dead-letters/{letter_id}", status_code=204)
async def delete_dead_letter(
    letter_id: LetterId, gateway: CurrentGateway, caller: CurrentPrincipal
) -> Response:
    """Nothing else is changed by it: the message was not processed, and is not."""
    try:
        await letter_box.delete(gateway.nats, letter_id)
    except (NatsError, TimeoutError) as error:
        raise broker_away(error) from error
    structlog.get_logger().info("dead_letter.deleted", number=letter_id, by=caller.actor)
    return Response(status_code=204)


def timeouts(settings: Settings) -> Timeouts:
    contracts = settings.contracts
    heard = timedelta(seconds=contracts.heartbeat_timeout_seconds)
    return {
        "supervisor": heard,
        "daemon": heard,
        "agent": timedelta(seconds=contracts.agent_timeout_seconds),
    }


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
