"""The broker of docker-compose.yml, as its nats.conf configures it: it lets in its users, and daemons whom the gateway
lets in.
"""

import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import nats
import pytest
from makima_kernel.nats.connection import confirm_subscriptions, connect, ignore_close
from makima_kernel.nats.issuer import Issuer
from makima_kernel.nats.users import ISSUER_SEED, PASSWORD, as_user, set_up
from makima_kernel.testing import eventually
from makima_local import ports
from makima_local.nats import binary
from makima_local.server import ServerProcess
from makima_schemas import permissions
from nats.aio.client import Client
from nats.errors import Error as NatsError

from tests import guarded_broker
from tests.background import running
from tests.guarded_broker import Authority, answering

CONF = Path(__file__).parents[2] / "deploy" / "nats" / "nats.conf"


@dataclass(frozen=True)
class Broker:
    """In `passwords` each service sees its own folder."""

    folder: Path
    port: int
    process: ServerProcess
    authority: Authority

    def url(self, user: str) -> str:
        return url(self.folder, self.port, user)

    async def daemon(self, daemon_id: str) -> Client:
        own = as_user(self.url("gateway"), daemon_id, guarded_broker.PASSWORD)
        return await nats.connect(own, allow_reconnect=False)


def url(folder: Path, port: int, user: str) -> str:
    password = (folder / "passwords" / user / PASSWORD).read_text()
    return f"nats://{user}:{password}@127.0.0.1:{port}"


@pytest.fixture
async def broker(server_folder: Path) -> AsyncIterator[Broker]:
    folder = server_folder / f"compose-{uuid4().hex[:8]}"
    for part in ("", "users", "passwords"):
        (folder / part).mkdir(mode=0o700)
    set_up(folder / "users", folder / "passwords")
    port = ports.free()
    here = (
        CONF.read_text()
        .replace("0.0.0.0:4222", f"127.0.0.1:{port}")
        .replace("127.0.0.1:8222", "127.0.0.1:-1")
    )
    (folder / "nats.conf").write_text(here.replace("/data", str(folder / "data")))
    command = [str(binary()), "--config", str(folder / "nats.conf")]
    process = ServerProcess.start(command, log=folder / "log", tied=signal.SIGKILL)
    await (await connect(url(folder, port, "admin"), "looking", on_closed=ignore_close)).close()
    issuer = Issuer((folder / "passwords" / "gateway" / ISSUER_SEED).read_text())
    authority = Authority.of(url(folder, port, "gateway"), issuer)
    async with running(authority.callout.run()):
        await answering(authority.callout)
        yield Broker(folder, port, process, authority)
    await process.end((signal.SIGTERM, 10.0))


async def test_nobody_comes_in_without_a_login(broker: Broker) -> None:
    for stranger in ("", "contract:guessed@", "d3:d3@"):
        with pytest.raises(NatsError):
            await nats.connect(f"nats://{stranger}127.0.0.1:{broker.port}", allow_reconnect=False)


async def test_daemons_come_and_go_as_the_gateway_says_and_nobody_else_is_disturbed(broker: Broker) -> None:
    contract = await nats.connect(
        broker.url("contract"), inbox_prefix=permissions.inbox("contract"), allow_reconnect=False
    )
    stays, goes = await broker.daemon("d1"), await broker.daemon("d2")
    broker.authority.revoked.add("d2")
    await broker.authority.callout.cut_off_revoked()
    await eventually(lambda: goes.is_closed, because="it was revoked")
    with pytest.raises(NatsError):
        await broker.daemon("d2")
    assert (await contract.jetstream().account_info()).streams == 0, "JetStream is where it was"
    for undisturbed in (contract, stays):
        await confirm_subscriptions(undisturbed)
        await undisturbed.close()


async def test_only_the_gateways_password_decides_about_logins(broker: Broker) -> None:
    for user, password in (("authenticator", guarded_broker.PASSWORD), ("gateway", guarded_broker.PASSWORD)):
        with pytest.raises(NatsError):
            await nats.connect(as_user(broker.url("contract"), user, password), allow_reconnect=False)
    with pytest.raises(NatsError):
        await nats.connect(as_user(broker.url("contract"), permissions.AUTHENTICATOR), allow_reconnect=False)


async def test_set_up_again_everybody_has_the_password_that_he_had_and_daemons_come_in(
    broker: Broker,
) -> None:
    before = {user: broker.url(user) for user in permissions.USERS}
    conf = (broker.folder / "users" / "auth.conf").read_text()
    set_up(broker.folder / "users", broker.folder / "passwords")
    assert {user: broker.url(user) for user in permissions.USERS} == before
    assert (broker.folder / "users" / "auth.conf").read_text() == conf
    for user in permissions.USERS:
        await (await nats.connect(broker.url(user), allow_reconnect=False)).close()
    await (await broker.daemon("d1")).close()
