"""What daemons and supervisors say of themselves: each interval, at once when it changes, on and on after an
outage.
"""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
import orjson
import pytest
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas import subjects
from makima_schemas.heartbeat import DaemonHeartbeat, SupervisorHeartbeat
from makima_schemas.supervisor import SupervisorState
from makima_sdk import Connection, Daemon, Signal, SupervisorHeartbeats
from makima_sdk.daemon import REQUIRED_IDS
from makima_sdk.nats import connect
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError, NoRespondersError

from tests.background import end
from tests.servers import MakeNats

SLOW = 3600.0  # an interval that no test lives to see


class Ear:
    """Hears all heartbeats of one kind."""

    def __init__(self) -> None:
        self.messages: list[Msg] = []

    async def hear(self, message: Msg) -> None:
        self.messages.append(message)


async def test_a_daemon_beats_under_its_name_and_counts(nats: Client, nats_url: str) -> None:
    ear = Ear()
    await nats.subscribe("makima.heartbeats.>", cb=ear.hear)
    async with Daemon("d1", Connection(nats_url=nats_url), hostname="a-host", interval=0.05):
        await eventually(lambda: len(ear.messages) >= 3)
    assert {message.subject for message in ear.messages} == {subjects.daemon_heartbeat("d1")}
    beats = [msgspec.json.decode(message.data, type=DaemonHeartbeat) for message in ear.messages]
    assert [beat.seq for beat in beats] == list(range(1, len(beats) + 1))
    assert {(beat.daemon_id, beat.hostname) for beat in beats} == {("d1", "a-host")}


async def test_a_change_is_said_at_once_and_a_repeat_is_not(nats: Client, nats_url: str) -> None:
    ear = Ear()
    await nats.subscribe("makima.heartbeats.>", cb=ear.hear)
    async with Daemon("d1", Connection(nats_url=nats_url), interval=SLOW) as daemon:
        await eventually(lambda: len(ear.messages) == 1)
        daemon.report(agents=("c1:supervisor",), worktrees=1, capacity=3)
        await eventually(lambda: len(ear.messages) == 2)
        daemon.report(agents=("c1:supervisor",), worktrees=1, capacity=3)
        daemon.report(agents=(), worktrees=0, capacity=4)
        await eventually(lambda: len(ear.messages) == 3)
    said = [msgspec.json.decode(message.data, type=DaemonHeartbeat) for message in ear.messages]
    assert [(beat.agents, beat.worktrees, beat.capacity) for beat in said] == [
        ((), 0, 0),
        (("c1:supervisor",), 1, 3),
        ((), 0, 4),
    ]


async def test_a_supervisor_says_what_it_does_under_one_connection_id(nats: Client, nats_url: str) -> None:
    ear = Ear()
    await nats.subscribe("makima.heartbeats.>", cb=ear.hear)
    client = await connect(nats_url, "a supervisor")
    voice = SupervisorHeartbeats(
        client, daemon_id="d1", contract_id="c1", task_id="t1", phase="plan", interval=SLOW
    )
    beating = asyncio.create_task(voice.run())
    await eventually(lambda: len(ear.messages) == 1)
    voice.report(SupervisorState.WORKING, activity="reading", progress=40, pending_task_ids=("a", "b"))
    await eventually(lambda: len(ear.messages) == 2)
    until = datetime(2030, 1, 1, tzinfo=UTC)
    voice.quiet(until)
    await eventually(lambda: len(ear.messages) == 3)
    voice.quiet(None)
    await eventually(lambda: len(ear.messages) == 4)
    await end(beating)
    await client.close()
    first, second, quiet, awake = (
        msgspec.json.decode(message.data, type=SupervisorHeartbeat) for message in ear.messages
    )
    assert {message.subject for message in ear.messages} == {subjects.supervisor_heartbeat("d1", "t1")}
    assert (first.state, first.phase, first.seq) == (SupervisorState.INITIALIZING, "plan", 1)
    assert (second.state, second.current_activity, second.progress) == (
        SupervisorState.WORKING,
        "reading",
        40,
    )
    assert second.pending_task_ids == ("a", "b")
    assert (second.quiet_until, quiet.quiet_until, awake.quiet_until) == (None, until, None)
    assert first.connection_id == second.connection_id == voice.connection_id


async def test_a_signal_reaches_its_handler_and_the_answer_its_asker(nats: Client, nats_url: str) -> None:
    heard: list[Signal] = []

    async def remove(signal: Signal) -> dict[str, object]:
        heard.append(signal)
        return {"removed": 2}

    async with Daemon("d1", Connection(nats_url=nats_url), interval=SLOW) as daemon:
        daemon.on("cleanup_worktrees", remove)
        await nats.publish(subjects.daemon_signal("d1", "a_kind_nobody_knows"), b"not json")

        async def answered() -> Msg | None:
            subject = subjects.daemon_signal("d1", "cleanup_worktrees")
            with suppress(
                NoRespondersError
            ):  # the broker of a busy machine has not read the subscription yet
                return await nats.request(subject, b'{"contract_id": "c1"}', timeout=PATIENCE)

        answer = await eventually(answered)
        assert answer is not None
    assert orjson.loads(answer.data) == {"removed": 2}
    assert heard == [Signal("cleanup_worktrees", {"contract_id": "c1"})]


async def test_a_signal_without_the_ids_that_it_needs_is_ignored(nats: Client, nats_url: str) -> None:
    heard: list[Signal] = []

    async def hear(signal: Signal) -> None:
        heard.append(signal)

    async with Daemon("d1", Connection(nats_url=nats_url), interval=SLOW) as daemon:
        for kind in (*REQUIRED_IDS, "sync"):
            daemon.on(kind, hear)
        for kind in REQUIRED_IDS:
            for body in (
                b"",
                b'{"stream": "MAKIMA_HEARTBEATS", "seq": 7}',
                b'{"contract_id": "no id"}',
                b"[]",
            ):
                await nats.publish(subjects.daemon_signal("d1", kind), body)
        await nats.request(subjects.daemon_signal("d1", "sync"), timeout=20)
    assert heard == [Signal("sync", {})]


async def test_after_an_outage_of_the_broker_it_beats_again_and_says_nothing_old(make_nats: MakeNats) -> None:
    server = await make_nats()
    async with Daemon("d1", Connection(nats_url=server.url), interval=0.1) as daemon:
        await eventually(lambda: daemon.nats.is_connected)
        await server.stop()
        await eventually(lambda: not daemon.nats.is_connected)
        await server.start()
        ear = Ear()
        listener = await connect(server.url, "listener")
        await listener.subscribe("makima.heartbeats.>", cb=ear.hear)
        await eventually(lambda: len(ear.messages) >= 3, timeout=20)
        await listener.close()
    seqs = [msgspec.json.decode(message.data, type=DaemonHeartbeat).seq for message in ear.messages]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


async def test_a_connection_that_is_closed_for_good_is_followed_by_another(
    nats: Client, nats_url: str
) -> None:
    ear = Ear()
    async with Daemon("d1", Connection(nats_url=nats_url), interval=0.05) as daemon:
        daemon.on("sync", _answer_nothing)
        await daemon.nats.close()
        await nats.subscribe("makima.heartbeats.>", cb=ear.hear)
        await eventually(lambda: len(ear.messages) >= 2)
        assert (
            orjson.loads((await nats.request(subjects.daemon_signal("d1", "sync"), timeout=PATIENCE)).data)
            == {}
        )


async def _answer_nothing(_signal: Signal) -> None:
    """A handler of a signal that needs no answer."""


async def test_a_supervisor_whose_connection_is_closed_says_so(nats: Client, nats_url: str) -> None:
    ear = Ear()
    await nats.subscribe("makima.heartbeats.>", cb=ear.hear)
    client = await connect(nats_url, "a supervisor")
    voice = SupervisorHeartbeats(
        client, daemon_id="d1", contract_id="c1", task_id="t1", phase="plan", interval=0.01
    )
    beating = asyncio.create_task(voice.run())
    await eventually(lambda: ear.messages)
    await client.close()
    with pytest.raises(ConnectionClosedError):
        await beating


async def test_a_handler_that_fails_tells_its_asker(nats: Client, nats_url: str) -> None:
    async def fail(_signal: Signal) -> None:
        raise RuntimeError("no disk")

    async with Daemon("d1", Connection(nats_url=nats_url), interval=SLOW) as daemon:
        daemon.on("cleanup_worktrees", fail)
        await confirm_subscriptions(nats)
        answer = await nats.request(
            subjects.daemon_signal("d1", "cleanup_worktrees"), b'{"contract_id": "c1"}', timeout=PATIENCE
        )
    assert orjson.loads(answer.data)["error"]["code"] == "UNAVAILABLE"


def test_nobody_says_what_the_recorder_would_set_aside() -> None:
    voice = SupervisorHeartbeats(Client(), daemon_id="d1", contract_id="c1", task_id="t1", phase="plan")
    voice.report(activity="x" * 2001 + "\0", progress=10)
    assert voice.content.activity == "x" * 2000
    for wrong in (
        {"progress": 101},
        {"pending_task_ids": ("a",) * 257},
        {"pending_task_ids": ("a b",)},
        {"phase": ""},
    ):
        with pytest.raises(ValueError, match=r"not a valid id|Expected"):
            voice.report(**wrong)  # pyright: ignore[reportArgumentType] - each fits one member
    with pytest.raises(ValueError, match="a supervisor cannot report the state interrupted"):
        voice.report(SupervisorState.INTERRUPTED)
    assert (voice.content.state, voice.content.progress, voice.content.pending_task_ids) == (
        SupervisorState.INITIALIZING,
        10,
        (),
    )
    with pytest.raises(ValueError, match="not a valid id"):
        SupervisorHeartbeats(Client(), daemon_id="d1", contract_id="c 1", task_id="t1", phase="plan")
    with pytest.raises(ValueError, match="Expected"):
        Daemon("d1", Connection(), hostname="h" * 256)
