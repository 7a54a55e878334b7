"""The error table of domain.md: code → HTTP status, in one place for every service, the gateway and the CLI."""

from enum import StrEnum
from typing import Final


class Code(StrEnum):
    CONTRACT_NOT_FOUND = "CONTRACT_NOT_FOUND"
    TASK_NOT_FOUND = "TASK_NOT_FOUND"
    QUESTION_NOT_FOUND = "QUESTION_NOT_FOUND"
    SUPERVISOR_NOT_FOUND = "SUPERVISOR_NOT_FOUND"
    PARTICIPANT_NOT_FOUND = "PARTICIPANT_NOT_FOUND"
    DAEMON_NOT_FOUND = "DAEMON_NOT_FOUND"
    NOT_FOUND = "NOT_FOUND"
    INVALID_TRANSITION = "INVALID_TRANSITION"
    INVALID_DELIVERABLE = "INVALID_DELIVERABLE"
    VALIDATION_FAILED = "VALIDATION_FAILED"
    INVALID_REQUEST = "INVALID_REQUEST"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    PHASE_GUARD_REQUIRED = "PHASE_GUARD_REQUIRED"
    SUPERSEDED = "SUPERSEDED"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    UNAUTHORIZED = "UNAUTHORIZED"
    FORBIDDEN = "FORBIDDEN"
    FEATURE_OFF = "FEATURE_OFF"
    SUPERVISOR_DEAD = "SUPERVISOR_DEAD"
    UNAVAILABLE = "UNAVAILABLE"
    OVERLOADED = "OVERLOADED"


HTTP_STATUS: Final[dict[Code, int]] = {
    **{code: 404 for code in Code if code.endswith("NOT_FOUND")},
    Code.FEATURE_OFF: 404,
    Code.INVALID_TRANSITION: 400,
    Code.INVALID_DELIVERABLE: 400,
    Code.VALIDATION_FAILED: 400,
    Code.UNAUTHORIZED: 401,
    Code.FORBIDDEN: 403,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.VERSION_CONFLICT: 409,
    Code.PHASE_GUARD_REQUIRED: 409,
    Code.SUPERSEDED: 409,
    Code.IDEMPOTENCY_KEY_REUSED: 409,
    Code.PAYLOAD_TOO_LARGE: 413,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.INVALID_REQUEST: 422,
    Code.SUPERVISOR_DEAD: 503,
    Code.UNAVAILABLE: 503,
    Code.OVERLOADED: 503,
}

# When a code is the answer, and the members that its problem carries beside `detail`, `hint` and `trace_id`.
WHEN: Final[dict[Code, str]] = {
    Code.CONTRACT_NOT_FOUND: "there is no such contract, or it belongs to another owner",
    Code.TASK_NOT_FOUND: "the contract has no such task",
    Code.QUESTION_NOT_FOUND: "the contract has no such question",
    Code.SUPERVISOR_NOT_FOUND: "no supervisor was ever heard for the contract",
    Code.PARTICIPANT_NOT_FOUND: "no agent ever joined the contract under this role",
    Code.DAEMON_NOT_FOUND: "no such daemon was ever heard",
    Code.NOT_FOUND: "no such route",
    Code.INVALID_TRANSITION: "the lifecycle has no row for this; what it has is in `allowed`",
    Code.INVALID_DELIVERABLE: "the phase does not declare the deliverable",
    Code.VALIDATION_FAILED: "the phase is not ready to be left, or the change is out of order; `force` skips both",
    Code.INVALID_REQUEST: "the body does not fit its schema",
    Code.METHOD_NOT_ALLOWED: "the route knows other methods",
    Code.UNSUPPORTED_MEDIA_TYPE: "the body is no JSON",
    Code.PAYLOAD_TOO_LARGE: "the body, or an event made of it, is too large; `limit` is in bytes",
    Code.VERSION_CONFLICT: "the contract has changed since the version that was expected",
    Code.PHASE_GUARD_REQUIRED: "the phase is guarded: look at its deliverables and confirm",
    Code.SUPERSEDED: "an older connection speaks; a newer one has taken its place",
    Code.IDEMPOTENCY_KEY_REUSED: "the key, or command id, came before with another request",
    Code.UNAUTHORIZED: "no token, or none that is in force; which of them is not told",
    Code.FORBIDDEN: "the role may not do this; `roles` may",
    Code.FEATURE_OFF: "switched off by a feature flag",
    Code.SUPERVISOR_DEAD: "the supervisor's heartbeats timed out",
    Code.UNAVAILABLE: "a part does not answer; whether anything was changed, the same command id tells",
    Code.OVERLOADED: "load is shed; nothing was changed",
}

MEMBERS: Final[dict[Code, tuple[str, ...]]] = {
    Code.INVALID_TRANSITION: ("from", "to", "allowed[]"),
    Code.INVALID_DELIVERABLE: ("phase", "valid[]"),
    Code.VALIDATION_FAILED: ("missing[]",),
    Code.INVALID_REQUEST: ("errors[{path, message}]",),
    Code.PAYLOAD_TOO_LARGE: ("limit",),
    Code.VERSION_CONFLICT: ("expected", "actual", "current_phase"),
    Code.PHASE_GUARD_REQUIRED: ("deliverables[]",),
    Code.FORBIDDEN: ("roles[]",),
}
