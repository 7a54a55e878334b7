"""A daemon's token comes with a login to the embedded broker: it works when it is answered, and ends with the
token.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import nats as nats_py
import pytest
from makima_gateway import app as gateway
from makima_kernel.credentials import hash_of
from makima_kernel.event_log.log import Log
from makima_kernel.nats.accounts import BrokerUsers
from makima_kernel.nats.connection import connect, ignore_close
from makima_kernel.nats.streams import provision
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_local import ports
from makima_local.nats import Nats
from makima_local.nats_users import NatsUsers
from makima_schemas import permissions
from makima_sdk import Connection, Daemon
from makima_supervisor_heartbeat import app as heartbeats
from nats.errors import Error as NatsError

from tests.servers import BUDGET
from tests.services.gateway.harness import ADMIN, authenticated_client, refused
from tests.services.gateway.tokens import issue_token


@dataclass(frozen=True)
class Guarded:
    """A gateway before a broker that asks who comes."""

    http: httpx.AsyncClient
    broker: Nats
    settings: Settings
    service: Service

    def url(self, token: dict[str, object]) -> str:
        return f"nats://{token['nats_user']}:{token['nats_password']}@127.0.0.1:{self.broker.port}"


@pytest.fixture
async def guarded(database: str, pool: asyncpg.Pool, server_folder: Path) -> AsyncIterator[Guarded]:
    folder = server_folder / f"nats-{uuid4().hex[:8]}"
    broker = Nats(folder, tied=True, users=NatsUsers(folder))
    await broker.start()
    maker = await connect(broker.url_of(permissions.PROVISIONER), "provisioner", on_closed=ignore_close)
    await provision(maker, Log(pool), budget=BUDGET)
    await maker.close()
    settings = Settings(
        database_url=database,
        nats_url=broker.url_of("gateway"),
        nats_dir=folder,
        port=ports.free(),
        admin_token_sha256=hash_of(ADMIN).hex(),
        stream_budget=BUDGET,
    )
    async with AsyncExitStack() as started:
        started.push_async_callback(broker.stop)
        own = settings.model_copy(update={"nats_url": broker.url_of(heartbeats.NAME)})
        await started.enter_async_context(Service.running(heartbeats.NAME, own, heartbeats.build))
        service = await started.enter_async_context(Service.running(gateway.NAME, settings, gateway.build))
        client = await started.enter_async_context(
            authenticated_client(ADMIN, f"http://127.0.0.1:{settings.port}/api/v1")
        )
        assert (await client.get("/tokens")).status_code == 200
        yield Guarded(client, broker, settings, service)


async def test_it_works_when_it_is_answered_and_ends_with_the_token(
    guarded: Guarded, pool: asyncpg.Pool
) -> None:
    tokens = [await issue_token(guarded.http, "daemon", daemon_id="d1") for _ in range(2)]
    kept_one, other = [await nats_py.connect(guarded.url(token), allow_reconnect=False) for token in tokens]
    kept = [str(dict(row)) for row in await pool.fetch("select * from gateway.tokens")]
    assert not any(str(token["nats_password"]) in row for row in kept for token in tokens)
    assert (await guarded.http.delete(f"/tokens/{tokens[1]['id']}")).status_code == 204
    await eventually(lambda: other.is_closed, because="its token was revoked")
    with pytest.raises((NatsError, ConnectionError)):
        await nats_py.connect(guarded.url(tokens[1]), allow_reconnect=False)
    await kept_one.flush()
    await kept_one.close()


async def test_a_daemon_of_the_sdk_beats_and_hears_with_it(guarded: Guarded) -> None:
    token = await issue_token(guarded.http, "daemon", daemon_id="d1")
    connection = Connection(
        str(guarded.http.base_url).removesuffix("/api/v1/"), guarded.url(token), str(token["token"])
    )
    looking = await connect(guarded.broker.url_of(permissions.ADMIN), "administrator", on_closed=ignore_close)
    async with Daemon("d1", connection, interval=0.05):

        async def heard() -> bool:
            return (await looking.jetstream().stream_info("MAKIMA_HEARTBEATS")).state.messages > 0

        await eventually(heard)
    await looking.close()


async def test_the_gateway_lets_in_at_its_start_whose_tokens_are_in_force(guarded: Guarded) -> None:
    """The database is the truth: it may have been restored, or written by another gateway."""
    token = await issue_token(guarded.http, "daemon", daemon_id="d1")
    BrokerUsers(guarded.broker.folder).let_in([])
    again = guarded.settings.model_copy(update={"port": ports.free()})
    async with Service.running(gateway.NAME, again, gateway.build):

        async def comes_in() -> bool:
            try:
                client = await nats_py.connect(guarded.url(token), allow_reconnect=False)
            except (NatsError, ConnectionError):
                return False
            await client.close()
            return True

        await eventually(comes_in)


async def test_only_daemons_have_one(guarded: Guarded) -> None:
    owner = await issue_token(guarded.http, "owner", owner="alice")
    assert (owner["nats_user"], owner["nats_password"]) == (None, None)


async def test_a_broker_that_does_not_let_it_in_is_said_and_the_token_can_be_revoked(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("makima_gateway.auth.broker_logins.LOGIN_TIMEOUT_SECONDS", 0.2)
    await guarded.broker.kill()
    problem = await refused(
        guarded.http.post("/tokens", json={"role": "daemon", "daemon_id": "d1"}), 503, "UNAVAILABLE"
    )
    assert "revoke the token" in str(problem["hint"])
    [token] = [
        each for each in (await guarded.http.get("/tokens")).json()["items"] if each["role"] == "daemon"
    ]
    assert (await guarded.http.delete(f"/tokens/{token['id']}")).status_code == 204
    await guarded.broker.start()


async def test_who_was_revoked_while_the_broker_could_not_be_asked_is_cut_off_when_it_can(
    guarded: Guarded,
) -> None:
    token = await issue_token(guarded.http, "daemon", daemon_id="d1")
    daemon = await nats_py.connect(guarded.url(token), allow_reconnect=False)
    guarded.broker.freeze()
    assert (await guarded.http.delete(f"/tokens/{token['id']}")).status_code == 204
    assert "the broker has not loaded its current users" in str(await guarded.service.health.readiness())
    guarded.broker.thaw()
    await eventually(lambda: daemon.is_closed, because="its token was revoked")

    async def ready() -> bool:
        return "logins" not in str((await guarded.service.health.readiness())[1]["failing"])

    await eventually(ready)
