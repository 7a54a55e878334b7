"""The refusals that more than one rule gives."""

from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused


def invalid(path: str, message: str, *, hint: str | None = None) -> Refused:
    """The command's schema fits, but one member cannot be meant; `path` says which."""
    return Refused(ErrorCode.INVALID_REQUEST, f"{path}: {message}", hint=hint, errors=[{"path": path, "message": message}])
