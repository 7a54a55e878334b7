"""Rules of the diagnosis about who does the work: the supervisor, its daemon, and activity."""

from collections.abc import Iterator
from typing import cast

import orjson
from makima_schemas.identity import stream_name
from makima_schemas.silence import MAINTENANCE_STREAM
from makima_schemas.supervisor import SupervisorState
from makima_schemas.times import rfc3339

from makima_gateway.diagnosis.agent_rules import stuck_by
from makima_gateway.diagnosis.contract_facts import ContractFacts, Evidence
from makima_gateway.diagnosis.finding import Finding, path_of, restart
from makima_gateway.read_model.rows import Json


def silent(found: ContractFacts) -> Iterator[Finding]:
    supervisor = found.supervisor
    if found.ended or supervisor is None or supervisor.state != SupervisorState.INTERRUPTED:
        return
    text = f"supervisor {supervisor.task_id} on daemon {supervisor.daemon_id} stopped sending heartbeats"
    yield Finding(
        text,
        supervisor.changed_at,
        restart(found, "supervisor"),
        Evidence(
            stream_name("supervisor", supervisor.task_id),
            event="SupervisorStateChanged",
            evidence=_evidence(supervisor.evidence),
        ),
    )


def stuck(found: ContractFacts) -> Iterator[Finding]:
    """It may be thinking, or waiting for something that ends: nothing is done to it."""
    supervisor = found.supervisor
    if not found.at_work or supervisor is None or supervisor.stuck_proof is None:
        return
    says, proof = stuck_by(supervisor.stuck_proof, stream_name("supervisor", supervisor.task_id))
    where = f"on daemon {supervisor.daemon_id}"
    yield Finding(
        f"supervisor {supervisor.task_id} {where} sends heartbeats, and tells no progress{says}",
        supervisor.progress_at or supervisor.changed_at,
        f"look at what it does {where}; {restart(found, 'supervisor')}",
        proof,
    )


def supervisor_failed(found: ContractFacts) -> Iterator[Finding]:
    supervisor = found.supervisor
    if found.ended or supervisor is None or supervisor.state != SupervisorState.FAILED:
        return
    proof = Evidence(stream_name("supervisor", supervisor.task_id), event="SupervisorStateChanged")
    yield Finding(
        f"supervisor {supervisor.task_id} reported that it failed",
        supervisor.changed_at,
        restart(found, "supervisor"),
        proof,
    )


def daemon_gone(found: ContractFacts) -> Iterator[Finding]:
    daemon = found.daemon
    if found.ended or daemon is None or daemon.connected or not daemon.hostname:
        return
    where = f" on {daemon.hostname}" if daemon.hostname else ""
    proof = Evidence(
        stream_name("daemon", daemon.id), event="DaemonDisconnected", evidence=_evidence(daemon.evidence)
    )
    yield Finding(
        f"daemon {daemon.id}{where} is disconnected",
        daemon.changed_at,
        f"start daemon {daemon.id}{where} again",
        proof,
    )


def daemon_unheard(found: ContractFacts) -> Iterator[Finding]:
    """Only its supervisors named it. The work goes on, but nothing can be asked of the daemon."""
    daemon = found.daemon
    if found.ended or daemon is None or daemon.connected or daemon.hostname:
        return
    yield Finding(
        f"daemon {daemon.id} never sent a heartbeat of its own: it cannot be asked to restart the supervisor",
        daemon.changed_at,
        f"have daemon {daemon.id} send heartbeats, e.g. POST /api/v1/daemons/{daemon.id}/heartbeat",
        Evidence(stream_name("daemon", daemon.id), event="DaemonConnected"),
    )


def stale(found: ContractFacts) -> Iterator[Finding]:
    if found.ended or not found.contract.stale:
        return
    fails = f"start a daemon that runs it, or POST {path_of(found, 'fail')}"
    yield Finding(
        "no activity for longer than the stale threshold",
        found.contract.last_activity_at,
        restart(found, "supervisor") if found.supervisor else fails,
        found.evidence_of("StaleDetected"),
    )


def unsupervised(found: ContractFacts) -> Iterator[Finding]:
    if found.at_work and found.supervisor is None:
        text, act = "no supervisor has sent a heartbeat for it yet", "start a daemon that runs it"
        if found.contract.daemon_id is not None:
            text = f"{text}; daemon {found.contract.daemon_id} has it, and was asked to start one"
            act = f"look at the log of daemon {found.contract.daemon_id}"
        elif found.able:
            text, act = f"{text}; daemons are asked to start one", "wait, or start a daemon that runs it"
        yield Finding(text, found.since("ContractStarted"), act, found.evidence_of("ContractStarted"))


def no_daemon(found: ContractFacts) -> Iterator[Finding]:
    """Nobody can be asked to start its supervisor, so the contract waits for a daemon (agents.md, Assignment)."""
    supervisor, daemon, owner = found.supervisor, found.daemon, found.contract.owner_id
    never = supervisor is None and found.contract.daemon_id is None
    lost = supervisor is not None and supervisor.state == SupervisorState.INTERRUPTED
    lost = lost and daemon is not None and not daemon.connected
    if not found.at_work or found.able != 0 or not (never or lost):
        return
    if found.serving:
        text = f"no daemon can start its supervisor: of {found.serving} connected ones that serve {owner} none has room"
        act = "raise the capacity of a daemon, end contracts that are not needed, or start another daemon"
    else:
        text = f"no daemon can start its supervisor: none that serves {owner} is connected"
        act = f"start a daemon that serves {owner}: makima daemon start --config FILE"
    since = found.since("ContractStarted") if daemon is None else daemon.changed_at
    yield Finding(text, since, act, found.evidence_of("ContractStarted"))


def under_maintenance(found: ContractFacts) -> Iterator[Finding]:
    for window in () if found.ended else found.maintenance:
        yield Finding(
            f"maintenance of {window.scope} until {rfc3339(window.until)}: {window.reason}; nobody is declared silent",
            window.started_at,
            f"wait, or DELETE /api/v1/maintenance?scope={window.scope}",
            Evidence(MAINTENANCE_STREAM, event="MaintenanceStarted"),
        )


def maintenance_planned(found: ContractFacts) -> Iterator[Finding]:
    for plan in () if found.ended else found.planned:
        begins, until = rfc3339(plan.starts_at), rfc3339(plan.until)
        yield Finding(
            f"maintenance of {plan.scope} is planned from {begins} until {until}: {plan.reason}; until then silence counts",
            plan.planned_at,
            f"let it come, or DELETE /api/v1/maintenance?scope={plan.scope}",
            Evidence(MAINTENANCE_STREAM, event="MaintenancePlanned"),
        )


def _evidence(text: Json | None) -> dict[str, object] | None:
    return None if text is None else cast("dict[str, object]", orjson.loads(text))


def daemon_over_limit(found: ContractFacts) -> Iterator[Finding]:
    over = None if found.ended else found.over_limit
    if over is not None:
        yield Finding(
            f"new senders of a daemon are refused: {over.reason}",
            over.at,
            f"stop what daemon {over.daemon_id} does not need, run it on another daemon, or raise the limit",
            Evidence(stream_name("daemon", over.daemon_id), evidence=over.evidence),
        )


def two_daemons(found: ContractFacts) -> Iterator[Finding]:
    """Work may be done twice: of a supervisor only its daemon counts, of a daemon whoever spoke last."""
    for each in () if found.ended else found.rivals:
        if each.kind == "supervisor":
            text = (
                f"two daemons speak for supervisor {each.sender_id}: {each.own}, which has the contract, and "
                f"{each.other}, whose heartbeats change nothing"
            )
            act = f"stop the supervisor on daemon {each.other}, or the one on {each.own} so that {each.other} can take over"
        else:
            text = f"two processes speak as daemon {each.sender_id}: on {each.own} and on {each.other}"
            act = f"stop the daemon on {each.other} or on {each.own}, or give one of them another id"
        yield Finding(text, each.at, act, Evidence(each.stream, evidence=each.evidence))


def refused(found: ContractFacts) -> Iterator[Finding]:
    yield from _unfit(found, "refused", "sends heartbeats that are refused")


def cut(found: ContractFacts) -> Iterator[Finding]:
    yield from _unfit(found, "cut", "sends heartbeats of which something is cut or dropped")


def _unfit(found: ContractFacts, outcome: str, what: str) -> Iterator[Finding]:
    for each in () if found.ended else found.unfit:
        if each.outcome == outcome:
            yield Finding(
                f"{each.kind} {each.sender_id} {what}: {each.reason}",
                each.at,
                f"make what {each.kind} {each.sender_id} sends fit the schema of heartbeats",
                Evidence(each.stream, evidence=each.evidence),
            )
