"""A gate's validator is a stranger's code, installed beside us: it may pass, refuse, raise, exit or hang, and
always ends in a verdict.
"""

import asyncio
import os
from pathlib import Path

import pytest
from makima_completion_detector import app
from makima_completion_detector.domain.snapshot import Snapshot
from makima_completion_detector.handlers.validator_pool import MAX_CONCURRENT_VALIDATORS, ValidatorPool
from makima_completion_detector.handlers.validator_process import Verdict
from makima_kernel.service.contracts_settings import ContractsSettings
from makima_kernel.service.runtime import Service
from makima_kernel.testing import eventually
from makima_schemas.contract import commands as c
from makima_schemas.contract.events import PhaseValidated
from makima_schemas.contract.model import Deliverable, Gate, Phase

from tests.services.completion_detector.conftest import World, simple
from tests.services.completion_detector.contract_steps import PLANNED

INSTALLED = Path(__file__).parent / "installed"
EXECUTE = Phase("execute", (Deliverable("pull-request", "Pull request"),))
PATIENT = 60.0


@pytest.fixture(autouse=True)
def house_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is installed: on the path, with its metadata."""
    monkeypatch.syspath_prepend(str(INSTALLED))


def gated(validator: str) -> c.CreateContract:
    plan = Phase("plan", (Deliverable("plan-document", "Plan document"),), Gate(validator=validator))
    return c.CreateContract("a contract", "owner", phases=(plan, EXECUTE))


async def planned(world: World, contract_id: str, validator: str) -> None:
    """All that its first gate wants is there, but for the validator's verdict."""
    await world.send(contract_id, gated(validator), c.StartContract(), PLANNED)


async def check(world: World, contract_id: str) -> object:
    answer = await world.contract.bus.query(
        "completion_detector", "check_completion", {"contract_id": contract_id}
    )
    assert isinstance(answer, dict)
    return answer["missing"]


@pytest.mark.parametrize(
    ("validator", "verdict"),
    [
        ("content", Verdict(passed=True)),
        ("picky", Verdict(passed=False)),
        ("critical", Verdict(passed=False, reason="two warnings")),
        ("broken", Verdict(passed=False, reason="RuntimeError: out of paper")),
        ("rude", Verdict(passed=False, reason="the validator ended without a result, exit code 3")),
        (
            "missing",
            Verdict(
                passed=False, reason="AttributeError: module 'house_rules' has no attribute 'nobody_wrote_it'"
            ),
        ),
        (
            "lint",
            Verdict(
                passed=False, reason="no validator 'lint' is installed in the group makima.gate_validators"
            ),
        ),
    ],
)
async def test_whatever_it_does_there_is_a_verdict(validator: str, verdict: Verdict) -> None:
    assert await ValidatorPool(PATIENT).verdict(validator, Snapshot()) == verdict


async def test_one_that_takes_too_long_has_not_passed_and_is_ended() -> None:
    verdict = await ValidatorPool(0.2).verdict("asleep", Snapshot())
    assert verdict == Verdict(passed=False, reason="the validator took longer than 0.2 s")


async def test_only_a_few_run_at_once_and_who_is_not_waited_for_any_more_is_ended() -> None:
    validators = ValidatorPool(PATIENT)
    running = [
        asyncio.create_task(validators.verdict("asleep", Snapshot()))
        for _ in range(MAX_CONCURRENT_VALIDATORS)
    ]
    await eventually(lambda: validators.busy)
    for one in running:
        one.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    assert not validators.busy


async def test_a_content_validator_lets_the_contract_go_on_and_its_verdict_stands_in_the_log(
    world: World,
) -> None:
    await world.replica()
    await planned(world, "c1", "content")
    names = await world.until("c1", "PhaseChanged")
    assert names.index("PhaseValidated") < names.index("PhaseChanged")
    assert PhaseValidated("plan", "content", passed=True) in await world.history("c1")


@pytest.mark.parametrize(
    ("validator", "reason"),
    [("picky", None), ("critical", "two warnings"), ("broken", "RuntimeError: out of paper")],
)
async def test_one_that_refuses_or_raises_keeps_the_phase_and_says_why(
    world: World, validator: str, reason: str | None
) -> None:
    await world.replica()
    await planned(world, "c1", validator)
    await world.until("c1", "PhaseValidated")
    await world.nothing_owed()
    assert (await world.history("c1"))[-1] == PhaseValidated("plan", validator, passed=False, reason=reason)
    assert await check(world, "c1") == [f"Validator: {validator}" + (f" ({reason})" if reason else "")]


async def test_one_that_hangs_is_a_refusal_with_the_reason(world: World) -> None:
    hasty = world.settings.model_copy(update={"contracts": ContractsSettings(validator_timeout_seconds=0.2)})
    await world.replica(hasty)
    await planned(world, "c1", "asleep")
    await world.until("c1", "PhaseValidated")
    reason = "the validator took longer than 0.2 s"
    assert (await world.history("c1"))[-1] == PhaseValidated("plan", "asleep", passed=False, reason=reason)


async def test_while_some_hang_the_others_go_on_and_stopping_leaves_none_behind(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = tmp_path / "who-hangs"
    hour = ContractsSettings().model_copy(update={"validator_timeout_seconds": 3600})
    monkeypatch.setenv("HOUSE_RULES_NOTES", str(notes))
    async with Service.running(app.NAME, world.settings.model_copy(update={"contracts": hour}), app.build):
        await planned(world, "c1", "asleep")
        await eventually(notes.exists, because="nobody hangs")
        await world.send("c2", simple(), c.StartContract(), PLANNED)
        await world.until("c2", "PhaseChanged")
        assert "PhaseValidated" not in await world.names("c1")
    with pytest.raises(ProcessLookupError):
        os.kill(int(notes.read_text()), 0)


async def test_whoever_asks_for_a_check_has_the_validator_look_again(world: World) -> None:
    """It may have been the validator that was wrong: then nothing new is done in the contract."""
    hasty = world.settings.model_copy(update={"contracts": ContractsSettings(validator_timeout_seconds=0.01)})
    async with Service.running(app.NAME, hasty, app.build):
        await planned(world, "c1", "content")
        await world.until("c1", "PhaseValidated")
        await world.nothing_owed()
    assert "PhaseChanged" not in await world.names("c1")
    await world.replica()
    await check(world, "c1")
    await world.until("c1", "PhaseChanged")
