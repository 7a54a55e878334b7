"""Requests a restart from a daemon: signal `restart`, for its supervisors and its agents."""

from collections.abc import Mapping
from typing import Final

import orjson
from makima_schemas import subjects
from makima_schemas.commands import Problem, decode_reply
from makima_schemas.errors import ErrorCode
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

# Only to receive an immediate refusal; the restart itself may take longer.
DAEMON_REPLY_TIMEOUT_SECONDS: Final = 0.5


async def signal_restart(nats: Client, daemon_id: str, body: Mapping[str, str | None]) -> Problem | None:
    """Request `restart` from the daemon. Returns a problem if it was not reached or refused; None otherwise.

    No reply in time counts as success: the daemon is subscribed and may still be restarting.
    """
    try:
        answer = await nats.request(
            subjects.daemon_signal(daemon_id, "restart"),
            orjson.dumps(body),
            timeout=DAEMON_REPLY_TIMEOUT_SECONDS,
        )
        reply = decode_reply(answer.data) if answer.data.startswith(b'{"error":') else None
    except NoRespondersError:
        return Problem(
            ErrorCode.UNAVAILABLE,
            f"daemon {daemon_id} does not receive signals now",
            "try again with the same command id",
        )
    except TimeoutError:
        return None
    except (NatsError, ValueError) as error:
        return Problem(
            ErrorCode.UNAVAILABLE,
            f"the signal to daemon {daemon_id} could not be sent: {type(error).__name__}",
            "ask again",
        )
    return reply if isinstance(reply, Problem) else None
