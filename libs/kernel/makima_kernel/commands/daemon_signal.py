"""Signals to daemons that may be refused: `restart`, `sync`."""

from collections.abc import Mapping

from makima_schemas.commands import Problem
from makima_schemas.errors import ErrorCode
from nats.aio.client import Client

from makima_kernel.commands.daemon_request import DaemonAnswer, ask_daemon
from makima_kernel.commands.decoding import cut


async def signal_daemon(
    nats: Client, daemon_id: str, kind: str, body: Mapping[str, str | None], *, timeout: float
) -> Problem | None:
    """Sends the signal. Returns a problem if the daemon was not reached or refused; None otherwise.

    No reply within `timeout` seconds counts as success: the daemon is subscribed, and may still be at work. So
    the timeout is only to receive an immediate refusal.
    """
    return problem_of(daemon_id, await ask_daemon(nats, daemon_id, kind, body, timeout))


def problem_of(daemon_id: str, answer: DaemonAnswer) -> Problem | None:
    """A refusal with the code and hint that the daemon gives; `UNAVAILABLE` if it gives no code that is known."""
    if answer.outcome == "absent":
        hint = "try again with the same command id"
        return Problem(ErrorCode.UNAVAILABLE, f"daemon {daemon_id}: {answer.reason}", hint)
    if answer.outcome != "refused":
        return None
    code, hint = answer.error.get("code"), answer.error.get("hint")
    return Problem(
        ErrorCode(code) if isinstance(code, str) and code in _CODES else ErrorCode.UNAVAILABLE,
        f"daemon {daemon_id} refused: {answer.reason}",
        cut(hint) if isinstance(hint, str) else None,
    )


_CODES = frozenset(map(str, ErrorCode))
