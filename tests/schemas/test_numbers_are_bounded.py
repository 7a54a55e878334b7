"""Every number that somebody may send has an upper bound: SQL, clocks and memory have one, too."""

from typing import get_args

import pytest
from makima_schemas import questions
from makima_schemas.agent import DeclareAgentSilent, DeclareRestartExpired
from makima_schemas.commands import Request
from makima_schemas.contract.commands import ContractCommand, CreateContract
from makima_schemas.contract.model import Gate, MinComplete, Phase
from makima_schemas.contract.new_phases import MAX_REQUIRED_TASKS
from makima_schemas.daemon import DeclareDisconnected
from makima_schemas.evidence import BOUNDS, Evidence
from makima_schemas.supervisor import DeclareSilent, RestartSupervisor
from pydantic import TypeAdapter, ValidationError

from tests.schemas.unbounded_numbers import Json, unbounded

ASKED = (
    *get_args(ContractCommand),
    RestartSupervisor,
    DeclareSilent,
    DeclareDisconnected,
    DeclareAgentSilent,
    DeclareRestartExpired,
    questions.TryChangePhase,
    questions.CheckCompletion,
    questions.CleanupWorktrees,
    questions.Heartbeats,
    questions.Status,
    Request[Json],
)

MAX_VERSION = 2**63 - 1
EVIDENCE: Json = {
    "last_heartbeat_at": None,
    "timeout_seconds": 120.0,
    "deadline": "2026-01-01T00:00:00Z",
    "watermark": "2026-01-01T00:00:01Z",
    "lateness_ms": 1000.0,
    "decided_by": "stale_detector@host",
}


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_every_number_of_a_command_or_question_has_an_upper_bound(asked: type) -> None:
    assert [*unbounded(TypeAdapter(asked).json_schema(), "")] == []


@pytest.mark.parametrize(("member", "most"), BOUNDS.items())
def test_the_numbers_of_a_verdict_are_those_that_a_clock_and_a_stream_can_reach(
    member: str, most: int
) -> None:
    verdict = TypeAdapter(DeclareRestartExpired)
    assert verdict.validate_python({"since_version": MAX_VERSION, "evidence": {**EVIDENCE, member: most}})
    with pytest.raises(ValidationError, match=f"{member} is above"):
        verdict.validate_python({"since_version": 1, "evidence": {**EVIDENCE, member: 2 * most}})
    assert TypeAdapter(Evidence).validate_python({**EVIDENCE, member: 2 * most}), "a log of before must open"


@pytest.mark.parametrize("version", [-1, MAX_VERSION + 1])
def test_a_version_is_one_that_postgres_can_hold(version: int) -> None:
    with pytest.raises(ValidationError, match="since_version"):
        TypeAdapter(DeclareRestartExpired).validate_python({"since_version": version, "evidence": EVIDENCE})


def test_a_gate_that_a_log_holds_already_opens_whatever_it_requires() -> None:
    assert TypeAdapter(MinComplete).validate_python({"min_complete": 2**64}) == MinComplete(2**64)


def test_a_gate_cannot_require_more_tasks_than_a_phase_can_have() -> None:
    create = TypeAdapter(CreateContract)
    for count in (MAX_REQUIRED_TASKS + 1, 2**64):
        with pytest.raises(ValidationError, match="min_complete of phase plan is above"):
            create.validate_python(
                {
                    "name": "x",
                    "owner_id": "ada",
                    "phases": [Phase("plan", (), Gate(None, MinComplete(count)))],
                }
            )
