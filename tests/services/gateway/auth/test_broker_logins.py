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
from makima_kernel.nats.connection import confirm_subscriptions, connect, ignore_close
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
from tests.services.gateway.harness import ADMIN, authenticated_client
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
    users = NatsUsers(folder)
    broker = Nats(folder, tied=True, users=users)
    await broker.start()
    maker = await connect(broker.url_of(permissions.PROVISIONER), "provisioner", on_closed=ignore_close)
    await provision(maker, Log(pool), budget=BUDGET)
    await maker.close()
    settings = Settings(
        database_url=database,
        nats_url=broker.url_of("gateway"),
        nats_issuer_seed_file=users.issuer_seed,
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
        await eventually(lambda: logins_ready(service))
        yield Guarded(client, broker, settings, service)


async def logins_ready(service: Service) -> bool:
    """Whether the broker gets its answers, and who was revoked is cut off."""
    return "logins" not in str((await service.health.condition())[1]["failing"])


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
    await confirm_subscriptions(kept_one)
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


async def test_its_token_alone_is_the_login_of_a_daemon_of_the_sdk(guarded: Guarded) -> None:
    token = await issue_token(guarded.http, "daemon", daemon_id="d1")
    assert token["nats_password"] == token["token"]
    url = str(guarded.http.base_url).removesuffix("/api/v1/")
    async with Daemon(
        "d1", Connection(url, guarded.broker.url, str(token["token"])), interval=0.05
    ) as daemon:
        assert daemon.nats.is_connected


async def test_a_token_opens_the_broker_for_its_own_daemon_alone(guarded: Guarded) -> None:
    token = await issue_token(guarded.http, "daemon", daemon_id="d1")
    owner = await issue_token(guarded.http, "owner", owner="alice")
    for user, secret in (("d2", token["token"]), ("gateway", token["token"]), ("alice", owner["token"])):
        with pytest.raises((NatsError, ConnectionError)):
            await nats_py.connect(
                f"nats://{user}:{secret}@127.0.0.1:{guarded.broker.port}", allow_reconnect=False
            )


async def test_another_gateway_cuts_off_who_was_revoked_while_none_ran(
    guarded: Guarded, pool: asyncpg.Pool
) -> None:
    """The database is the truth: it may have been restored, or written by another gateway."""
    token = await issue_token(guarded.http, "daemon", daemon_id="d1")
    daemon = await nats_py.connect(guarded.url(token), allow_reconnect=False)
    await pool.execute("update gateway.tokens set revoked_at = now() where id = $1", token["id"])
    again = guarded.settings.model_copy(update={"port": ports.free()})
    async with Service.running(gateway.NAME, again, gateway.build):
        await eventually(lambda: daemon.is_closed, because="its token was revoked")


async def test_a_daemon_is_patient_while_the_broker_gets_no_answer(guarded: Guarded) -> None:
    """The gateway is away when the broker comes back: the daemon comes in as soon as both are there."""
    token = await issue_token(guarded.http, "daemon", daemon_id="d1")
    url = str(guarded.http.base_url).removesuffix("/api/v1/")
    async with Daemon(
        "d1", Connection(url, guarded.broker.url, str(token["token"])), interval=0.05
    ) as daemon:
        await guarded.broker.kill()
        await eventually(lambda: not daemon.nats.is_connected)
        await guarded.broker.start()
        await eventually(lambda: daemon.nats.is_connected)


async def test_only_daemons_have_one(guarded: Guarded) -> None:
    owner = await issue_token(guarded.http, "owner", owner="alice")
    assert (owner["nats_user"], owner["nats_password"]) == (None, None)


async def test_who_was_revoked_while_the_broker_could_not_be_asked_is_cut_off_when_it_can(
    guarded: Guarded,
) -> None:
    token = await issue_token(guarded.http, "daemon", daemon_id="d1")
    daemon = await nats_py.connect(guarded.url(token), allow_reconnect=False)
    await guarded.broker.freeze()
    assert (await guarded.http.delete(f"/tokens/{token['id']}")).status_code == 204
    assert not await logins_ready(guarded.service)
    guarded.broker.thaw()
    await eventually(lambda: daemon.is_closed, because="its token was revoked")
    await eventually(lambda: logins_ready(guarded.service))
