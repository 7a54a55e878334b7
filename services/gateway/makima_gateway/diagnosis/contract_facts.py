"""The facts of a contract that the rules judge, each with the event that proves it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, cast

import orjson
from makima_schemas.contract.model import ACTIVE_STATUSES, TERMINAL_STATUSES, Phase
from makima_schemas.envelope import Recorded
from makima_schemas.gate import Readiness
from makima_schemas.identity import stream_name
from makima_schemas.maintenance import Window
from makima_schemas.planned_maintenance import Plan

from makima_gateway.diagnosis.over_limit import OverLimit
from makima_gateway.diagnosis.rivals import Rival
from makima_gateway.diagnosis.unfit_heartbeats import UnfitHeartbeat
from makima_gateway.read_model.rows import (
    AgentRow,
    ContractRow,
    DaemonRow,
    QuestionRow,
    SupervisorRow,
    TaskRow,
)

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)  # nothing lasts for long as of then


@dataclass(frozen=True, slots=True)
class PhaseStanding:
    """`following` is the next phase; null in the last one."""

    phase: Phase
    following: str | None
    gate: Readiness


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where it can be looked up: an event of a stream, or the contract's `version` that was judged; a verdict
    carries its evidence.
    """

    stream: str
    version: int | None = None
    position: int | None = None
    event: str | None = None
    evidence: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class ContractFacts:
    """`last` are the newest events of each type, of the contract's own stream and of its staleness;
    `advances` whether it moves on by itself when its gate is satisfied; `unfit` the newest heartbeats of its
    senders that did not fit; `rivals` who else speaks for them; `over_limit` whether
    its daemon has too many; `agents` are its agents, `untaken` the oldest pending tasks for whose role nobody is
    there; all as of `now`; `maintenance` the windows that are open for it, `planned` those to come; `serving` and `able` count daemons.
    """

    contract: ContractRow
    phase_standing: PhaseStanding
    questions: Sequence[QuestionRow]
    supervisor: SupervisorRow | None
    daemon: DaemonRow | None
    last: Mapping[str, Recorded]
    advances: bool
    unfit: Sequence[UnfitHeartbeat] = ()
    rivals: Sequence[Rival] = ()
    over_limit: OverLimit | None = None
    agents: Sequence[AgentRow] = ()
    untaken: Sequence[TaskRow] = ()
    now: datetime = _LONG_AGO
    restart_timeout: timedelta = timedelta.max  # after which an agent that is restarted should have joined
    pending_timeout: timedelta = timedelta.max  # after which somebody should have come for a pending task
    maintenance: Sequence[Window] = ()
    planned: Sequence[Plan] = ()
    serving: int = 0  # daemons that are connected and serve the owner
    # Of these, with room for another agent, as far as their newest heartbeats tell; None: that was not looked at.
    able: int | None = 0

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
        return (
            None if found is None else cast("dict[str, str | None]", orjson.loads(found.data)).get("reason")
        )

    def _newest(self, events: Sequence[str]) -> Recorded | None:
        return max(
            (self.last[event] for event in events if event in self.last),
            key=lambda one: one.position,
            default=None,
        )
