"""agents.md, Quiet times, maintenance: agents of a paused contract are judged as all are, and nobody has one started again
before the contract is resumed.
"""

import asyncpg
import orjson
from makima_contract import app as contract_app
from makima_kernel.service.runtime import Service
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.agent import AgentStatus, AgentStatusChanged, JoinAgent
from makima_schemas.contract import events as e
from makima_schemas.contract.model import ContractStatus
from makima_stale_detector.queries import Queries
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.services.stale_detector.harness import quick, running
from tests.services.stale_detector.living_agents import ask

ACTIVE = ContractStatus.ACTIVE


async def test_an_agent_that_dies_in_a_paused_contract_is_dead_and_started_again_once_it_is_resumed(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    """The contract c0 is paused, c1 is not; in both the builder holds a task and falls silent."""
    heard = list[tuple[str, str, str]]()  # which signal, of which contract, for which role

    async def daemon(message: Msg) -> None:
        body = orjson.loads(message.data)
        heard.append((message.subject.rpartition(".")[2], body["contract_id"], body["role"]))
        await message.respond(b'{"accepted":true}')

    await nats.subscribe(subjects.daemon_signal("d1", "*"), cb=daemon)
    times = {"task_claimed_timeout_seconds": 0.5, "task_pending_timeout_seconds": 0.5}
    settings = quick(database, nats_url)
    settings = settings.model_copy(update={"contracts": settings.contracts.model_copy(update=times)})
    async with (
        running(settings, pool, nats) as system,
        Service.running(contract_app.NAME, settings, contract_app.build),
    ):
        for contract in ("c0", "c1"):
            task = e.TaskCreated("t1", "write", "plan", "builder"), e.TaskClaimed("t1", "builder", "x", 1)
            assigned = e.ContractAssigned("d1", "placed")
            await system.record(f"contract-{contract}", e.ContractStarted(), assigned, *task)
        await system.record("contract-c0", e.ContractPaused("lunch", ACTIVE))
        for contract in ("c0", "c1"):
            await ask(system, f"{contract}:builder", JoinAgent("x", "d1"))

        async def dead(contract: str) -> AgentStatusChanged | None:
            last = (await system.events(f"agent-{contract}:builder"))[-1]
            died = isinstance(last, AgentStatusChanged) and last.new_status is AgentStatus.DEAD
            return last if died and isinstance(last, AgentStatusChanged) else None

        async def returned(contract: str) -> bool:
            return e.TaskReleased("t1", "agent_dead") in await system.events(f"contract-{contract}")

        died = await eventually(lambda: dead("c0"), because="nobody of a paused contract is judged")
        assert died is not None
        assert died.trigger == "heartbeat_expired"
        await eventually(lambda: returned("c0"))
        # Whoever waits since then is asked for, and again: so whoever waited before would have been.
        await eventually(lambda: dead("c1"))
        await eventually(lambda: returned("c1"))
        await system.record("contract-c1", e.TaskCreated("t2", "test", "plan", "tester"))
        await eventually(lambda: heard.count(("start", "c1", "tester")) == 2)
        assert {(contract, role) for _, contract, role in heard} == {("c1", "builder"), ("c1", "tester")}
        waiting = await Queries(pool).waiting_roles(10)
        assert "c0" not in {role.contract_id for role in waiting}
        await system.record("contract-c0", e.ContractResumed(ACTIVE))
        await eventually(lambda: ("start", "c0", "builder") in heard, because="it was not asked for")
        assert {kind for kind, _, _ in heard} == {"start"}
