"""The embedded broker lets in its users alone, and each says and hears what the table of permissions says."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import nats
import pytest
from makima_kernel.nats import users
from makima_kernel.nats.accounts import BrokerUsers, NotSetUpError, password_hash
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.testing import PATIENCE, eventually
from makima_local.nats import Nats
from makima_local.nats_users import NatsUsers
from makima_schemas import permissions, subjects
from makima_schemas.permissions import DaemonUser
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from tests.generated.nats_access import SUBJECTS, USERS, covers, may

PASSWORD: Final = "a-daemon's-password"
DAEMONS: Final = tuple(DaemonUser(f"{name}.token", password_hash(PASSWORD), name) for name in ("d1", "d2"))


@pytest.fixture
async def broker(server_folder: Path) -> AsyncIterator[Nats]:
    folder = server_folder / f"nats-{uuid4().hex[:8]}"
    folder.mkdir(mode=0o700)
    server = Nats(folder, tied=True, users=NatsUsers(folder))
    BrokerUsers(folder).set_up(NatsUsers(folder).passwords())
    BrokerUsers(folder).let_in(DAEMONS)
    await server.start()
    yield server
    await server.stop()


@asynccontextmanager
async def as_user(broker: Nats, user: str, refused: list[str] | None = None) -> AsyncGenerator[Client]:
    """A connection; what it is refused is noted."""
    daemon = user.removeprefix("daemon ")
    url = (
        f"nats://{daemon}.token:{PASSWORD}@127.0.0.1:{broker.port}"
        if daemon != user
        else url_of(broker, user)
    )

    async def note(error: Exception) -> None:
        if refused is not None:
            refused.append(str(error))

    client = await nats.connect(
        url, error_cb=note, inbox_prefix=permissions.inbox(daemon), allow_reconnect=False
    )
    try:
        yield client
    finally:
        await client.close()


def url_of(broker: Nats, user: str) -> str:
    if user in permissions.SYSTEM:
        return users.as_user(broker.url_of(permissions.GATEWAY), user)
    return broker.url_of(user)


async def test_each_user_says_and_hears_what_the_table_allows(broker: Nats) -> None:
    for user, table in USERS.items():
        refused: list[str] = []
        async with as_user(broker, user, refused) as client:
            for what, subject in SUBJECTS.items():
                if subject != ">":
                    await client.publish(subject, b"")
                    await confirm_subscriptions(client)
                    assert (not refused) == may(table.publish, subject), f"{user} says {what}: {refused}"
                    refused.clear()
                await client.subscribe(subject)
                await confirm_subscriptions(client)
                assert (not refused) == may(table.subscribe, subject), f"{user} hears {what}: {refused}"
                refused.clear()


async def test_nobody_comes_in_without_a_login(broker: Nats) -> None:
    for stranger in ("", "contract:guessed@", f"d1.token:{PASSWORD}x@", f"d3.token:{PASSWORD}@"):
        with pytest.raises((NatsError, ConnectionError)):
            await nats.connect(f"nats://{stranger}127.0.0.1:{broker.port}", allow_reconnect=False)


async def test_only_services_say_events_and_only_that_daemon_its_commands() -> None:
    """What the table itself must never allow, whatever is added to it."""
    speakers = {user for user, table in USERS.items() if may(table.publish, SUBJECTS["an event"])}
    assert speakers == set(permissions.SERVICES)
    for user in ("daemon d1", "daemon d2"):
        own = user.removeprefix("daemon ")
        assert all(f".{own}" in pattern for pattern in USERS[user].publish)
        assert all(own in pattern for pattern in USERS[user].subscribe)
    assert {
        user for user, table in USERS.items() if may(table.publish, SUBJECTS["a command by daemon d1"])
    } == {"daemon d1"}


async def test_a_daemon_answers_whoever_signals_it_and_asks_under_its_own_name(broker: Nats) -> None:
    async with (
        as_user(broker, "daemon d1") as daemon,
        as_user(broker, "completion_detector") as detector,
        as_user(broker, "contract") as contract,
    ):

        async def answer(message: Msg) -> None:
            await message.respond(b"yes")

        await daemon.subscribe(subjects.daemon_signal("d1", "*"), cb=answer)
        await contract.subscribe(subjects.daemon_command("*", "contract", "*"), cb=answer)
        await confirm_subscriptions(daemon)
        await confirm_subscriptions(contract)
        asked = await detector.request(subjects.daemon_signal("d1", "cleanup_worktrees"), timeout=PATIENCE)
        assert asked.data == b"yes"
        assert (
            await daemon.request(subjects.daemon_command("d1", "contract", "create_task"), timeout=PATIENCE)
        ).data == b"yes"


async def test_daemons_come_and_go_and_nobody_else_is_disturbed(broker: Nats) -> None:
    async with (
        as_user(broker, "contract") as contract,
        as_user(broker, "daemon d1") as first,
        as_user(broker, "daemon d2") as second,
    ):
        BrokerUsers(broker.folder).let_in(
            [*DAEMONS[:1], DaemonUser("d3.token", password_hash(PASSWORD), "d3")]
        )
        NatsUsers(broker.folder).apply()

        async def new_one() -> bool:
            try:
                async with as_user(broker, "daemon d3"):
                    return True
            except (NatsError, ConnectionError):
                return False

        await eventually(new_one)
        await eventually(lambda: second.is_closed, because="it is no user any more")
        for client in (contract, first):
            await client.flush()
            assert client.is_connected


async def test_what_stands_in_its_folder_is_for_us_alone_and_stays(broker: Nats) -> None:
    files = ("auth.conf", "passwords.json", "system.json", "daemons.json")
    assert {(broker.folder / name).stat().st_mode & 0o777 for name in files} == {0o600}
    kept: Mapping[str, str] = NatsUsers(broker.folder).passwords()
    written = (broker.folder / "auth.conf").read_text()
    assert not [password for password in (*kept.values(), PASSWORD) if password in written]
    await broker.stop()
    again = Nats(broker.folder, tied=True, users=NatsUsers(broker.folder))
    assert not await again.start()
    assert NatsUsers(broker.folder).passwords() == kept
    async with as_user(again, "daemon d1"), as_user(again, "admin"):
        pass
    await again.stop()


async def test_a_broker_that_let_everybody_in_asks_from_now_on(server_folder: Path) -> None:
    """A data folder from before there were users, whose broker outlived a crash."""
    folder = server_folder / f"nats-{uuid4().hex[:8]}"
    before = Nats(folder, tied=True)
    await before.start()
    broker = Nats(folder, tied=True, users=NatsUsers(folder))
    assert not await broker.start()
    with pytest.raises((NatsError, ConnectionError)):
        await nats.connect(broker.url, allow_reconnect=False)
    async with asyncio.timeout(PATIENCE), as_user(broker, "admin"):
        pass
    await broker.stop()


def test_no_daemon_is_let_in_where_services_would_be_locked_out(tmp_path: Path) -> None:
    """A gateway that was pointed at some other folder."""
    with pytest.raises(
        NotSetUpError,
        match=r"system\.json has no password for admin, .*: create the broker's users first",
    ):
        BrokerUsers(tmp_path).let_in(DAEMONS)
    assert list(tmp_path.iterdir()) == []


def test_the_table_reads_wildcards_as_the_broker_does() -> None:
    assert covers("a.>", "a.b.c")
    assert not covers("a.>", "a")
    assert covers("a.*", "a.b")
    assert not covers("a.*", "a.b.c")
    assert not covers("a.*", "a.>")
    assert covers(">", "a")
