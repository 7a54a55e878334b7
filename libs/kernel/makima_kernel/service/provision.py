"""Creates the broker's missing streams and updates the others.

Run it as `python -m makima_kernel.service.provision`.
"""

import asyncio
import sys

import asyncpg

from makima_kernel.event_log.log import Log
from makima_kernel.nats.connection import connect, ignore_close
from makima_kernel.nats.streams import provision
from makima_kernel.service.settings import Settings, SettingsError, load


async def _main() -> None:
    try:
        settings = load(Settings)
    except SettingsError as error:
        sys.exit(f"provision: {error}")
    nats = await connect(settings.nats_url, "provision", on_closed=ignore_close)
    try:
        async with asyncpg.create_pool(settings.database_url, min_size=1, max_size=1) as pool:
            await provision(nats, Log(pool), budget=settings.stream_budget, replicas=settings.stream_replicas)
    finally:
        await nats.close()


if __name__ == "__main__":
    asyncio.run(_main())
