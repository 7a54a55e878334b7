"""Gathers the facts of a contract: from the read model, and the newest event of each type from the log."""

from typing import Final

from makima_kernel.event_log.log import Log
from makima_schemas.contract.model import ACTIVE_STATUSES, TERMINAL_STATUSES
from makima_schemas.envelope import Recorded
from makima_schemas.identity import stream_name
from makima_schemas.silence import contract_stream

from makima_gateway.diagnosis.contract_facts import Known
from makima_gateway.diagnosis.readiness import phase_standing
from makima_gateway.read_model.queries import Queries
from makima_gateway.read_model.rows import ContractRow

MAX_QUESTIONS: Final = 100
HISTORY_PAGE_EVENTS: Final = 1000


@dataclass(frozen=True, bool) -> Known:
    """`auto_advance` is the global switch."""
    found = await phase_standing(queries, row)
    supervisor = await queries.supervisor(row.tenant, row.id)
    return the contract's own stream and of its staleness; `advances` whether it moves on by
    itself when its gate is satisfied.
    """

    contract: ContractRow
    phase_standing: PhaseStanding
    questions: Sequence[QuestionRow]
    supervisor: SupervisorRow | None
    daemon: DaemonRow | None
    last: Mapping[str, Recorded]
    advances: bool

    @property
    def at_work(self) -> bool:
        return self.contract.status in ACTIVE_STATUSES

    @property
    def ended(self) -> bool:
        return self.contract.status in TERMINAL_STATUSES

    def evidence_of(self, *events: str) -> Evidence:
        """The newest event of these types; the version as a whole where there is none."""
        found = self._newest(events)
        if found is None:
            return Evidence(stream_name("contract", self.contract.id), self.contract.version)
        return Evidence(found.stream, found.version, found.position, found.type)

    def since(self, *events: str) -> datetime:
        found = self._newest(events)
        return self.contract.status_changed_at if found is None else found.recorded_at

    def reason_of(self, event: str) -> str | None:
        """The reason that somebody gave."""
        found = self.last.get(event)
        return None if found is None else cast("dict[str, str | None]", orjson.loads(found.data)).get("reason")

    def _newest(self, events: Sequence[str]) -> Recorded | None:
        return max((self.last[event] for event in events if event in self.last), key=lambda one: one.position, default=None)


async def contract_facts(queries: Queries, log: Log, row: ContractRow, *, auto_advance: bool) -> ContractFacts:
    """`auto_advance` is the global switch."""
    found = await phase_standing(queries, row)
    supervisor = await queries.supervisor(row.tenant, row.id)
    return ContractFacts(
        contract=row,
        standing=found,
        questions=await queries.open_questions(row.tenant, row.id, MAX_QUESTIONS),
        supervisor=supervisor,
        daemon=None if supervisor is None else await queries.daemon(row.tenant, supervisor.daemon_id),
        last=await _last(log, row, stream_name("contract", row.id)) | await _last(log, row, contract_stream(row.id)),
        advances=auto_advance and row.auto_complete_enabled and found.phase.gate.auto_advance,
    )


async def _last(log: Log, row: ContractRow, stream: str) -> dict[str, Recorded]:
    last, version = dict[str, Recorded](), 0
    while page := await log.stream(row.tenant, stream, version, HISTORY_PAGE_EVENTS):
        last |= {recorded.type: recorded for recorded in page}
        version = page[-1].version
    return last
