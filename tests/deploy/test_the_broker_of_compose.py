"""The broker of docker-compose.yml, as its nats.conf configures it: it lets in its users alone, and reads
again who they are when it is asked to.
"""

import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import nats
import pytest
from makima_kernel.nats.accounts import AUTH, BrokerUsers, password_hash
from makima_kernel.nats.connection import connect, ignore_close
from makima_kernel.nats.users import PASSWORD, NotReadError, as_user, reload_configuration, set_up
from makima_kernel.testing import eventually
from makima_local import ports
from makima_local.nats import binary
from makima_local.server import ServerProcess
from makima_schemas import permissions
from makima_schemas.permissions import DaemonUser
from nats.aio.client import Client
from nats.errors import Error as NatsError

CONF = Path(__file__).parents[2] / "deploy" / "nats" / "nats.conf"
D1, D2, D3 = (DaemonUser(f"{name}.token", password_hash(name), name) for name in ("d1", "d2", "d3"))


@dataclass(frozen=True)
class Broker:
    """`users` is the folder that it shares with the gateway, `passwords` the one of which each service sees
    its own part.
    """

    folder: Path
    port: int
    process: ServerProcess

    @property
    def users(self) -> BrokerUsers:
        return BrokerUsers(self.folder / "users")

    def url(self, user: str) -> str:
        password = (self.folder / "passwords" / user / PASSWORD).read_text()
        return f"nats://{user}:{password}@127.0.0.1:{self.port}"

    async def daemon(self, which: DaemonUser) -> Client:
        return await nats.connect(
            as_user(self.url("gateway"), which.user, which.daemon_id), allow_reconnect=False
        )


@pytest.fixture
async def broker(server_folder: Path) -> AsyncIterator[Broker]:
    folder = server_folder / f"compose-{uuid4().hex[:8]}"
    for part in ("", "users", "passwords"):
        (folder / part).mkdir(mode=0o700)
    set_up(folder / "users", folder / "passwords")
    BrokerUsers(folder / "users").let_in([D1, D2])
    port = ports.free()
    here = (
        CONF.read_text()
        .replace("0.0.0.0:4222", f"127.0.0.1:{port}")
        .replace("127.0.0.1:8222", "127.0.0.1:-1")
    )
    (folder / "nats.conf").write_text(here.replace("/data", str(folder / "data")))
    command = [str(binary()), "--config", str(folder / "nats.conf")]
    started = Broker(folder, port, ServerProcess.start(command, log=folder / "log", tied=signal.SIGKILL))
    await (await connect(started.url("admin"), "looking", on_closed=ignore_close)).close()
    yield started
    await started.process.end((signal.SIGTERM, 10.0))


async def test_nobody_comes_in_without_a_login(broker: Broker) -> None:
    for stranger in ("", "contract:guessed@", "d3.token:d3@"):
        with pytest.raises(NatsError):
            await nats.connect(f"nats://{stranger}127.0.0.1:{broker.port}", allow_reconnect=False)


async def test_daemons_come_and_go_when_the_gateway_asks_and_nobody_else_is_disturbed(broker: Broker) -> None:
    contract = await nats.connect(
        broker.url("contract"), inbox_prefix=permissions.inbox("contract"), allow_reconnect=False
    )
    stays, goes = await broker.daemon(D1), await broker.daemon(D2)
    broker.users.let_in([D1, D3])
    await reload_configuration(broker.url("gateway"))
    await (await broker.daemon(D3)).close()
    await eventually(lambda: goes.is_closed, because="it is no user any more")
    with pytest.raises(NatsError):
        await broker.daemon(D2)
    assert (await contract.jetstream().account_info()).streams == 0, "JetStream is where it was"
    for undisturbed in (contract, stays):
        await undisturbed.flush()
        await undisturbed.close()


async def test_only_the_gateways_password_has_it_read_again(broker: Broker) -> None:
    with pytest.raises(NotReadError, match=r"no NATS server at .* within"):
        await reload_configuration(broker.url("contract"))


async def test_what_the_broker_does_not_take_is_said_and_changes_nothing(broker: Broker) -> None:
    daemon = await broker.daemon(D1)
    (broker.folder / "users" / AUTH).write_text("authorization {")
    with pytest.raises(NotReadError, match=AUTH):
        await reload_configuration(broker.url("gateway"))
    await daemon.flush()
    broker.users.let_in([D1])
    await reload_configuration(broker.url("gateway"))
    await daemon.flush()
    await daemon.close()


async def test_set_up_again_everybody_has_the_password_that_he_had_and_daemons_stay(broker: Broker) -> None:
    before = {user: broker.url(user) for user in permissions.USERS}
    set_up(broker.folder / "users", broker.folder / "passwords")
    await reload_configuration(broker.url("gateway"))
    assert {user: broker.url(user) for user in permissions.USERS} == before
    for user in permissions.USERS:
        await (await nats.connect(broker.url(user), allow_reconnect=False)).close()
    await (await broker.daemon(D1)).close()
