"""Contracts that are placed: both services on real servers, and daemons that answer as a test tells them to."""

from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from uuid import uuid4

import orjson
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_schemas import subjects
from makima_schemas.codec import decode
from makima_schemas.commands import Accepted, Request
from makima_schemas.contract.commands import CreateContract, StartContract
from makima_schemas.contract.events import ContractAssigned
from makima_schemas.daemon import AdmitDaemon
from makima_schemas.supervisor import SupervisorState as S
from makima_supervisor_heartbeat import app
from nats.aio.msg import Msg

from tests.services.supervisor_heartbeat.harness import Fleet, daemon_beat, supervisor_beat

ACCEPTED: dict[str, object] = {"accepted": True}


@dataclass(frozen=True)
class World(Fleet):
    """Both services, and daemons that answer as a test tells them to."""

    started: AsyncExitStack
    settings: Settings
    contract_service: Service
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    async def replica(self, stack: AsyncExitStack | None = None) -> Service:
        return await (stack or self.started).enter_async_context(
            Service.running(app.NAME, self.settings, app.build)
        )

    async def daemon(
        self,
        daemon_id: str,
        capacity: int,
        answer: dict[str, object] | None = None,
        *,
        owner: str | None = None,
    ) -> None:
        """`answer` null: it says nothing."""

        async def on_start(message: Msg) -> None:
            self.asked.append({"daemon_id": daemon_id, **orjson.loads(message.data)})
            if answer is not None:
                await message.respond(orjson.dumps(answer))

        await self.nats.subscribe(subjects.daemon_signal(daemon_id, "start"), cb=on_start)
        await confirm_subscriptions(self.nats)
        if owner is not None:
            await self.send(app.NAME, "admit_daemon", daemon_id, AdmitDaemon(daemon_id, owner))
        await self.beat(daemon_beat(daemon_id, capacity=capacity))
        await self.until(f"daemon-{daemon_id}", 1 if owner is None else 2)

    async def send(
        self, service: str, name: str, target: str, command: object, actor: str | None = None
    ) -> Accepted:
        request: Request[object] = Request(uuid4(), target, asdict(command), actor=actor)  # pyright: ignore[reportArgumentType] - any command
        reply = await self.contract_service.bus.ask(service, name, request)
        assert isinstance(reply, Accepted), reply
        return reply

    async def start(self, contract_id: str = "c1") -> None:
        await self.send("contract", "create_contract", contract_id, CreateContract("demo", "ada"))
        await self.send("contract", "start_contract", contract_id, StartContract())
        self.contracts.add(contract_id)

    async def assignments(self, contract_id: str = "c1") -> list[ContractAssigned]:
        events = [
            decode(each.type, each.schema, each.data)
            for each in await self.log.stream("default", f"contract-{contract_id}")
        ]
        return [each for each in events if isinstance(each, ContractAssigned)]

    async def say(self, given: ContractAssigned, state: S) -> None:
        """A heartbeat of the supervisor of c1 that was given to a daemon."""
        connection_id = str(given.connection_id)
        beat = supervisor_beat(str(given.task_id), state, contract_id="c1", connection_id=connection_id)
        await self.beat(beat, given.daemon_id)

    def whom(self) -> list[str]:
        return [each["daemon_id"] for each in self.asked]
