"""Requests a restart from a daemon: signal `restart`, for its supervisors and its agents."""

from collections.abc import Mapping
from typing import Final, TypeVar

from makima_kernel.commands.daemon_signal import signal_daemon
from makima_kernel.commands.handler import CommandHandler
from makima_kernel.event_log.log import Log
from makima_schemas.codec import Event
from makima_schemas.commands import Accepted, Problem, Reply, Request
from nats.aio.client import Client

S = TypeVar("S")
C = TypeVar("C")
E = TypeVar("E", bound=Event)

# Only to receive an immediate refusal; the restart itself may take longer.
DAEMON_REPLY_TIMEOUT_SECONDS: Final = 0.5


async def signal_restart(nats: Client, daemon_id: str, body: Mapping[str, str | None]) -> Problem | None:
    """As `signal_daemon`."""
    return await signal_daemon(nats, daemon_id, "restart", body, timeout=DAEMON_REPLY_TIMEOUT_SECONDS)


async def answer_without_signal(
    decisions: CommandHandler[S, C, E], log: Log, stream: str, request: Request[object], order: C
) -> Reply | None:
    """The answer to a repeat of a restart since which something happened to who was to be restarted: what runs there
    now is not to be restarted again. Also to a command id that stands for another command. Else None.

    Raises what reading the log raises.
    """
    answer = await decisions.first_answer(request, order)
    if not isinstance(answer, Accepted):
        return answer
    return answer if await log.stream(request.tenant, stream, answer.version, 1) else None
