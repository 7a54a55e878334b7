"""Examples of problem documents, by their code."""

from collections.abc import Mapping
from typing import Final

from makima_schemas.errors import HTTP_STATUS, WHEN, ErrorCode
from makima_schemas.refusal import Member

_HINTS: Final[Mapping[ErrorCode, str]] = {
    ErrorCode.TOO_MANY_REQUESTS: "send fewer at the same time",
    ErrorCode.QUOTA_EXCEEDED: "go on in a new contract; an operator can raise quotas.events_per_contract",
    ErrorCode.INVALID_TRANSITION: "reopen it first",
    ErrorCode.PHASE_GUARD_REQUIRED: "check the deliverables, then send it again with confirmed: true",
    ErrorCode.UNAVAILABLE: "try again with the same Idempotency-Key",
    ErrorCode.UNAUTHORIZED: "send Authorization: Bearer …",
    ErrorCode.MISDIRECTED_REQUEST: "an operator can add the name: the setting http.allowed_hosts",
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: "send Content-Type: application/json",
}
_MEMBERS: Final[Mapping[ErrorCode, Mapping[str, Member]]] = {
    ErrorCode.TOO_MANY_REQUESTS: {"retry_after_seconds": 1},
    ErrorCode.OVERLOADED: {"retry_after_seconds": 1},
    ErrorCode.QUOTA_EXCEEDED: {"quota": "events_per_contract", "limit": 200_000, "used": 200_000},
    ErrorCode.INVALID_TRANSITION: {"from": "completed", "to": "paused", "allowed": ["active", "archived"]},
    ErrorCode.INVALID_DELIVERABLE: {"phase": "plan", "valid": ["plan-document"]},
    ErrorCode.VALIDATION_FAILED: {"missing": ["Deliverable: plan-document"]},
    ErrorCode.INVALID_REQUEST: {"errors": [{"path": "body.name", "message": "Field required"}]},
    ErrorCode.PAYLOAD_TOO_LARGE: {"limit": 524288},
    ErrorCode.VERSION_CONFLICT: {"expected": 3, "actual": 4, "current_phase": "execute"},
    ErrorCode.PHASE_GUARD_REQUIRED: {"deliverables": ["plan-document"]},
}


def problem(code: ErrorCode) -> dict[str, object]:
    """An example of a problem document with this code."""
    return {
        "type": f"urn:makima:problem:{code.lower()}",
        "title": code.replace("_", " ").capitalize(),
        "status": HTTP_STATUS[code],
        "detail": WHEN[code],
        "code": code.value,
        "hint": _HINTS.get(code),
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        **_MEMBERS.get(code, {}),
    }
