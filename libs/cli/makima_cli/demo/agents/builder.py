"""Works, and tells how far it is."""

from makima_sdk import Agent, Work

from makima_cli.demo.agents.program import run, work_through


async def build(agent: Agent, work: Work) -> bool:
    await work_through(agent, work.name)
    return True


if __name__ == "__main__":
    run(build)
