"""The service on the bus: commands in, answers and events out."""

from itertools import product
from pathlib import Path

import asyncpg
import pytest
from makima_kernel.service.contracts_settings import ContractsSettings
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas.commands import Accepted, Problem
from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.errors import ErrorCode
from nats.aio.client import Client

from tests.services.contract.harness import CREATE, Contracts, running


async def test_a_contract_goes_from_its_creation_to_its_deletion(contracts: Contracts) -> None:
    story = (
        CREATE,
        c.StartContract(),
        c.CompleteDeliverable("plan-document"),
        c.ChangePhase("execute"),
        c.ArchiveContract(complete_first=True),
    )
    last = await contracts.accepted("c1", *story, c.DeleteContract())
    assert last.version == 7
    assert [type(event) for event in await contracts.events("c1")] == [
        e.ContractCreated,
        e.ContractStarted,
        e.DeliverableCompleted,
        e.PhaseChanged,
        e.ContractCompleted,
        e.ContractArchived,
        e.ContractDeleted,
    ]


async def test_a_refusal_is_an_answer_and_changes_nothing(contracts: Contracts) -> None:
    await contracts.accepted("c1", CREATE)
    refused = await contracts.ask("c1", c.ResumeContract())
    assert isinstance(refused, Problem)
    assert refused.code is ErrorCode.INVALID_TRANSITION
    assert refused.members["from"] == "created"
    assert len(await contracts.events("c1")) == 1


async def test_a_command_that_changes_nothing_says_so(contracts: Contracts) -> None:
    await contracts.accepted("c1", CREATE)
    reply = await contracts.accepted("c1", c.SetPhaseGuard(enabled=False))
    assert (reply.version, reply.changed) == (1, False)


@pytest.mark.parametrize(
    "command", [c.CreateTask("not an id", "write"), c.CreateTask("t1", ""), c.ClaimTask("t1", "no/role")]
)
async def test_a_body_that_breaks_its_schema_is_refused_with_the_place(
    contracts: Contracts, command: c.ContractCommand
) -> None:
    await contracts.accepted("c1", CREATE)
    refused = await contracts.ask("c1", command)
    assert isinstance(refused, Problem)
    assert refused.code is ErrorCode.INVALID_REQUEST
    assert refused.members["errors"]


async def test_a_stale_version_is_a_conflict_that_says_where_the_contract_is(contracts: Contracts) -> None:
    await contracts.accepted("c1", CREATE, c.StartContract())
    conflict = await contracts.ask("c1", c.ChangePhase("execute", force=True), expected=1)
    assert isinstance(conflict, Problem)
    assert conflict.code is ErrorCode.VERSION_CONFLICT
    assert conflict.members == {"expected": 1, "actual": 2, "current_phase": "plan"}


@pytest.mark.parametrize(
    "status",
    [
        (),
        (c.AskQuestion("q1", "Which?"),),
        (c.PauseContract(),),
        (c.BlockContract(),),
        (c.CompleteContract(),),
        (c.FailContract(),),
        (c.CompleteContract(), c.ArchiveContract()),
    ],
    ids=["active", "waiting_for_input", "paused", "blocked", "completed", "failed", "archived"],
)
async def test_the_version_is_checked_before_status_phase_gate_and_guard(
    contracts: Contracts, status: tuple[c.ContractCommand, ...]
) -> None:
    last = await contracts.accepted(
        "c1", c.CreateContract("demo", "ada", phase_guard=True), c.StartContract(), *status
    )
    for phase, confirmed, force in product(("plan", "execute", "celebrate"), (False, True), (False, True)):
        conflict = await contracts.ask(
            "c1", c.ChangePhase(phase, confirmed, force), expected=last.version - 1
        )
        assert isinstance(conflict, Problem)
        assert conflict.code is ErrorCode.VERSION_CONFLICT, (phase, confirmed, force)
    assert len(await contracts.events("c1")) == last.version


@pytest.mark.parametrize("actor", ["supervisor", "daemon:d1", "owner:ada", "completion_detector"])
async def test_the_guard_binds_whoever_asks_and_lets_through_whoever_confirms(
    contracts: Contracts, actor: str
) -> None:
    await contracts.accepted(
        "c1",
        c.CreateContract("demo", "ada", phase_guard=True),
        c.StartContract(),
        c.CompleteDeliverable("plan-document"),
    )
    for force in (False, True):
        refused = await contracts.ask("c1", c.ChangePhase("execute", force=force), actor=actor)
        assert isinstance(refused, Problem)
        assert (refused.code, refused.members["deliverables"]) == (
            ErrorCode.PHASE_GUARD_REQUIRED,
            ["plan-document"],
        )
    assert isinstance(
        await contracts.ask("c1", c.ChangePhase("execute", confirmed=True), actor=actor), Accepted
    )


async def test_what_is_not_there_is_not_found_whatever_version_is_expected(contracts: Contracts) -> None:
    missing = await contracts.ask("c1", c.StartContract(), expected=4)
    assert isinstance(missing, Problem)
    assert missing.code is ErrorCode.CONTRACT_NOT_FOUND


async def test_what_was_deleted_is_not_found_whatever_version_is_expected(contracts: Contracts) -> None:
    await contracts.accepted("c1", CREATE, c.ArchiveContract(), c.DeleteContract())
    for expected in (1, 3, 7):
        missing = await contracts.ask("c1", c.StartContract(), expected=expected)
        assert isinstance(missing, Problem)
        assert missing.code is ErrorCode.CONTRACT_NOT_FOUND
    question = {"contract_id": "c1", "phase": "execute", "expected_version": 1}
    tried = await contracts.replicas[0].bus.query("contract", "try_change_phase", dict[str, object](question))
    assert isinstance(tried, Problem)
    assert tried.code is ErrorCode.CONTRACT_NOT_FOUND


async def test_a_phase_change_can_be_tried_without_being_made(contracts: Contracts) -> None:
    await contracts.accepted("c1", c.CreateContract("demo", "ada", phase_guard=True), c.StartContract())
    bus = contracts.replicas[0].bus

    async def tried(**question: object) -> dict[str, object] | Problem:
        return await bus.query(
            "contract", "try_change_phase", {"contract_id": "c1", "phase": "execute", **question}
        )

    not_ready = {
        "would_succeed": False,
        "code": "VALIDATION_FAILED",
        "missing": ["Deliverable: plan-document"],
        "deliverables": [],
    }
    guarded = {
        "would_succeed": False,
        "code": "PHASE_GUARD_REQUIRED",
        "missing": [],
        "deliverables": ["plan-document"],
    }
    fine: dict[str, object] = {"would_succeed": True, "code": None, "missing": [], "deliverables": []}
    assert await tried() == not_ready
    assert await tried(force=True) == guarded
    assert await tried(force=True, confirmed=True) == fine
    assert await tried(force=True, confirmed=True, expected_version=1) == {
        **fine,
        "would_succeed": False,
        "code": "VERSION_CONFLICT",
    }
    missing = await bus.query("contract", "try_change_phase", {"contract_id": "c2", "phase": "execute"})
    assert isinstance(missing, Problem)
    assert missing.code is ErrorCode.CONTRACT_NOT_FOUND
    assert len(await contracts.events("c1")) == 2


async def test_types_of_ones_own_and_the_default_of_auto_complete_come_from_the_settings(
    settings: Settings, pool: asyncpg.Pool, nats: Client, tmp_path: Path
) -> None:
    own = tmp_path / "types.toml"
    own.write_text(
        '[types]\nessay = ["draft", "review"]\n[phases.draft]\ndeliverables = [{ id = "text", name = "Text" }]\n'
    )
    chosen = settings.model_copy(
        update={"contract_types_file": own, "contracts": ContractsSettings(auto_complete_enabled=False)}
    )
    async with running(chosen, pool, nats) as contracts:
        await contracts.accepted("c1", c.CreateContract("demo", "ada", "essay"))
        [created] = await contracts.events("c1")
        assert isinstance(created, e.ContractCreated)
        assert [phase.name for phase in created.phases] == ["draft", "review"]
        assert created.auto_complete_enabled is False


async def test_a_replica_is_ready_once_it_follows_the_log(contracts: Contracts) -> None:
    async def ready() -> bool:
        status, _body = await contracts.replicas[0].health.condition()
        return status == 200

    await eventually(ready)


async def test_an_accepted_command_answers_with_its_place_in_the_log(contracts: Contracts) -> None:
    assert await contracts.accepted("c1", CREATE) == Accepted(1, 1)
    assert await contracts.accepted("c2", CREATE) == Accepted(1, 2)
