"""An agent as a process of its own, which can be frozen: it beats by HTTP and by NATS, and does what it is told."""

import asyncio
import multiprocessing
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Final, cast
from uuid import uuid4

import msgspec
import nats as nats_py
import orjson
from makima_schemas import subjects
from makima_schemas.commands import Problem, decode_reply
from makima_schemas.heartbeat import AgentHeartbeat
from makima_sdk.agents import Agents
from makima_sdk.http import Http
from makima_sdk.problems import ProblemError
from nats.aio.client import Client

from tests.daemon_requests import ask_as_daemon
from tests.guarantees.replicas import Replica, replica

if TYPE_CHECKING:
    from multiprocessing.connection import PipeConnection

INTERVAL: Final = 0.2  # seconds between its heartbeats


@dataclass(frozen=True)
class Place:
    """Where the agent works, and as whom."""

    url: str
    token: str
    nats_url: str
    daemon_id: str
    contract_id: str
    role: str
    connection_id: str


class Agent:
    """What the process does. By HTTP first, then the same by NATS with its daemon's login."""

    def __init__(self, place: Place, http: Http, nats: Client) -> None:
        self._place, self._http, self._nats = place, http, nats
        self._agents = Agents(http)
        self._seq = 0  # of its newest heartbeat
        self.answers: list[str] = []  # to its heartbeats by HTTP, since it was asked last

    async def beat(self) -> None:
        at, self._seq = self._place, self._seq + 1
        answer = await self._agents.heartbeat(at.contract_id, at.role, at.connection_id)
        self.answers.append(answer.status)
        said = AgentHeartbeat(at.contract_id, at.role, at.connection_id, self._seq, datetime.now(UTC))
        subject = subjects.agent_heartbeat(at.daemon_id, at.contract_id, at.role)
        await self._nats.publish(subject, msgspec.json.encode(said))
        await self._nats.flush()

    async def do(self, order: str, task_id: str) -> tuple[str, str]:
        """What it got for it: `ok` or a code, by HTTP and by NATS."""
        if order == "join":
            return await self._join()
        body = {"connection_id": self._place.connection_id}
        if order == "claim":
            body["role"] = self._place.role
        members = {"success": True} if order == "complete" else {}
        path = f"/contracts/{self._place.contract_id}/tasks/{task_id}/{order}"
        by_http = await self._posted(path, {**body, **members})
        data = {"task_id": task_id, **body, **members}
        return by_http, await self._commanded("contract", f"{order}_task", self._place.contract_id, data)

    async def _join(self) -> tuple[str, str]:
        at = self._place
        body = {"connection_id": at.connection_id}
        by_http = await self._posted(f"/contracts/{at.contract_id}/agents/{at.role}/join", body)
        target = f"{at.contract_id}:{at.role}"
        return by_http, await self._commanded("supervisor_heartbeat", "join_agent", target, body)

    async def _posted(self, path: str, body: dict[str, object] | dict[str, str]) -> str:
        try:
            await self._http.send("POST", path, body)
        except ProblemError as refused:
            return str(refused.code)
        return "ok"

    async def _commanded(self, service: str, name: str, target: str, data: object) -> str:
        body = orjson.dumps({"command_id": str(uuid4()), "target": target, "data": data})
        reply = decode_reply(await ask_as_daemon(self._nats, self._place.daemon_id, service, name, body))
        return reply.code.value if isinstance(reply, Problem) else "ok"


def live(place: Place, orders: Connection) -> None:
    """The process: joins, beats until it is killed, and answers each order with what it got for it."""

    async def beats(agent: Agent) -> None:
        while True:
            with suppress(ProblemError):
                await agent.beat()
            await asyncio.sleep(INTERVAL)

    async def main() -> None:
        nats = await nats_py.connect(place.nats_url, max_reconnect_attempts=-1)
        async with Http(place.url, place.token) as http, asyncio.TaskGroup() as group:
            agent = Agent(place, http, nats)
            orders.send(await agent.do("join", ""))
            group.create_task(beats(agent))
            while True:
                order, task_id = await asyncio.to_thread(orders.recv)
                if order == "answers":
                    orders.send(agent.answers)
                    agent.answers = []
                else:
                    orders.send(await agent.do(order, task_id))

    with suppress(EOFError):
        asyncio.run(main())


@dataclass(frozen=True)
class AgentProcess:
    process: Replica
    orders: "Connection | PipeConnection"

    async def do(self, order: str, task_id: str = "") -> tuple[str, str]:
        """Joins, claims, starts, completes, releases; the answers by HTTP and by NATS."""
        return cast("tuple[str, str]", await asyncio.to_thread(self._ask, order, task_id))

    async def answers(self) -> list[str]:
        """To its heartbeats since it was asked last."""
        return cast("list[str]", await asyncio.to_thread(self._ask, "answers", ""))

    def _ask(self, order: str, task_id: str) -> object:
        self.orders.send((order, task_id))
        return self.orders.recv()


@asynccontextmanager
async def agent_process(place: Place) -> AsyncGenerator[AgentProcess]:
    """One that has joined; killed at the end."""
    ours, theirs = multiprocessing.Pipe()
    with replica(live, place, theirs) as process:
        joined = await asyncio.to_thread(ours.recv)
        assert joined == ("ok", "ok")
        yield AgentProcess(process, ours)
