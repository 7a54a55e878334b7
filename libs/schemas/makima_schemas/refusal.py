"""The exception by which a rule refuses a command,
with a code of the error table and members for the caller.
"""

from makima_schemas.errors import ErrorCode

Member = str | int | float | bool | list[str] | list[dict[str, str]] | None


class Refused(Exception):  # noqa: N818 - a refusal is a regular reply, not an error of the program
    """A valid command was refused. `members` are the problem's extension members (domain.md, Errors)."""

    def __init__(self, code: ErrorCode, detail: str, *, hint: str | None = None, **members: Member) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.hint = hint
        self.members = members


def over_quota(quota: str, *, limit: int, used: int, detail: str, instead: str) -> Refused:
    """`QUOTA_EXCEEDED`. `quota`: the name of the setting, e.g. `events_per_contract`; `instead`: what the caller may do."""
    return Refused(
        ErrorCode.QUOTA_EXCEEDED,
        detail,
        hint=f"{instead}; an operator can raise quotas.{quota}",
        quota=quota,
        limit=limit,
        used=used,
    )
