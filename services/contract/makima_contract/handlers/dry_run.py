"""The query `try_change_phase` (`dry_run` over HTTP): the answer that a phase change would get."""

from typing import Final, cast

from makima_kernel.commands.state_cache import StateCache
from makima_schemas.contract.commands import ChangePhase
from makima_schemas.contract.events import ContractEvent
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import stream_name
from makima_schemas.questions import PhaseTrial, TryChangePhase
from makima_schemas.refusal import Member, Refused

from makima_contract.domain.decider import ContractDecider
from makima_contract.domain.state import Contract

# Refusals of the phase change, returned as the result. Any other refusal is raised as the query's own.
JUDGED: Final = frozenset(
    {ErrorCode.VALIDATION_FAILED, ErrorCode.PHASE_GUARD_REQUIRED, ErrorCode.INVALID_TRANSITION}
)


class DryRun:
    """Answers `TryChangePhase`."""

    def __init__(self, contracts: StateCache[Contract, ContractEvent], decider: ContractDecider) -> None:
        self._contracts = contracts
        self._decider = decider

    async def handle(self, question: TryChangePhase) -> PhaseTrial:
        """Reads the contract from the log, decides on a `ChangePhase`, and discards the events.

        Raises `Refused(CONTRACT_NOT_FOUND)`.
        """
        command = ChangePhase(question.phase, question.confirmed, question.force, question.reason)
        stream = stream_name("contract", question.contract_id)
        loaded = await self._contracts.reload(question.tenant, stream)
        if loaded.state.exists and question.expected_version not in (None, loaded.version):
            return _answer(ErrorCode.VERSION_CONFLICT)
        try:
            self._decider.decide(command, loaded.state)
        except Refused as refused:
            if refused.code not in JUDGED:
                raise
            return _answer(refused.code, **refused.members)
        return _answer(None)


def _answer(code: ErrorCode | None, **members: Member) -> PhaseTrial:
    """The result. `code` None: the change would succeed. `members`: those of the refusal."""
    missing, deliverables = (cast("list[str]", members.get(name, [])) for name in ("missing", "deliverables"))
    return PhaseTrial(would_succeed=code is None, code=code, missing=missing, deliverables=deliverables)
