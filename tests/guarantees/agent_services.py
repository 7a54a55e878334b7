"""The services that own agents and tasks, what is sent to them, and what their log must show afterwards."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final, TypeVar
from uuid import uuid4

import asyncpg
import msgspec
from makima_kernel.commands.client import Bus
from makima_kernel.event_log.log import Log
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas import subjects
from makima_schemas.agent import AgentJoined
from makima_schemas.codec import decode
from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.envelope import Recorded
from makima_schemas.evidence import Evidence
from makima_schemas.heartbeat import DaemonHeartbeat
from makima_supervisor_heartbeat.domain.agents.agent import Agent, AgentDecider
from nats.aio.client import Client
from nats.aio.msg import Msg

T = TypeVar("T")
ROLE: Final = "builder"
DAEMON: Final = "d1"  # has the contracts, is connected, and takes each order
# Whatever the recorder has read, a verdict need not wait for it: how long that takes is not what is shown here.
READ_EVERYTHING: Final = """
create function supervisor_heartbeat.ahead() returns trigger language plpgsql as $$
begin new.observed_at := now() + interval '1 day'; return new; end $$;
create trigger ahead before update on supervisor_heartbeat.watermarks for each row execute function supervisor_heartbeat.ahead();
"""


@dataclass
class Services:
    """The contract service and the owner of agents, both real. Each example has a contract of its own."""

    bus: Bus
    log: Log
    pool: asyncpg.Pool
    nats: Client
    loop: asyncio.AbstractEventLoop
    numbers: "count[int]" = field(default_factory=count)
    changed: Counter[str] = field(default_factory=Counter[str])  # by command, how often one changed anything

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """From the thread of hypothesis, which knows no event loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE)


def check_history(history: Iterable[Recorded], tasks: Sequence[str]) -> None:
    """By the order of the log: whoever claimed, completed or handed off was in force and alive, nobody came back who
    was replaced, and each task was held by one at a time, and completed once. The actor of a task's event is who spoke.
    """
    agent, fenced, held, done = Agent(), set[str](), set[str](), list[str]()
    for recorded in history:
        event = decode(recorded.type, recorded.schema, recorded.data)
        match event:
            case AgentJoined(connection_id=connection_id):
                assert connection_id not in fenced, f"{connection_id} is in force again"
                if agent.connection_id not in (None, connection_id):
                    fenced.add(str(agent.connection_id))
            case e.TaskClaimed(task_id):
                assert task_id not in held, f"{task_id} is held twice"
                held.add(task_id)
                assert event.connection_id == recorded.meta.get("actor")
                assert is_in_force(recorded, agent), f"{task_id} was claimed past the one in force"
            case e.TaskReleased(task_id):
                held.remove(task_id)
            case e.TaskCompleted(task_id):
                assert is_in_force(recorded, agent), f"{task_id} was completed past the one in force"
                held.discard(task_id)
                done.append(task_id)
            case _:
                pass
        if recorded.category == "agent":
            agent = AgentDecider().evolve(agent, event)  # pyright: ignore[reportArgumentType]
    assert sorted(done) == sorted(tasks)


def is_in_force(recorded: Recorded, agent: Agent) -> bool:
    """True if whoever spoke was in force by the log of before, or nobody ever was."""
    spoke = recorded.meta.get("actor")
    return agent.version == 0 or (agent.alive and agent.connection_id == spoke)


async def serve_restarts(nats: Client, log: Log) -> None:
    """Daemon d1 as the services see it: heard, and taking each order to restart somebody."""

    async def take(message: Msg) -> None:
        await message.respond(b"{}")

    async def connected() -> bool:
        return bool(await log.stream("default", f"daemon-{DAEMON}"))

    await nats.subscribe(subjects.daemon_signal(DAEMON, "restart"), cb=take)
    await confirm_subscriptions(nats)
    body = msgspec.json.encode(DaemonHeartbeat(DAEMON, "host", 1, datetime.now(UTC)))
    await nats.jetstream().publish(subjects.daemon_heartbeat(DAEMON), body)
    await eventually(connected)


def task_command(step: str, task: str, connection: str) -> c.ContractCommand:
    match step:
        case "claim":
            return c.ClaimTask(task, ROLE, connection)
        case "start":
            return c.StartTask(task, connection)
        case "release":
            return c.ReleaseTask(task, connection)
        case "hand_off":
            return c.HandOffTask(task, "reviewer", f"{task}-{uuid4().hex[:8]}", None, connection)
        case _:
            return c.CompleteTask(task, True, None, connection)


def evidence(*, justified: bool) -> Evidence:
    """Of a silence that began after everything that has happened, or of one that began before."""
    watermark = datetime.now(UTC) + timedelta(hours=1 if justified else -1)
    return Evidence(None, 90.0, watermark, watermark, 0.0, "test")
