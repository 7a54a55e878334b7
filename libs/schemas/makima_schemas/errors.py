"""The error codes of domain.md with HTTP status, meaning and members,
for all services, the gateway and the CLI.
"""

from enum import StrEnum
from typing import Final


class ErrorCode(StrEnum):
    """The codes of refusals and errors, as they appear in replies."""

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


# The same request, under the same id, may be accepted a moment later.
RETRYABLE_CODES: Final = frozenset({ErrorCode.UNAVAILABLE, ErrorCode.OVERLOADED})

HTTP_STATUS: Final[dict[ErrorCode, int]] = {
    **{code: 404 for code in ErrorCode if code.endswith("NOT_FOUND")},
    ErrorCode.FEATURE_OFF: 404,
    ErrorCode.INVALID_TRANSITION: 400,
    ErrorCode.INVALID_DELIVERABLE: 400,
    ErrorCode.VALIDATION_FAILED: 400,
    ErrorCode.UNAUTHORIZED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.VERSION_CONFLICT: 409,
    ErrorCode.PHASE_GUARD_REQUIRED: 409,
    ErrorCode.SUPERSEDED: 409,
    ErrorCode.IDEMPOTENCY_KEY_REUSED: 409,
    ErrorCode.PAYLOAD_TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.INVALID_REQUEST: 422,
    ErrorCode.SUPERVISOR_DEAD: 503,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.OVERLOADED: 503,
}

# Why a code is returned, as shown in the documentation.
WHEN: Final[dict[ErrorCode, str]] = {
    ErrorCode.CONTRACT_NOT_FOUND: "there is no such contract, or it belongs to another owner",
    ErrorCode.TASK_NOT_FOUND: "the contract has no such task",
    ErrorCode.QUESTION_NOT_FOUND: "the contract has no such question",
    ErrorCode.SUPERVISOR_NOT_FOUND: "no supervisor was ever heard for the contract",
    ErrorCode.PARTICIPANT_NOT_FOUND: "no agent ever joined the contract under this role",
    ErrorCode.DAEMON_NOT_FOUND: "no such daemon was ever heard",
    ErrorCode.NOT_FOUND: "no such route",
    ErrorCode.INVALID_TRANSITION: "the lifecycle has no row for this; what it has is in `allowed`",
    ErrorCode.INVALID_DELIVERABLE: "the phase does not declare the deliverable",
    ErrorCode.VALIDATION_FAILED: "the phase is not ready to be left, or the change is out of order; `force` skips both",
    ErrorCode.INVALID_REQUEST: "the body does not fit its schema",
    ErrorCode.METHOD_NOT_ALLOWED: "the route knows other methods",
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: "the body is no JSON",
    ErrorCode.PAYLOAD_TOO_LARGE: "the body, or an event made of it, is too large; `limit` is in bytes",
    ErrorCode.VERSION_CONFLICT: "the contract has changed since the version that was expected",
    ErrorCode.PHASE_GUARD_REQUIRED: "the phase is guarded: look at its deliverables and confirm",
    ErrorCode.SUPERSEDED: "an older connection speaks; a newer one has taken its place",
    ErrorCode.IDEMPOTENCY_KEY_REUSED: "the key, or command id, came before with another request",
    ErrorCode.UNAUTHORIZED: "no token, or none that is in force; which of them is not told",
    ErrorCode.FORBIDDEN: "the role may not do this; `roles` may",
    ErrorCode.FEATURE_OFF: "switched off by a feature flag",
    ErrorCode.SUPERVISOR_DEAD: "the supervisor's heartbeats timed out",
    ErrorCode.UNAVAILABLE: "a part does not answer; whether anything was changed, the same command id tells",
    ErrorCode.OVERLOADED: "load is shed; nothing was changed",
}

# The members of a code's problem besides `detail`, `hint` and `trace_id`.
MEMBERS: Final[dict[ErrorCode, tuple[str, ...]]] = {
    ErrorCode.INVALID_TRANSITION: ("from", "to", "allowed[]"),
    ErrorCode.INVALID_DELIVERABLE: ("phase", "valid[]"),
    ErrorCode.VALIDATION_FAILED: ("missing[]",),
    ErrorCode.INVALID_REQUEST: ("errors[{path, message}]",),
    ErrorCode.PAYLOAD_TOO_LARGE: ("limit",),
    ErrorCode.VERSION_CONFLICT: ("expected", "actual", "current_phase"),
    ErrorCode.PHASE_GUARD_REQUIRED: ("deliverables[]",),
    ErrorCode.FORBIDDEN: ("roles[]",),
}
