"""The supervisor's first heartbeat starts its contract and registers its task, once."""

import asyncpg
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from nats.aio.client import Client

from tests.services.contract.harness import CREATE, HEARD, Contracts, append, nothing_owed, running

SUPERVISING = e.TaskCreated("t1", "supervise the contract", "plan", "supervisor", is_supervisor=True)


async def test_the_supervisors_first_heartbeat_starts_its_contract(contracts: Contracts) -> None:
    await contracts.accepted("c1", CREATE)
    await append(contracts, "supervisor-t1", HEARD)
    await eventually(lambda: has_started(contracts, "c1"), because="the contract was not started")
    events = await contracts.log.stream("default", "contract-c1")
    assert [each.meta.get("actor") for each in events if each.type == "ContractStarted"] == ["supervisor"]


async def test_a_supervisor_that_spoke_before_its_contract_was_made_starts_it(contracts: Contracts) -> None:
    await append(contracts, "supervisor-t1", HEARD)
    await eventually(lambda: nothing_owed(contracts), because="there is nothing to start")
    await contracts.accepted("c1", CREATE)
    await eventually(lambda: has_started(contracts, "c1"), because="the contract was not started")
    await eventually(
        lambda: has(contracts, "c1", SUPERVISING), because="the contract does not know the supervisor's task"
    )


async def test_a_contract_that_was_paused_before_its_start_is_started_beside_a_steady_supervisor_when_it_resumes(
    contracts: Contracts,
) -> None:
    await contracts.accepted("c1", CREATE, c.PauseContract())
    await append(contracts, "supervisor-t1", HEARD)
    await eventually(lambda: nothing_owed(contracts), because="the start was not asked for")
    assert not await has_started(contracts, "c1")
    await contracts.accepted("c1", c.ResumeContract())
    await eventually(lambda: has_started(contracts, "c1"), because="the contract was not started")


async def test_the_first_heartbeat_registers_the_supervisors_task_and_no_gate_counts_it(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    async with running(settings, pool, nats, replicas=2) as contracts:
        await contracts.accepted("c1", CREATE, c.StartContract())
        await append(contracts, "supervisor-t1", HEARD)
        await eventually(
            lambda: has(contracts, "c1", SUPERVISING),
            because="the contract does not know the supervisor's task",
        )
        await eventually(lambda: nothing_owed(contracts))
        assert (await contracts.events("c1")).count(SUPERVISING) == 1
        await contracts.accepted("c1", c.CompleteDeliverable("plan-document"), c.ChangePhase("execute"))


async def has(contracts: Contracts, contract_id: str, event: e.ContractEvent) -> bool:
    return event in await contracts.events(contract_id)


async def has_started(contracts: Contracts, contract_id: str) -> bool:
    return await has(contracts, contract_id, e.ContractStarted())


async def test_two_replicas_start_a_contract_once(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    async with running(settings, pool, nats, replicas=2) as contracts:
        await contracts.accepted("c1", CREATE)
        await append(contracts, "supervisor-t1", HEARD)
        await eventually(lambda: has_started(contracts, "c1"))
        await eventually(lambda: nothing_owed(contracts))
        assert (await contracts.events("c1")).count(e.ContractStarted()) == 1
