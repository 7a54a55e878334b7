"""How a rule says no: one exception that carries a code of the error table and the members a caller needs."""

from makima_schemas.errors import ErrorCode

Member = str | int | float | bool | list[str] | list[dict[str, str]] | None


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not an error of ours
    """A command was understood and refused. `members` are the problem's extension members (domain.md, Errors)."""

    def __init__(self, code: ErrorCode, detail: str, *, hint: str | None = None, **members: Member) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.hint = hint
        self.members = members
