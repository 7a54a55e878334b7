"""What the detector tracks is compared with the log: a falsified row is told within a round, and never what is on its way."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

import asyncpg
import msgspec
import pytest
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.agent import JoinAgent
from makima_schemas.commands import Accepted, Request
from makima_schemas.heartbeat import AgentHeartbeat
from makima_schemas.supervisor import SupervisorState
from makima_stale_detector import app
from makima_stale_detector.domain.audit import MissedHeartbeats
from makima_stale_detector.domain.members.sender import Tracked
from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.handlers.auditor import Auditor
from nats.aio.client import Client
from prometheus_client import REGISTRY

from tests.background import end
from tests.services.stale_detector.falsified_senders import FALSIFIED, ROWS
from tests.services.stale_detector.harness import Fleet, Running, known, quick, running
from tests.services.stale_detector.living_agents import beating

ROUND = 0.4
OWNER = "supervisor_heartbeat"


@dataclass(frozen=True)
class Audited:
    """A running detector, whose memory can be falsified, beside the owner of its senders and a fleet that beats."""

    detector: Detector
    auditor: Auditor
    fleet: Fleet
    system: Running
    pool: asyncpg.Pool

    def remembers(self, name: str, **changes: object) -> None:
        """Falsify what the detector remembers of a sender."""
        tracked = self.detector.tracked[name]
        self.detector.tracked[name] = Tracked(
            replace(tracked.sender, **changes),  # pyright: ignore[reportArgumentType]
            tracked.owner,
        )

    async def join(self, role: str, connection: str) -> None:
        asked: Request[object] = Request(
            uuid4(), f"c0:{role}", asdict(JoinAgent(connection, "d1")), actor="test"
        )
        reply = await self.system.detectors[0].bus.ask(OWNER, "join_agent", asked)
        assert isinstance(reply, Accepted), reply

    async def rounds(self, count: int) -> None:
        since = self.auditor.rounds
        await eventually(lambda: self.auditor.rounds >= since + count, because="no round was completed")


@pytest.fixture
def unhurried(database: str, nats_url: str) -> Settings:
    """Nobody is declared silent while a test lasts."""
    return quick(database, nats_url, timeout=20.0)


@asynccontextmanager
async def audited(
    settings: Settings, pool: asyncpg.Pool, nats: Client, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Audited]:
    """Everyone is tracked, and nothing differs."""
    made = list[Detector]()
    auditors = list[Auditor]()

    def detector(*arguments: object, **named: object) -> Detector:
        made.append(Detector(*arguments, **named))  # pyright: ignore[reportArgumentType]
        return made[-1]

    def auditor(*arguments: object, **named: object) -> Auditor:
        auditors.append(partial(Auditor, *arguments, **named, round_seconds=ROUND)())  # pyright: ignore[reportArgumentType]
        return auditors[-1]

    monkeypatch.setattr(app, "Detector", detector)
    monkeypatch.setattr(app, "Auditor", auditor)
    fleet = Fleet(nats, [f"t{number}" for number in range(8)])
    async with running(settings, pool, nats) as system, fleet.beating():
        await known(system, fleet)
        everyone = Audited(made[0], auditors[0], fleet, system, pool)
        await eventually(lambda: len(everyone.detector.tracked) == len(fleet.supervisors) + 1)
        await everyone.rounds(2)
        assert everyone.auditor.differing == 0
        yield everyone


def differing() -> dict[str, float]:
    """The metric, by source."""
    sources = ("memory", "read_model", "recorder")
    return {
        source: count
        for source in sources
        if (count := REGISTRY.get_sample_value("makima_audit_differences", {"source": source}))
    }


async def told(one: Audited, name: str, source: str, about: str) -> None:
    """Wait until /readyz, the metric and the log event say how the sender differs."""

    async def said() -> bool:
        warning = await one.auditor.warning() or ""
        return f"{name} (" in warning and f"{source}: {about} is" in warning and source in differing()

    await eventually(said, 20 * ROUND, because=f"{name}: {about} in {source} was not told")


async def test_what_is_falsified_is_told_within_a_round_and_until_it_is_right_again(
    unhurried: Settings,
    pool: asyncpg.Pool,
    nats: Client,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with audited(unhurried, pool, nats, monkeypatch) as one:

        async def rows(statement: str) -> None:
            await pool.execute(statement)

        async def again() -> None:
            await eventually(lambda: one.auditor.differing == 0, 20 * ROUND, because="it is right again")
            assert differing() == {}

        tracked = dict(one.detector.tracked)

        async def remembered(name: str) -> None:
            one.detector.track(tracked[name].sender, tracked[name].owner)

        one.detector.untrack("supervisor:t1")
        await told(one, "supervisor:t1", "memory", "the sender")
        await remembered("supervisor:t1")
        await again()

        one.remembers("supervisor:t2", connection_id="nobody's")
        await told(one, "supervisor:t2", "memory", "connection")
        await remembered("supervisor:t2")
        await again()

        one.remembers("supervisor:t3", superseded=("t3-1",))
        await told(one, "supervisor:t3", "memory", "heartbeats")
        await remembered("supervisor:t3")
        await again()

        await rows("update stale_detector.senders set alive = false where name = 'supervisor:t4'")
        await told(one, "supervisor:t4", "read_model", "alive")
        await rows("update stale_detector.senders set alive = true where name = 'supervisor:t4'")
        await again()

        await rows(
            "update supervisor_heartbeat.senders set told = jsonb_set(told::jsonb, '{connection_id}', '\"x\"')::json where stream = 'supervisor-t5'"
        )
        await told(one, "supervisor:t5", "recorder", "connection")
        await rows(
            "update supervisor_heartbeat.senders set told = jsonb_set(told::jsonb, '{connection_id}', '\"t5-1\"')::json where stream = 'supervisor-t5'"
        )
        await again()

        # As a detector that started on a row which is not there would have it: nobody here knows of the sender.
        await rows("delete from stale_detector.senders where name = 'supervisor:t6'")
        one.detector.untrack("supervisor:t6")
        await told(one, "supervisor:t6", "memory", "the sender")
        assert differing() == {"memory": 1.0, "read_model": 1.0}
    lines = [line for line in capsys.readouterr().out.splitlines() if "audit.differs" in line]
    for number in range(1, 7):
        assert any(f"supervisor:t{number}" in line for line in lines), f"supervisor:t{number}"
    assert len(lines) == 6, "each is told once"


async def test_what_is_falsified_of_agents_and_daemons_is_told_too(
    unhurried: Settings, pool: asyncpg.Pool, nats: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with audited(unhurried, pool, nats, monkeypatch) as one, beating(nats, "builder"):
        await one.join("builder", "x")
        await eventually(lambda: "agent:c0:builder" in one.detector.tracked)
        await one.rounds(2)
        for name, source, about in FALSIFIED:
            tracked = one.detector.tracked[name]
            if source == "memory" and about == "connection":
                one.remembers(name, connection_id="nobody's")
            elif source == "memory":
                one.detector.untrack(name)
            else:
                await pool.execute(ROWS[name, source][0])
            await told(one, name, source, about)
            assert differing() == {source: 1.0}, "and nobody else"
            if source == "memory":
                one.detector.track(tracked.sender, tracked.owner)
            else:
                await pool.execute(ROWS[name, source][1])
            await eventually(lambda: one.auditor.differing == 0, 20 * ROUND, because="it is right again")


def test_of_whom_is_not_tracked_any_more_no_missed_heartbeat_is_remembered() -> None:
    missed = MissedHeartbeats()
    assert not missed.missed("supervisor:t1", 5), "one alone"
    assert not missed.missed("supervisor:t2", 5)
    missed.keep({"supervisor:t1"})
    assert len(missed) == 1
    assert missed.missed("supervisor:t1", 6)
    assert not missed.missed("supervisor:t2", 6), "it begins anew"
    missed.heard("supervisor:t1")
    assert not missed.missed("supervisor:t1", 7)


async def test_what_is_merely_on_its_way_is_never_told(
    unhurried: Settings,
    pool: asyncpg.Pool,
    nats: Client,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Everything about the senders changes at every moment; the read models stand for a while, and catch up."""
    states = [SupervisorState.IDLE, SupervisorState.WORKING, SupervisorState.COMPLETED]
    async with (
        audited(unhurried, pool, nats, monkeypatch) as one,
        pool.acquire() as holder,
        asyncio.TaskGroup() as group,
    ):

        async def churn() -> None:
            turn = 0
            while True:
                turn += 1
                one.fleet.state = states[turn % len(states)]
                one.fleet.connections[f"t{turn % 8}"] = f"t{turn % 8}-{turn}"
                for role in ("builder", "tester"):
                    await one.join(role, f"{role}-{turn // 2}")
                    said = AgentHeartbeat("c0", role, f"{role}-{turn // 2}", turn, datetime.now(UTC))
                    await nats.publish(subjects.agent_heartbeat("d1", "c0", role), msgspec.json.encode(said))
                await asyncio.sleep(0.03)

        changing = group.create_task(churn())
        await one.rounds(3)
        async with holder.transaction():
            await holder.execute(
                "lock table stale_detector.senders, supervisor_heartbeat.senders in share mode"
            )
            await asyncio.sleep(4 * ROUND)  # the read models stand, the log and the memory go on
        await one.rounds(3)
        await end(changing)
    assert [line for line in capsys.readouterr().out.splitlines() if "audit.differs" in line] == []
