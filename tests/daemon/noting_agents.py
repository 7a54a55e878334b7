"""What the fleet under outages runs: a supervisor that saves all the time, and workers that take tasks; each notes in
a file of its own what it has done, whatever makima knows of it.

NOTES=<folder> python noting_agents.py supervisor|worker, in the environment that a daemon gives.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

from makima_sdk import Agent, Supervisor

NOTES = Path(os.environ["NOTES"])
CONTRACT, ROLE = os.environ["MAKIMA_CONTRACT"], os.environ["MAKIMA_ROLE"]
NAME = f"{CONTRACT}-{ROLE}"
SAVE_SECONDS = 0.5  # between two saves
WORK_SECONDS = 0.2  # on a task


async def supervise(note: Callable[[str], None]) -> None:
    """Until there is a file `end`; then it says that it is done."""
    supervisor = await Supervisor.restore(CONTRACT, spool=NOTES / f"{NAME}.spool")
    async with supervisor:
        supervisor.report("working", activity="saves")
        number = 0
        while not (NOTES / "end").exists():
            number += 1
            note(str(number))
            await supervisor.save.conversation([{"role": "assistant", "content": str(number)}])
            await asyncio.sleep(SAVE_SECONDS)
        supervisor.report("completed")


async def work(note: Callable[[str], None]) -> None:
    async with Agent(
        CONTRACT,
        ROLE,
        connection_id=os.environ["MAKIMA_CONNECTION_ID"],
        daemon_id=os.environ["MAKIMA_DAEMON"],
        spool=NOTES / f"{NAME}.spool",
    ) as agent:
        async for task in agent.tasks():
            await task.start()
            await asyncio.sleep(WORK_SECONDS)
            agent.raise_if_lost()
            note(task.name)
            agent.step(f"did {task.name}")
            await task.complete(result=f"built {task.name}")


def main(what: str) -> None:
    with (NOTES / f"{NAME}.notes").open("a", buffering=1) as notes:

        def note(text: str) -> None:
            notes.write(f"{text}\n")

        asyncio.run(supervise(note) if what == "supervisor" else work(note))


if __name__ == "__main__":
    main(sys.argv[1])
