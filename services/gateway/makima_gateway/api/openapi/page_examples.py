"""Examples of what waits for a person, and of the gate of a phase."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from makima_schemas.agent import AgentStatus

from makima_gateway.api.schemas.needs_you import (
    Act,
    AskedBy,
    HoldsUp,
    Need,
    NeedContract,
    NeedPage,
    NeedQuestion,
)
from makima_gateway.api.schemas.phases import GateAct, GateCondition, PhaseReadiness, Who

_CONTRACT_ID: Final = "0b9f6a52-5c2e-5d7c-9a39-8d0c1c2f7e11"
_QUESTION_ID: Final = "c2f0a8de-91c5-5b0e-b7ad-2b8a2f3e4d55"
_NOW: Final = datetime(2026, 1, 31, 11, 5, tzinfo=UTC)
_NEED: Final = Need(
    kind="question",
    since=_NOW,
    contract=NeedContract(_CONTRACT_ID, "Add login", "plan", ["plan", "execute"], 5),
    question=NeedQuestion(_QUESTION_ID, "Which provider?", "choice", ["A", "B"]),
    next_phase=None,
    deliverables=None,
    reason=None,
    agent=None,
    asked_by=AskedBy("builder", AgentStatus.READY, _NOW),
    holds_up=HoldsUp(agents=2, tasks=1),
    act=Act("POST", f"/api/v1/contracts/{_CONTRACT_ID}/questions/{_QUESTION_ID}/answer", {"answer": None}),
)

# Schema name → its example.
EXAMPLES: Final[Mapping[str, object]] = {
    "NeedPage": NeedPage([_NEED], None, 1),
    "PhaseReadiness": PhaseReadiness(
        "plan",
        False,
        ["Deliverable: plan-document"],
        True,
        "execute",
        [
            GateCondition(
                "deliverable",
                "plan-document",
                "Plan document",
                "missing",
                who=Who("agent", "supervisor", AgentStatus.WORKING),
                act=GateAct(
                    "POST", f"/api/v1/contracts/{_CONTRACT_ID}/deliverables/plan-document/complete", {}
                ),
            ),
            GateCondition("switch", "auto_complete", "auto-complete", "met", who=Who("person")),
            GateCondition("switch", "auto_advance", "automatic advance", "met", who=Who("service")),
            GateCondition("guard", "phase_guard", "phase guard", "not_required", who=Who("person")),
        ],
        "gateway",
        _NOW,
        3,
    ),
}
