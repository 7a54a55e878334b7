"""`check_completion`: what is missing, and the flow starts where it may."""

from makima_kernel.service.contracts_settings import FeatureFlags
from makima_kernel.testing import eventually
from makima_schemas.commands import Problem
from makima_schemas.contract import commands as c
from makima_schemas.errors import ErrorCode

from tests.services.completion_detector.conftest import World, looks_by_hand, simple


async def check(world: World, contract_id: str) -> dict[str, object] | Problem:
    return await world.contract.bus.query(
        "completion_detector", "check_completion", {"contract_id": contract_id}
    )


async def test_it_tells_what_is_missing(world: World) -> None:
    await world.replica()
    await world.send("c1", simple(), c.StartContract(), c.CreateTask("t1", "write it"))
    assert await check(world, "c1") == {
        "ready": False,
        "would_complete": False,
        "missing": ["Deliverable: plan-document", "1 tasks incomplete"],
    }


async def test_switched_off_it_only_reports(world: World) -> None:
    await world.replica()
    await world.send(
        "c1", simple(contract_type="execute"), c.SetAutoComplete(enabled=False), c.StartContract()
    )
    await world.send("c1", c.CompleteDeliverable("pull-request"))
    assert await check(world, "c1") == {"ready": True, "would_complete": True, "missing": []}
    await world.nothing_owed()
    assert "CompletionStarted" not in await world.names("c1")


async def test_with_the_feature_off_it_only_reports(world: World) -> None:
    off = world.settings.model_copy(update={"feature_flags": FeatureFlags(auto_complete=False)})
    await world.replica(off)
    await world.send(
        "c1", simple(contract_type="execute"), c.StartContract(), c.CompleteDeliverable("pull-request")
    )
    assert await check(world, "c1") == {"ready": True, "would_complete": True, "missing": []}
    await world.nothing_owed()
    assert (await world.names("c1"))[-1] == "DeliverableCompleted"


async def test_switched_on_a_look_that_was_lost_is_taken_again(world: World) -> None:
    await world.send(
        "c1", simple(contract_type="execute"), c.StartContract(), c.CompleteDeliverable("pull-request")
    )
    detector = await world.replica()
    looks_by_hand()
    await check(world, "c1")
    await detector.pool.execute("delete from completion_detector.todo")
    await world.replica()
    answer = await check(world, "c1")
    assert answer == {"ready": True, "would_complete": True, "missing": []}
    await world.until("c1", "ContractCompleted")


async def test_an_unknown_contract_is_not_found(world: World) -> None:
    await world.replica()
    answer = await check(world, "nobody")
    assert isinstance(answer, Problem)
    assert answer.code is ErrorCode.CONTRACT_NOT_FOUND


async def test_a_reopened_contract_stays_open_until_somebody_asks(world: World) -> None:
    await world.replica()
    await world.send(
        "c1", simple(contract_type="execute"), c.StartContract(), c.CompleteDeliverable("pull-request")
    )
    await world.until("c1", "ContractCompleted")
    await world.send("c1", c.ReopenContract("a bug"))
    await world.nothing_owed()
    assert (await world.names("c1"))[-1] == "ContractReopened"
    await check(world, "c1")

    async def twice() -> bool:
        return (await world.names("c1")).count("ContractCompleted") == 2

    await eventually(twice)
