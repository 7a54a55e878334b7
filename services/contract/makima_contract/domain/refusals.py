"""Refusals that several rules share."""

from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused


def invalid(path: str, message: str, *, hint: str | None = None) -> Refused:
    """An `INVALID_REQUEST` for a command that fits its schema but has a member with an impossible value.

    `path` names the member, such as `phases.0.deliverables`.
    """
    return Refused(
        ErrorCode.INVALID_REQUEST,
        f"{path}: {message}",
        hint=hint,
        errors=[{"path": path, "message": message}],
    )
