"""Agents before the detector and their real owner: they join by command, and beat."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import uuid4

import msgspec
from makima_kernel.commands.client import Bus
from makima_kernel.commands.router import snake_case
from makima_schemas import subjects
from makima_schemas.agent import AgentCommand, AgentJoined, AgentStatusChanged
from makima_schemas.codec import Event
from makima_schemas.commands import Accepted, Request
from makima_schemas.heartbeat import AgentHeartbeat
from makima_schemas.silence import MAINTENANCE, MaintenanceCommand
from makima_supervisor_heartbeat import app as owner
from nats.aio.client import Client

from tests.background import end
from tests.services.stale_detector.harness import INTERVAL, Running


async def ask(system: Running, agent: str, asked: AgentCommand) -> None:
    request: Request[object] = Request(uuid4(), agent, asdict(asked), actor="test")
    name = snake_case(type(asked).__name__)
    reply = await system.detectors[0].bus.ask(owner.NAME, name, request)
    assert isinstance(reply, Accepted), reply


async def maintain(nats: Client, command: MaintenanceCommand) -> None:
    """Starts or ends a maintenance."""
    request = Request(uuid4(), MAINTENANCE, command, actor="test")
    reply = await Bus(nats).ask("stale_detector", snake_case(type(command).__name__), request)
    assert isinstance(reply, Accepted), reply


async def changes(system: Running, agent: str) -> list[tuple[str, str]]:
    """Its changes of status, each with its trigger; a join is one to `ready`."""
    return [told(event) for event in await system.events(f"agent-{agent}")]


def told(event: Event) -> tuple[str, str]:
    if isinstance(event, AgentStatusChanged):
        return event.new_status, event.trigger
    assert isinstance(event, AgentJoined)
    return event.new_status, "join"


@asynccontextmanager
async def beating(
    nats: Client, *roles: str, contract: str = "c0", daemon: str = "d1"
) -> AsyncGenerator[set[str]]:
    """Agents of the contract under the daemon that beat as connection `x`, as long as they are in the set."""
    living = set(roles)

    async def beat() -> None:
        number = 0
        while True:
            number += 1
            for role in sorted(living):
                said = AgentHeartbeat(contract, role, "x", number, datetime.now(UTC))
                await nats.publish(
                    subjects.agent_heartbeat(daemon, contract, role), msgspec.json.encode(said)
                )
            await asyncio.sleep(INTERVAL)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(beat())
        yield living
        await end(task)
