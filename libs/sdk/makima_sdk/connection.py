"""Server addresses and token, from the environment or from contexts.toml, which `makima up` writes."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self, cast

from makima_schemas.addresses import (
    SecretFileError,
    contexts_file,
    from_environment,
    origin,
    without_credentials,
)

from makima_sdk.problems import ConnectionSettingsError, MakimaError

DEFAULT_URL: Final = "http://127.0.0.1:8420"
DEFAULT_NATS_URL: Final = "nats://127.0.0.1:4222"


class UnknownContextError(MakimaError):
    """contexts.toml has no context of that name; `known` lists the names that it has."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.known = known
        super().__init__(f"no context {name!r}; known: {', '.join(known) or 'none'}")


class UnreadableSecretError(ConnectionSettingsError):
    """A file that holds a secret cannot be read; the message names the variable that names the file."""


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one makima installation: its HTTP and NATS addresses, and an access token."""

    url: str = DEFAULT_URL  # base URL of the gateway, without `/api/v1`
    nats_url: str = DEFAULT_NATS_URL  # may carry credentials: nats://user:password@host:4222
    token: str | None = None  # bearer token for HTTP and the monitor socket; None: sent without one

    @classmethod
    def default(
        cls,
        *,
        context: str | None = None,
        url: str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """Read the connection data. Each value comes from the first of these that has it: `url`; `MAKIMA_URL`,
        `MAKIMA_NATS_URL` and `MAKIMA_TOKEN`, or the files that `MAKIMA_NATS_URL_FILE` and `MAKIMA_TOKEN_FILE`
        name; the context (`context`, else `MAKIMA_CONTEXT`, else the current one of contexts.toml); the
        defaults of `makima up`.

        Space and line breaks around a token, from a file for example, are left out. A context's token is for
        its own address: with another one (scheme, host or port) there is no token, unless the environment has
        one. A context's login at the broker is for its own token: with another one its address comes without it,
        and a daemon logs in as itself. Raises `UnknownContextError` if the named context is not in contexts.toml,
        `ConnectionSettingsError` if that cannot be read, and `UnreadableSecretError` if a file cannot be read.
        """
        env = os.environ if environ is None else environ
        found = _context(env, context or env.get("MAKIMA_CONTEXT"))
        there = found.get("url") or DEFAULT_URL
        wanted = url or env.get("MAKIMA_URL") or there
        own = found.get("token") if origin(wanted) == origin(there) else None
        broker = found.get("nats_url") or DEFAULT_NATS_URL
        try:
            token = (from_environment(env, "MAKIMA_TOKEN") or own or "").strip() or None
            return cls(
                url=wanted,
                nats_url=from_environment(env, "MAKIMA_NATS_URL")
                or (broker if token in (None, found.get("token")) else without_credentials(broker)),
                token=token,
            )
        except SecretFileError as error:
            raise UnreadableSecretError(str(error)) from error


def _context(env: Mapping[str, str], name: str | None) -> Mapping[str, str]:
    document = _document(env)
    contexts = cast("dict[str, dict[str, str]]", document.get("contexts", {}))
    wanted = name or cast("str | None", document.get("current"))
    if not isinstance(contexts, dict) or not all(isinstance(entry, dict) for entry in contexts.values()):  # pyright: ignore[reportUnnecessaryIsInstance] - a file that anybody edits
        raise ConnectionSettingsError(
            f"{contexts_file(env)} cannot be read: `contexts` must be tables, [contexts.NAME]"
        )
    if name is not None and name not in contexts:
        raise UnknownContextError(name, tuple(contexts))
    return contexts.get(wanted or "", {})


def _document(env: Mapping[str, str]) -> dict[str, object]:
    """contexts.toml; an empty document if there is none, or no home folder to look in."""
    try:
        path = contexts_file(env)
    except RuntimeError:
        return {}
    try:
        # An editor may have put a byte order mark at its beginning.
        return cast("dict[str, object]", tomllib.loads(path.read_text("utf-8-sig"))) if path.is_file() else {}
    except (OSError, ValueError) as error:  # tomllib's error and that of wrong UTF-8 are ValueErrors
        raise ConnectionSettingsError(f"{path} cannot be read: {error}") from error
