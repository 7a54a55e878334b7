"""Serves `/livez`, `/readyz`, `/healthz` and `/metrics` from a thread: a frozen event loop could not
(field-notes 1).
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Final, Self

import orjson

from makima_kernel.service.probe_server import IPv6ProbeServer, ProbeServer
from makima_kernel.telemetry import metrics
from makima_kernel.telemetry.exposition import CONTENT_TYPE, Exposition

Check = Callable[[], Awaitable[str | None]]  # returns None if all is well, else the reason
Answer = tuple[int, dict[str, object]]  # HTTP status and body

LOOP_HEARTBEAT_SECONDS: Final = 0.5
SERVER_POLL_SECONDS: Final = 0.05  # a stopping service waits for the thread this long
LOOP_FROZEN_SECONDS: Final = 10.0
CHECK_TIMEOUT_SECONDS: Final = 2.0  # for each check
# For all checks together, which run concurrently. Longer than for one check,
# so that a check that hangs is named.
LOOP_TIMEOUT_SECONDS: Final = 2.5


@dataclass(frozen=True, slots=True)
class _Results:
    """The reasons of those checks that give one, by name."""

    own: dict[str, str]
    shared: dict[str, str]
    warnings: dict[str, str]


class Health:
    """The health of a process.

    Run `beat()` in the event loop to watch; checks run in that loop, once for all who ask at the same time.
    """

    def __init__(self) -> None:
        self._own: dict[str, Check] = {}  # by name
        self._shared: dict[str, Check] = {}  # by name
        self._warnings: dict[str, Check] = {}  # by name
        self._running: asyncio.Task[_Results] | None = None  # the checks that run now
        self._loop: asyncio.AbstractEventLoop | None = None  # the watched loop; None before `beat()` runs
        self._last_beat = time.monotonic()  # when the loop last ran `beat()`
        self._exposition = Exposition()

    def ready_when(self, name: str, check: Check) -> None:
        """Adds a check of what this replica alone may lack: while it fails, `/readyz` is 503, and whoever
        distributes requests asks another replica.
        """
        self._own[name] = check

    def healthy_when(self, name: str, check: Check) -> None:
        """Adds a check of a condition that all replicas share: a server, the log, another service.

        While it fails, `/healthz` is 503; `/readyz` tells it and stays 200: were every replica taken away at
        once, callers would get no answer instead of the 503 that tells the reason.
        """
        self._shared[name] = check

    def warn_when(self, name: str, check: Check) -> None:
        """Adds a check that is told and makes nothing unready or unhealthy.

        It is for what one row or one sender has wrong: that must be seen, and must not take the service away
        from all others.
        """
        self._warnings[name] = check

    async def beat(self) -> None:
        """Records each 0.5 s that the event loop runs; never returns."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._last_beat = time.monotonic()
            await asyncio.sleep(LOOP_HEARTBEAT_SECONDS)

    def livez(self) -> Answer:
        """HTTP status and body of `/livez`: 503 if the event loop has not run for 10 s."""
        age = time.monotonic() - self._last_beat
        return (
            (200, {"live": True})
            if age < LOOP_FROZEN_SECONDS
            else (503, {"live": False, "reason": f"the event loop has been blocked for {age:.0f} s"})
        )

    async def readiness(self) -> Answer:
        """HTTP status and body of `/readyz`: 503 with the reasons if this replica cannot answer.

        Must run in the watched loop, as `condition` and `metrics`.
        """
        found = await self._results()
        return (503 if found.own else 200), {
            "ready": not found.own,
            "failing": found.own,
            "shared": found.shared,
            "warnings": found.warnings,
            "checks": sorted(self._own),
        }

    async def condition(self) -> Answer:
        """HTTP status and body of `/healthz`: 503 with the reasons if any check fails, also a shared one."""
        found = await self._results()
        failing = {**found.shared, **found.own}
        return (503 if failing else 200), {
            "healthy": not failing,
            "failing": failing,
            "warnings": found.warnings,
            "checks": sorted({*self._own, *self._shared}),
        }

    async def metrics(self) -> bytes:
        """The metrics as Prometheus reads them; the checks are among them (`makima_check`)."""
        await self._results()
        return await asyncio.to_thread(self._exposition.read)

    def readyz(self) -> Answer:
        """As `readiness`, called from another thread."""
        return self._asked(self.readiness, "ready")

    def healthz(self) -> Answer:
        """As `condition`, called from another thread."""
        return self._asked(self.condition, "healthy")

    def metricz(self) -> bytes:
        """As `metrics`, called from another thread; also answered while the loop does not run."""
        self.healthz()  # what the checks say is in the metrics then
        return self._exposition.read()

    async def _results(self) -> _Results:
        """What the checks say. Whoever asks while they run gets the result of that run."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._check(), name="checks")
        return await asyncio.shield(self._running)

    async def _check(self) -> _Results:
        results = _Results(
            *await asyncio.gather(_reasons(self._own), _reasons(self._shared), _reasons(self._warnings))
        )
        gauge = metrics.exported(metrics.check)
        for name in (*self._own, *self._shared):
            gauge.labels(name).set(name not in results.own and name not in results.shared)
        gauge.labels("loop").set(1)
        return results

    def _asked(self, question: Callable[[], Awaitable[Answer]], verdict: str) -> Answer:
        """The answer of the watched loop, or 503 if it gives none in time."""
        name, reason = "start", "the service is starting"
        if self._loop is not None:
            future = asyncio.run_coroutine_threadsafe(_coroutine(question), self._loop)
            try:
                return future.result(LOOP_TIMEOUT_SECONDS)
            except FutureTimeoutError:
                future.cancel()
                name, reason = "loop", f"no answer within {LOOP_TIMEOUT_SECONDS:g} s"
                metrics.exported(metrics.check).labels(name).set(0)
        return 503, {verdict: False, "failing": {name: reason}, "warnings": {}, "checks": []}


def as_check(ready: Callable[[], str | None]) -> Check:
    """A check of what needs no waiting."""

    async def check() -> str | None:
        return ready()

    return check


async def _coroutine(question: Callable[[], Awaitable[Answer]]) -> Answer:
    return await question()


async def _reasons(checks: Mapping[str, Check]) -> dict[str, str]:
    """The reasons of those checks that give one, by name."""
    named = dict(checks)
    reasons = await asyncio.gather(*(_reason(check) for check in named.values()))
    return {name: reason for name, reason in zip(named, reasons, strict=True) if reason is not None}


async def _reason(check: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            return await check()
    except TimeoutError:
        return f"no answer within {CHECK_TIMEOUT_SECONDS:g} s"
    except Exception as error:  # noqa: BLE001 - a check that raises has failed; the others must still be reported
        return f"the check failed: {error!r}"


class HealthServer:
    """Serves a `Health` by HTTP from a thread.

    The argument `port` may be 0 for a free one; the attribute is the actual one.
    """

    def __init__(self, health: Health, host: str, port: int) -> None:
        self._server = (IPv6ProbeServer if ":" in host else ProbeServer)((host, port), _handler(health))
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(SERVER_POLL_SECONDS,), name="health", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/livez":
                    self._json(*health.livez())
                case "/readyz":
                    self._json(*health.readyz())
                case "/healthz":
                    self._json(*health.healthz())
                case "/metrics":
                    self._answer(200, CONTENT_TYPE, health.metricz())
                case path:
                    self._json(
                        404,
                        {
                            "code": "NOT_FOUND",
                            "detail": f"{path} does not exist; use /livez, /readyz, /healthz or /metrics",
                        },
                    )

        def _json(self, status: int, body: dict[str, object]) -> None:
            self._answer(status, "application/json", orjson.dumps(body))

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            """Logs nothing, because probes come every second."""

    return Handler
