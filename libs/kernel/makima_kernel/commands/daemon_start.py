"""Asks a daemon to start an agent: request `start`, which the daemon accepts or refuses (agents.md, Assignment)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

import orjson
from makima_schemas import subjects
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from makima_kernel.commands.decoding import cut

START_TIMEOUT_SECONDS: Final = 5.0  # within which a daemon accepts; the start itself may take longer

StartOutcome = Literal["accepted", "refused", "silent", "absent"]


@dataclass(frozen=True, slots=True)
class StartAnswer:
    """`silent`: nothing came in time. `absent`: the daemon does not receive signals now, or NATS is away."""

    outcome: StartOutcome
    reason: str = ""


async def ask_to_start(
    nats: Client,
    daemon_id: str,
    start: Mapping[str, str | None],
    *,
    timeout: float = START_TIMEOUT_SECONDS,
) -> StartAnswer:
    """`start` is `{contract_id, contract_type, phase, task_id?, role, connection_id?}`.

    Only `{"accepted": true}` is a promise to start it; whatever else a daemon says is a refusal.
    """
    try:
        answer = await nats.request(
            subjects.daemon_signal(daemon_id, "start"), orjson.dumps(start), timeout=timeout
        )
    except NoRespondersError:
        return StartAnswer("absent", "it does not receive signals now")
    except TimeoutError:
        return StartAnswer("silent", f"it did not answer within {timeout:g} s")
    except NatsError as error:
        return StartAnswer("absent", f"the request could not be sent: {type(error).__name__}")
    return read_answer(answer.data)


def read_answer(data: bytes) -> StartAnswer:
    """What a daemon answered, which may be anything."""
    try:
        value: object = orjson.loads(data)
    except orjson.JSONDecodeError:
        return StartAnswer("refused", "its answer is not JSON")
    members = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    if members.get("accepted") is True:
        return StartAnswer("accepted")
    error = members.get("error")
    detail = cast("dict[str, object]", error).get("detail") if isinstance(error, dict) else None
    reason = members.get("reason") or detail
    return StartAnswer("refused", cut(reason) if isinstance(reason, str) else "it gave no reason")
