"""Which tasks a role holds, and whether its agent has to follow them: the same in whatever batches it is folded."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from makima_kernel.projections.projection import Applied
from makima_schemas.agent import AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged
from makima_schemas.codec import Event
from makima_schemas.contract.events import (
    ContractDeleted,
    TaskClaimed,
    TaskCompleted,
    TaskFailed,
    TaskReleased,
)
from makima_schemas.envelope import EventMeta, Recorded
from makima_supervisor_heartbeat.domain.agents.agent import Agent
from makima_supervisor_heartbeat.domain.agents.work import Work, work_of
from makima_supervisor_heartbeat.projections import KnownSenders

S = AgentStatus
CONTRACT: Final = ("default", "c1")
BUILDER: Final = (*CONTRACT, "builder")
TABLES: Final = ("held_tasks", "follow_ups", "agent_connections", "senders")


def changed(old: AgentStatus, new: AgentStatus, trigger: str, role: str = "builder") -> AgentStatusChanged:
    return AgentStatusChanged("c1", role, old, new, trigger, "a")


def owes(status: AgentStatus, *, holds: bool, trigger: str = "", worked: bool = False) -> bool:
    work = Work()
    if holds:
        work.on_task(CONTRACT, TaskClaimed("t1", "builder"), 1)
    work.touched[BUILDER] = (1, worked)
    return work.owes(BUILDER, Agent("c1", "builder", status, trigger=trigger))


def test_an_agent_that_is_ready_with_tasks_or_works_without_has_to_follow() -> None:
    for status in S:
        assert owes(status, holds=True) == (status is S.READY)
        assert owes(status, holds=False) == (status is S.WORKING)


def test_what_it_said_of_itself_holds_until_its_tasks_change() -> None:
    assert not owes(S.WORKING, holds=False, trigger="reported")
    assert owes(S.WORKING, holds=False, trigger="reported", worked=True)
    work = Work()
    work.on_task(CONTRACT, TaskClaimed("t1", "builder"), 1)
    work.on_agent("default", changed(S.WORKING, S.READY, "reported"), 2)
    assert work.touched == {BUILDER: (2, False)}
    work.on_task(CONTRACT, TaskFailed("t1", "build"), 3)
    assert work.touched == {BUILDER: (3, True)}


def test_a_task_that_changes_hands_touches_both_roles() -> None:
    work = work_of([(*CONTRACT, "t1", "builder")])
    work.on_task(CONTRACT, TaskClaimed("t1", "reviewer"), 7)
    reviewer = (*CONTRACT, "reviewer")
    assert work.touched == {BUILDER: (7, True), reviewer: (7, True)}
    assert (work.holds(BUILDER), work.holds(reviewer)) == (False, True)
    assert work.rows() == {(*CONTRACT, "t1", "reviewer")}
    work.on_deleted(CONTRACT, 8)
    assert not work.holds(reviewer)
    assert work.touched[reviewer] == (8, True)


ROLES = st.sampled_from(("builder", "reviewer"))
TASKS = st.sampled_from(("t1", "t2", "t3"))
OF_TASKS = st.one_of(
    st.builds(TaskClaimed, TASKS, ROLES),
    st.builds(TaskReleased, TASKS),
    st.builds(TaskCompleted, TASKS, st.just("build")),
    st.builds(TaskFailed, TASKS, st.just("build")),
).map(lambda event: ("contract-c1", event))
OF_AGENTS = ROLES.flatmap(
    lambda role: st.one_of(
        st.sampled_from("ab").map(lambda each: AgentJoined("c1", role, each, None)),
        st.just(AgentLeft("c1", role, "a")),
        st.sampled_from(
            [
                changed(S.READY, S.WORKING, "task_taken", role),
                changed(S.WORKING, S.READY, "tasks_done", role),
                changed(S.READY, S.WORKING, "reported", role),
                changed(S.READY, S.DEAD, "heartbeat_expired", role),
            ]
        ),
    ).map(lambda event: (f"agent-c1:{role}", event))
)
EVENTS = st.lists(OF_TASKS | OF_AGENTS | st.just(("contract-c1", ContractDeleted())), min_size=1, max_size=25)


def applied(position: int, stream: str, event: Event) -> Applied:
    at, none = datetime(2026, 1, 1, tzinfo=UTC), UUID(int=0)
    name = type(event).__name__
    meta = EventMeta()
    return Applied(Recorded(position, "default", stream, 1, none, none, name, 1, b"{}", meta, at), event)


async def shown(pool: asyncpg.Pool, batches: Sequence[Sequence[Applied]]) -> list[list[tuple[object, ...]]]:
    async with pool.acquire() as connection:
        await connection.execute("set search_path to supervisor_heartbeat")
        await connection.execute(f"truncate {', '.join(TABLES)}")
        for batch in batches:
            await KnownSenders().apply(connection, batch)  # pyright: ignore[reportArgumentType] - a pool's connection is one
        rows = [await connection.fetch(f"select * from {table}") for table in TABLES]
        return [sorted(map(tuple, each)) for each in rows]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EVENTS, st.data())
async def test_however_the_batches_fall_the_rows_are_the_same(
    pool: asyncpg.Pool, events: list[tuple[str, Event]], data: st.DataObject
) -> None:
    listed = [applied(position, *each) for position, each in enumerate(events, 1)]
    cut = data.draw(st.integers(0, len(listed)))
    one_by_one = await shown(pool, [[each] for each in listed])
    assert await shown(pool, [listed]) == one_by_one
    assert await shown(pool, [listed[:cut], listed[cut:]]) == one_by_one
