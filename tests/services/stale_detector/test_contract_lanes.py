"""Requests of many contracts beside each other: whom a slow one delays."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from makima_kernel.testing import PATIENCE, eventually
from makima_stale_detector.handlers.contract_lanes import ContractLanes


@dataclass(frozen=True)
class Due:
    contract_id: str
    number: int = 0
    tenant: str = "default"


async def test_a_daemon_that_does_not_answer_makes_nobody_else_wait() -> None:
    """However much its contract has to ask; and no second request of it is begun."""
    answered, acted = asyncio.Event(), list[Due]()

    async def ask(due: Due) -> None:
        acted.append(due)
        if due.contract_id == "silent":
            await answered.wait()

    def begun(due: Sequence[Due]) -> None:
        lanes.begin(due, ask, busy=lanes.busy)

    many = [Due("silent", number) for number in range(1000)]
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        lanes = ContractLanes(group)
        begun([*many, Due("another")])
        await eventually(lambda: len(acted) == 2)
        assert set(acted) == {many[0], Due("another")}
        assert lanes.busy == {("default", "silent")}, "the loop goes on, and what is due is found again"
        begun([*many, Due("a third")])
        await eventually(lambda: len(acted) == 3)
        assert acted[-1] == Due("a third")
        answered.set()
    assert acted[3:] == many[1:]
    assert not lanes.busy


async def test_what_was_done_after_the_query_began_is_not_done_again() -> None:
    acted = list[Due]()

    async def ask(due: Due) -> None:
        acted.append(due)

    async with asyncio.TaskGroup() as group:
        lanes = ContractLanes(group)
        lanes.begin([Due("c1")], ask, busy=lanes.busy)
        busy = lanes.busy
        await eventually(lambda: not lanes.busy)
        lanes.begin([Due("c1")], ask, busy=busy)
    assert acted == [Due("c1")]
