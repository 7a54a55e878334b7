"""A thread answers for the event loop: also, and above all, when the loop can't."""

import asyncio
import re
import socket
import struct
import sys
import threading
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator

import httpx
import pytest
from makima_kernel.service import health as module
from makima_kernel.service import probe_server
from makima_kernel.service.health import Health, HealthServer
from makima_kernel.telemetry import metrics
from makima_kernel.testing import PATIENCE, eventually

from tests.plain_http import plain_client


@pytest.fixture
async def served() -> AsyncIterator[tuple[Health, str]]:
    health = Health()
    with HealthServer(health, "127.0.0.1", 0) as server:
        beating = asyncio.create_task(health.beat())
        yield health, f"http://127.0.0.1:{server.port}"
        beating.cancel()


async def get(url: str) -> httpx.Response:
    async with plain_client() as client:
        return await client.get(url)


async def test_ready_only_when_every_check_is_and_the_reason_is_told(served: tuple[Health, str]) -> None:
    health, url = served
    reason: str | None = "behind by 7"

    async def check() -> str | None:
        return reason

    health.ready_when("projection", check)
    answer = await get(f"{url}/readyz")
    assert (answer.status_code, answer.json()["failing"]) == (503, {"projection": "behind by 7"})
    reason = None
    assert (await get(f"{url}/readyz")).status_code == 200


async def test_what_all_replicas_share_takes_none_of_them_away(served: tuple[Health, str]) -> None:
    health, url = served
    reason: str | None = "relay: the broker holds another event at 7"

    async def own() -> str | None:
        return None

    async def shared() -> str | None:
        return reason

    health.ready_when("heartbeats", own)
    health.healthy_when("relay", shared)
    told = {probe: await get(f"{url}/{probe}") for probe in ("readyz", "healthz", "metrics")}
    assert {probe: answer.status_code for probe, answer in told.items()} == {
        "readyz": 200,
        "healthz": 503,
        "metrics": 200,
    }
    assert told["readyz"].json()["shared"] == told["healthz"].json()["failing"] == {"relay": reason}
    assert told["healthz"].json()["checks"] == ["heartbeats", "relay"]
    for line in ('{check="heartbeats"} 1.0', '{check="relay"} 0.0', '{check="loop"} 1.0'):
        assert f"makima_check{line}\n" in told["metrics"].text
    reason = None
    assert (await get(f"{url}/healthz")).json()["healthy"] is True


async def test_what_this_replica_lacks_is_unhealthy_too(served: tuple[Health, str]) -> None:
    health, url = served

    async def starting() -> str | None:
        return "reading the history"

    health.ready_when("heartbeats", starting)
    answers = [await get(f"{url}/{probe}") for probe in ("readyz", "healthz")]
    assert [answer.status_code for answer in answers] == [503, 503]
    assert [answer.json()["failing"] for answer in answers] == [{"heartbeats": "reading the history"}] * 2


async def test_the_checks_run_once_for_all_who_ask_at_the_same_time() -> None:
    """A check asks the database, and nobody needs a token for a probe."""
    health, runs, go_on = Health(), 0, asyncio.Event()

    async def check() -> str | None:
        nonlocal runs
        runs += 1
        await go_on.wait()
        return None

    health.ready_when("postgres", check)
    async with asyncio.TaskGroup() as probes:
        asked = [probes.create_task(ask()) for ask in (health.readiness, health.condition) * 30]
        await eventually(lambda: runs)
        go_on.set()
    assert {answer.result()[0] for answer in asked} == {200}
    assert runs == 1
    assert (await health.readiness())[0] == 200
    assert runs == 2, "nothing is kept: who asks later is told what holds then"


async def test_a_warning_is_told_and_makes_nothing_unready(served: tuple[Health, str]) -> None:
    health, url = served

    async def check() -> str | None:
        return "one row cannot be read"

    health.warn_when("rows", check)
    answer = await get(f"{url}/readyz")
    assert (answer.status_code, answer.json()["warnings"]) == (200, {"rows": "one row cannot be read"})


async def test_a_check_that_raises_or_hangs_is_a_reason_and_hides_no_other(
    served: tuple[Health, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    health, url = served
    monkeypatch.setattr(module, "CHECK_TIMEOUT_SECONDS", 0.2)

    async def raising() -> str | None:
        raise LookupError("a bug")

    async def hanging() -> str | None:
        await asyncio.Event().wait()
        return None

    async def behind() -> str | None:
        return "behind by 7"

    for name, check in {
        "raising": raising,
        "hanging": hanging,
        "hanging too": hanging,
        "behind": behind,
    }.items():
        health.ready_when(name, check)
    answer = await get(f"{url}/readyz")
    assert answer.status_code == 503
    assert answer.json()["failing"] == {
        "raising": "the check failed: LookupError('a bug')",
        "hanging": "no answer within 0.2 s",
        "hanging too": "no answer within 0.2 s",
        "behind": "behind by 7",
    }


async def test_a_probe_that_hangs_up_leaves_no_traceback(
    served: tuple[Health, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    health, url = served
    asked, gone, told = asyncio.Event(), asyncio.Event(), threading.Event()
    handle_error = probe_server.ProbeServer.handle_error

    def tell(self: probe_server.ProbeServer, request: object, client_address: object) -> None:
        handle_error(self, request, client_address)
        told.set()

    async def hung_up() -> str | None:
        asked.set()
        await gone.wait()
        return None

    monkeypatch.setattr(probe_server.ProbeServer, "handle_error", tell)
    health.ready_when("hung up", hung_up)
    with socket.create_connection(("127.0.0.1", httpx.URL(url).port or 0)) as probe:
        probe.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        await asked.wait()
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, at once
    gone.set()
    assert await asyncio.to_thread(told.wait, PATIENCE)
    captured = capfd.readouterr()
    assert captured.err == ""
    assert "Traceback" not in captured.out
    assert (await get(f"{url}/livez")).status_code == 200


async def test_checks_do_not_wait_for_one_another() -> None:
    health = Health()
    both = asyncio.Barrier(2)

    async def meets_the_other() -> str | None:
        await both.wait()
        return None

    health.ready_when("one", meets_the_other)
    health.ready_when("two", meets_the_other)
    assert (await health.readiness())[0] == 200


async def test_metrics_and_unknown_paths_are_answered(served: tuple[Health, str]) -> None:
    _, url = served
    metrics.exported(metrics.contracts_stale_count).set(3)
    assert "makima_contracts_stale_count 3.0" in (await get(f"{url}/metrics")).text
    assert (await get(f"{url}/nothing")).status_code == 404


async def test_a_gauge_is_exported_only_by_whom_it_belongs_to() -> None:
    process = """
from makima_kernel.telemetry import metrics
from prometheus_client import generate_latest
metrics.exported(metrics.tracked_senders).set(7)
metrics.exported(metrics.tracked_senders).set(8)
print(generate_latest().decode())
"""
    ran = await asyncio.create_subprocess_exec(sys.executable, "-c", process, stdout=PIPE)
    out = (await ran.communicate())[0].decode()
    gauges = re.findall(r"^# TYPE (makima_\w+) gauge$", out, re.MULTILINE)
    own = [name for name in gauges if not name.endswith("_created")]  # the client's, of each counter
    assert own == ["makima_tracked_senders"]
    assert "\nmakima_tracked_senders 8.0\n" in out


async def test_a_frozen_loop_is_not_live_and_not_ready(
    served: tuple[Health, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, url = served
    monkeypatch.setattr(module, "LOOP_FROZEN_SECONDS", 0.7)
    monkeypatch.setattr(module, "LOOP_TIMEOUT_SECONDS", 0.2)
    await eventually(lambda: get_status(f"{url}/livez") == 200)
    seen: list[tuple[int, int]] = []
    texts: list[str] = []
    end = time.monotonic() + PATIENCE

    def watch() -> None:
        while time.monotonic() < end and (503, 503) not in seen:
            seen.append((get_status(f"{url}/livez"), get_status(f"{url}/readyz")))
        texts.append(httpx.get(f"{url}/metrics").text)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    watcher.join(2 * PATIENCE)  # the loop stands meanwhile: nothing here awaits
    assert (503, 503) in seen
    assert 'makima_check{check="loop"} 0.0' in texts[-1], "metrics come from the thread"


def get_status(url: str) -> int:
    return httpx.get(url).status_code
