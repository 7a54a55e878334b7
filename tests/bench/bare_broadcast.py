"""What P9 is measured beside: `websockets` alone, which tells each watcher of a group the time, so many times
a second; nothing else.
"""

import asyncio
import os
import time
from collections import defaultdict
from datetime import UTC, datetime

import orjson
import uvloop
from makima_schemas.times import rfc3339
from websockets.asyncio.server import ServerConnection, broadcast, serve

watchers: defaultdict[str, set[ServerConnection]] = defaultdict(set)


async def watch(connection: ServerConnection) -> None:
    """The first message names the group."""
    group = str(orjson.loads(await connection.recv())["contract_ids"][0])
    watchers[group].add(connection)
    await connection.wait_closed()
    watchers[group].discard(connection)


async def main() -> None:
    per_second = float(os.environ["BARE_PER_SECOND"])
    async with serve(watch, "127.0.0.1", int(os.environ["BARE_PORT"]), compression=None, ping_interval=None):
        begin, number = time.perf_counter(), 0
        while True:
            await asyncio.sleep(max(0.0, begin + number / per_second - time.perf_counter()))
            groups = sorted(watchers)
            if groups:
                said = {"type": "StatusChanged", "position": number, "timestamp": rfc3339(datetime.now(UTC))}
                broadcast(watchers[groups[number % len(groups)]], orjson.dumps(said).decode())
            number += 1


if __name__ == "__main__":
    uvloop.run(main())
