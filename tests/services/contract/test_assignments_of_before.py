"""The migrations that brought assignments: what they read out of a log of before, and the way back."""

import asyncpg
from makima_kernel.event_log.append import new_event
from makima_kernel.event_log.migrate import all_schemas, migrate, rollback
from makima_schemas.contract.events import ContractDeleted
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState

from tests.contracts_in_the_log import CREATED
from tests.kernel.event_log.append_builders import call, command

FOLDERS = dict(all_schemas())
BEFORE = {"contract": 3, "supervisor_heartbeat": 2, "gateway": 10}


def registered(daemon_id: str, contract_id: str = "c1") -> SupervisorRegistered:
    return SupervisorRegistered(contract_id, daemon_id, None, SupervisorState.WORKING, "plan")


async def back(database: str, schema: str) -> None:
    await rollback(database, FOLDERS[schema], schema, BEFORE[schema])


async def forward(database: str, schema: str) -> None:
    await migrate(database, FOLDERS[schema], schema)


async def a_log_of_before(pool: asyncpg.Pool) -> None:
    """c1 was driven by d1, then also by d2; nobody drove c2; c3 is gone."""
    await call(
        pool,
        command("contract-c1", new_event(CREATED)),
        command("contract-c2", new_event(CREATED)),
        command("contract-c3", new_event(CREATED), new_event(ContractDeleted())),
        command("supervisor-t1", new_event(registered("d1"))),
        command("supervisor-t2", new_event(registered("d2"))),
        command("supervisor-t3", new_event(registered("d3", "c3"))),
    )


async def assignments(pool: asyncpg.Pool, schema: str) -> list[tuple[object, ...]]:
    rows = await pool.fetch(f"select contract_id, owner_id, daemon_id from {schema}.assignments order by 1")
    return [tuple(row) for row in rows]


async def test_contracts_of_before_stay_with_the_daemon_that_ran_them(
    database: str, pool: asyncpg.Pool
) -> None:
    await back(database, "contract")
    await a_log_of_before(pool)
    await pool.executemany(
        "insert into contract.supervisors (tenant, contract_id, task_id, heard_at, daemon_id, drives) values ('default', 'c1', $1, 1, $2, $3)",
        [("t1", "d1", False), ("t2", "d2", True)],
    )
    await forward(database, "contract")
    assert await assignments(pool, "contract") == [("c1", "ada", "d2"), ("c2", "ada", None)]
    await back(database, "contract")
    drives = await pool.fetch("select task_id, drives from contract.supervisors order by 1")
    assert [tuple(row) for row in drives] == [("t1", False), ("t2", True)], (
        "a version of before goes on with it"
    )
    await forward(database, "contract")
    assert await assignments(pool, "contract") == [("c1", "ada", "d2"), ("c2", "ada", None)]


async def test_the_recorder_gives_them_to_the_daemon_heard_first(database: str, pool: asyncpg.Pool) -> None:
    await back(database, "supervisor_heartbeat")
    await a_log_of_before(pool)
    for _ in range(2):
        await forward(database, "supervisor_heartbeat")
        assert await assignments(pool, "supervisor_heartbeat") == [("c1", "ada", "d1"), ("c2", "ada", None)]
        await back(database, "supervisor_heartbeat")


async def test_daemons_of_before_that_only_their_supervisors_named_are_not_connected(
    database: str, pool: asyncpg.Pool
) -> None:
    await back(database, "gateway")
    await pool.executemany(
        "insert into gateway.daemons (tenant, id, hostname, connected, registered_at, changed_at) values ('default', $1, $2, true, now(), now())",
        [("ghost", ""), ("real", "host")],
    )
    await forward(database, "gateway")
    rows = await pool.fetch("select id, connected, admitted from gateway.daemons order by 1")
    assert [tuple(row) for row in rows] == [("ghost", False, False), ("real", True, False)]
