"""The query `cleanup_worktrees`: asks the daemons that ran an ended contract to remove its worktrees."""

from makima_schemas.contract.model import TERMINAL_STATUSES
from makima_schemas.errors import ErrorCode
from makima_schemas.questions import CleanupWorktrees, WorktreesRemoved
from makima_schemas.refusal import Refused

from makima_completion_detector.handlers.contract_lookup import ContractLookup
from makima_completion_detector.handlers.worktrees import Removal, Worktrees
from makima_completion_detector.queries import Queries


class CleanUp:
    """Answers with the ids of the daemons that confirmed the removal; none if no daemon holds a worktree."""

    def __init__(self, queries: Queries, lookup: ContractLookup, worktrees: Worktrees) -> None:
        self._queries, self._lookup, self._worktrees = queries, lookup, worktrees

    async def handle(self, question: CleanupWorktrees) -> WorktreesRemoved:
        """Also of a deleted contract, as long as daemons are known that ran it.

        Raises `Refused`: `CONTRACT_NOT_FOUND`, `INVALID_TRANSITION` if the contract has not ended, and
        `UNAVAILABLE` if a daemon does not confirm the removal, or keeps a worktree because something is in it.
        """
        try:
            contract = await self._lookup.find(question.tenant, question.contract_id)
        except Refused:
            contract = None
            if not await self._queries.daemons_of(question.tenant, question.contract_id):
                raise
        if contract is not None and contract.status not in TERMINAL_STATUSES:
            members = {
                "from": contract.status.value,
                "to": contract.status.value,
                "allowed": list(map(str, TERMINAL_STATUSES)),
            }
            raise Refused(
                ErrorCode.INVALID_TRANSITION,
                "worktrees are removed only after the contract has ended",
                hint="complete or fail the contract first",
                **members,
            )
        holders = self._worktrees.holders(
            await self._queries.daemons_of(question.tenant, question.contract_id)
        )
        for answer in await self._worktrees.remove(question.contract_id, holders):
            _check(answer)
        return {"daemons": list(holders)}


def _check(answer: Removal) -> None:
    if not answer.confirmed:
        raise Refused(
            ErrorCode.UNAVAILABLE,
            f"daemon {answer.daemon_id} did not confirm that the worktrees are removed",
            hint="ask again when it is connected",
        )
    if answer.kept_because is not None:
        raise Refused(
            ErrorCode.UNAVAILABLE,
            f"daemon {answer.daemon_id} kept the worktree: {answer.kept_because}",
            hint="look at it on that machine, keep or remove what is in it, and ask again",
        )
