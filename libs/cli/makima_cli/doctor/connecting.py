"""Checks that the server can be reached, by what it answers: context, address, gateway, token, services, broker."""

import os
import stat
import time
from collections.abc import AsyncGenerator
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
from makima_schemas.addresses import contexts_file, without_credentials
from makima_sdk import nats
from makima_sdk.connection import DEFAULT_NATS_URL, Connection, UnknownContextError
from makima_sdk.http import Http
from makima_sdk.problems import ConnectionSettingsError, ProblemError, UnreachableError
from makima_sdk.transport import address, authorization, is_loopback

from makima_cli.doctor import answers
from makima_cli.doctor.finding import Finding, ok, problem, warning

GATEWAY_SECONDS: Final = 3.0
BROKER_SECONDS: Final = 3.0


async def findings(context: str | None, url: str | None) -> list[Finding]:
    """The checks in their order; what cannot work after a problem is not tried."""
    try:
        connection = Connection.default(context=context, url=url)
    except UnknownContextError as error:
        return [problem("context", str(error), "choose one of them, or add it with `makima context add`")]
    except ConnectionSettingsError as error:
        return [problem("context", str(error), "correct it, or remove it and add the context again")]
    found = [_contexts_file()]
    try:
        server, headers = address(connection.url), authorization(connection.token)
    except ConnectionSettingsError as error:
        return [*found, problem("address", str(error), "correct --url, MAKIMA_URL or the context")]
    found.append(ok("address", without_credentials(server)))
    found += [finding async for finding in _gateway(connection, server, headers)]
    return [*found, await _broker(connection)]


def _contexts_file() -> Finding:
    try:
        file = contexts_file(os.environ)
    except RuntimeError:
        return warning("context", "there is no home folder", "set HOME, or XDG_CONFIG_HOME")
    if not file.is_file():
        return ok(
            "context", f"{file} does not exist: the environment, or the defaults of `makima up`, are used"
        )
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        return problem("context", f"{file} holds tokens and others can read it", f"chmod 600 {file}")
    return ok("context", str(file))


async def _gateway(connection: Connection, server: str, headers: dict[str, str]) -> AsyncGenerator[Finding]:
    try:
        async with httpx.AsyncClient(timeout=GATEWAY_SECONDS, trust_env=not is_loopback(server)) as client:
            answer = await client.get(f"{server}/livez")
    except (httpx.HTTPError, ValueError, OSError) as error:
        detail = f"{without_credentials(server)} does not answer: {str(error) or type(error).__name__}"
        yield problem("gateway", detail, "start it with `makima up`, or correct the address")
        return
    if not answer.is_success:
        text = f"{without_credentials(server)} answers {answer.status_code} to /livez"
        yield problem("gateway", text, "this is no makima server, or a proxy stands before it")
        return
    yield ok("gateway", "it answers")
    if date := answer.headers.get("Date"):
        yield _clock(date)
    if not headers:
        yield problem(
            "token",
            "there is none",
            "set MAKIMA_TOKEN, or add a context: makima context add … --token-file F",
        )
        return
    async for finding in _system(connection):
        yield finding


async def _system(connection: Connection) -> AsyncGenerator[Finding]:
    try:
        async with Http(connection.url, connection.token, timeout=GATEWAY_SECONDS, retry_for=0) as http:
            system = (await http.send("GET", "/system")).body
    except ProblemError as error:
        for finding in answers.refused(error.status, error.detail, error.hint):
            yield finding
    except UnreachableError as error:
        yield problem("services", str(error), "start it with `makima up`, or look at the gateway's log")
    else:
        yield ok("token", "it is valid; its role is admin")
        for finding in answers.of_system(system, answers.own_version()):
            yield finding


def _clock(date: str) -> Finding:
    try:
        apart = abs(time.time() - parsedate_to_datetime(date).timestamp())
    except ValueError:
        return warning("clock", f"the server's Date is {date[:40]!a}", "a proxy may stand before it")
    return answers.clock(apart)


async def _broker(connection: Connection) -> Finding:
    where = without_credentials(connection.nats_url)
    if connection.nats_url == DEFAULT_NATS_URL:
        return ok("broker", "no NATS login is configured; only daemons and services need one")
    try:
        client = await nats.connect(connection.nats_url, "makima-doctor", timeout=BROKER_SECONDS)
    except UnreachableError as error:
        return problem(
            "broker",
            f"no login at {where}: {error.reason}",
            "start NATS, or correct MAKIMA_NATS_URL; `makima token create --role daemon` makes a login",
        )
    await client.close()
    return ok("broker", f"login at {where}")
