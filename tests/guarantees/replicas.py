"""Replicas in processes of their own, so that they can be killed and frozen: relays and projectors of the
sample_projection.
"""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import Synchronized
from typing import Final

import asyncpg
from makima_kernel.event_log.log import Log
from makima_kernel.nats.connection import connect
from makima_kernel.projections.projector import Projector
from makima_kernel.relay.relay import Relay
from makima_kernel.testing import eventually
from makima_local.signals import send_to_one, stopped
from makima_schemas.envelope import Recorded

from tests.kernel.projections.sample_projection import SampleProjection

# Forked from a server that has imported everything: fifty of them start in a second.
_CONTEXT: Final = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.guarantees.replicas"])

LEASE: Final = timedelta(milliseconds=500)


class Replica:
    def __init__(self, target: Callable[..., None], *arguments: object) -> None:
        self._process: BaseProcess = _CONTEXT.Process(target=target, args=arguments, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def kill(self) -> None:
        """As if the power went."""
        self._process.kill()
        self._process.join(10)

    async def freeze(self) -> None:
        send_to_one(self.pid, signal.SIGSTOP)
        await stopped([self.pid])

    def thaw(self) -> None:
        send_to_one(self.pid, signal.SIGCONT)

    async def died(self) -> None:
        """By itself."""
        await eventually(lambda: not self.alive(), 60)

    def alive(self) -> bool:
        return self._process.is_alive()


@contextmanager
def replica(target: Callable[..., None], *arguments: object) -> Generator[Replica]:
    made = Replica(target, *arguments)
    try:
        yield made
    finally:
        made.thaw() if made.alive() else None
        made.kill()


async def _closed() -> None:
    os._exit(70)


def count() -> "Synchronized[int]":
    """Of what a replica has done, to be seen from outside."""
    return _CONTEXT.Value("q", 0)


def relay_forever(
    dsn: str,
    nats_url: str,
    alone: bool,
    published: "Synchronized[int] | None" = None,
    dies_after: int | None = None,
) -> None:
    """`published` counts its own; `dies_after` that many, as if the power went, with others on their way."""
    mine = 0

    def on_published(_event: Recorded) -> None:
        nonlocal mine
        mine += 1
        if published is not None:
            published.value = mine
        if mine == dies_after:
            os.kill(os.getpid(), signal.SIGKILL)

    async def main() -> None:
        nats = await connect(nats_url, "relay", on_closed=_closed)
        async with asyncpg.create_pool(dsn, min_size=1, max_size=4) as pool:
            await Relay(pool, nats, alone=alone, budget=1 / 64, on_published=on_published).run()

    asyncio.run(main())


def project_forever(dsn: str, nats_url: str, owner: str, stuck: bool) -> None:
    """`stuck`: its first batch is written, and never committed."""

    async def main() -> None:
        nats = await connect(nats_url, owner, on_closed=_closed)
        sample_projection = SampleProjection()
        if stuck:
            sample_projection.gate.clear()
        async with asyncpg.create_pool(
            dsn, min_size=1, max_size=4, server_settings={"application_name": owner}
        ) as pool:
            await Projector(
                sample_projection, pool, Log(pool), nats, owner=owner, lease=LEASE, max_batch=50
            ).run()

    asyncio.run(main())
