"""Tells daemons which of the senders that they run are not in force, or must join again: signals `superseded` and
`rejoin_required` (agents.md).
"""

import asyncio
from collections.abc import Iterable
from typing import Final

import orjson
import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.telemetry import metrics
from makima_schemas import subjects
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE
from nats.aio.client import Client
from nats.errors import Error as NatsError

from makima_supervisor_heartbeat.domain.signals import Signal, SignalKind

# The log events of a signal that was sent, and of one that was not.
_SUPERVISOR: Final[dict[SignalKind, tuple[str, str]]] = {
    "superseded": ("supervisor.superseded_told", "supervisor.superseded_not_told"),
    "rejoin_required": ("supervisor.rejoin_told", "supervisor.rejoin_not_told"),
}
_AGENT: Final[dict[SignalKind, tuple[str, str]]] = {
    "superseded": ("agent.superseded_told", "agent.superseded_not_told"),
    "rejoin_required": ("agent.rejoin_told", "agent.rejoin_not_told"),
}

_logger = structlog.get_logger(__name__)


class SenderSignals:
    """A queue of signals. None is sent twice: who did not hear it is told after a later heartbeat."""

    def __init__(self, nats: Client) -> None:
        self._nats = nats
        self._waiting = list[Signal]()
        self._due = asyncio.Event()

    def put(self, signals: Iterable[Signal]) -> None:
        self._waiting.extend(signals)
        if self._waiting:
            self._due.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            raise_if_cancelled()
            await self._due.wait()
            self._due.clear()
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                await self._send(each)

    async def _send(self, signal: Signal) -> None:
        body = {
            "contract_id": signal.contract_id,
            "role": signal.role or SUPERVISOR_ROLE,
            "connection_id": signal.connection_id,
        }
        if signal.task_id is not None:
            body["task_id"] = signal.task_id
        sent, not_sent = (_SUPERVISOR if signal.role is None else _AGENT)[signal.kind]
        try:
            await self._nats.publish(
                subjects.daemon_signal(signal.daemon_id, signal.kind), orjson.dumps(body)
            )
        except NatsError as error:
            _logger.warning(not_sent, **body, reason=repr(error))
            return
        _count(signal)
        _logger.info(sent, daemon_id=signal.daemon_id, **body)


def _count(signal: Signal) -> None:
    if signal.role is None:
        return
    if signal.kind == "superseded":
        metrics.agents_superseded.labels("heartbeat").inc()
    else:
        metrics.agents_asked_to_rejoin.inc()
