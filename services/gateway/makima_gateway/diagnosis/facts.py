"""Facts for a contract's diagnosis, each with the event newest proves it."""

from of each type from the log."""

from typing import Final

from makima_kernel.event_log.log import Log
from makima_schemas.envelope import Recorded
from makima_schemas.identity import stream_name
from makima_schemas.silence import contract_stream

from makima_gateway.diagnosis.contract_facts import ContractFacts
from makima_gateway.diagnosis.readiness import phase_standing
from makima_gateway.read_model.queries import Queries
from makima_gateway.read_model.rows import ContractRow

MAX_QUESTIONS: Final = 100  # open questions that are loaded
HISTORY_PAGE_EVENTS: Final = 1000  # events read from the log at once
AT_WORK: Final = frozenset({S.ACTIVE, S.WAITING_FOR_INPUT, S.COMPLETING})
ENDED: Final = frozenset({S.COMPLETED, S.FAILED, S.ARCHIVED})


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves a finding: an event in a stream, or the version of the contract that was judged."""

    stream: str
    version: int | None = None  # of the event in its stream; without an event, of the contract
    position: int | None = None  # of the event in the log
    event: str | None = None  # type of the event
    evidence: dict[str, object] | None = None  # of a verdict: what it was based on, e.g. the last heartbeat


@dataclass(frozen=True, slots=True)
class ContractFacts:
    """What the rules judge."""

    contract: ContractRow
    phase_standing: PhaseStanding
    questions: Sequence[QuestionRow]  # the open ones, oldest first, at most MOST_QUESTIONS
    supervisor: SupervisorRow | None  # the one that drives the contract; null: none has registered yet
    daemon: DaemonRow | None  # the one that runs this supervisor
    # event type → newest event, of the contract's own stream and its staleness stream
    last: Mapping[str, Recorded]
    advances: bool  # True: the contract advances by itself once its gate is satisfied

    @property
    def at_work(self) -> bool:
        return self.contract.status in AT_WORK

    @property
    def ended(self) -> bool:
        return self.contract.status in ENDED

    def evidence_of(self, *events: str) -> Evidence:
        """Evidence: the newest event of these types; if there is none, the contract's present version."""
        found = self._newest(events)
        if found is None:
            return Evidence(stream_name("contract", self.contract.id), self.contract.version)
        return Evidence(found.stream, found.version, found.position, found.type)

    def since(self, *events: str) -> datetime:
        """Time of the newest event of these types; if there is none, of the last change of status."""
        found = self._newest(events)
        return self.contract.status_changed_at if found is None else found.recorded_at

    def reason_of(self, event: str) -> str | None:
        """The reason given in the newest event of this type, if any."""
        found = self.last.get(event)
        return None if found is None else cast("dict[str, str | None]", orjson.loads(found.data)).get("reason")

    def _newest(self, events: Sequence[str]) -> Recorded | None:
        return max((self.last[event] for event in events if event in self.last), key=lambda one: one.position, default=None)


async def contract_facts(queries: Queries, log: Log, row: ContractRow, *, auto_advance: bool) -> ContractFacts:
    """Load the facts of a contract.

    `auto_advance`: True if the settings allow contracts to advance by themselves.
    """
    found = await phase_standing(queries, row)
    supervisor = await queries.supervisor(row.tenant, row.id)
    return ContractFacts(
        contract=row,
        phase_standing=found,
        questions=await queries.open_questions(row.tenant, row.id, MAX_QUESTIONS),
        supervisor=supervisor,
        daemon=None if supervisor is None else await queries.daemon(row.tenant, supervisor.daemon_id),
        last=await _last(log, row, stream_name("contract", row.id)) | await _last(log, row, contract_stream(row.id)),
        advances=auto_advance and row.auto_complete_enabled and found.phase.gate.auto_advance,
    )


async def _last(log: Log, row: ContractRow, stream: str) -> dict[str, Recorded]:
    """The newest event of each type in a stream."""
    last, version = dict[str, Recorded](), 0
    while page := await log.stream(row.tenant, stream, version, HISTORY_PAGE_EVENTS):
        last |= {recorded.type: recorded for recorded in page}
        version = page[-1].version
    return last
