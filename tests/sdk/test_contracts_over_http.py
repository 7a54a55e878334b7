"""The typed client does to a real gateway what it says."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from makima_local.nats import Nats
from makima_local.postgres import Postgres
from makima_schemas.contract.model import ContractStatus, TaskStatus
from makima_sdk import Contracts, Http, ProblemError

from tests.services.gateway.harness import ADMIN, Gateways
from tests.shared_gateway import new_owner, shared_gateway

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("sdk contracts")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateways(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[Gateways]:
    async with shared_gateway(postgres_server, template_database, nats_server) as made:
        yield made


@pytest.fixture
def url(gateways: Gateways) -> str:
    return str(gateways.clients[0].base_url).removesuffix("/api/v1/")


@pytest_asyncio.fixture(loop_scope="module")
async def contracts(url: str) -> AsyncIterator[Contracts]:
    async with Http(url, ADMIN) as http:
        yield Contracts(http)


async def test_a_contract_is_made_worked_at_and_confirmed(contracts: Contracts) -> None:
    made = await contracts.create("Fix the login", phase_guard=True, description="soon")
    assert (made.status, made.phase, made.phase_names, made.version) == (
        ContractStatus.CREATED,
        "plan",
        ("plan", "execute"),
        1,
    )
    await contracts.act(made.id, "start")
    task = await contracts.create_task(made.id, "look around", role="builder")
    task = await contracts.claim_task(task, "builder", "a-connection")
    task = await contracts.start_task(task, "a-connection")
    assert (task.status, task.connection_id) == (TaskStatus.RUNNING, "a-connection")
    task = await contracts.complete_task(task, result="seen", connection_id="a-connection")
    assert (task.status, task.result) == (TaskStatus.COMPLETED, "seen")
    worked = await contracts.complete_deliverable(made.id, "plan-document", evidence="plan.md")
    assert worked.tasks.completed == 1
    assert worked.missing_deliverables() == ()
    with pytest.raises(ProblemError) as refused:
        await contracts.change_phase(made.id, "execute")
    assert (refused.value.code, refused.value.body["deliverables"]) == (
        "PHASE_GUARD_REQUIRED",
        ["plan-document"],
    )
    moved = await contracts.change_phase(made.id, "execute", confirmed=True, expected_version=worked.version)
    assert (moved.phase, moved.missing_deliverables()) == ("execute", ("pull-request",))


async def test_a_question_is_asked_once_and_answered(contracts: Contracts) -> None:
    made = await contracts.create("Choose a colour")
    await contracts.act(made.id, "start")
    first = await contracts.ask(
        made.id, "Which?", question_type="choice", options=("blue", "green"), key="colour"
    )
    again = await contracts.ask(
        made.id, "Which?", question_type="choice", options=("blue", "green"), key="colour"
    )
    assert first == again
    assert (await contracts.get(made.id)).waiting_for == "question"
    await contracts.answer(made.id, first.id, "blue")
    assert [(question.id, question.answer) for question in await contracts.questions(made.id)] == [
        (first.id, "blue")
    ]
    assert (await contracts.get(made.id)).status is ContractStatus.ACTIVE


async def test_one_key_is_one_intent(contracts: Contracts) -> None:
    made = await contracts.create("twice", key="an-intent")
    assert (await contracts.create("twice", key="an-intent")).id == made.id
    task = await contracts.create_task(made.id, "once", key="a-task")
    assert (await contracts.create_task(made.id, "once", key="a-task")).id == task.id
    assert len(await contracts.tasks(made.id)) == 1


async def test_a_stale_version_is_refused(contracts: Contracts) -> None:
    made = await contracts.create("a contract")
    await contracts.act(made.id, "start")
    with pytest.raises(ProblemError) as refused:
        await contracts.act(made.id, "pause", expected_version=made.version)
    assert (refused.value.code, refused.value.body["actual"]) == ("VERSION_CONFLICT", 2)


async def test_all_pages_are_one_list(gateways: Gateways, url: str) -> None:
    async with Http(url, await new_owner(gateways)) as http:
        contracts = Contracts(http)
        made = [(await contracts.create(f"contract {number}")).id for number in range(7)]
        assert sorted([contract.id async for contract in contracts.all({"limit": 3})]) == sorted(made)


async def test_a_given_up_contract_is_taken_up_again_and_put_away(contracts: Contracts) -> None:
    made = await contracts.create("a contract")
    await contracts.act(made.id, "start")
    assert (await contracts.act(made.id, "fail", reason="no use")).failure_reason == "no use"
    assert (await contracts.act(made.id, "reopen")).status is ContractStatus.ACTIVE
    for action in ("complete", "archive"):
        await contracts.act(made.id, action)
    await contracts.delete(made.id)
    with pytest.raises(ProblemError) as refused:
        await contracts.get(made.id)
    assert refused.value.code == "CONTRACT_NOT_FOUND"
