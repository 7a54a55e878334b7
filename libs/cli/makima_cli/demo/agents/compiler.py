"""Is killed in the middle of its first task, as by a system without memory; its daemon starts it again at once."""

import os
import signal

from makima_sdk import Agent, Work

from makima_cli.demo.agents.program import is_new, run, work_through


async def compile_all(agent: Agent, work: Work) -> bool:
    await work_through(agent, f"{work.name}: all at once", seconds=6)
    if await is_new(agent, "I compile all modules at once."):
        os.kill(os.getpid(), signal.SIGKILL)
    await work_through(agent, f"{work.name}: one module after another", seconds=10, parts=8)
    return True


if __name__ == "__main__":
    run(compile_all)
