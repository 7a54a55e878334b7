"""Asks a daemon: a request on its signal subject, whose answer may be anything, and never raises."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

import orjson
from makima_schemas import subjects
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from makima_kernel.commands.decoding import cut

Outcome = Literal["answered", "refused", "silent", "absent"]


@dataclass(frozen=True, slots=True)
class DaemonAnswer:
    """`silent`: nothing came in time. `absent`: the daemon does not receive signals now, or NATS is away."""

    outcome: Outcome
    reason: str = ""  # what the daemon said of it, or why there is no answer
    members: Mapping[str, object] = field(default_factory=dict[str, object])  # of the object that it answered

    @property
    def error(self) -> Mapping[str, object]:
        """The members of its `error`; none if that is no object."""
        return _object(self.members.get("error"))


async def ask_daemon(
    nats: Client, daemon_id: str, kind: str, body: Mapping[str, str | None], timeout: float
) -> DaemonAnswer:
    """Sends the signal, and waits up to `timeout` seconds for the answer."""
    try:
        answer = await nats.request(
            subjects.daemon_signal(daemon_id, kind), orjson.dumps(body), timeout=timeout
        )
    except NoRespondersError:
        return DaemonAnswer("absent", "it does not receive signals now")
    except TimeoutError:
        return DaemonAnswer("silent", f"it did not answer within {timeout:g} s")
    except NatsError as error:
        return DaemonAnswer("absent", f"the request could not be sent: {type(error).__name__}")
    return read_answer(answer.data)


def read_answer(data: bytes) -> DaemonAnswer:
    """What a daemon answered. An `error`, or `accepted` that is not true, refuses; all else is an answer."""
    try:
        value: object = orjson.loads(data)
    except orjson.JSONDecodeError:
        return DaemonAnswer("answered", "its answer is not JSON")
    members = _object(value)
    error = members.get("error")
    accepted = members.get("accepted", error is None)
    reasons = (members.get("reason"), _object(error).get("detail"), error)
    reason = next((cut(each) for each in reasons if each and isinstance(each, str)), "it gave no reason")
    return DaemonAnswer("answered" if accepted is True else "refused", reason, members)


def _object(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}
