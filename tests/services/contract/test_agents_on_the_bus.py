"""Task calls over NATS while agents join, leave and die, whose streams another service writes."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas.agent import AgentEvent, AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged
from makima_schemas.codec import decode
from makima_schemas.commands import Problem
from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.errors import ErrorCode
from makima_schemas.supervisor import SupervisorState, SupervisorStateChanged
from nats.aio.client import Client

from tests.services.contract.harness import CREATE, HEARD, Contracts, append, nothing_owed, running

AGENT = "agent-c1:builder"
S = AgentStatus


def joined(connection_id: str) -> AgentJoined:
    return AgentJoined("c1", "builder", connection_id, "d1")


def changed(to: AgentStatus) -> AgentStatusChanged:
    return AgentStatusChanged("c1", "builder", S.READY, to, "of this test")


@pytest.fixture
async def contracts(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Contracts]:
    """The contract c1 with the task t1 for any role, by two replicas."""
    async with running(settings, pool, nats, replicas=2) as made:
        await made.accepted("c1", CREATE, c.StartContract(), c.CreateTask("t1", "write"))
        yield made


async def refused(contracts: Contracts, command: c.ContractCommand) -> ErrorCode:
    reply = await contracts.ask("c1", command)
    assert isinstance(reply, Problem), reply
    return reply.code


async def test_a_zombie_claims_and_completes_nothing(contracts: Contracts) -> None:
    """Not what it held, not what is pending again, and not as what it never was."""
    await append(contracts, AGENT, joined("old"))
    await contracts.accepted("c1", c.ClaimTask("t1", "builder", "old"), c.StartTask("t1", "old"))
    await append(contracts, AGENT, joined("new"))
    done = c.CompleteTask("t1", True, "late", "old")
    assert await refused(contracts, done) is ErrorCode.SUPERSEDED
    await eventually(lambda: nothing_owed(contracts))
    assert e.TaskReleased("t1", "agent_superseded") in await contracts.events("c1")
    assert await refused(contracts, c.ClaimTask("t1", "builder", "old")) is ErrorCode.SUPERSEDED
    assert await refused(contracts, done) is ErrorCode.SUPERSEDED, "pending, for any role, held by nobody"
    await contracts.accepted("c1", c.ClaimTask("t1", "builder", "new"))
    assert await refused(contracts, c.HandOffTask("t1", "x", "t2", None, "old")) is ErrorCode.SUPERSEDED
    await contracts.accepted("c1", c.CompleteTask("t1", True, "done", "new"))


async def test_the_process_that_was_frozen_comes_back_under_its_own_id_and_completes_its_task(
    contracts: Contracts,
) -> None:
    await append(contracts, AGENT, joined("own"))
    await contracts.accepted("c1", c.ClaimTask("t1", "builder", "own"))
    await append(contracts, AGENT, changed(S.DEAD))
    done = c.CompleteTask("t1", True, "done", "own")
    assert await refused(contracts, done) is ErrorCode.REJOIN_REQUIRED
    await append(contracts, AGENT, joined("own"))
    await contracts.accepted("c1", done)
    await eventually(lambda: nothing_owed(contracts))
    released = [event for event in await contracts.events("c1") if isinstance(event, e.TaskReleased)]
    assert released == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([joined("new")], "agent_superseded"),
        ([AgentLeft("c1", "builder", "old")], "agent_left"),
        ([changed(S.RESTARTING), changed(S.DEAD_FAILED_REVIVE)], "agent_dead_failed_revive"),
        ([AgentLeft("c1", "builder", None), joined("old")], "agent_left"),
    ],
    ids=["another joins", "leaves", "cannot be revived", "leaves and comes back"],
)
async def test_what_the_role_held_is_pending_again_exactly_once(
    contracts: Contracts, said: list[AgentEvent], reason: str
) -> None:
    await append(contracts, AGENT, joined("old"))
    await contracts.accepted(
        "c1",
        c.ClaimTask("t1", "builder", "old"),
        c.StartTask("t1", "old"),
        c.CreateTask("t2", "read"),
        c.ClaimTask("t2", "builder", "old"),
    )
    for event in said:
        await append(contracts, AGENT, event)
    await eventually(lambda: nothing_owed(contracts))
    released = [event for event in await contracts.events("c1") if isinstance(event, e.TaskReleased)]
    assert released == [e.TaskReleased("t1", reason), e.TaskReleased("t2", reason)]


async def test_a_join_between_look_and_append_is_a_reload_and_never_a_hole(contracts: Contracts) -> None:
    """In each round both processes claim through both replicas while one joins: in the log each claim stands under the
    connection that was in force at that very position, and nobody was told of a conflict.
    """
    replicas, refused = [Contracts((replica,)) for replica in contracts.replicas], 0
    await contracts.accepted("c1", *(c.CreateTask(f"r{number}", "write") for number in range(30)))
    for number in range(30):
        claims = [
            replica.ask("c1", c.ClaimTask(f"r{number}", "builder", connection))
            for replica in replicas
            for connection in ("k0", "k1")
        ]
        _, *replies = await asyncio.gather(append(contracts, AGENT, joined(f"k{number % 2}")), *claims)
        codes = [reply.code for reply in replies if isinstance(reply, Problem)]
        assert set(codes) <= {ErrorCode.SUPERSEDED, ErrorCode.INVALID_TRANSITION}
        refused += len(codes)
    in_force, claimed = None, 0
    for recorded in await contracts.log.after(0, 10_000):
        match decode(recorded.type, recorded.schema, recorded.data):
            case AgentJoined(connection_id=connection_id):
                in_force = connection_id
            case e.TaskClaimed(connection_id=connection_id):
                claimed += 1
                assert connection_id == in_force, f"a hole at {recorded.position}"
            case _:
                pass
    assert claimed > 10
    assert refused > 10


async def test_without_an_agent_record_plain_scripts_work_as_ever(contracts: Contracts) -> None:
    await contracts.accepted("c1", c.ClaimTask("t1", "builder", "script"))
    assert await refused(contracts, c.CompleteTask("t1", True, None, "another")) is ErrorCode.SUPERSEDED
    await contracts.accepted("c1", c.CompleteTask("t1", True, None, "script"))


async def test_a_connection_id_is_an_id(contracts: Contracts) -> None:
    for command in (c.ClaimTask("t1", "builder", "no id"), c.CompleteTask("t1", True, None, "x" * 65)):
        assert await refused(contracts, command) is ErrorCode.INVALID_REQUEST


async def test_the_supervisors_task_follows_its_supervisor(contracts: Contracts) -> None:
    def supervisor(to: SupervisorState) -> SupervisorStateChanged:
        by = "heartbeat_expired" if to is SupervisorState.INTERRUPTED else "heartbeat"
        return SupervisorStateChanged("c1", "d1", None, SupervisorState.WORKING, to, "plan", by)

    async def task_events() -> list[str]:
        await eventually(lambda: nothing_owed(contracts))
        events = await contracts.events("c1")
        return [type(event).__name__ for event in events if getattr(event, "task_id", None) == "s1"]

    await append(contracts, "supervisor-s1", HEARD)
    assert await task_events() == ["TaskCreated", "TaskStarted"]
    await append(contracts, "supervisor-s1", supervisor(SupervisorState.IDLE))
    await append(contracts, "supervisor-s1", supervisor(SupervisorState.INTERRUPTED))
    assert (await task_events())[2:] == ["TaskReleased"]
    await append(contracts, "supervisor-s1", supervisor(SupervisorState.WORKING))
    assert (await task_events())[3:] == ["TaskStarted"]
    await contracts.accepted("c1", c.CompleteContract())
    assert (await task_events())[4:] == ["TaskCompleted"]
    await contracts.accepted("c1", c.ReopenContract("a bug"))
    assert (await task_events())[5:] == ["TaskStarted"]
    await append(contracts, "supervisor-s1", supervisor(SupervisorState.FAILED))
    assert (await task_events())[6:] == ["TaskFailed"]
