"""An agent without asyncio: a thread of its own beats, whatever this one does.

MAKIMA_CONTRACT=… MAKIMA_ROLE=builder python examples/script.py
"""

import time

from makima_sdk.sync import Agent


def main() -> None:
    with Agent.default() as agent:
        for work in agent.tasks():
            work.start()
            for percent in (30, 60, 90):
                time.sleep(0.01)  # the work
                agent.raise_if_lost()  # before a side effect: no thread can be cancelled
                agent.report(activity=f"builds {work.name}", progress=percent)
            work.complete(result=f"built {work.name}")


if __name__ == "__main__":
    main()
