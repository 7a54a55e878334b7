"""A detector that dies between asking and striking the look off: the next one asks the same, and is given the
first answer.
"""

import asyncio

import pytest
from makima_completion_detector import queries
from makima_completion_detector.domain.next_action import Switches
from makima_completion_detector.handlers.evaluation_worker import EvaluationWorker, RetryAfter
from makima_completion_detector.handlers.findings_writer import FindingsWriter
from makima_completion_detector.handlers.validator_pool import ValidatorPool
from makima_completion_detector.handlers.worktrees import Worktrees
from makima_completion_detector.queries import Queries, Todo
from makima_kernel.commands.client import Bus
from makima_kernel.service.runtime import Service
from makima_kernel.testing import eventually
from makima_schemas.commands import Reply, Request
from makima_schemas.contract import commands as c

from tests.services.completion_detector.conftest import World, looks_by_hand, simple


class DyingBus(Bus):
    """Hands the command over, and is killed before it hears the answer."""

    async def ask(
        self, service: str, name: str, request: Request[object], *, timeout: float | None = None
    ) -> Reply:
        await super().ask(service, name, request, timeout=timeout)
        raise asyncio.CancelledError


class LateBus(Bus):
    """Somebody brings new work just before the contract is asked for its completion."""

    def __init__(self, world: World) -> None:
        super().__init__(world.contract.nats)
        self._world = world

    async def ask(
        self, service: str, name: str, request: Request[object], *, timeout: float | None = None
    ) -> Reply:
        if name == "start_completion":
            await self._world.send(request.target, c.CreateTask("late", "one more thing"))
        return await super().ask(service, name, request, timeout=timeout)


def asker(service: Service, bus: Bus) -> EvaluationWorker:
    return EvaluationWorker(
        Queries(service.pool),
        bus,
        FindingsWriter(service.appender),
        Worktrees(service.nats),
        switches=Switches(),
        cleanup_timeout_seconds=1,
        validators=ValidatorPool(1),
    )


async def claimed(looks: Queries) -> Todo:
    """The next look, once there is one that nobody else is taking."""
    todo = await eventually(looks.claim)
    assert todo is not None
    return todo


async def test_killed_between_the_ask_and_the_end_of_the_look(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "EVALUATION_LEASE_SECONDS", 0.3)
    detector = await world.replica()
    await world.send("c1", simple())
    await world.nothing_owed()
    looks_by_hand()
    await world.send("c1", c.StartContract(), c.CompleteDeliverable("plan-document"))
    await eventually(world.shown)
    looks = Queries(detector.pool)
    todo = await claimed(looks)
    with pytest.raises(asyncio.CancelledError):
        await asker(detector, DyingBus(detector.nats)).evaluate(todo)
    assert (await world.names("c1")).count("PhaseChanged") == 1

    again = await claimed(looks)
    assert await asker(detector, detector.bus).evaluate(again) is None
    await looks.done(again)
    assert (await world.names("c1")).count("PhaseChanged") == 1
    assert await world.names("c1", "completion") == ["PhaseGateSatisfied"]


async def test_two_who_judged_the_same_version_have_asked_once(world: World) -> None:
    detector = await world.replica()
    looks_by_hand()
    await world.send("c1", simple(), c.StartContract(), c.CompleteDeliverable("plan-document"))
    await eventually(world.shown)
    todo = await claimed(Queries(detector.pool))
    first, second = asker(detector, detector.bus), asker(detector, detector.bus)
    await asyncio.gather(first.evaluate(todo), second.evaluate(todo))
    assert (await world.names("c1")).count("PhaseChanged") == 1
    assert await world.names("c1", "completion") == ["PhaseGateSatisfied"]


async def test_a_look_at_an_older_state_does_not_take_the_newer_one_away(world: World) -> None:
    detector = await world.replica()
    looks_by_hand()
    await world.send("c1", simple(), c.StartContract())
    looks = Queries(detector.pool)
    old = await claimed(looks)
    await world.send("c1", c.CompleteDeliverable("plan-document"))

    async def newer() -> bool:
        return bool(
            await detector.pool.fetchval("select position > $1 from completion_detector.todo", old.position)
        )

    await eventually(newer)
    await looks.done(old)
    assert await looks.claim() is not None


async def test_who_insists_is_heard_also_where_an_event_has_asked_already(world: World) -> None:
    detector = await world.replica()
    looks_by_hand()
    await world.send("c1", simple(), c.StartContract())
    looks = Queries(detector.pool)
    old = await claimed(looks)
    await looks.enqueue(old.tenant, old.contract_id, None)
    await looks.reschedule(old, 3600)
    requested = await claimed(looks)
    assert (old.forced, requested.forced) == (False, True)
    await looks.done(old)
    await looks.reschedule(requested, 0)
    assert (await claimed(looks)).forced


async def test_a_completion_that_new_work_forestalls_is_not_recorded_and_the_real_one_is(
    world: World,
) -> None:
    detector = await world.replica()
    looks_by_hand()
    looks = Queries(detector.pool)
    await world.send(
        "c1", simple(contract_type="execute"), c.StartContract(), c.CompleteDeliverable("pull-request")
    )
    await eventually(world.shown)
    assert isinstance(await asker(detector, LateBus(world)).evaluate(await claimed(looks)), RetryAfter)
    assert await world.names("c1", "completion") == ["PhaseGateSatisfied"]

    await world.send("c1", c.CompleteTask("late", success=True))
    await eventually(world.shown)
    by_hand = asker(detector, detector.bus)
    todo = Todo("default", "c1", 0, None)
    await by_hand.evaluate(todo)
    await eventually(world.shown)
    await by_hand.evaluate(todo)
    assert await world.names("c1", "completion") == ["PhaseGateSatisfied", "CompletionDetected"]
    started, detected = (
        await positions(world, "CompletionStarted"),
        await positions(world, "CompletionDetected"),
    )
    assert started < detected


async def positions(world: World, event: str) -> list[int]:
    streams = [
        await world.contract.log.stream("default", f"{category}-c1")
        for category in ("contract", "completion")
    ]
    return [recorded.position for stream in streams for recorded in stream if recorded.type == event]
