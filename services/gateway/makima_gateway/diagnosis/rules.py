"""The rules of the diagnosis: each finds problems in a contract's facts, with a proof and the next action."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from makima_schemas.contract.model import ContractStatus as S
from makima_schemas.identity import stream_name

from makima_gateway.diagnosis import agent_rules, phase_rules, supervision_rules
from makima_gateway.diagnosis.contract_facts import ContractFacts, Evidence
from makima_gateway.diagnosis.finding import Finding, path_of

Verdict = Literal["healthy", "waiting", "stopped", "unhealthy", "ended"]
Kind = Literal["fact", "inference"]
WORST_FIRST: Final[tuple[Verdict, ...]] = ("unhealthy", "stopped", "waiting", "healthy")


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
    found_reasons = [
        (rule.means, Reason(rule.kind, rule.code, one.text, one.since, one.act, one.proof))
        for rule in RULES
        for one in rule.find(found)
    ]
    reasons = [reason for _, reason in found_reasons]
    if found.contract.status in {S.COMPLETED, S.ARCHIVED}:
        return Health("ended", reasons)
    meant = {means for means, _ in found_reasons} | {WORST_FIRST[-1]}
    return Health(next(means for means in WORST_FIRST if means in meant), reasons)


def _because(reason: str | None) -> str:
    return f": {reason}" if reason else ""


def _failed(found: ContractFacts) -> Iterator[Finding]:
    if found.contract.status is S.FAILED:
        text = f"it failed{_because(found.contract.failure_reason)}"
        yield Finding(
            text,
            found.contract.status_changed_at,
            f"POST {path_of(found, 'reopen')}",
            found.evidence_of("ContractFailed"),
        )


def _blocked(found: ContractFacts) -> Iterator[Finding]:
    if found.contract.status is S.BLOCKED:
        text = f"it is blocked{_because(found.contract.blocked_reason)}"
        yield Finding(
            text,
            found.contract.status_changed_at,
            f"POST {path_of(found, 'unblock')}",
            found.evidence_of("ContractBlocked"),
        )


def _paused(found: ContractFacts) -> Iterator[Finding]:
    if found.contract.status is S.PAUSED:
        text = f"it is paused{_because(found.reason_of('ContractPaused'))}"
        yield Finding(
            text,
            found.contract.status_changed_at,
            f"POST {path_of(found, 'resume')}",
            found.evidence_of("ContractPaused"),
        )


def _created(found: ContractFacts) -> Iterator[Finding]:
    if found.contract.status is S.CREATED:
        text = "it was not started; its supervisor's first heartbeat starts it"
        yield Finding(
            text,
            found.contract.created_at,
            f"POST {path_of(found, 'start')}",
            found.evidence_of("ContractCreated"),
        )


def _questions(found: ContractFacts) -> Iterator[Finding]:
    for question in () if found.ended else found.questions:
        proof = Evidence(
            stream_name("contract", found.contract.id),
            position=question.asked_position,
            event="QuestionAsked",
        )
        act = f"POST {path_of(found, f'questions/{question.id}/answer')}"
        yield Finding(f"a question is open: {question.question}", question.asked_at, act, proof)


RULES: Final[tuple[Rule, ...]] = (
    Rule("FAILED", "fact", "unhealthy", _failed),
    Rule("SUPERVISOR_SILENT", "inference", "unhealthy", supervision_rules.silent),
    Rule("SUPERVISOR_FAILED", "fact", "unhealthy", supervision_rules.supervisor_failed),
    Rule("DAEMON_GONE", "inference", "unhealthy", supervision_rules.daemon_gone),
    Rule("HEARTBEAT_REFUSED", "fact", "unhealthy", supervision_rules.refused),
    Rule("TWO_DAEMONS", "fact", "unhealthy", supervision_rules.two_daemons),
    Rule("AGENT_DEAD", "inference", "unhealthy", agent_rules.dead),
    Rule("AGENT_UNRECOVERABLE", "fact", "unhealthy", agent_rules.unrecoverable),
    Rule("AGENT_RESTARTING", "inference", "unhealthy", agent_rules.restarting_too_long),
    Rule("SUPERVISOR_STUCK", "inference", "unhealthy", supervision_rules.stuck),
    Rule("AGENT_STUCK", "inference", "unhealthy", agent_rules.stuck),
    Rule("STALE", "inference", "unhealthy", supervision_rules.stale),
    Rule("BLOCKED", "fact", "stopped", _blocked),
    Rule("PAUSED", "fact", "stopped", _paused),
    Rule("QUESTION_OPEN", "fact", "waiting", _questions),
    Rule("PHASE_GUARDED", "fact", "waiting", phase_rules.guard),
    Rule("SWITCHED_OFF", "fact", "waiting", phase_rules.switched_off),
    Rule("NOT_STARTED", "fact", "waiting", _created),
    Rule("NO_DAEMON", "fact", "waiting", supervision_rules.no_daemon),
    Rule("NO_SUPERVISOR", "fact", "waiting", supervision_rules.unsupervised),
    Rule("TASK_UNTAKEN", "fact", "waiting", agent_rules.untaken),
    Rule("UNDER_MAINTENANCE", "fact", "healthy", supervision_rules.under_maintenance),
    Rule("MAINTENANCE_PLANNED", "fact", "healthy", supervision_rules.maintenance_planned),
    Rule("DAEMON_OVER_LIMIT", "fact", "healthy", supervision_rules.daemon_over_limit),
    Rule("DAEMON_UNHEARD", "fact", "healthy", supervision_rules.daemon_unheard),
    Rule("HEARTBEAT_CUT", "fact", "healthy", supervision_rules.cut),
    Rule("GATE_OPEN", "fact", "healthy", phase_rules.gate),
)
