"""Shared by all commands that use the HTTP API: options, connection, and the handling of errors."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from typing import TypeVar, cast

import click
from makima_sdk.connection import Connection, UnknownContextError, UnreadableSecretError
from makima_sdk.http import Http, Json
from makima_sdk.paths import checked
from makima_sdk.problems import ProblemError, UnreachableError

from makima_cli import exits
from makima_cli.agent_identity import Identity
from makima_cli.format_option import OutputFormat
from makima_cli.readable import json_text
from makima_cli.short_ids import SHORTENED, full_ids, is_begun
from makima_cli.stdout import ended_with_its_reader

R = TypeVar("R")
Command = Callable[..., None]

GATEWAY_RETRY_SECONDS = 2.0
# Of a command that goes on until somebody ends it, once it has got an answer: the gateway may be restarting.
FOLLOWING_RETRY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Session:
    """One run of a command."""

    connection: Connection
    format: str  # output format: one of the command's `--format` choices

    @property
    def as_json(self) -> bool:
        return self.format == "json"

    def http(self) -> Http:
        return Http(self.connection.url, self.connection.token, retry_for=GATEWAY_RETRY_SECONDS)

    def run(self, work: Callable[[Http], Awaitable[R]]) -> R:
        """Run `work` with an HTTP client and return its result. An error of the SDK ends the process: see
        `conclude`.
        """

        async def opened() -> R:
            async with self.http() as http:
                return await work(http)

        return self.conclude(opened())

    def conclude(self, work: Awaitable[R]) -> R:
        """Run `work` to its end and return its result.

        An SDK error is printed on stderr and ends the process with its exit code; Ctrl-C ends it with 130.
        Raises `BrokenPipeError` as soon as nobody reads stdout any more.
        """

        async def awaited() -> R:
            with ended_with_its_reader():
                return await work

        try:
            return asyncio.run(awaited())
        except (ProblemError, UnreachableError) as error:
            exits.exit_with_problem(error, as_json=self.as_json)
        except KeyboardInterrupt:
            sys.exit(exits.INTERRUPTED)

    def whole(self, option: str, value: object, contract_id: object = "") -> object:
        """An argument of a command, with the ids in it that were shortened made whole.

        `contract_id`: the contract that the command names, if any, whose questions and tasks are looked at.
        """
        if isinstance(value, Identity):
            return replace(value, contract_id=str(self.whole("contract", value.contract_id)))
        if option not in SHORTENED or value is None:
            return value
        typed = (value,) if isinstance(value, str) else cast("tuple[str, ...]", value)
        if not any(map(is_begun, typed)):
            return value
        route, what = SHORTENED[option]
        of_it = checked(route.format(contract_id=contract_id))
        found = self.run(lambda http: full_ids(http, typed, of_it, what))
        return found[0] if isinstance(value, str) else tuple(found)

    def all_whole(self, options: Mapping[str, object]) -> dict[str, object]:
        """The same, of all of a command; the contract's first, as others are looked up in it."""
        first = {name: options[name] for name in ("contract_id", "identity") if name in options}
        named = {name: self.whole(name, value) for name, value in first.items()}
        identity = named.get("identity")
        of = identity.contract_id if isinstance(identity, Identity) else named.get("contract_id")
        return {
            name: named[name] if name in named else self.whole(name, options[name], of) for name in options
        }

    def send(self, method: str, path: str, body: Json | None = None) -> Json:
        """Send one request and return the JSON object of the response."""

        async def request(http: Http) -> Json:
            return (await http.send(method, path, body)).body

        return self.run(request)


def with_session(*formats: str, on_terminal: str | None = None) -> Callable[[Command], Callable[..., None]]:
    """Decorator that adds the options `--url`, `--context` and `--format` (the default is the first of
    `formats`; `on_terminal`, if given, where `draws` is true).

    The command receives a `Session` made of them as its first argument.
    """

    def decorate(command: Command) -> Callable[..., None]:
        @wraps(command)
        def opened(
            *args: object,
            url: str | None,
            context: str | None,
            format: str,  # noqa: A002 - the option's name
            **options: object,
        ) -> None:
            session = Session(_connection(url, context), format)
            command(session, *args, **session.all_whole(options))

        chosen = click.option(
            "--format",
            type=OutputFormat(formats),
            default=formats[0] if on_terminal is None else lambda: on_terminal if draws() else formats[0],
            show_default=True if on_terminal is None else f"{on_terminal} on a terminal, else {formats[0]}",
            help="Output format.",
        )(opened)
        chosen = click.option(
            "--context", metavar="NAME", help="Name of the connection in contexts.toml to use."
        )(chosen)
        return click.option(
            "--url", metavar="URL", help="Address of the makima server (environment: MAKIMA_URL)."
        )(chosen)

    return decorate


def echo_json(value: object) -> None:
    """Print JSON on stdout: indented on a terminal, else one line."""
    click.echo(json_text(value, indent=sys.stdout.isatty()))


def draws() -> bool:
    """True if a screen can be drawn, and keys be read: textual draws on stderr."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return all(stream.isatty() for stream in streams) and os.environ.get("TERM", "dumb") != "dumb"


def _connection(url: str | None, context: str | None) -> Connection:
    try:
        return Connection.default(context=context, url=url)
    except (UnknownContextError, UnreadableSecretError) as error:
        raise click.UsageError(str(error)) from error
