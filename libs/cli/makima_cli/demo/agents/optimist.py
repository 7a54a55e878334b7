"""Says that it failed, as the time was too short, whenever it is asked."""

from makima_sdk import Agent, Work

from makima_cli.demo.agents.program import run, work_through


async def rewrite(agent: Agent, work: Work) -> bool:
    await work_through(agent, work.name, seconds=5)
    return False


if __name__ == "__main__":
    run(rewrite)
