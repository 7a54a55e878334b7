"""A fleet of senders in a process of its own: `python -m tests.bench.heartbeat_fleet URL COUNT INTERVAL [agents]`,
ruled over stdin. They are supervisors; with `agents`, every second one is an agent.

Every sender beats once per interval, evenly spread. A line `die FIRST LAST SECONDS` on stdin lets these
senders stop, evenly over that many seconds; a closed stdin ends it.
"""

import asyncio
import sys
import time

import nats
from makima_schemas import subjects

from tests.bench.verdict_load import ROLE, is_agent

SLOT = 0.005
DAEMONS = 50
PAYLOAD = (
    b'{"task_id":"t%d","contract_id":"c%d","state":"working","phase":"execute","timestamp":"2026-01-01T00:00:00.000000Z",'
    b'"current_activity":"running the tests of the parser","progress":40,"pending_task_ids":["a1","a2"],"connection_id":"t%d-1","seq":%d}'
)


AGENTS_PAYLOAD = (
    b'{"task_id":"t%d","contract_id":"c%d","state":"working","timestamp":"2026-01-01T00:00:00.000000Z",'
    b'"current_activity":"running the tests of the parser","progress":40,"connection_id":"t%d-1","seq":%d}'
)


def daemon_of(number: int) -> str:
    return f"d{number % DAEMONS}"


def subject_of(number: int, *, agents: bool) -> str:
    if is_agent(number, agents=agents):
        return subjects.agent_heartbeat(daemon_of(number), f"c{number}", ROLE)
    return subjects.supervisor_heartbeat(daemon_of(number), f"t{number}")


async def beat(url: str, count: int, interval: float, *, agents: bool) -> None:
    client = await nats.connect(url, max_reconnect_attempts=-1, pending_size=64 * 1024 * 1024)
    subject = [subject_of(number, agents=agents) for number in range(count)]
    payload = [AGENTS_PAYLOAD if is_agent(number, agents=agents) else PAYLOAD for number in range(count)]
    stops = [float("inf")] * count
    rules = asyncio.create_task(obey(stops))
    start, done = time.monotonic(), 0
    while not rules.done():
        now = time.monotonic()
        due = int((now - start) / interval * count)
        for turn in range(done, due):
            number = turn % count
            if now < stops[number]:
                await client.publish(
                    subject[number], payload[number] % (number, number, number, turn // count)
                )
        done = due
        await asyncio.sleep(SLOT)
    await client.drain()


async def obey(stops: list[float]) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        _, first, last, seconds = line.split()
        low, high, now = int(first), int(last), time.monotonic()
        for number in range(low, high):
            stops[number] = now + float(seconds) * (number - low) / (high - low)


if __name__ == "__main__":
    asyncio.run(beat(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), agents="agents" in sys.argv))
