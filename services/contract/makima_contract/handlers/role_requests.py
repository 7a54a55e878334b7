"""Asks a contract's daemon to start an agent of a role: signal `start` (agents.md, Tasks and agents).

The stale-detector asks when a task begins to wait, and again when it has been pending too long.
"""

from time import monotonic
from typing import cast

import structlog
from makima_kernel.commands.daemon_start import ask_to_start
from makima_kernel.commands.state_cache import StateCache
from makima_kernel.event_log.log import Log
from makima_schemas.codec import decode
from makima_schemas.contract.events import ContractCreated, ContractEvent
from makima_schemas.contract.model import ACTIVE_STATUSES, TaskStatus
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import stream_name
from makima_schemas.questions import AskForRole, RoleRequest
from makima_schemas.refusal import Refused
from nats.aio.client import Client

from makima_contract.domain.state import Contract
from makima_contract.handlers.silent_daemons import SilentDaemons
from makima_contract.queries import Queries


class RoleRequests:
    """Answers `AskForRole`."""

    def __init__(
        self, log: Log, contracts: StateCache[Contract, ContractEvent], queries: Queries, nats: Client
    ) -> None:
        self._log, self._contracts, self._queries, self._nats = log, contracts, queries, nats
        self._silent = SilentDaemons()

    async def handle(self, question: AskForRole) -> RoleRequest:
        """Asks if the task is still pending and waits for a role, by the log.

        Raises `Refused`: `CONTRACT_NOT_FOUND`, `TASK_NOT_FOUND`.
        """
        stream = stream_name("contract", question.contract_id)
        contract = (await self._contracts.reload(question.tenant, stream)).state
        if not contract.exists:
            raise Refused(ErrorCode.CONTRACT_NOT_FOUND, "there is no such contract")
        task = contract.tasks.get(question.task_id)
        if task is None:
            raise Refused(ErrorCode.TASK_NOT_FOUND, f"there is no task {question.task_id!r} in this contract")
        if contract.status not in ACTIVE_STATUSES:
            return _nobody(f"the contract is {contract.status}")
        if task.status is not TaskStatus.PENDING or task.role is None:
            return _nobody(f"the task is {task.status}, for role {task.role}")
        body = {
            "contract_id": question.contract_id,
            "contract_type": await self._contract_type(question.tenant, stream),
            "phase": task.phase,
            "task_id": question.task_id,
            "role": task.role,
        }
        return await self._ask(question.tenant, contract.daemon_id, body)

    async def _contract_type(self, tenant: str, stream: str) -> str:
        """As its first event says: the state does not hold it."""
        first = (await self._log.stream(tenant, stream, limit=1))[0]
        return cast("ContractCreated", decode(first.type, first.schema, first.data)).contract_type

    async def _ask(self, tenant: str, daemon_id: str | None, start: dict[str, str]) -> RoleRequest:
        """Sends `start` to the contract's daemon; `daemon_id` null: to the one that was heard first.

        No reply in time counts as asked: the daemon is there, and may still be starting the agent. Its next requests
        wait for it for a moment only, so that the many contracts of one silent daemon delay no others.
        """
        daemon_id = daemon_id or await self._queries.daemon_of(tenant, start["contract_id"])
        if daemon_id is None:
            return _nobody("no daemon has the contract")
        timeout = self._silent.timeout(daemon_id, monotonic())
        answer = await ask_to_start(self._nats, daemon_id, start, timeout=timeout)
        if answer.outcome == "silent":
            self._silent.was_silent(daemon_id, monotonic())
        else:
            self._silent.has_answered(daemon_id)
        if answer.outcome == "absent":
            return _nobody(f"daemon {daemon_id}: {answer.reason}")
        if answer.outcome == "refused":
            return RoleRequest(requested=False, daemon_id=daemon_id, reason=answer.reason)
        structlog.get_logger().info("contract.role_asked_for", daemon_id=daemon_id, **start)
        return RoleRequest(requested=True, daemon_id=daemon_id, reason=answer.reason or None)


def _nobody(reason: str) -> RoleRequest:
    return RoleRequest(requested=False, daemon_id=None, reason=reason)
