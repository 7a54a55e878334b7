"""Replicas in processes of their own, so that they can be killed and frozen: relays and projectors of the journal."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.process import BaseProcess
from typing import Final

import asyncpg
from makima_kernel.bus.connection import connect
from makima_kernel.log.project import Projector
from makima_kernel.log.read import Log
from makima_kernel.log.relay import Relay

from tests.kernel.log.journal import Journal

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

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

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


def relay_forever(dsn: str, nats_url: str, alone: bool) -> None:
    async def main() -> None:
        nats = await connect(nats_url, "relay", on_closed=_closed)
        async with asyncpg.create_pool(dsn, min_size=1, max_size=4) as pool:
            await Relay(pool, nats, alone=alone, budget=1 / 64).run()

    asyncio.run(main())


def project_forever(dsn: str, nats_url: str, owner: str, stuck: bool) -> None:
    """`stuck`: its first batch is written, and never committed."""

    async def main() -> None:
        nats = await connect(nats_url, owner, on_closed=_closed)
        journal = Journal()
        if stuck:
            journal.gate.clear()
        async with asyncpg.create_pool(dsn, min_size=1, max_size=4, server_settings={"application_name": owner}) as pool:
            await Projector(journal, pool, Log(pool), nats, owner=owner, lease=LEASE, max_batch=50).run()

    asyncio.run(main())
