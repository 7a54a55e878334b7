"""The embedded broker lets in its users alone, and each says and hears what the table of permissions says."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from uuid import uuid4

import nats
import pytest
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.testing import PATIENCE, eventually
from makima_local.nats import Nats
from makima_local.nats_users import NatsUsers
from makima_schemas import permissions, subjects
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js.api import StreamConfig

from tests.generated.nats_access import OTHERS, SUBJECTS, USERS, covers, defined, granted, may
from tests.guarded_broker import PASSWORD, GuardedBroker, guarded_broker


@pytest.fixture
async def broker(server_folder: Path) -> AsyncIterator[GuardedBroker]:
    async with guarded_broker(server_folder) as made:
        yield made


async def test_each_user_says_and_hears_what_the_table_allows(broker: GuardedBroker) -> None:
    for user, table in USERS.items():
        refused: list[str] = []
        async with broker.connected(user.removeprefix("daemon "), refused) as client:
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


def test_every_subject_that_is_defined_stands_in_the_table_and_no_other() -> None:
    """So that a new subject, or a new permission, cannot be forgotten."""
    for name, pattern in {**defined(), **granted()}.items():
        assert any(covers(pattern, row) for row in SUBJECTS.values()), f"no row for {name} ({pattern})"
    rest = {what for what, row in SUBJECTS.items() if not may(defined().values(), row)}
    assert rest == set(OTHERS), "a subject that makima_schemas.subjects does not define"


async def test_nobody_comes_in_without_a_login(broker: GuardedBroker) -> None:
    strangers = ("", "contract:guessed@", f"contract:{PASSWORD}@", f"d1:{PASSWORD}x@", "d1@")
    for stranger in strangers:
        with pytest.raises((NatsError, OSError)):
            await nats.connect(f"nats://{stranger}127.0.0.1:{broker.server.port}", allow_reconnect=False)


async def test_only_services_say_events_and_only_that_daemon_its_commands() -> None:
    """What the table itself must never allow, whatever is added to it."""
    speakers = {user for user, table in USERS.items() if may(table.publish, SUBJECTS["an event"])}
    assert speakers == set(permissions.SERVICES)
    for user in ("daemon d1", "daemon d2"):
        own = user.removeprefix("daemon ")
        assert all(f".{own}" in pattern for pattern in USERS[user].publish)
        assert all(own in pattern for pattern in USERS[user].subscribe)
    assert {
        user
        for user, table in USERS.items()
        if may(table.publish, SUBJECTS["a command by daemon d1 to the contract"])
    } == {"daemon d1"}


async def test_a_daemon_answers_whoever_signals_it_and_asks_under_its_own_name(broker: GuardedBroker) -> None:
    async with (
        broker.connected("d1") as daemon,
        broker.connected("completion_detector") as detector,
        broker.connected("contract") as contract,
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


async def test_a_daemon_that_hears_no_signals_is_known_at_once(broker: GuardedBroker) -> None:
    async with broker.connected("completion_detector") as detector:
        with pytest.raises(NoRespondersError):
            await detector.request(subjects.daemon_signal("d1", "cleanup_worktrees"), timeout=PATIENCE)


async def test_a_revoked_daemon_is_cut_off_and_nobody_else_is_disturbed(broker: GuardedBroker) -> None:
    async with (
        broker.connected("contract") as contract,
        broker.connected("d1") as first,
        broker.connected("d2") as second,
    ):
        broker.authority.revoked.add("d2")
        await broker.authority.callout.cut_off_revoked()
        await eventually(lambda: second.is_closed, because="it was revoked")
        with pytest.raises((NatsError, OSError)):
            await nats.connect(broker.url("d2"), allow_reconnect=False)
        for client in (contract, first):
            await confirm_subscriptions(client)
            assert client.is_connected


async def test_what_stands_in_its_folder_is_for_us_alone_and_stays(broker: GuardedBroker) -> None:
    folder = broker.server.folder
    files = ("auth.conf", "passwords.json", "issuer.seed")
    assert {(folder / name).stat().st_mode & 0o777 for name in files} == {0o600}
    users = NatsUsers(folder)
    kept: tuple[Mapping[str, str], str] = users.passwords(), users.issuer().public_key
    await broker.server.stop()
    again = Nats(folder, tied=True, users=users)
    assert not await again.start()
    assert (NatsUsers(folder).passwords(), NatsUsers(folder).issuer().public_key) == kept

    async def comes_in() -> bool:
        try:
            async with broker.connected("d1"), broker.connected("admin"):
                return True
        except (NatsError, OSError):
            return False  # the authenticator is about to be connected again

    await eventually(comes_in)
    await again.stop()


async def test_streams_from_before_there_were_accounts_are_kept(server_folder: Path) -> None:
    """And a data folder whose broker let everybody in, and outlived a crash, asks from now on."""
    folder = server_folder / f"nats-{uuid4().hex[:8]}"
    before = Nats(folder, tied=True)
    await before.start()
    client = await nats.connect(before.url)
    await client.jetstream().add_stream(StreamConfig(name="KEPT", subjects=["kept"]))
    await client.jetstream().publish("kept", b"1")
    await client.close()
    broker = Nats(folder, tied=True, users=NatsUsers(folder))
    assert not await broker.start()
    with pytest.raises((NatsError, OSError)):
        await nats.connect(broker.url, allow_reconnect=False)
    async with asyncio.timeout(PATIENCE):
        admin = await nats.connect(
            broker.url_of(permissions.ADMIN), inbox_prefix=permissions.inbox(permissions.ADMIN)
        )
        assert (await admin.jetstream().stream_info("KEPT")).state.messages == 1
        await admin.close()
    await broker.stop()


def test_the_table_reads_wildcards_as_the_broker_does() -> None:
    assert covers("a.>", "a.b.c")
    assert not covers("a.>", "a")
    assert covers("a.*", "a.b")
    assert not covers("a.*", "a.b.c")
    assert not covers("a.*", "a.>")
    assert covers(">", "a")
