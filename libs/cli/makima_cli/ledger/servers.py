"""Connections to Postgres and NATS, for the commands that work on them directly instead of through the API."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import asyncpg
import click
import structlog
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.log import Log
from makima_kernel.nats.connection import BrokerUnreachableError, connect, ignore_close
from makima_local import context as contexts
from makima_schemas.addresses import SecretFileError, from_environment, without_credentials
from makima_sdk.connection import Connection, UnknownContextError, UnreadableSecretError
from makima_sdk.problems import UnreachableError
from nats.aio.client import Client
from nats.errors import Error as NatsError

from makima_cli import exits

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Servers:
    """The open connections of one command."""

    pool: asyncpg.Pool
    nats: Client
    log: Log


def run(context: str | None, work: Callable[[Servers], Awaitable[R]], *, as_json: bool) -> R:
    """Run `work` with connections to the servers of a context (or of MAKIMA_DATABASE_URL and
    MAKIMA_NATS_URL).

    Ends the process with exit code 8 if a server does not answer. Raises `click.UsageError` if the context or
    the database address is not known.
    """
    try:
        connection = Connection.default(context=context)
        database_url = from_environment(os.environ, "MAKIMA_DATABASE_URL") or _database_of(context)
    except (UnknownContextError, UnreadableSecretError, SecretFileError) as error:
        raise click.UsageError(str(error)) from error
    if not structlog.is_configured():  # logs go to stderr: stdout may be parsed as JSON
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

    async def opened() -> R:
        async with _servers(database_url, connection.nats_url) as servers:
            return await work(servers)

    try:
        return asyncio.run(opened())
    except (BrokerUnreachableError, NatsError) as error:
        _away(connection.nats_url, error, as_json=as_json)
    except DATABASE_UNAVAILABLE as error:
        _away(database_url, error, as_json=as_json)


@asynccontextmanager
async def _servers(database_url: str, nats_url: str) -> AsyncGenerator[Servers]:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=2, timeout=5) as pool:
        nats = await connect(nats_url, "makima-ledger", on_closed=ignore_close, timeout=5)
        try:
            yield Servers(pool, nats, Log(pool))
        finally:
            await nats.close()


def _database_of(name: str | None) -> str:
    known = contexts.load()
    chosen = known.by_name.get(name or os.environ.get("MAKIMA_CONTEXT") or known.current or "")
    if chosen is None or chosen.database_url is None:
        raise click.UsageError(
            "the database address is not known: set MAKIMA_DATABASE_URL, or choose a context that has it with --context"
        )
    return chosen.database_url


def _away(where: str, error: Exception, *, as_json: bool) -> NoReturn:
    exits.exit_with_problem(
        UnreachableError(without_credentials(where), str(error) or type(error).__name__), as_json=as_json
    )
