"""The recorder on real servers: who beats and stands still, who does not, and a restart in between."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import asyncpg
import msgspec
import pytest
from makima_kernel.event_log.append import new_event
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.agent import AgentProgressed, AgentStuck, JoinAgent
from makima_schemas.codec import Event
from makima_schemas.contract.events import (
    ContractAssigned,
    ContractPaused,
    ContractResumed,
    TaskClaimed,
    TaskCompleted,
)
from makima_schemas.contract.model import ContractStatus
from makima_schemas.identity import agent_id
from makima_schemas.silence import MAINTENANCE_STREAM, MaintenanceEnded, MaintenanceStarted
from makima_schemas.supervisor import SupervisorProgressed, SupervisorRegistered, SupervisorStuck
from nats.aio.client import Client

from tests.contracts_in_the_log import create_contracts
from tests.kernel.event_log.append_builders import call, command
from tests.services.supervisor_heartbeat.crew import Crew
from tests.services.supervisor_heartbeat.harness import Running, running, supervisor_beat

STUCK_AFTER: Final = 0.8
LATE: Final = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def impatient(settings: Settings) -> Settings:
    contracts = settings.contracts.model_copy(update={"stuck_after_seconds": STUCK_AFTER})
    return settings.model_copy(update={"contracts": contracts})


async def beat_until(fleet: Running, stream: str, kind: type, **said: object) -> list[object]:
    """A supervisor beats, saying the same, until the newest event of its stream is of this kind."""

    async def told() -> list[object]:
        await fleet.beat(supervisor_beat("t1", **said))  # pyright: ignore[reportArgumentType]
        events = await fleet.events(stream)
        return list(events) if events and isinstance(events[-1], kind) else []

    return await eventually(told)


async def test_beating_and_standing_still_is_stuck_once_also_over_a_restart_and_ended_by_progress(
    impatient: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    async with running(impatient, pool, nats) as fleet:
        begun = await fleet.beat(supervisor_beat("t1", current_activity="thinking"))
        await fleet.until("supervisor-t1", 1)
        await fleet.recorded()
        first = next(row["received_at"] for row in await fleet.rows() if row["sequence"] == begun)
    async with running(impatient, pool, nats) as fleet:
        *_, stuck = await beat_until(fleet, "supervisor-t1", SupervisorStuck, current_activity="thinking")
        assert isinstance(stuck, SupervisorStuck)
        assert (stuck.contract_id, stuck.connection_id, stuck.activity) == ("c-t1", "t1-1", "thinking")
        assert abs((stuck.progress_at - first).total_seconds()) < 0.001, "the restart changed nothing"
        await fleet.beat(supervisor_beat("t1", current_activity="thinking"))
        await fleet.recorded()
    async with running(impatient, pool, nats) as fleet:
        told = await beat_until(fleet, "supervisor-t1", SupervisorProgressed, current_activity="writing")
        assert [type(each) for each in told] == [SupervisorRegistered, SupervisorStuck, SupervisorProgressed]


STILL, CIRCLING, COMPILING, QUIET, READY = "still", "circling", "compiling", "quiet", "ready"
# c1 goes on, c2 is paused, c3 has maintenance. Who is ready has no task.
TEAM: Final = {"c1": (STILL, CIRCLING, COMPILING, QUIET, READY), "c2": (STILL,), "c3": (STILL,)}
PAUSED: Final = ContractPaused(None, ContractStatus.ACTIVE)


@dataclass
class Team:
    """Agents that beat, each in its way."""

    fleet: Running
    turn: int = 0

    async def append(self, stream: str, *events: Event) -> None:
        await call(self.fleet.pool, command(stream, *map(new_event, events)))

    async def beat(self, contract: str, role: str) -> None:
        now = datetime.now(UTC)
        own: dict[str, dict[str, object]] = {
            CIRCLING: {"activity": f"step {self.turn % 3}"},
            COMPILING: {"child": {"pid": 7, "command": "make", "cpu_seconds": self.turn / 10}},
            QUIET: {"quiet_until": now.replace(year=now.year + 1)},
        }
        alike = {"contract_id": contract, "role": role, "connection_id": role, "seq": self.turn}
        body = alike | {"timestamp": now, "activity": "working", **own.get(role, {})}
        await self.fleet.publish(subjects.agent_heartbeat("d1", contract, role), msgspec.json.encode(body))

    async def all_beat(self) -> None:
        self.turn += 1
        for contract, roles in TEAM.items():
            for role in roles:
                await self.beat(contract, role)

    async def times(self, kind: type[Event]) -> Counter[str]:
        """How many events of this kind there are of each agent."""
        agents = [agent_id(contract, role) for contract, roles in TEAM.items() for role in roles]
        found = Counter[str]()
        for agent in agents:
            found[agent] += sum(isinstance(each, kind) for each in await self.fleet.events(f"agent-{agent}"))
        return +found

    async def until(self, kind: type[Event], expected: set[str]) -> None:
        """They beat until the log says this of these agents; of nobody else, and once of each."""

        async def told() -> bool:
            await self.all_beat()
            return expected <= (await self.times(kind)).keys()

        await eventually(told)
        assert await self.times(kind) == Counter(expected)


@pytest.fixture
async def team(impatient: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Team]:
    await create_contracts(pool, list(TEAM))
    async with running(impatient, pool, nats) as fleet:
        team, crew = Team(fleet), Crew(fleet)
        await team.append("contract-c2", PAUSED)
        await team.append(MAINTENANCE_STREAM, MaintenanceStarted("contract:c3", LATE, "updates"))
        for contract, roles in TEAM.items():
            claims = [TaskClaimed(role, role) for role in roles if role != READY]
            await team.append(f"contract-{contract}", ContractAssigned("d1", "first_heard"), *claims)
            for role in roles:
                await crew.ask(JoinAgent(role), target=agent_id(contract, role))
        yield team


async def test_of_all_who_beat_only_those_that_should_get_on_and_do_not_are_stuck(team: Team) -> None:
    await team.until(AgentStuck, {"c1:still", "c1:circling"})
    await team.append("contract-c2", ContractResumed(ContractStatus.ACTIVE))
    await team.append(MAINTENANCE_STREAM, MaintenanceEnded("contract:c3", "request"))
    await team.until(AgentStuck, {"c1:still", "c1:circling", "c2:still", "c3:still"})
    assert not await team.times(AgentProgressed)
    await team.append("contract-c1", TaskClaimed("more", STILL), TaskCompleted("more", "more"))
    await team.until(AgentProgressed, {"c1:still"})
