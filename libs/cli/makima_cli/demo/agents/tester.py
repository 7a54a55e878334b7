"""Waits for something that does not come: it is alive and gets no further, which is called stuck."""

import asyncio
from typing import Final

from makima_sdk import Agent, Work

from makima_cli.demo import STUCK_SECONDS
from makima_cli.demo.agents.program import run, work_through

WAITS_SECONDS: Final = STUCK_SECONDS + 100


async def test(agent: Agent, work: Work) -> bool:
    await work_through(agent, work.name)
    agent.report(activity="waits for the test machine, which is in use")
    await asyncio.sleep(WAITS_SECONDS)
    await work_through(agent, work.name, seconds=6)
    return True


if __name__ == "__main__":
    run(test)
