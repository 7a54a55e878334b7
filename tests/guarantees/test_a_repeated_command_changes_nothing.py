"""Guarantee 1, its second half: a repeated command id changes nothing and gets the first answer, whoever is
asked, whenever.
"""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
from makima_kernel.commands.router import snake_case
from makima_kernel.service.settings import Settings
from makima_schemas.commands import Accepted, Problem, Reply, Request
from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.errors import ErrorCode
from nats.aio.client import Client

from tests.services.contract.harness import Contracts, running

CREATE = c.CreateContract("demo", "ada")
AT_ONCE = 32


@pytest.fixture
async def two(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Contracts]:
    async with running(settings, pool, nats, replicas=2) as made:
        yield made


async def sent(
    contracts: Contracts, *requests: Request[object], command: type[c.ContractCommand]
) -> list[Reply]:
    """All at once, from both replicas' connections; the queue group spreads them over both."""
    buses = [replica.bus for replica in contracts.replicas]
    name = snake_case(command.__name__)
    return await asyncio.gather(
        *(buses[index % 2].ask("contract", name, request) for index, request in enumerate(requests))
    )


async def test_one_command_id_sent_many_times_at_once_has_one_effect_and_one_answer(two: Contracts) -> None:
    await two.accepted("c1", CREATE, c.StartContract())
    request = Request(uuid4(), "c1", {"task_id": "t1", "name": "write"})
    answers = await sent(two, *[request] * AT_ONCE, command=c.CreateTask)
    assert answers == [Accepted(3, 3)] * AT_ONCE
    assert (await two.events("c1"))[2:] == [e.TaskCreated("t1", "write", "plan")]


async def test_the_first_answer_stands_after_the_state_has_changed(two: Contracts) -> None:
    await two.accepted("c1", CREATE)
    command_id = uuid4()
    first = await two.ask("c1", c.StartContract(), command_id=command_id)
    await two.accepted("c1", c.PauseContract(), c.FailContract())
    for _ in range(8):  # whichever replica is asked
        assert await two.ask("c1", c.StartContract(), command_id=command_id) == first
    assert len(await two.events("c1")) == 4


async def test_a_replica_that_never_saw_the_command_gives_its_first_answer(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    command_id = uuid4()
    async with running(settings, pool, nats) as first:
        await first.accepted("c1", CREATE)
        answer = await first.ask("c1", c.StartContract(), command_id=command_id)
        await first.accepted("c1", c.CreateTask("t1", "write"), c.PauseContract())
    async with running(settings, pool, nats) as second:
        assert await second.ask("c1", c.StartContract(), command_id=command_id) == answer
        assert len(await second.events("c1")) == 4


async def test_a_command_without_events_keeps_its_first_answer_too(two: Contracts) -> None:
    await two.accepted("c1", CREATE)
    command_id = uuid4()
    first = await two.ask("c1", c.SetPhaseGuard(enabled=False), command_id=command_id)
    assert first == Accepted(1, 1, changed=False)
    await two.accepted("c1", c.SetPhaseGuard(enabled=True))
    assert await two.ask("c1", c.SetPhaseGuard(enabled=False), command_id=command_id) == first
    assert (await two.events("c1"))[-1] == e.PhaseGuardSet(enabled=True)


async def test_one_command_id_for_two_intents_is_refused(two: Contracts) -> None:
    await two.accepted("c1", CREATE)
    command_id = uuid4()
    await two.ask("c1", c.PauseContract("lunch"), command_id=command_id)
    reused = await two.ask("c1", c.PauseContract("dinner"), command_id=command_id)
    assert isinstance(reused, Problem)
    assert reused.code is ErrorCode.IDEMPOTENCY_KEY_REUSED
    assert len(await two.events("c1")) == 2


async def test_of_many_phase_changes_from_one_version_exactly_one_succeeds(two: Contracts) -> None:
    """plan 1.2 tests `FOR UPDATE`; what it guards is this, and here the expected version in the append guards
    it.
    """
    await two.accepted("c1", CREATE, c.StartContract(), c.CompleteDeliverable("plan-document"))
    requests = [Request(uuid4(), "c1", {"phase": "execute"}, expected_version=3) for _ in range(AT_ONCE)]
    answers = await sent(two, *requests, command=c.ChangePhase)
    refused = [answer for answer in answers if isinstance(answer, Problem)]
    assert [answer for answer in answers if isinstance(answer, Accepted)] == [Accepted(4, 4)]
    assert {answer.code for answer in refused} == {ErrorCode.VERSION_CONFLICT}
    assert all(
        answer.members == {"expected": 3, "actual": 4, "current_phase": "execute"} for answer in refused
    )
    assert (await two.events("c1")).count(e.PhaseChanged("plan", "execute")) == 1


async def test_of_many_phase_changes_without_a_version_one_changes_and_the_others_find_it_changed(
    two: Contracts,
) -> None:
    await two.accepted("c1", CREATE, c.StartContract(), c.CompleteDeliverable("plan-document"))
    answers = await sent(
        two, *(Request(uuid4(), "c1", {"phase": "execute"}) for _ in range(AT_ONCE)), command=c.ChangePhase
    )
    assert all(isinstance(answer, Accepted) and answer.version == 4 for answer in answers)
    assert sum(isinstance(answer, Accepted) and answer.changed for answer in answers) == 1
