"""The agent `builder` of a contract that a daemon holds, and who asks about it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, cast
from uuid import UUID, uuid4

import orjson
from makima_kernel.commands.router import snake_case
from makima_kernel.event_log.append import new_event
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.agent import AgentCommand
from makima_schemas.codec import Event
from makima_schemas.commands import Accepted, Problem, Reply, Request
from makima_schemas.daemon import DaemonConnected
from makima_schemas.errors import ErrorCode
from makima_schemas.evidence import Evidence
from makima_supervisor_heartbeat import app

from tests.kernel.event_log.append_builders import call, command
from tests.services.supervisor_heartbeat.harness import Running, daemon_beat

AGENT: Final = "c1:builder"
STREAM: Final = f"agent-{AGENT}"


@dataclass
class Crew:
    """The agent `builder` of contract `c1`, which daemon d1 holds."""

    fleet: Running
    signals: list[tuple[str, dict[str, object]]] = field(default_factory=list[tuple[str, dict[str, object]]])

    async def ask(
        self, asked: AgentCommand, *, target: str = AGENT, command_id: UUID | None = None, actor: str = "test"
    ) -> Reply:
        name = snake_case(type(asked).__name__)
        request: Request[object] = Request(command_id or uuid4(), target, asdict(asked), actor=actor)
        return await self.fleet.service.bus.ask(app.NAME, name, request)

    async def accepted(self, asked: AgentCommand) -> bool:
        """Whether it changed anything."""
        reply = await self.ask(asked)
        assert isinstance(reply, Accepted), reply
        return reply.changed

    async def refused(self, asked: AgentCommand, target: str = AGENT) -> ErrorCode:
        reply = await self.ask(asked, target=target)
        assert isinstance(reply, Problem), reply
        return reply.code

    async def append(self, *events: Event) -> None:
        """To the stream of the contract."""
        await call(self.fleet.pool, command("contract-c1", *map(new_event, events)))

    async def newest(self, kind: type[Event], where: Callable[[Event], bool] = lambda _: True) -> Event:
        """The agent's last event, once it is of this kind."""

        async def there() -> Event | None:
            events = await self.fleet.events(STREAM)
            return events[-1] if events and isinstance(events[-1], kind) and where(events[-1]) else None

        return cast("Event", await eventually(there))

    async def connected(self) -> None:
        """Daemon d1 beats, and the log says so: it may have been named by a supervisor before."""
        await self.fleet.beat(daemon_beat("d1"))

        async def there() -> bool:
            events = await self.fleet.events("daemon-d1")
            return any(isinstance(each, DaemonConnected) and each.hostname for each in events)

        await eventually(there)

    async def beat(self, connection_id: str, *, daemon_id: str | None = "d1", seq: int = 1) -> int:
        body = {
            "contract_id": "c1",
            "role": "builder",
            "connection_id": connection_id,
            "seq": seq,
            "timestamp": datetime.now(UTC),
        }
        subject = subjects.agent_heartbeat(daemon_id, "c1", "builder")
        return await self.fleet.publish(subject, orjson.dumps(body))

    async def silence(self, sequence: int, *, after: float = 90.0) -> Evidence:
        return await self.fleet.evidence(sequence, timeout=90.0, after=timedelta(seconds=after))
