"""The errors of the SDK: makima refused the request, or it could not be reached."""

from collections.abc import Mapping

from makima_schemas.addresses import without_credentials


class MakimaError(Exception):
    """Base class of the errors that this SDK raises."""


class ProblemError(MakimaError):
    """makima answered with a problem (RFC 9457).

    `code` is one of the codes in domain.md's error table (a plain string, as a newer server may send others),
    `status` the HTTP status, `body` the whole problem object with the members that belong to the code
    (`missing`, `allowed`, `actual`, …). `hint` says what to do about it, if the server knows.
    """

    def __init__(self, status: int, body: Mapping[str, object]) -> None:
        self.status = status
        self.body = body
        self.code = str(body.get("code", f"HTTP_{status}"))
        self.detail = str(body.get("detail") or body.get("title") or self.code)
        hint = body.get("hint")
        self.hint = None if hint is None else str(hint)
        super().__init__(f"{self.code}: {self.detail}")


class InvalidIdError(MakimaError, ValueError):
    """This text is no id, so nothing can have it; no request was sent."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text[:100]!a} is no id: an id has 1 to 64 letters, digits, hyphens and underscores"
        )


class ConnectionSettingsError(MakimaError, ValueError):
    """The address, the token, contexts.toml, or the proxy or certificates that the environment names cannot be
    used. The message says what to do, and never contains a secret.
    """


class UnreachableError(MakimaError):
    """No server answered at `url`. A write may or may not have been applied; repeat it with the same key."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(f"{without_credentials(url)} does not answer: {reason}")
