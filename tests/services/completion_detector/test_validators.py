"""A gate's validator is a stranger's code: it may pass, refuse, raise or hang, and always ends in a verdict."""

import threading
from collections.abc import Callable

import pytest

from services.completion_detector.domain.snapshot import Snapshot
from services.completion_detector.handlers.validators import Validator, Verdict, validate

FOREVER = threading.Event()


def passes(_contract: Snapshot) -> object:
    return True


def refuses(_contract: Snapshot) -> object:
    return "three lines are too long"


def raises(_contract: Snapshot) -> object:
    raise RuntimeError("out of paper")


def hangs(_contract: Snapshot) -> object:
    return FOREVER.wait()


@pytest.mark.parametrize(
    ("validator", "verdict"),
    [
        (passes, Verdict(passed=True)),
        (refuses, Verdict(passed=False, reason="three lines are too long")),
        (raises, Verdict(passed=False, reason="RuntimeError: out of paper")),
        (hangs, Verdict(passed=False, reason="the validator took longer than 0.2 s")),
    ],
)
async def test_whatever_it_does_there_is_a_verdict(validator: Validator, verdict: Verdict) -> None:
    known: dict[str, Callable[[], Validator]] = {"lint": lambda: validator}
    assert await validate("lint", Snapshot(), known, timeout=0.2) == verdict


async def test_one_that_is_not_installed_has_not_passed() -> None:
    verdict = await validate("lint", Snapshot(), {})
    assert not verdict.passed
    assert verdict.reason == "no validator 'lint' is installed in the group makima.gate_validators"
