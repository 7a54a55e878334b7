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
    MISDIRECTED_REQUEST = "MISDIRECTED_REQUEST"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    CONFLICT = "CONFLICT"
    PHASE_GUARD_REQUIRED = "PHASE_GUARD_REQUIRED"
    SUPERSEDED = "SUPERSEDED"
    REJOIN_REQUIRED = "REJOIN_REQUIRED"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    UNAUTHORIZED = "UNAUTHORIZED"
    FORBIDDEN = "FORBIDDEN"
    TOO_MANY_REQUESTS = "TOO_MANY_REQUESTS"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    FEATURE_OFF = "FEATURE_OFF"
    SUPERVISOR_DEAD = "SUPERVISOR_DEAD"
    UNAVAILABLE = "UNAVAILABLE"
    OVERLOADED = "OVERLOADED"


# The same request, under the same id, may be accepted a moment later.
RETRYABLE_CODES: Final = frozenset({ErrorCode.UNAVAILABLE, ErrorCode.OVERLOADED, ErrorCode.TOO_MANY_REQUESTS})

HTTP_STATUS: Final[dict[ErrorCode, int]] = {
    **{code: 404 for code in ErrorCode if code.endswith("NOT_FOUND")},
    ErrorCode.FEATURE_OFF: 404,
    ErrorCode.INVALID_TRANSITION: 400,
    ErrorCode.INVALID_DELIVERABLE: 400,
    ErrorCode.VALIDATION_FAILED: 400,
    ErrorCode.UNAUTHORIZED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.QUOTA_EXCEEDED: 403,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.VERSION_CONFLICT: 409,
    ErrorCode.CONFLICT: 409,
    ErrorCode.PHASE_GUARD_REQUIRED: 409,
    ErrorCode.SUPERSEDED: 409,
    ErrorCode.REJOIN_REQUIRED: 409,
    ErrorCode.IDEMPOTENCY_KEY_REUSED: 409,
    ErrorCode.PAYLOAD_TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.MISDIRECTED_REQUEST: 421,
    ErrorCode.INVALID_REQUEST: 422,
    ErrorCode.TOO_MANY_REQUESTS: 429,
    ErrorCode.SUPERVISOR_DEAD: 503,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.OVERLOADED: 503,
}

# Why a code is returned, as shown in the documentation.
WHEN: Final[dict[ErrorCode, str]] = {
    ErrorCode.CONTRACT_NOT_FOUND: "there is no such contract, or it belongs to another owner",
    ErrorCode.TASK_NOT_FOUND: "the contract has no such task",
    ErrorCode.QUESTION_NOT_FOUND: "the contract has no such question",
    ErrorCode.SUPERVISOR_NOT_FOUND: "the contract has no supervisor that ever sent a heartbeat",
    ErrorCode.PARTICIPANT_NOT_FOUND: "no agent ever joined the contract under this role",
    ErrorCode.DAEMON_NOT_FOUND: "no daemon with this id ever sent a heartbeat",
    ErrorCode.NOT_FOUND: "no such route",
    ErrorCode.INVALID_TRANSITION: "the current status does not allow this command; `allowed` lists the possible statuses",
    ErrorCode.INVALID_DELIVERABLE: "the phase does not declare the deliverable",
    ErrorCode.VALIDATION_FAILED: "the gate is not met, or the change skips or goes back a phase; `force` skips both checks",
    ErrorCode.INVALID_REQUEST: "a parameter or the body does not match its schema",
    ErrorCode.METHOD_NOT_ALLOWED: "the route does not support this method",
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: "the body is not declared as JSON",
    ErrorCode.PAYLOAD_TOO_LARGE: "the body, or an event created from it, is too large; `limit` is in bytes",
    ErrorCode.MISDIRECTED_REQUEST: "the request asks for a host that this gateway is not set to serve; nothing of it was read",
    ErrorCode.VERSION_CONFLICT: "the contract is not at the expected version",
    ErrorCode.CONFLICT: "what is there stands in the way of the request; `detail` says what, `hint` what helps",
    ErrorCode.PHASE_GUARD_REQUIRED: "the phase guard requires a confirmation; `deliverables` lists what to check",
    ErrorCode.SUPERSEDED: "the connection was replaced by a newer one of the same sender",
    ErrorCode.REJOIN_REQUIRED: "the connection is in force, but its agent is dead, offline or restarting: join again under the same connection id",
    ErrorCode.IDEMPOTENCY_KEY_REUSED: "the key, or command id, was already used for a different request",
    ErrorCode.UNAUTHORIZED: "the token is missing, unknown or revoked; the answer does not say which",
    ErrorCode.FORBIDDEN: "the caller's role does not permit this; `roles` lists those that do",
    ErrorCode.TOO_MANY_REQUESTS: "the token has as many requests running as it may have; `retry_after_seconds` and `Retry-After` give the delay",
    ErrorCode.QUOTA_EXCEEDED: "a quota is used up; `quota` is the name of the setting, `limit` its value, `used` the present number",
    ErrorCode.FEATURE_OFF: "disabled by a feature flag",
    ErrorCode.SUPERVISOR_DEAD: "the supervisor's heartbeats timed out",
    ErrorCode.UNAVAILABLE: "a component did not answer in time; repeat the request with the same command id to learn the outcome",
    ErrorCode.OVERLOADED: "the system is overloaded and rejected the request; nothing was changed",
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
    ErrorCode.TOO_MANY_REQUESTS: ("retry_after_seconds",),
    ErrorCode.OVERLOADED: ("retry_after_seconds",),
    ErrorCode.QUOTA_EXCEEDED: ("quota", "limit", "used"),
}
