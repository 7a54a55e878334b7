"""Gates satisfied lead on: to the next phase, to a person, to the end; and nothing is asked twice."""

import asyncio

from makima_kernel.service.contracts_settings import ContractsSettings, FeatureFlags
from makima_kernel.testing import eventually
from makima_schemas.completion import CompletionDetected, PhaseGateSatisfied
from makima_schemas.contract import commands as c
from makima_schemas.contract.events import ContractCompleted

from tests.services.completion_detector.conftest import World, simple
from tests.services.completion_detector.contract_steps import PLANNED, SHIPPED, supervised


async def test_a_simple_contract_runs_from_plan_to_completed(world: World) -> None:
    await world.replica()
    await world.send(
        "c1",
        simple(),
        c.StartContract(),
        c.CreateTask("t1", "write it"),
        PLANNED,
        c.CompleteTask("t1", success=True),
    )
    await world.until("c1", "PhaseChanged")
    await world.send("c1", SHIPPED)
    names = await world.until("c1", "ContractCompleted")
    assert [name for name in names if name in ("PhaseChanged", "CompletionStarted", "ContractCompleted")] == [
        "PhaseChanged",
        "CompletionStarted",
        "ContractCompleted",
    ]
    await world.nothing_owed()
    found = await world.history("c1", "completion")
    assert [(type(event), getattr(event, "action", None)) for event in found] == [
        (PhaseGateSatisfied, "advance"),
        (PhaseGateSatisfied, "complete"),
        (CompletionDetected, None),
    ]


async def test_two_replicas_ask_once(world: World) -> None:
    await world.replica()
    await world.replica()
    ids = [f"c{number}" for number in range(20)]
    await asyncio.gather(
        *(world.send(contract_id, simple(), c.StartContract(), PLANNED) for contract_id in ids)
    )
    await asyncio.gather(*(world.until(contract_id, "PhaseChanged") for contract_id in ids))
    await asyncio.gather(*(world.send(contract_id, SHIPPED) for contract_id in ids))
    await asyncio.gather(*(world.until(contract_id, "ContractCompleted") for contract_id in ids))
    await world.nothing_owed()
    for contract_id in ids:
        names = await world.names(contract_id)
        assert [names.count(name) for name in ("PhaseChanged", "CompletionStarted", "ContractCompleted")] == [
            1,
            1,
            1,
        ]
        assert len(await world.names(contract_id, "completion")) == 3


async def test_a_guarded_phase_waits_for_a_person(world: World) -> None:
    await world.replica()
    await world.send("c1", simple(guard=True), c.StartContract(), PLANNED)
    await world.until("c1", "InputAwaited")
    await world.nothing_owed()
    assert "PhaseChanged" not in await world.names("c1")
    await world.send("c1", c.ChangePhase("execute", confirmed=True))
    await world.send("c1", SHIPPED)
    assert "ContractCompleted" in await world.until("c1", "ContractCompleted")


async def test_what_was_satisfied_while_everything_was_off_is_found_at_the_next_start(world: World) -> None:
    await world.send("c1", simple(), c.StartContract(), PLANNED)
    await world.replica()
    await world.until("c1", "PhaseChanged")


async def test_switches_off_record_and_ask_nothing(world: World) -> None:
    off = world.settings.model_copy(update={"feature_flags": FeatureFlags(auto_complete=False)})
    await world.replica(off)
    await world.send("c1", simple(), c.StartContract(), PLANNED)

    await world.nothing_owed()
    assert await world.history("c1", "completion") == [PhaseGateSatisfied("plan", 3, "none")]
    assert "PhaseChanged" not in await world.names("c1")


async def test_phases_do_not_advance_where_that_is_switched_off_but_the_end_is_found(world: World) -> None:
    off = world.settings.model_copy(update={"contracts": ContractsSettings(auto_advance_phases=False)})
    await world.replica(off)
    await world.send("c1", simple(), c.StartContract(), PLANNED)
    await world.send("c2", simple(contract_type="execute"), c.StartContract(), SHIPPED)
    await world.until("c2", "ContractCompleted")
    await world.nothing_owed()
    assert "PhaseChanged" not in await world.names("c1")


async def test_turning_its_switch_on_moves_a_contract_that_waited_for_nothing_else(world: World) -> None:
    await world.replica()
    await world.send("c1", simple(), c.SetAutoComplete(enabled=False), c.StartContract(), PLANNED)
    await world.nothing_owed()
    assert "PhaseChanged" not in await world.names("c1")
    await world.send("c1", c.SetAutoComplete(enabled=True))
    await world.until("c1", "PhaseChanged")


async def test_new_work_takes_a_contract_out_of_its_completion_and_it_completes_later(world: World) -> None:
    """The second completion is a new one, and recorded as such."""
    holding = world.settings.model_copy(update={"contracts": ContractsSettings(cleanup_timeout_seconds=3600)})
    await world.replica(holding)
    await world.send("c1", simple(contract_type="execute"), c.StartContract())
    await supervised(world, "c1", "a-daemon-that-never-answers")
    await world.send("c1", SHIPPED)

    async def detected(times: int) -> bool:
        return (await world.names("c1", "completion")).count("CompletionDetected") == times

    await eventually(lambda: detected(1))
    await world.send("c1", c.CreateTask("late", "one more thing"))
    await world.until("c1", "CompletionAborted")
    await world.send("c1", c.CompleteTask("late", success=True))
    await eventually(lambda: detected(2))
    assert (await world.names("c1")).count("CompletionStarted") == 2


async def test_at_the_deadline_the_clean_up_is_over_and_that_is_recorded(world: World) -> None:
    hasty = world.settings.model_copy(update={"contracts": ContractsSettings(cleanup_timeout_seconds=0.2)})
    await world.replica(hasty)
    await world.send("c1", simple(contract_type="execute"), c.StartContract())
    await supervised(world, "c1", "a-daemon-that-never-answers")
    await world.send("c1", SHIPPED)
    await world.until("c1", "ContractCompleted")
    assert (await world.history("c1"))[-1] == ContractCompleted("cleanup_deadline")
