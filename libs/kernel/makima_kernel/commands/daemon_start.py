"""Asks a daemon to start an agent: request `start`, which the daemon accepts or refuses (agents.md, Assignment)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from nats.aio.client import Client

from makima_kernel.commands.daemon_request import DaemonAnswer, ask_daemon

START_TIMEOUT_SECONDS: Final = 5.0  # within which a daemon accepts; the start itself may take longer

StartOutcome = Literal["accepted", "refused", "silent", "absent"]


@dataclass(frozen=True, slots=True)
class StartAnswer:
    """`silent` and `absent` as in `DaemonAnswer`."""

    outcome: StartOutcome
    reason: str = ""


async def ask_to_start(
    nats: Client,
    daemon_id: str,
    start: Mapping[str, str | None],
    *,
    timeout: float = START_TIMEOUT_SECONDS,
) -> StartAnswer:
    """`start` is `{contract_id, contract_type, phase, task_id?, role, connection_id?}`."""
    return start_answer(await ask_daemon(nats, daemon_id, "start", start, timeout))


def start_answer(answer: DaemonAnswer) -> StartAnswer:
    """Only `{"accepted": true}` is a promise to start it; whatever else a daemon says is a refusal."""
    if answer.outcome != "answered":
        return StartAnswer(answer.outcome, answer.reason)
    return StartAnswer("accepted") if "accepted" in answer.members else StartAnswer("refused", answer.reason)
