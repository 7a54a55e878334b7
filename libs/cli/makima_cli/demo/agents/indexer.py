"""Blocks its own event loop, so that its heartbeats cannot be sent: it is dead, as far as anybody can know. When it
comes back it may not act any more, and ends; its daemon starts it again.
"""

import time
from typing import Final

from makima_sdk import Agent, Work

from makima_cli.demo import AGENT_TIMEOUT_SECONDS
from makima_cli.demo.agents.program import is_new, run, work_through

BLOCKS_SECONDS: Final = AGENT_TIMEOUT_SECONDS + 45


async def index(agent: Agent, work: Work) -> bool:
    await work_through(agent, work.name)
    if await is_new(agent, "I read all pages in one call, which does not let the event loop run."):
        time.sleep(BLOCKS_SECONDS)  # noqa: ASYNC251 - the fault to be shown
    await work_through(agent, f"{work.name}: page by page", seconds=8, parts=8)
    return True


if __name__ == "__main__":
    run(index)
