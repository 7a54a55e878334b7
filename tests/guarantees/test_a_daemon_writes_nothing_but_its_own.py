"""A broker checks no reply subjects: what it and the services answer goes where a daemon points. So whatever reply a
daemon names, nothing of it is stored or delivered outside that daemon's inbox.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import uuid4

import asyncpg
import orjson
import pytest
from makima_kernel.commands.router import CommandRouter
from makima_kernel.event_log.log import Log
from makima_kernel.nats.connection import broker as faststream
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.nats.streams import provision
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas import permissions, subjects
from makima_schemas.commands import Accepted, Reply, Request
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.guarded_broker import GuardedBroker, guarded_broker
from tests.kernel.commands.toggle_aggregate import SwitchOn
from tests.servers import BUDGET, closed

STORED: Final = (subjects.EVENTS_STREAM, subjects.DEAD_LETTERS_STREAM)
REPLIES: Final = (
    "makima.events.contract.x.Evil",
    "makima.dead.MAKIMA_EVENTS.gateway",
    "makima.shards.0.canary",
    "makima.heartbeats.daemon.d1",
    "makima.heartbeats.daemon.d2",
    "makima.commands.contract.switch_on",
    "makima.commands.from.d2.contract.switch_on",
    "makima.signals.daemon.d2.restart",
    "makima.state.supervisor.s1",
    "makima.monitor.stale",
    "makima.poke.log",
    "_INBOX_d2.x",
    "_INBOX_d2.x.y",
    "_INBOX_gateway.x.y",
    "_INBOX_contract.x",
    "_INBOX.x.y",
    "$JS.API.STREAM.PURGE.MAKIMA_HEARTBEATS",
    "$JS.API.STREAM.DELETE.MAKIMA_EVENTS",
    "$JS.ACK.MAKIMA_EVENTS.relay.1.1.1.1.0",
    "$SYS.REQ.SERVER.PING.CONNZ",
    "$SYS.REQ.USER.AUTH",
    "_R_.x.y",
    "_void.x.y",
)


@dataclass
class System:
    """A broker with makima's streams, a service that hears commands, and who listens."""

    broker: GuardedBroker
    d1: Client
    d2: Client
    admin: Client
    heard: list[str] = field(
        default_factory=list[str]
    )  # subjects of what reached d2, or the services' account
    refused: list[str] = field(default_factory=list[str])  # what d1 was refused
    commands: list[str] = field(default_factory=list[str])  # actors of the commands that were handled

    async def note(self, message: Msg) -> None:
        self.heard.append(message.subject)

    async def stored(self, stream: str, subject: str = ">") -> int:
        info = await self.admin.jetstream().stream_info(stream, subjects_filter=subject)
        return sum((info.state.subjects or {}).values())


@pytest.fixture
async def system(server_folder: Path, pool: asyncpg.Pool) -> AsyncIterator[System]:
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(guarded_broker(server_folder))
        refused: list[str] = []
        provisioner = await stack.enter_async_context(broker.connected(permissions.PROVISIONER))
        await provision(provisioner, Log(pool), budget=BUDGET)
        system = System(
            broker,
            await stack.enter_async_context(broker.connected("d1", refused)),
            await stack.enter_async_context(broker.connected("d2")),
            await stack.enter_async_context(broker.connected(permissions.ADMIN)),
            refused=refused,
        )
        router = CommandRouter("contract")

        async def switch_on(request: Request[SwitchOn], command: SwitchOn) -> Reply:
            del command
            system.commands.append(str(request.actor))
            return Accepted(1, 1)

        router.command(SwitchOn, switch_on, daemons=True)
        service = faststream(broker.url("contract"), "contract", on_closed=closed)
        service.include_router(router.nats)
        await service.start()
        stack.push_async_callback(service.stop)
        for pattern in ("_INBOX_d2.>", "makima.signals.daemon.d2.>"):
            await system.d2.subscribe(pattern, cb=system.note)
        await system.admin.subscribe(">", cb=system.note)
        for client in (system.d2, system.admin):
            await confirm_subscriptions(client)
        yield system


async def ask(system: System) -> bytes:
    """A daemon's request, answered in its own inbox."""
    subject = subjects.daemon_command("d1", "contract", "switch_on")
    return (await system.d1.request(subject, command(), timeout=PATIENCE)).data


def command() -> bytes:
    return orjson.dumps(Request(uuid4(), "l1", {"hostname": "h"}))


async def settled(system: System, sent: int) -> None:
    """Returns when the broker has stored, or refused, as many heartbeats as the daemon `sent`, and whoever listens
    has heard what came.
    """
    own = "makima.shards.*.daemon.d1"

    async def all_answered() -> bool:  # the client tells of a refusal after the flush, too
        return await system.stored(subjects.HEARTBEATS_STREAM, own) + len(system.refused) >= sent

    if sent:
        await eventually(all_answered)
    await ask(system)
    for client in (system.d2, system.admin):
        await confirm_subscriptions(client)


async def test_whatever_reply_a_heartbeat_names_nothing_is_stored_or_delivered(system: System) -> None:
    sent = [subjects.daemon_heartbeat("d1")]
    for reply in REPLIES:
        await system.d1.publish(sent[0], b"a heartbeat", reply=reply)
    await confirm_subscriptions(system.d1)
    await settled(system, len(REPLIES))
    beats = len(REPLIES) - len(system.refused)
    assert not set(system.heard) & (set(REPLIES) - {*sent})
    assert not [subject for subject in system.heard if subject.startswith(("_INBOX_d2", "makima.signals"))]
    assert [await system.stored(stream) for stream in STORED] == [0, 0]
    assert await system.stored(subjects.HEARTBEATS_STREAM) == beats, "the heartbeats alone"
    assert system.commands == ["daemon:d1"], "the one that was asked afterwards"


async def test_whatever_reply_a_command_names_nothing_is_stored_or_delivered(system: System) -> None:
    subject = subjects.daemon_command("d1", "contract", "switch_on")
    for reply in REPLIES:
        await system.d1.publish(subject, command(), reply=reply)
        await system.d1.publish(subject, b"not JSON", reply=reply)
    await confirm_subscriptions(system.d1)
    await settled(system, 0)
    assert not set(system.heard) & set(REPLIES)
    assert [await system.stored(stream) for stream in (*STORED, subjects.HEARTBEATS_STREAM)] == [0, 0, 0]
    assert system.commands == ["daemon:d1"], "the one that was asked afterwards"


async def test_an_answer_to_a_signal_goes_to_its_asker_alone(system: System) -> None:
    """A daemon may answer once, and the answer's own reply subject leads nowhere."""

    async def answer(message: Msg) -> None:
        await system.d1.publish(message.reply, b"yes", reply="makima.events.contract.x.Evil")

    await system.d1.subscribe(subjects.daemon_signal("d1", "*"), cb=answer)
    await confirm_subscriptions(system.d1)
    async with system.broker.connected("completion_detector") as detector:
        asked = await detector.request(subjects.daemon_signal("d1", "cleanup_worktrees"), timeout=PATIENCE)
    assert asked.data == b"yes"
    await settled(system, 0)
    assert [await system.stored(stream) for stream in STORED] == [0, 0]


async def test_a_daemon_is_answered_in_its_own_inbox(system: System) -> None:
    assert orjson.loads(await ask(system))["ok"] is True
