"""The query `try_change_phase`: what a phase change would be answered, without asking for it (`dry_run`)."""

from typing import Final, cast

from makima_kernel.commands.decider import fold
from makima_kernel.event_log.log import Log
from makima_schemas.codec import decode
from makima_schemas.contract.commands import ChangePhase
from makima_schemas.contract.events import ContractEvent
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import stream_name
from makima_schemas.questions import PhaseTrial, TryChangePhase
from makima_schemas.refusal import Member, Refused

from makima_contract.domain.decider import ContractDecider

# Answers about the change itself; any other refusal is the query's own.
JUDGED: Final = frozenset({ErrorCode.VALIDATION_FAILED, ErrorCode.PHASE_GUARD_REQUIRED, ErrorCode.INVALID_TRANSITION})


class DryRun:
    def __init__(self, log: Log, decider: ContractDecider) -> None:
        self._log = log
        self._decider = decider

    async def handle(self, question: TryChangePhase) -> PhaseTrial:
        """Raises `Refused(CONTRACT_NOT_FOUND)`."""
        command = ChangePhase(question.phase, question.confirmed, question.force, question.reason)
        recorded = await self._log.stream(question.tenant, stream_name("contract", question.contract_id))
        state = fold(self._decider, (cast("ContractEvent", decode(each.type, each.schema, each.data)) for each in recorded))
        if state.exists and question.expected_version not in (None, recorded[-1].version):
            return _answer(ErrorCode.VERSION_CONFLICT)
        try:
            self._decider.decide(command, state)
        except Refused as refused:
            if refused.code not in JUDGED:
                raise
            return _answer(refused.code, **refused.members)
        return _answer(None)


def _answer(code: ErrorCode | None, **members: Member) -> PhaseTrial:
    missing, deliverables = (cast("list[str]", members.get(name, [])) for name in ("missing", "deliverables"))
    return PhaseTrial(would_succeed=code is None, code=code, missing=missing, deliverables=deliverables)
