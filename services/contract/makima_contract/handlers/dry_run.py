"""The query `try_change_phase`: what a phase change would be answered, without asking for it (`dry_run`)."""

from typing import Final, cast

from makima_kernel.commands.decider import fold
from makima_kernel.commands.router import decode_command
from makima_kernel.event_log.log import Log
from makima_schemas.codec import decode
from makima_schemas.contract.commands import ChangePhase
from makima_schemas.contract.events import ContractEvent
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import DEFAULT_TENANT, is_id, stream_name
from makima_schemas.refusal import Member, Refused

from makima_contract.domain.decider import ContractDecider

# Answers about the change itself; any other refusal is the query's own.
JUDGED: Final = frozenset({ErrorCode.VALIDATION_FAILED, ErrorCode.PHASE_GUARD_REQUIRED, ErrorCode.INVALID_TRANSITION})


class DryRun:
    """`{contract_id, phase, confirmed?, force?, expected_version?, tenant?}` → `{would_succeed, code?, missing, deliverables}`."""

    def __init__(self, log: Log, decider: ContractDecider) -> None:
        self._log = log
        self._decider = decider

    async def handle(self, question: dict[str, object]) -> dict[str, object]:
        """Raises `Refused`: `CONTRACT_NOT_FOUND`, `INVALID_REQUEST`."""
        data = dict(question)
        contract_id, tenant, expected = (
            data.pop("contract_id", None),
            data.pop("tenant", DEFAULT_TENANT),
            data.pop("expected_version", None),
        )
        if not isinstance(contract_id, str) or not is_id(contract_id) or not isinstance(tenant, str):
            raise Refused(ErrorCode.INVALID_REQUEST, "try_change_phase needs a contract_id")
        command = decode_command(ChangePhase, data)
        recorded = await self._log.stream(tenant, stream_name("contract", contract_id))
        state = fold(self._decider, (cast("ContractEvent", decode(each.type, each.schema, each.data)) for each in recorded))
        if state.exists and expected not in (None, recorded[-1].version):
            return _answer(ErrorCode.VERSION_CONFLICT)
        try:
            self._decider.decide(command, state)
        except Refused as refused:
            if refused.code not in JUDGED:
                raise
            return _answer(refused.code, **refused.members)
        return _answer(None)


def _answer(code: ErrorCode | None, **members: Member) -> dict[str, object]:
    return {
        "would_succeed": code is None,
        "code": code,
        "missing": members.get("missing", []),
        "deliverables": members.get("deliverables", []),
    }
