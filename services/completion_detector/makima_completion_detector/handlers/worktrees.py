"""Who may still hold a worktree, by the daemons' own heartbeats, and asking them to remove one."""

import asyncio
from collections.abc import Iterable
from typing import Final

import msgspec
import orjson
from faststream.nats import NatsMessage
from makima_schemas import subjects
from makima_schemas.heartbeat import DaemonHeartbeat
from nats.aio.client import Client
from nats.errors import Error as NatsError

DAEMON_REPLY_TIMEOUT_SECONDS: Final = 2.0


async def decode(message: NatsMessage) -> DaemonHeartbeat:
    """What does not fit is passed over: FastStream drops it, and the recorder sets it aside, with its reason."""
    return msgspec.json.decode(message.body, type=DaemonHeartbeat)


class Worktrees:
    """`observe` is told the daemons' heartbeats; a daemon that was not heard yet is asked, not passed over."""

    def __init__(self, nats: Client) -> None:
        self._nats = nats
        self._held: dict[str, int] = {}

    async def observe(self, heartbeat: DaemonHeartbeat) -> None:
        self._held[heartbeat.daemon_id] = heartbeat.worktrees

    def holders(self, daemons: Iterable[str]) -> tuple[str, ...]:
        """Those that hold worktrees, or have not said."""
        return tuple(daemon for daemon in daemons if self._held.get(daemon, 1) > 0)

    async def remove(self, contract_id: str, daemons: Iterable[str]) -> bool:
        """Ask each of `daemons` to remove its worktrees of the contract; whether all of them have said that it is done."""
        answers = await asyncio.gather(*(self._ask(daemon, contract_id) for daemon in daemons))
        return all(answers)

    async def _ask(self, daemon_id: str, contract_id: str) -> bool:
        subject = subjects.daemon_signal(daemon_id, "cleanup_worktrees")
        try:
            answer = await self._nats.request(subject, orjson.dumps({"contract_id": contract_id}), timeout=DAEMON_REPLY_TIMEOUT_SECONDS)
        except (NatsError, TimeoutError):
            return False
        return not answer.data.startswith(b'{"error":')
