"""Signals to daemons that may be refused: `restart`, `start`."""

from collections.abc import Mapping

import orjson
from makima_schemas import subjects
from makima_schemas.commands import Problem, decode_reply
from makima_schemas.errors import ErrorCode
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError


async def signal_daemon(
    nats: Client, daemon_id: str, kind: str, body: Mapping[str, str | None], *, timeout: float
) -> Problem | None:
    """Sends the signal. Returns a problem if the daemon was not reached or refused; None otherwise.

    No reply within `timeout` seconds counts as success: the daemon is subscribed, and may still be at work. So
    the timeout is only to receive an immediate refusal.
    """
    try:
        answer = await nats.request(
            subjects.daemon_signal(daemon_id, kind), orjson.dumps(body), timeout=timeout
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
