"""Agents as the API shows them: their records, the team, and the answer to a heartbeat."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import cast

import orjson
from makima_kernel.service.contracts_settings import ContractsSettings
from makima_kernel.service.silence_timeout import silence_seconds
from makima_schemas.agent import BEATING, PRESENT, AgentStatus
from makima_schemas.contract.model import NOT_RESTARTED_STATUSES, ContractStatus
from makima_schemas.identity import agent_id
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_gateway.api.schemas.agents import (
    Agent,
    AgentBeat,
    AgentRestarts,
    AgentTask,
    Answer,
    BeatStrip,
    Team,
)
from makima_gateway.read_model.agent_queries import is_fenced
from makima_gateway.read_model.contract_rows import heard_by_evidence, moment
from makima_gateway.read_model.history import AgentChange
from makima_gateway.read_model.latest_heartbeats import LatestHeartbeat, LatestHeartbeats
from makima_gateway.read_model.rows import AgentRow, RestartCount

DEAD = frozenset({AgentStatus.DEAD, AgentStatus.DEAD_FAILED_REVIVE})


def latest_of(
    feed: LatestHeartbeats, row: AgentRow, supervisor_task_id: str | None = None
) -> LatestHeartbeat | None:
    """The latest heartbeat of the connection in force; None: none came since this process began."""
    if row.role == SUPERVISOR_ROLE:
        latest = None if supervisor_task_id is None else feed.latest("supervisor", supervisor_task_id)
    else:
        latest = feed.latest("agent", agent_id(row.contract_id, row.role))
    spoken_by = None if latest is None else latest.heartbeat.get("connection_id")
    return latest if spoken_by == row.connection_id else None


def timeout_seconds(role: str, settings: ContractsSettings) -> float:
    """After so long without a heartbeat the agent is declared dead."""
    return silence_seconds(settings, "supervisor" if role == SUPERVISOR_ROLE else "agent")


def agent(
    row: AgentRow,
    latest: LatestHeartbeat | None,
    settings: ContractsSettings,
    *,
    contract_name: str | None = None,
    contract_status: ContractStatus | None = None,
    task: AgentTask | None = None,
    beats: BeatStrip | None = None,
) -> Agent:
    """`latest` is the latest heartbeat of its connection in force, if one is known."""
    heartbeat: dict[str, object] = {} if latest is None else latest.heartbeat
    heard = None if latest is None else latest.at
    quiet_until = None if latest is None else latest.quiet_until(settings.quiet_max_seconds)
    progress_at = None if latest is None else moment(latest.heartbeat.get("progress_at"))
    return Agent(
        contract_id=row.contract_id,
        role=row.role,
        agent_status=row.agent_status,
        status="active" if row.agent_status is AgentStatus.WORKING else "waiting",
        ready_until=_ready_until(row, heard, timeout_seconds(row.role, settings), quiet_until),
        quiet_until=quiet_until,
        is_expired=row.agent_status in DEAD,
        stuck=row.stuck,
        progress_at=progress_at or row.progress_at,
        connection_id=row.connection_id,
        daemon_id=row.daemon_id,
        since=row.since,
        evidence=None if row.evidence is None else cast("dict[str, object]", orjson.loads(row.evidence)),
        contract_name=contract_name,
        last_heartbeat_at=heard or heard_by_evidence(row.evidence),
        interval_seconds=settings.heartbeat_interval_seconds,
        timeout_seconds=timeout_seconds(row.role, settings),
        activity=cast("str | None", heartbeat.get("activity")),
        progress=cast("int | None", heartbeat.get("progress")),
        child=cast("dict[str, object] | None", heartbeat.get("child")),
        task=task,
        restarts=_restarts(row),
        restart_refused=restart_refused(contract_status),
        beats=beats,
    )


def restart_refused(contract: ContractStatus | None) -> str | None:
    """Why nobody of a contract of this status (None: not known) would be restarted; None: nothing is against it."""
    return f"the contract is {contract}: resume it first" if contract in NOT_RESTARTED_STATUSES else None


def _restarts(row: AgentRow) -> AgentRestarts | None:
    if row.restarts is None:
        return None
    newest = cast("RestartCount", orjson.loads(row.restarts))
    starts = moment(newest["next_at"]) if row.agent_status is AgentStatus.RESTARTING else None
    return AgentRestarts(newest["attempts"], newest["of"], starts)


def life_step(change: AgentChange) -> dict[str, object]:
    """A `LifeStep`."""
    row, evidence = change.new, change.new.evidence
    return {
        "at": change.recorded.recorded_at,
        "from": change.old.agent_status,
        "to": row.agent_status,
        "trigger": row.trigger,
        "actor": change.recorded.meta.get("actor"),
        "connection_id": row.connection_id,
        "position": change.recorded.position,
        "evidence": None if evidence is None else cast("dict[str, object]", orjson.loads(evidence)),
    }


def team(agents: Iterable[AgentRow], roles_wanted: Iterable[str]) -> Team:
    """Who should be there, and who is missing (agents.md, Agent status)."""
    known = [row for row in agents if not row.hidden]
    stayed = {row.role for row in known if row.agent_status is not AgentStatus.OFFLINE}
    present = {row.role for row in known if row.agent_status in PRESENT}
    expected = stayed.union(roles_wanted)
    missing = sorted(expected - present)
    return Team(not missing, sorted(expected), missing)


def answer(row: AgentRow | None, connection_id: str) -> Answer:
    """What is answered to a heartbeat of this connection.

    One that was never heard of is asked to join: who may, is decided there.
    """
    if row is None:
        return "rejoin_required"
    if connection_id == row.connection_id:
        return "ok" if row.agent_status in BEATING else "rejoin_required"
    return "superseded" if is_fenced(row, connection_id) else "rejoin_required"


def beats(recorded: Iterable[dict[str, object]]) -> list[AgentBeat]:
    return [
        AgentBeat(
            timestamp=str(each["timestamp"]),
            activity=cast("str | None", each["activity"]),
            progress=cast("int | None", each["progress"]),
            connection_id=cast("str | None", each["connection_id"]),
        )
        for each in recorded
    ]


def _ready_until(
    row: AgentRow, heard: datetime | None, timeout: float, quiet_until: datetime | None
) -> datetime | None:
    if row.agent_status not in BEATING:
        return None
    known = [each for each in (row.joined_at, heard) if each is not None]
    until = max(known, default=row.since) + timedelta(seconds=timeout)
    return until if quiet_until is None else max(until, quiet_until)
