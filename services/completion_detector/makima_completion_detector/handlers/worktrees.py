"""Tracks from heartbeats which daemons hold worktrees, and asks them to remove those of a contract."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from faststream.nats import NatsMessage
from makima_kernel.commands.daemon_request import DaemonAnswer, ask_daemon
from makima_schemas.heartbeat import DaemonHeartbeat
from makima_schemas.heartbeat_reader import read_daemon
from nats.aio.client import Client

DAEMON_REPLY_TIMEOUT_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Removal:
    """What a daemon answered that was asked to remove its worktrees of a contract."""

    daemon_id: str
    confirmed: bool  # it has looked, and removed what can be removed
    removed: bool = False  # there was one
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
        body = {"contract_id": contract_id}
        answer = await ask_daemon(
            self._nats, daemon_id, "cleanup_worktrees", body, DAEMON_REPLY_TIMEOUT_SECONDS
        )
        return removal(daemon_id, answer)


def removal(daemon_id: str, answer: DaemonAnswer) -> Removal:
    """What a daemon's answer means: `{"removed": …}`, with `kept` and `reason` if it kept one, or `{"error": …}`.

    One that is no JSON, or does not say how many, is of a daemon that says no more than that it has done it.
    """
    confirmed = answer.outcome == "answered"
    kept = answer.reason if answer.members.get("kept") else None
    removed = confirmed and bool(answer.members.get("removed", kept is None))
    return Removal(daemon_id, confirmed, removed, kept)
