"""Answers, for this replica, how it is: the gateway asks all replicas of all services at once (`GET /system`)."""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final, cast

import orjson
import structlog
from makima_schemas import subjects
from makima_schemas.times import rfc3339
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from prometheus_client import Gauge

from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.service.health import Health
from makima_kernel.telemetry import metrics

MAX_REASON: Final = 500  # characters of a check's reason


class ReplicaStatus:
    """What this replica tells of itself: its checks, and the figures that its parts `report`."""

    def __init__(self, service: str, replica: str, health: Health) -> None:
        self._service, self._replica, self._health = service, replica, health
        self._since = datetime.now(UTC)
        self._figures: dict[str, Callable[[], object]] = {}

    def report(self, name: str, read: Callable[[], object]) -> None:
        """Adds a figure, read at each answer: a number, or a short list of names."""
        self._figures[name] = read

    def measure(self, name: str, gauge: Gauge, read: Callable[[], float], *labels: str) -> None:
        """Adds a figure that is a metric, too. With labels its name is `<name>.<labels>`."""
        exported = metrics.exported(gauge)
        (exported.labels(*labels) if labels else exported).set_function(read)
        self.report(".".join((name, *labels)), read)

    async def run(self, nats: Client) -> None:
        """Answers until cancelled. The subscription has no queue group: every replica answers."""
        subscription = await nats.subscribe(subjects.STATUS)
        async for question in subscription.messages:
            raise_if_cancelled()
            with suppress(NatsError):  # whoever asked has gone, or the broker has
                await self._answer(question)

    async def _answer(self, question: Msg) -> None:
        if not question.reply:
            return
        status, checks = await self._health.readiness()
        await question.respond(
            orjson.dumps(
                {
                    "service": self._service,
                    "replica": self._replica,
                    "pid": os.getpid(),
                    "host": socket.gethostname(),
                    "since": rfc3339(self._since),
                    "version": version("makima-kernel"),
                    "ready": status == 200,
                    "failing": _cut(checks["failing"]),
                    "shared": _cut(checks.get("shared")),
                    "warnings": _cut(checks["warnings"]),
                    "figures": self._read(),
                }
            )
        )

    def _read(self) -> dict[str, object]:
        read: dict[str, object] = {}
        for name, figure in self._figures.items():
            try:
                read[name] = figure()
            except Exception as error:  # noqa: BLE001 - one figure that cannot be read must not hide the others
                structlog.get_logger().warning("status.figure_failed", figure=name, reason=repr(error))
        return read


def _cut(reasons: object) -> dict[str, str]:
    return (
        {name: reason[:MAX_REASON] for name, reason in cast("dict[str, str]", reasons).items()}
        if isinstance(reasons, dict)
        else {}
    )
