"""Runs a service: opens Postgres and NATS, calls the service's `build`, serves, and shuts down."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final
from uuid import uuid4

import asyncpg
import structlog
from faststream import FastStream
from makima_schemas import subjects
from nats.aio.client import Client
from nats.errors import Error as NatsError

from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.commands.client import Bus
from makima_kernel.commands.router import CommandRouter
from makima_kernel.event_log.appender import Appender
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.log import Log
from makima_kernel.event_log.maintenance import Maintenance
from makima_kernel.nats import streams
from makima_kernel.nats.connection import broker, confirm_subscriptions
from makima_kernel.projections.projector import Applied, OnCommit, Projection, Projector
from makima_kernel.relay.relay import Relay
from makima_kernel.service.disk import Disk
from makima_kernel.service.health import Check, Health, HealthServer, as_check
from makima_kernel.service.postgres import open_connection, open_pool
from makima_kernel.service.rebuild_endpoint import Rebuilds
from makima_kernel.service.relay_trace import on_published
from makima_kernel.service.replica_status import ReplicaStatus
from makima_kernel.service.settings import Settings
from makima_kernel.telemetry import metrics
from makima_kernel.telemetry.logs import Logger

Loop = Callable[[], Awaitable[None]]
Build = Callable[["Service"], Awaitable[None]]

LOST_CONNECTION_EXIT: Final = 70
# Each step cancels again: Python 3.11's wait_for may have swallowed the first.
STOP_TIMEOUT_SECONDS: Final = (5.0, 1.0, 1.0)

_logger = structlog.get_logger()


class Service:
    """The argument of `app.build`: gives access to the log and the bus; runs routers, projections and loops.

    Loops are cancelled when the service stops. One that raises ends the process:
    the runner restarts it, and no data is lost by that.
    """

    def __init__(self, name: str, settings: Settings, build: Build) -> None:
        self.name = name
        self.settings = settings
        self.owner = f"{name}@{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:6]}"
        self.health = Health()
        self.status = ReplicaStatus(name, self.owner, self.health)
        self.logger: Logger = structlog.get_logger(service=name)
        self.stopping = False
        self._serving = False
        # By the name of a port that the service serves: set once it listens there.
        self._listening: dict[str, asyncio.Event] = {}
        self.health.ready_when("start", self._started)
        self.broker = broker(settings.nats_url, f"makima-{name}", on_closed=self._closed)
        self.app = FastStream(
            self.broker,
            logger=None,
            lifespan=self._lifespan,
            after_startup=[self._subscribed],
            on_shutdown=[self._stop_loops],
        )
        self._build = build
        self._loops: list[asyncio.Task[None]] = []
        self._grew = asyncio.Event()
        # Set by _lifespan, before build runs.
        self.pool: asyncpg.Pool
        self.nats: Client
        self.log: Log
        self.appender: Appender
        self.bus: Bus
        self._group: asyncio.TaskGroup

    def include(self, router: CommandRouter) -> None:
        """Serves the commands and queries of `router`."""
        self.broker.include_router(router.nats)

    def project(self, projection: Projection, *, on_commit: OnCommit | None = None) -> Projector:
        """Maintains a read model, and rebuilds it on request. The service is not healthy while it lags behind,
        and this replica not ready before it follows and while it rebuilds tables that its code did not fold.

        `on_commit(position, applied)` is called after each commit of this replica.
        """
        name = projection.name
        projector = Projector(
            projection, self.pool, self.log, self.nats, owner=self.owner, on_commit=on_commit or _ignore
        )
        self.status.measure("projection_lag_events", metrics.projection_lag, lambda: projector.lag, name)
        self.ready_when(f"projection {name}", projector.check_replica)
        self.healthy_when(f"read model {name}", projector.check_read_model)
        self.loop(f"project {name}", projector.run)
        rebuilds = Rebuilds(projection, self.pool, self.log)
        self.include(rebuilds.router)
        self.loop(f"rebuild {name}", rebuilds.run)
        return projector

    def loop(self, name: str, run: Loop) -> None:
        """Runs `run` as a task until the service stops; `name` is used in logs."""

        async def named() -> None:
            await run()

        self._loops.append(self._group.create_task(named(), name=name))

    def ready_when(self, name: str, check: Check) -> None:
        """As `Health.ready_when`: what this replica alone may lack."""
        self.health.ready_when(name, check)

    def healthy_when(self, name: str, check: Check) -> None:
        """As `Health.healthy_when`: a condition that all replicas share."""
        self.health.healthy_when(name, check)

    def listens(self, name: str) -> asyncio.Event:
        """The service is not reported as started before this event is set: by the loop that serves the port
        `name`, once a client can connect there.
        """
        return self._listening.setdefault(name, asyncio.Event())

    @asynccontextmanager
    async def _lifespan(self) -> AsyncGenerator[None]:
        with HealthServer(self.health, self.settings.host, self.settings.health_port) as server:
            self.logger.info("service.starting", health_port=server.port, owner=self.owner)
            self.pool = await open_pool(self.settings.database_url, self.name)
            try:
                await self._open()
                async with asyncio.TaskGroup() as self._group:
                    kept = [
                        self._group.create_task(self.health.beat()),
                        self._group.create_task(self.appender.run()),
                    ]
                    self._kernel_loops()
                    await self._build(self)
                    yield
                    await self._stop_loops()
                    await self.appender.drain()
                    for task in kept:
                        task.cancel()
            finally:
                self.stopping = True
                await self.broker.stop()
                self.pool.terminate()
            self.logger.info("service.stopped")

    async def _open(self) -> None:
        self.nats = await self.broker.connect()
        await streams.verify(self.nats)
        self.log, self.bus = Log(self.pool), Bus(self.nats)
        self.appender = Appender(
            lambda: open_connection(self.settings.database_url, self.name), on_append=self._appended
        )

    def _kernel_loops(self) -> None:
        relay = Relay(
            self.pool,
            self.nats,
            log=self.log,
            on_published=on_published(self.settings),
            budget=self.settings.stream_budget,
            replicas=self.settings.stream_replicas,
        )
        self.status.measure("relay_lag_events", metrics.relay_lag, lambda: relay.lag)
        upkeep = Maintenance(self.pool)
        self.loop("relay", relay.run)
        self.loop("upkeep", upkeep.run)
        self.loop("poke", self._poke)
        self.loop("status", lambda: self.status.run(self.nats))
        self.healthy_when("relay", as_check(relay.ready))
        self.healthy_when("partitions", as_check(upkeep.ready))
        self.ready_when("postgres", self._postgres)
        self.healthy_when("log", as_check(self.appender.ready))
        self.ready_when("nats", self._nats)
        if (folder := self.settings.data_dir) is not None:
            disk = Disk(folder)
            disk.observe()
            self.healthy_when("disk", as_check(disk.ready))

    def _appended(self, _position: int) -> None:
        self._grew.set()

    async def _poke(self) -> None:
        """Wakes the relays of all services after an append.

        They also poll, so a lost poke only costs time.
        """
        while True:
            await self._grew.wait()
            self._grew.clear()
            raise_if_cancelled()
            with suppress(NatsError):  # the broker is away, and perhaps its buffer full: the polls go on
                await self.nats.publish(subjects.LOG_POKE)

    async def _postgres(self) -> str | None:
        try:
            await self.pool.fetchval("select 1", timeout=1.0)
        except DATABASE_UNAVAILABLE as error:
            return f"Postgres does not answer: {type(error).__name__}"
        return None

    async def _nats(self) -> str | None:
        return None if self.nats.is_connected else "not connected to NATS"

    async def _started(self) -> str | None:
        if self.stopping:
            return "the service is stopping"
        waiting = [name for name, listens in self._listening.items() if not listens.is_set()]
        if waiting:
            return f"the service does not listen yet: {', '.join(waiting)}"
        return None if self._serving else "the service is starting"

    async def _subscribed(self) -> None:
        """Confirms that the broker has the subscriptions, and that each port listens, before the service is
        reported as started.

        Otherwise a request over another connection could reach the broker before the subscriptions do.
        """
        await confirm_subscriptions(self.nats)
        await asyncio.gather(*(listens.wait() for listens in self._listening.values()))
        self._serving = True
        self.logger.info("service.started")

    async def _stop_loops(self) -> None:
        """Cancels the loops before the broker connection closes,
        as they would report a closed connection as an error.

        A loop that does not end is logged and left, so that the other loops and the appender can still drain.
        """
        self.stopping = True
        left = {task for task in self._loops if not task.done()}
        for patience in STOP_TIMEOUT_SECONDS:
            if not left:
                return
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=patience)
        if left:
            self.logger.error("service.tasks_not_stopped", loops=sorted(task.get_name() for task in left))

    async def _closed(self) -> None:
        """Ends the process, to be restarted: a closed connection stays closed,
        and loops would spin on it (field-notes 1).
        """
        if not self.stopping:
            self.logger.critical("nats.closed")
            os._exit(LOST_CONNECTION_EXIT)

    @classmethod
    @asynccontextmanager
    async def running(cls, name: str, settings: Settings, build: Build) -> AsyncGenerator["Service"]:
        """Runs a service inside this process, for tests and tools: started on entry, drained on exit."""
        service = cls(name, settings, build)
        async with service._lifespan():
            await service.app.start()
            try:
                yield service
            finally:
                await service.app.stop()


def _ignore(_position: int, _applied: Sequence[Applied]) -> None:
    """The default of `on_commit`."""
