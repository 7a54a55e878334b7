"""The query `cleanup_worktrees`: the daemons that ran a contract which has ended remove what they still hold of it."""

from typing import Final

from makima_kernel.event_log.log import Log
from makima_kernel.projections.projector import Projector
from makima_schemas.contract.model import TERMINAL_STATUSES
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import DEFAULT_TENANT
from makima_schemas.refusal import Refused

from makima_completion_detector.handlers.worktrees import Worktrees
from makima_completion_detector.queries import Queries

CLEANUP_CATCH_UP_SECONDS: Final = 1.0


class CleanUp:
    """`{contract_id}` → `{daemons}`: those that were asked and said that it is done; none where nobody holds a worktree."""

    def __init__(self, queries: Queries, log: Log, projector: Projector, worktrees: Worktrees) -> None:
        self._queries, self._log, self._projector, self._worktrees = queries, log, projector, worktrees

    async def handle(self, question: dict[str, object]) -> dict[str, object]:
        """Raises `Refused`: `CONTRACT_NOT_FOUND`, `INVALID_TRANSITION` before it has ended, `UNAVAILABLE` where a daemon does not say
        that it is done.
        """
        contract_id, tenant = question.get("contract_id"), question.get("tenant", DEFAULT_TENANT)
        if not isinstance(contract_id, str) or not isinstance(tenant, str):
            raise Refused(ErrorCode.INVALID_REQUEST, "cleanup_worktrees needs a contract_id")
        await self._projector.wait_for(await self._log.head(), CLEANUP_CATCH_UP_SECONDS)
        contract = await self._queries.snapshot(tenant, contract_id)
        if contract is None:
            raise Refused(ErrorCode.CONTRACT_NOT_FOUND, f"no contract {contract_id}")
        if contract.status not in TERMINAL_STATUSES:
            members = {"from": contract.status.value, "to": contract.status.value, "allowed": list(map(str, TERMINAL_STATUSES))}
            raise Refused(
                ErrorCode.INVALID_TRANSITION, "worktrees are cleaned up once a contract has ended", hint="complete or fail it", **members
            )
        holders = self._worktrees.holders(await self._queries.daemons_of(tenant, contract_id))
        if not await self._worktrees.remove(contract_id, holders):
            raise Refused(ErrorCode.UNAVAILABLE, f"not all of {', '.join(holders)} said that the worktrees are removed", hint="ask again")
        return {"daemons": list(holders)}
