"""The query `cleanup_worktrees`: asks the daemons that ran an ended contract to remove its worktrees."""

from collections.abc import Sequence

from makima_schemas.contract.model import TERMINAL_STATUSES
from makima_schemas.errors import ErrorCode
from makima_schemas.questions import CleanupWorktrees, WorktreesRemoved
from makima_schemas.refusal import Refused

from makima_completion_detector.handlers.contract_lookup import ContractLookup
from makima_completion_detector.handlers.worktrees import Removal, Worktrees
from makima_completion_detector.queries import Queries


class CleanUp:
    """Answers with the ids of the daemons that have removed a worktree; none if none had one."""

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
        answers = await self._worktrees.remove(question.contract_id, holders)
        _check(answers)
        return {"daemons": [each.daemon_id for each in answers if each.removed]}


def _check(answers: Sequence[Removal]) -> None:
    """Raises `Refused` if one is left, or may be; the detail tells of every daemon, also of what was removed."""
    if all(each.confirmed and each.kept_because is None for each in answers):
        return
    hints = {
        "look at it on that machine, keep or remove what is in it, and ask again"
        if each.confirmed
        else "ask again when it is connected"
        for each in answers
        if not each.confirmed or each.kept_because is not None
    }
    details = filter(None, map(_detail, answers))
    raise Refused(ErrorCode.UNAVAILABLE, "; ".join(details), hint="; ".join(sorted(hints)))


def _detail(answer: Removal) -> str | None:
    """What the daemon did; None: it had no worktree."""
    daemon = f"daemon {answer.daemon_id}"
    if not answer.confirmed:
        return f"{daemon} did not confirm that the worktrees are removed"
    if answer.kept_because is not None:
        return f"{daemon} kept the worktree: {answer.kept_because}"
    return f"{daemon} removed its worktree" if answer.removed else None
