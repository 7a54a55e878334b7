"""What can go wrong between a program and makima, as two errors: it said no, or it could not be reached."""

from collections.abc import Mapping


class MakimaError(Exception):
    """Base of what this SDK raises."""


class ProblemError(MakimaError):
    """makima answered with a problem (RFC 9457).

    `code` is one of domain.md's error table (a plain string: a newer server may know more), `status` the HTTP status,
    `body` the whole problem object with the members that belong to the code (`missing`, `allowed`, `actual`, …).
    """

    def __init__(self, status: int, body: Mapping[str, object]) -> None:
        self.status = status
        self.body = body
        self.code = str(body.get("code", f"HTTP_{status}"))
        self.detail = str(body.get("detail") or body.get("title") or self.code)
        hint = body.get("hint")
        self.hint = None if hint is None else str(hint)
        super().__init__(f"{self.code}: {self.detail}")


class UnreachableError(MakimaError):
    """Nothing answered at `url`. After a write the outcome is unknown; repeating it with the same key is safe."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(f"{url} does not answer: {reason}")
