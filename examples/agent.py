"""An agent: runs a command for each task of its role, and asks a person when the command fails.

MAKIMA_CONTRACT=… MAKIMA_ROLE=builder python examples/agent.py make all
"""

import asyncio
import sys

from makima_sdk import Agent, AgentLostError, Work


async def work_on(agent: Agent, work: Work, command: list[str]) -> None:
    await work.start()
    agent.report(activity=f"runs {command[0]} for {work.name}", progress=0)
    process = await asyncio.create_subprocess_exec(*command)
    agent.watch(process.pid)  # while it uses the processor, the agent is not stuck
    try:
        code = await process.wait()
    finally:
        if process.returncode is None:  # this agent was superseded, for example: nothing may go on
            process.kill()
    agent.step(f"{command[0]} ended with {code}")
    if code == 0:
        await work.complete(result="done")
    elif await agent.ask(f"{command[0]} failed for {work.name}. Try again?", "confirm") == "yes":
        await work_on(agent, work, command)
    else:
        await work.complete(success=False, result=f"{command[0]} ended with {code}")


async def main(command: list[str]) -> int:
    try:
        async with Agent.default() as agent:
            async for work in agent.tasks():  # ends when the contract has ended
                await work_on(agent, work, command)
    except AgentLostError as lost:
        print(lost, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
