"""The errors of the SDK: makima refused the request, or it could not be reached."""

from collections.abc import Mapping


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
        from makima_schemas.addresses import without_credentials  # noqa: PLC0415 - pathlib and urllib: slow

        self.url = url
        self.reason = reason
        super().__init__(f"{without_credentials(url)} does not answer: {reason}")


class AgentLostError(MakimaError):
    """This process may no longer act for its agent, so the body of its context was cancelled.

    `because` is `superseded` (a newer process has joined, or another daemon has the contract), `timeout` (makima
    acknowledged nothing for the timeout, as after an outage or a sleep), or the code of a problem that will not
    go away, for example `CONTRACT_NOT_FOUND`. After `timeout` a new `Agent` with the same connection id may join
    again; after `superseded` none may.
    """

    def __init__(self, who: str, because: str, detail: str) -> None:
        self.because = because
        super().__init__(f"{who} is lost ({because}): {detail}")


class SupersededError(AgentLostError):
    """A newer process of this agent is in force; this one is fenced for good."""


class UnansweredError(MakimaError):
    """The contract ended before a question was answered."""


class UndeliveredError(MakimaError):
    """The agent ended while results waited for makima, and there is no spool file to keep them."""


class SpoolError(MakimaError):
    """The spool file cannot be used: another process has it, or it is no spool."""


class SpoolFullError(SpoolError):
    """makima has been away for so long that the spool is full, and nothing in it may be dropped."""
