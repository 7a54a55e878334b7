"""What the agents have in common: they take the tasks of their role, one after another, until the contract has ended."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, cast

from makima_sdk import Agent, AgentLostError, Work, path

from makima_cli.demo import lifeline

Do = Callable[[Agent, Work], Awaitable[bool]]  # true: the task is done; false: it failed


def run(do: Do) -> NoReturn:
    """Be the agent that the environment names. Ends with 1 if this process may not act for it any more."""
    lifeline.tie()
    sys.exit(asyncio.run(_live(do)))


async def _live(do: Do) -> int:
    try:
        async with Agent.default() as agent:
            async for work in agent.tasks():
                await work.start()
                success = await do(agent, work)
                await work.complete(success=success, result="done" if success else "not done in time")
                agent.report(activity="waits for its next task", progress=0)
    except AgentLostError as lost:
        print(lost, file=sys.stderr)
        return 1
    return 0


async def work_through(agent: Agent, what: str, *, seconds: float = 4.0, parts: int = 4) -> None:
    """Work on it for so long, and tell of each part."""
    for part in range(parts):
        agent.report(activity=f"{what}, part {part + 1} of {parts}", progress=100 * part // parts)
        await asyncio.sleep(seconds / parts)


async def is_new(agent: Agent, step: str) -> bool:
    """Tell of this step of the role. False if an earlier process has told of it: what it led to is known then."""
    where = path("contracts", agent.contract_id, "messages")
    messages = cast("list[dict[str, Any]]", (await agent.requests.send("GET", where)).body["items"])
    if any(each["content"] == step for each in messages):
        return False
    agent.step(step)
    while agent.undelivered:  # noqa: ASYNC110 - the SDK tells no more of it
        await asyncio.sleep(0.1)
    return True
