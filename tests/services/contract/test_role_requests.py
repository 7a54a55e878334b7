"""A daemon is asked to start the role of a waiting task (`ask_for_role`), and whom a silent one delays."""

from collections.abc import AsyncIterator
from typing import cast

import asyncpg
import orjson
import pytest
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.service.settings import Settings
from makima_schemas import subjects
from makima_schemas.commands import Problem
from makima_schemas.contract import commands as c
from makima_schemas.contract.model import ContractStatus
from makima_schemas.errors import ErrorCode
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.services.contract.harness import CREATE, Contracts, running


@pytest.fixture
async def contracts(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Contracts]:
    """The contract c1 with the task t1 for any role, by two replicas."""
    async with running(settings, pool, nats, replicas=2) as made:
        await made.accepted("c1", CREATE, c.StartContract(), c.CreateTask("t1", "write"))
        yield made


async def test_the_daemon_of_a_contract_is_asked_for_a_role(contracts: Contracts, nats: Client) -> None:
    heard = list[dict[str, object]]()
    answers = [b'{"accepted":true}', b'{"accepted":false,"reason":"no room"}', b"nonsense"]

    async def daemon(message: Msg) -> None:
        heard.append(orjson.loads(message.data))
        await message.respond(answers.pop(0))

    async def ask(task_id: str) -> dict[str, object] | Problem:
        question: dict[str, object] = {"contract_id": "c1", "task_id": task_id}
        return await contracts.replicas[0].bus.query("contract", "ask_for_role", question)

    await contracts.accepted("c1", c.CreateTask("t2", "read", role="reviewer"))
    assert cast("dict[str, object]", await ask("t2"))["reason"] == "no daemon has the contract"
    await contracts.accepted("c1", c.AssignContract("d1", "placed"))
    assert "does not receive signals" in str(cast("dict[str, object]", await ask("t2"))["reason"])
    subscription = await nats.subscribe(subjects.daemon_signal("d1", "start"), cb=daemon)
    await confirm_subscriptions(nats)
    assert await ask("t2") == {"requested": True, "daemon_id": "d1", "reason": None}
    assert heard == [
        {"contract_id": "c1", "contract_type": "simple", "phase": "plan", "task_id": "t2", "role": "reviewer"}
    ]
    assert await ask("t2") == {"requested": False, "daemon_id": "d1", "reason": "no room"}
    assert await ask("t2") == {"requested": False, "daemon_id": "d1", "reason": "its answer is not JSON"}
    await contracts.accepted("c1", c.ClaimTask("t2", "reviewer"))
    assert cast("dict[str, object]", await ask("t2"))["requested"] is False
    missing = await ask("t9")
    assert isinstance(missing, Problem)
    assert missing.code is ErrorCode.TASK_NOT_FOUND
    await contracts.accepted("c1", c.PauseContract())
    assert str(cast("dict[str, object]", await ask("t1"))["reason"]).endswith(ContractStatus.PAUSED)
    await subscription.unsubscribe()
    assert len(heard) == 3


async def test_a_silent_daemon_is_waited_for_once(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    """Whatever the number of its contracts and roles: all are asked for, and each later request takes a moment only."""
    heard = list[str]()

    async def silent(message: Msg) -> None:
        heard.append(orjson.loads(message.data)["role"])

    roles = ["architect", "builder", "reviewer"]
    reasons = list[object]()
    async with running(settings, pool, nats, replicas=1) as contracts:
        await contracts.accepted("c1", CREATE, c.StartContract(), c.AssignContract("d1", "placed"))
        await contracts.accepted("c1", *(c.CreateTask(role, "read", role=role) for role in roles))
        await nats.subscribe(subjects.daemon_signal("d1", "start"), cb=silent)
        await confirm_subscriptions(nats)
        for role in roles:
            question: dict[str, object] = {"contract_id": "c1", "task_id": role}
            answer = await contracts.replicas[0].bus.query("contract", "ask_for_role", question)
            assert isinstance(answer, dict), answer
            assert answer["requested"]
            reasons.append(answer["reason"])
    assert heard == roles
    assert reasons == ["it did not answer within 2 s", *["it did not answer within 0.05 s"] * 2]


async def test_a_second_question_reads_only_what_the_contract_has_done_since(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    """Of a contract of which an event cannot be read any more: who read it before need not read it again."""

    async def ask(name: str, question: dict[str, object]) -> dict[str, object] | Problem:
        return await contracts.replicas[0].bus.query("contract", name, {"contract_id": "c1", **question})

    async with running(settings, pool, nats, replicas=1) as contracts:
        await contracts.accepted("c1", CREATE, c.StartContract(), c.CreateTask("t1", "read", role="reviewer"))
        nobody = {"requested": False, "daemon_id": None, "reason": "no daemon has the contract"}
        assert await ask("ask_for_role", {"task_id": "t1"}) == nobody
        await pool.execute("alter table event_log.events disable trigger append_only")
        await pool.execute(
            "update event_log.events set type = 'Unreadable' where stream = 'contract-c1' and version = 2"
        )
        await pool.execute("alter table event_log.events enable always trigger append_only")
        await contracts.accepted("c1", c.CreateTask("t2", "read", role="reviewer"))
        assert await ask("ask_for_role", {"task_id": "t2"}) == nobody
        tried = await ask("try_change_phase", {"phase": "code"})
        assert isinstance(tried, dict), tried
        assert "would_succeed" in tried
