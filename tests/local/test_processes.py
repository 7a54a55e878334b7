"""The runner behind `makima up`: what dies comes back, what must end ends."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from makima_kernel.testing import PATIENCE, eventually
from makima_local import log_file, ports, processes
from makima_local.probe import SILENT, unhealthy
from makima_local.processes import Died, Frozen, NotReadyError, Program, Ready, Report, Runner, Started
from makima_local.server import lives

from tests.freezing import freeze

SERVICE = """
import http.server, signal, sys
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"{}")
    def log_message(self, *_):
        if self.path == "/livez":
            print(self.path, flush=True)
def drain(*_):
    print("drained", flush=True); sys.exit(0)
signal.signal(signal.SIGTERM, drain)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()
"""
REBUILDING = """
import http.server, json, sys
answers = 0
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global answers
        answers += self.path == "/healthz"
        position = min(answers, int(sys.argv[2]))
        body = json.dumps({"failing": {"projection": f"is being rebuilt: {position} of 20"}}).encode()
        self.send_response(200 if position == 20 else 503); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()
"""
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", child.pid, flush=True)
time.sleep(600)
"""
OWNER = """
import asyncio, sys
from pathlib import Path
from makima_local.processes import Program, Runner
async def main():
    async with Runner() as runner:
        runner.start(Program("sleeper", (sys.executable, "-c", "import time; time.sleep(600)"), Path("/"), Path(sys.argv[1]) / "sleeper.log"))
        await runner.ready()
        print(runner.pids["sleeper"], flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.fixture
def reports() -> list[Report]:
    return []


@pytest.fixture
async def runner(reports: list[Report]) -> AsyncIterator[Runner]:
    async with Runner(reports.append, patience=5.0) as made:
        yield made


def python(name: str, code: str, folder: Path, port: int | None = None) -> Program:
    arguments = [] if port is None else [str(port)]
    return Program(name, (sys.executable, "-c", code, *arguments), folder, folder / f"{name}.log", port)


async def test_a_program_counts_as_ready_when_its_health_port_says_so(runner: Runner, tmp_path: Path) -> None:
    port = ports.free()
    assert await unhealthy(port) == SILENT
    runner.start(python("service", SERVICE, tmp_path, port))
    await runner.ready(timeout=PATIENCE)
    assert await unhealthy(port) is None


@pytest.mark.parametrize("upto", [20, 7], ids=["it goes on", "it stands still"])
async def test_whoever_says_how_far_a_long_work_is_is_waited_for(
    runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upto: int
) -> None:
    """Each look takes 10 s by this clock, and no more than 60 s may pass without progress."""
    port = ports.free()
    program = python("service", REBUILDING, tmp_path, port)
    runner.start(replace(program, command=(*program.command, str(upto))))
    await eventually(lambda: has_said(port, "is being rebuilt"))
    monkeypatch.setattr(processes, "time", SimpleNamespace(monotonic=count(0, 10).__next__))
    if upto == 20:
        await runner.ready(60.0, longer_while="is being rebuilt")
    else:
        with pytest.raises(NotReadyError, match="7 of 20"):
            await runner.ready(60.0, longer_while="is being rebuilt")


async def has_said(port: int, text: str) -> bool:
    return text in str(await unhealthy(port))


async def test_a_killed_program_comes_back_and_both_are_reported(
    runner: Runner, reports: list[Report], tmp_path: Path
) -> None:
    runner.start(python("service", SERVICE, tmp_path, ports.free()))
    await runner.ready(timeout=PATIENCE)
    first = runner.pids["service"]
    runner.send("service", signal.SIGKILL)
    second = await eventually(lambda: runner.pids.get("service", first) != first and runner.pids["service"])
    await runner.ready(timeout=PATIENCE)
    life = [Started("service", first, again=False), Ready("service")]
    assert reports == [
        *life,
        Died("service", first, -9, 0.0),
        Started("service", second, again=True),
        Ready("service"),
    ]


async def test_a_program_that_dies_again_and_again_waits_longer_each_time_and_ends_the_start(
    runner: Runner, reports: list[Report], tmp_path: Path
) -> None:
    runner.start(python("broken", "raise SystemExit('no such setting')", tmp_path, ports.free()))
    with pytest.raises(NotReadyError, match=r"broken exits repeatedly: .*no such setting"):
        await runner.ready(timeout=PATIENCE)
    waits = [report.wait for report in reports if isinstance(report, Died)]
    assert waits == sorted(waits)
    assert waits[0] == 0.0 < waits[-1]


async def test_sigterm_lets_a_program_drain(tmp_path: Path) -> None:
    async with Runner() as runner:
        runner.start(python("service", SERVICE, tmp_path, ports.free()))
        await runner.ready(timeout=PATIENCE)
        pid = runner.pids["service"]
    assert (tmp_path / "service.log").read_text() == "drained\n"
    assert not lives(pid)


async def test_the_log_of_a_program_is_cut_back_while_it_runs(
    runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "MAX_LOG_FILE_BYTES", 1000)
    monkeypatch.setattr(log_file, "SIZE_POLL_SECONDS", 0.01)
    endless = "import time\nwhile True: print('x' * 100, flush=True); time.sleep(0.001)"
    runner.start(python("chatterer", endless, tmp_path))
    await eventually((tmp_path / "chatterer.old.log").exists)


async def test_one_that_does_not_drain_is_killed_with_its_children(tmp_path: Path) -> None:
    log = tmp_path / "stubborn.log"
    async with Runner(patience=0.2) as runner:
        runner.start(python("stubborn", STUBBORN, tmp_path))
        await eventually(lambda: log.exists() and log.read_text().startswith("child"))
        pid, child = runner.pids["stubborn"], int(log.read_text().split()[1])
    assert not lives(pid)
    await eventually(lambda: not lives(child))


async def test_a_frozen_one_is_thawed_to_drain(tmp_path: Path) -> None:
    async with Runner() as runner:
        runner.start(python("service", SERVICE, tmp_path, ports.free()))
        await runner.ready(timeout=PATIENCE)
        await freeze(runner, "service")
    assert (tmp_path / "service.log").read_text() == "drained\n"


async def test_one_that_is_frozen_for_too_long_is_killed_and_comes_back(
    reports: list[Report], tmp_path: Path
) -> None:
    async with Runner(reports.append, frozen_after=1.0) as runner:
        runner.start(python("service", SERVICE, tmp_path, ports.free()))
        await runner.ready(timeout=PATIENCE)
        frozen = runner.pids["service"]
        assert await eventually(lambda: watched(tmp_path)), "it has been seen to live"
        await freeze(runner, "service")
        await eventually(lambda: runner.pids.get("service", frozen) != frozen)
        await runner.ready(timeout=PATIENCE)
    told = [report for report in reports if isinstance(report, Frozen | Died)]
    assert [type(report) for report in told] == [Frozen, Died]
    assert isinstance(told[1], Died)
    assert (told[1].pid, told[1].exit_code) == (frozen, -signal.SIGKILL)


def watched(folder: Path) -> bool:
    return "/livez" in (folder / "service.log").read_text()


async def test_one_can_be_stopped_alone_and_stays_stopped(
    runner: Runner, reports: list[Report], tmp_path: Path
) -> None:
    runner.start(python("one", SERVICE, tmp_path, ports.free()))
    runner.start(python("other", SERVICE, tmp_path, ports.free()))
    await runner.ready(timeout=PATIENCE)
    await runner.stop("one")
    assert list(runner.pids) == ["other"]
    assert not any(isinstance(report, Died) for report in reports)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
async def test_no_program_outlives_a_killed_runner(tmp_path: Path) -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    pid = int(await asyncio.wait_for(owner.stdout.readline(), PATIENCE))
    assert lives(pid)
    owner.kill()
    await owner.wait()
    await eventually(lambda: not lives(pid))
