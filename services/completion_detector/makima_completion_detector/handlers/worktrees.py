"""Tracks from heartbeats which daemons hold worktrees, and asks them to remove those of a contract."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, cast

import orjson
from faststream.nats import NatsMessage
from makima_schemas import subjects
from makima_schemas.heartbeat import DaemonHeartbeat
from makima_schemas.heartbeat_reader import read_daemon
from nats.aio.client import Client
from nats.errors import Error as NatsError

DAEMON_REPLY_TIMEOUT_SECONDS: Final = 2.0
MAX_REASON: Final = 500  # characters


@dataclass(frozen=True, slots=True)
class Removal:
    """What a daemon answered that was asked to remove its worktrees of a contract."""

    daemon_id: str
    confirmed: bool  # it has looked, and removed what can be removed
    kept_because: str | None = None  # why it kept one, e.g. something uncommitted in it; null: it kept none


async def decode(message: NatsMessage) -> DaemonHeartbeat:
    """The heartbeat in the message, read as the recorder and the detector read it: JSON or protobuf, and only
    about the daemon of its subject.

    FastStream drops a message for which this raises; the heartbeat recorder stores it as a dead letter with
    the reason.
    """
    daemon_id = message.raw_message.subject.rpartition(".")[2]
    heartbeat, _ = read_daemon(daemon_id, message.body, message.raw_message.headers)
    return heartbeat


class Worktrees:
    """Worktrees per daemon, in memory. A daemon without a heartbeat so far counts as holding some."""

    def __init__(self, nats: Client) -> None:
        self._nats = nats
        self._held: dict[str, int] = {}  # daemon id → number of worktrees in its last heartbeat

    async def observe(self, heartbeat: DaemonHeartbeat) -> None:
        """Called with each daemon heartbeat."""
        self._held[heartbeat.daemon_id] = heartbeat.worktrees

    def holders(self, daemons: Iterable[str]) -> tuple[str, ...]:
        """Those of `daemons` that hold worktrees, or whose heartbeat was not received yet."""
        return tuple(daemon for daemon in daemons if self._held.get(daemon, 1) > 0)

    async def remove(self, contract_id: str, daemons: Iterable[str]) -> tuple[Removal, ...]:
        """Asks all of `daemons` at once to remove their worktrees of the contract."""
        return tuple(await asyncio.gather(*(self._ask(daemon, contract_id) for daemon in daemons)))

    async def _ask(self, daemon_id: str, contract_id: str) -> Removal:
        """Not confirmed if the daemon does not answer within `DAEMON_REPLY_TIMEOUT_SECONDS`, or with an error."""
        subject = subjects.daemon_signal(daemon_id, "cleanup_worktrees")
        try:
            answer = await self._nats.request(
                subject, orjson.dumps({"contract_id": contract_id}), timeout=DAEMON_REPLY_TIMEOUT_SECONDS
            )
        except (NatsError, TimeoutError):
            return Removal(daemon_id, confirmed=False)
        return _removal(daemon_id, answer.data)


def _removal(daemon_id: str, answer: bytes) -> Removal:
    """What a daemon's answer means: `{"removed": …}`, with `kept` and `reason` if it kept one, or `{"error": …}`."""
    if answer.startswith(b'{"error":'):
        return Removal(daemon_id, confirmed=False)
    try:
        body: object = orjson.loads(answer)
    except orjson.JSONDecodeError:  # of a daemon that says no more than that it has done it
        return Removal(daemon_id, confirmed=True)
    members = cast("dict[str, object]", body) if isinstance(body, dict) else {}
    kept = str(members.get("reason") or "it does not say why")[:MAX_REASON] if members.get("kept") else None
    return Removal(daemon_id, confirmed=True, kept_because=kept)
