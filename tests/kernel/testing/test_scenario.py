"""The sentences that rules are tested with must themselves be able to fail."""

from dataclasses import dataclass

import pytest
from makima_kernel.testing import eventually, scenario
from makima_kernel.testing.eventually import Patience
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused


@dataclass(frozen=True)
class Counter:
    initial: int = 0

    def decide(self, command: int, state: int) -> list[str]:
        if state + command > 3:
            raise Refused(ErrorCode.VALIDATION_FAILED, "too many", missing=["room"])
        return ["+"] * command

    def evolve(self, state: int, event: str) -> int:
        return state + len(event)


given = scenario(Counter())


def test_a_sentence_holds_when_it_is_true() -> None:
    assert given("+").when(2).then("+", "+").after == 3
    given("+").when(0).then_nothing()
    given("+", "+").when(2).then_refused(ErrorCode.VALIDATION_FAILED, missing=["room"])


def test_a_sentence_fails_when_it_is_not() -> None:
    with pytest.raises(AssertionError, match="recorded"):
        given().when(2).then("+")
    with pytest.raises(AssertionError, match="refused"):
        given().when(4).then_nothing()
    with pytest.raises(AssertionError, match="accepted"):
        given().when(1).then_refused(ErrorCode.VALIDATION_FAILED)
    with pytest.raises(AssertionError, match="too many"):
        given().when(4).then_refused(ErrorCode.INVALID_REQUEST)
    with pytest.raises(AssertionError, match="members"):
        given().when(4).then_refused(ErrorCode.VALIDATION_FAILED, missing=["time"])


async def test_eventually_answers_what_became_true() -> None:
    looks = iter([0, 0, 7])
    assert await eventually(lambda: next(looks), every=0) == 7


async def test_eventually_takes_assertions_and_coroutines() -> None:
    seen: list[int] = []

    async def look() -> bool:
        seen.append(1)
        assert len(seen) > 2
        return True

    assert await eventually(look, every=0)


async def test_eventually_gives_up_and_says_what_it_saw() -> None:
    with pytest.raises(AssertionError, match="the door stays shut; last seen: 0"):
        await eventually(lambda: 0, timeout=0.01, every=0.001, because="the door stays shut")


def test_patience_grows_as_the_machine_is_late() -> None:
    patience = Patience(1.0, now=5.0)
    patience.slept(requested=0.02, elapsed=0.02)
    assert not patience.over(5.9)
    assert patience.over(6.0)
    patience.slept(requested=0.02, elapsed=0.12)
    assert not patience.over(6.8)
    assert patience.over(7.0)
    patience.slept(requested=0.02, elapsed=60.0)
    assert patience.over(8.0), "it ends some time"
