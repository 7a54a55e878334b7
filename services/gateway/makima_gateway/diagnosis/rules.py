"""The rules of the diagnosis: each finds problems in a contract's facts, with a proof and the next action."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, cast

import orjson
from makima_schemas.contract.model import ContractStatus as S
from makima_schemas.identity import stream_name
from makima_schemas.supervisor import SupervisorState

from makima_gateway.diagnosis.contract_facts import ContractFacts, Evidence
from makima_gateway.read_model.rows import Json

Verdict = Literal["healthy", "waiting", "stopped", "unhealthy", "ended"]
Kind = Literal["fact", "inference"]
WORST_FIRST: Final[tuple[Verdict, ...]] = ("unhealthy", "stopped", "waiting", "healthy")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found."""

    text: str
    since: datetime
    act: str  # what to do next: a request of this API, if one does it; else a sentence
    proof: Evidence


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason of a verdict.

    A `fact` is recorded in the log as such. An `inference` is a conclusion from missing heartbeats or events,
    which may be wrong: a sender that is silent may still be running.
    """

    kind: Kind
    code: str  # of the rule, e.g. SUPERVISOR_SILENT
    text: str
    since: datetime
    act: str  # what to do next: a request of this API, if one does it; else a sentence
    proof: Evidence


@dataclass(frozen=True, slots=True)
class Health:
    """The diagnosis of a contract.

    `healthy`: the work goes on. `waiting`: a person has to act. `stopped`: a person has blocked or paused it.
    `unhealthy`: something is wrong. `ended`: it is completed or archived.
    """

    verdict: Verdict
    reasons: list[Reason]


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table RULES."""

    code: str
    kind: Kind
    means: Verdict  # the verdict that one finding of this rule leads to, unless another rule found worse
    find: Callable[[ContractFacts], Iterable[Finding]]


def health(found: ContractFacts) -> Health:
    """Apply all rules. The worst finding determines the verdict; the reasons are in the order of RULES."""
    told = [
        (rule.means, Reason(rule.kind, rule.code, one.text, one.since, one.act, one.proof))
        for rule in RULES
        for one in rule.find(found)
    ]
    reasons = [reason for _, reason in told]
    if found.contract.status in {S.COMPLETED, S.ARCHIVED}:
        return Health("ended", reasons)
    meant = {means for means, _ in told} | {WORST_FIRST[-1]}
    return Health(next(means for means in WORST_FIRST if means in meant), reasons)


def _path(found: ContractFacts, rest: str) -> str:
    return f"/api/v1/contracts/{found.contract.id}/{rest}"


def _because(reason: str | None) -> str:
    return f": {reason}" if reason else ""


def _failed(found: ContractFacts) -> Iterator[Finding]:
    if found.contract.status is S.FAILED:
        text = f"it failed{_because(found.contract.failure_reason)}"
        yield Finding(
            text,
            found.contract.status_changed_at,
            f"POST {_path(found, 'reopen')}",
            found.evidence_of("ContractFailed"),
        )


def _silent(found: ContractFacts) -> Iterator[Finding]:
    supervisor = found.supervisor
    if found.ended or supervisor is None or supervisor.state != SupervisorState.INTERRUPTED:
        return
    text = f"supervisor {supervisor.task_id} on daemon {supervisor.daemon_id} fell silent"
    yield Finding(
        text,
        supervisor.changed_at,
        f"POST {_path(found, 'supervisor/restart')}",
        Evidence(
            stream_name("supervisor", supervisor.task_id),
            event="SupervisorStateChanged",
            evidence=_evidence(supervisor.evidence),
        ),
    )


def _supervisor_failed(found: ContractFacts) -> Iterator[Finding]:
    supervisor = found.supervisor
    if found.ended or supervisor is None or supervisor.state != SupervisorState.FAILED:
        return
    proof = Evidence(stream_name("supervisor", supervisor.task_id), event="SupervisorStateChanged")
    yield Finding(
        f"supervisor {supervisor.task_id} says that it failed",
        supervisor.changed_at,
        f"POST {_path(found, 'supervisor/restart')}",
        proof,
    )


def _daemon_gone(found: ContractFacts) -> Iterator[Finding]:
    daemon = found.daemon
    if found.ended or daemon is None or daemon.connected:
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


def _stale(found: ContractFacts) -> Iterator[Finding]:
    if found.ended or not found.contract.stale:
        return
    act = "POST {}" if found.supervisor else "start a daemon that takes it; else POST {}"
    path = _path(found, "supervisor/restart" if found.supervisor else "fail")
    yield Finding(
        "nothing has happened for too long",
        found.contract.last_activity_at,
        act.format(path),
        found.evidence_of("StaleDetected"),
    )


def _blocked(found: ContractFacts) -> Iterator[Finding]:
    if found.contract.status is S.BLOCKED:
        text = f"it is blocked{_because(found.contract.blocked_reason)}"
        yield Finding(
            text,
            found.contract.status_changed_at,
            f"POST {_path(found, 'unblock')}",
            found.evidence_of("ContractBlocked"),
        )


def _paused(found: ContractFacts) -> Iterator[Finding]:
    if found.contract.status is S.PAUSED:
        text = f"it is paused{_because(found.reason_of('ContractPaused'))}"
        yield Finding(
            text,
            found.contract.status_changed_at,
            f"POST {_path(found, 'resume')}",
            found.evidence_of("ContractPaused"),
        )


def _created(found: ContractFacts) -> Iterator[Finding]:
    if found.contract.status is S.CREATED:
        text = "it was not started; its supervisor's first heartbeat starts it, too"
        yield Finding(
            text,
            found.contract.created_at,
            f"POST {_path(found, 'start')}",
            found.evidence_of("ContractCreated"),
        )


def _unsupervised(found: ContractFacts) -> Iterator[Finding]:
    if found.at_work and found.supervisor is None:
        text = "no supervisor of it was heard yet"
        yield Finding(
            text,
            found.since("ContractStarted"),
            "start a daemon that takes it",
            found.evidence_of("ContractStarted"),
        )


def _questions(found: ContractFacts) -> Iterator[Finding]:
    for question in () if found.ended else found.questions:
        proof = Evidence(
            stream_name("contract", found.contract.id),
            position=question.asked_position,
            event="QuestionAsked",
        )
        act = f"POST {_path(found, f'questions/{question.id}/answer')}"
        yield Finding(f"a question is open: {question.question}", question.asked_at, act, proof)


def _guard(found: ContractFacts) -> Iterator[Finding]:
    row, standing = found.contract, found.phase_standing
    if not found.at_work or not row.phase_guard or not standing.gate.by_gate or standing.following is None:
        return
    text = f"phase {row.phase} is ready, and its guard waits for a person to confirm {standing.following}"
    act = f'POST {_path(found, "phase")} {{"phase": "{standing.following}", "confirmed": true}}'
    yield Finding(text, row.last_activity_at, act, found.evidence_of("InputAwaited", "PhaseGuardSet"))


def _switched_off(found: ContractFacts) -> Iterator[Finding]:
    row, standing = found.contract, found.phase_standing
    if (
        not found.at_work
        or found.advances
        or not standing.gate.by_gate
        or (row.phase_guard and standing.following)
    ):
        return
    act = (
        f'POST {_path(found, "phase")} {{"phase": "{standing.following}"}}'
        if standing.following
        else f"POST {_path(found, 'complete')}"
    )
    text = f"phase {row.phase} is ready, but a switch keeps it from moving on by itself"
    yield Finding(text, row.last_activity_at, act, found.evidence_of("AutoCompleteSet"))


def _gate(found: ContractFacts) -> Iterator[Finding]:
    for member in found.phase_standing.gate.missing if found.at_work else ():
        since = found.since("PhaseChanged", "ContractStarted", "ContractReopened")
        yield Finding(
            f"phase {found.contract.phase} needs {member}", since, _fulfil(found, member), found.evidence_of()
        )


def _fulfil(found: ContractFacts, member: str) -> str:
    """What to do about one unsatisfied requirement of a gate (`Readiness.missing`)."""
    kind, _, name = member.partition(": ")
    match kind:
        case "Deliverable":
            return f"POST {_path(found, f'deliverables/{name}/complete')}"
        case "Validator":
            return f"POST {_path(found, 'check-completion')}"
        case _:
            return f"complete them; GET {_path(found, 'tasks')}"


def _evidence(text: Json | None) -> dict[str, object] | None:
    return None if text is None else cast("dict[str, object]", orjson.loads(text))


RULES: Final[tuple[Rule, ...]] = (
    Rule("FAILED", "fact", "unhealthy", _failed),
    Rule("SUPERVISOR_SILENT", "inference", "unhealthy", _silent),
    Rule("SUPERVISOR_FAILED", "fact", "unhealthy", _supervisor_failed),
    Rule("DAEMON_GONE", "inference", "unhealthy", _daemon_gone),
    Rule("STALE", "inference", "unhealthy", _stale),
    Rule("BLOCKED", "fact", "stopped", _blocked),
    Rule("PAUSED", "fact", "stopped", _paused),
    Rule("QUESTION_OPEN", "fact", "waiting", _questions),
    Rule("PHASE_GUARDED", "fact", "waiting", _guard),
    Rule("SWITCHED_OFF", "fact", "waiting", _switched_off),
    Rule("NOT_STARTED", "fact", "waiting", _created),
    Rule("NO_SUPERVISOR", "fact", "waiting", _unsupervised),
    Rule("GATE_OPEN", "fact", "healthy", _gate),
)
