"""Tells daemons which of their supervisors are not in force: signal `superseded` (agents.md, Assignment)."""

import asyncio
from collections.abc import Iterable
from typing import Final

import orjson
import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_schemas import subjects
from nats.aio.client import Client
from nats.errors import Error as NatsError

from makima_supervisor_heartbeat.domain.foreign_heartbeats import Superseded

ROLE: Final = "supervisor"

_logger = structlog.get_logger(__name__)


class SupersededSignals:
    """A queue of signals. None is sent twice: who did not hear it is told after a later heartbeat."""

    def __init__(self, nats: Client) -> None:
        self._nats = nats
        self._waiting = list[Superseded]()
        self._due = asyncio.Event()

    def put(self, superseded: Iterable[Superseded]) -> None:
        self._waiting.extend(superseded)
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

    async def _send(self, superseded: Superseded) -> None:
        body = {
            "contract_id": superseded.contract_id,
            "role": ROLE,
            "task_id": superseded.task_id,
            "connection_id": superseded.connection_id,
        }
        try:
            await self._nats.publish(
                subjects.daemon_signal(superseded.daemon_id, "superseded"), orjson.dumps(body)
            )
        except NatsError as error:
            _logger.warning("supervisor.superseded_not_told", **body, reason=repr(error))
            return
        _logger.info("supervisor.superseded_told", daemon_id=superseded.daemon_id, **body)
