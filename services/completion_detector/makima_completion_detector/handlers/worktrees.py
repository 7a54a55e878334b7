"""Tracks from heartbeats which daemons hold worktrees, and asks them to remove those of a contract."""

import asyncio
from collections.abc import Iterable
from typing import Final

import orjson
from faststream.nats import NatsMessage
from makima_schemas import subjects
from makima_schemas.heartbeat import DaemonHeartbeat
from makima_schemas.heartbeat_reader import read_daemon
from nats.aio.client import Client
from nats.errors import Error as NatsError

DAEMON_REPLY_TIMEOUT_SECONDS: Final = 2.0


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

    async def remove(self, contract_id: str, daemons: Iterable[str]) -> bool:
        """Asks all of `daemons` at once to remove their worktrees of the contract. True if all confirm."""
        answers = await asyncio.gather(*(self._ask(daemon, contract_id) for daemon in daemons))
        return all(answers)

    async def _ask(self, daemon_id: str, contract_id: str) -> bool:
        """True if the daemon confirms within `DAEMON_REPLY_TIMEOUT_SECONDS`; False after an error too."""
        subject = subjects.daemon_signal(daemon_id, "cleanup_worktrees")
        try:
            answer = await self._nats.request(
                subject, orjson.dumps({"contract_id": contract_id}), timeout=DAEMON_REPLY_TIMEOUT_SECONDS
            )
        except (NatsError, TimeoutError):
            return False
        return not answer.data.startswith(b'{"error":')
