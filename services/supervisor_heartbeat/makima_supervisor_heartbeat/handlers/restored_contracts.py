"""Gives contracts to the daemons whose restorations were proved: sends `AssignContract` to the contract service."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final
from uuid import UUID, uuid5

import structlog
from makima_kernel.commands.client import Bus
from makima_kernel.projections.projection import Applied
from makima_kernel.service.reactor import Reactor
from makima_schemas.commands import Problem, Request
from makima_schemas.contract.commands import AssignContract
from makima_schemas.errors import RETRYABLE_CODES
from makima_schemas.supervisor import RestorationProved

from makima_supervisor_heartbeat.queries import Queries, RestoredContract

NAMESPACE: Final = UUID("2b7de4c6-5a9f-5c0a-8f5e-1d0c86a7b941")  # of the uuid5 command ids
ACTOR: Final = "supervisor_heartbeat"
BATCH_SIZE: Final = 100
# Polling finds rows that another replica's projector wrote, and retries after an outage.
RESTORED_POLL_SECONDS: Final = 1.0

_logger = structlog.get_logger(__name__)


class RestoredContracts:
    """Works off the table `restored`, in every replica.

    Command ids are computed from the row, so if two replicas send the same command at once, the second gets the
    first one's answer: the contract is assigned once, and its open questions are delivered again once.
    """

    def __init__(self, queries: Queries, bus: Bus) -> None:
        self._queries, self._bus = queries, bus
        self._reactor = Reactor(
            poll_seconds=RESTORED_POLL_SECONDS, unavailable_event="supervisors.database_away"
        )

    def applied(self, _position: int, batch: Sequence[Applied]) -> None:
        """Called after each commit of the projection; wakes the loop if there may be a new row."""
        if any(isinstance(each.event, RestorationProved) for each in batch):
            self._reactor.wake()

    async def run(self) -> None:
        """Works off rows when woken and every `RESTORED_POLL_SECONDS`, until cancelled."""
        await self._reactor.run(self._send_pending)

    async def _send_pending(self) -> bool:
        """One round. True if there may be more rows."""
        due = await self._queries.restored(BATCH_SIZE)
        answered = [each for each in due if await self._answered(each)]
        for each in answered:
            await self._queries.mark_assigned(each)
        return len(answered) == BATCH_SIZE

    async def _answered(self, due: RestoredContract) -> bool:
        """Sends the command; True if it was accepted or refused, False if it must be retried."""
        command = AssignContract(due.daemon_id, "restored", due.connection_id, due.task_id)
        request: Request[object] = Request(
            command_id=uuid5(
                NAMESPACE, f"{due.tenant}/{due.contract_id}/{due.connection_id}/{due.proved_at}"
            ),
            target=due.contract_id,
            data=asdict(command),
            actor=ACTOR,
            tenant=due.tenant,
        )
        reply = await self._bus.ask("contract", "assign_contract", request)
        if not isinstance(reply, Problem):
            return True
        _logger.warning(
            "supervisor.assignment_not_accepted",
            contract_id=due.contract_id,
            code=reply.code,
            detail=reply.detail,
        )
        return reply.code not in RETRYABLE_CODES
