"""`makima run`: any program is an agent; what it does and how it ends is what is known of the agent."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path
from select import select
from typing import cast

import pytest
import pytest_asyncio
from makima_cli.run.output import SHOWN_CHARACTERS, LineReader, Pump, shown, written
from makima_kernel.service.contracts_settings import ContractsSettings
from makima_kernel.testing.eventually import PATIENCE, eventually
from makima_local.nats import Nats
from makima_local.postgres import Postgres

from tests.cli.agents_served import Team, environ, team
from tests.cli.conftest import Start
from tests.services.gateway.harness import Gateways
from tests.shared_gateway import shared_gateway

__all__ = ("environ", "team")
in_the_system = pytest.mark.asyncio(loop_scope="module")
pytestmark = pytest.mark.xdist_group("makima run")

A_BEAT_SECONDS = 1.0
BYTES = b"\x1b[31mred\x1b[0m \xff\xfe\r\nlast"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateways(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[Gateways]:
    contracts = ContractsSettings(heartbeat_interval_seconds=A_BEAT_SECONDS)
    async with shared_gateway(
        postgres_server, template_database, nats_server, admitting=True, contracts=contracts
    ) as made:
        yield made


async def _ended(process: Process) -> tuple[int | None, bytes, bytes]:
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    return process.returncode, out, err


def _python(code: str) -> tuple[str, ...]:
    return ("run", "--", sys.executable, "-c", code)


@in_the_system
async def test_what_it_writes_goes_through_unchanged_and_its_end_is_the_agents(
    process: Start, team: Team
) -> None:
    code = f"import os; os.write(1, {BYTES!r}); os.write(2, b'aside')"
    assert await _ended(await process(*_python(code))) == (0, BYTES, b"aside")
    await team.turns("offline")


@in_the_system
async def test_its_newest_line_is_its_activity_and_its_environment_names_the_agent(
    process: Start, team: Team
) -> None:
    child = await process("run", "--", "sh", "-c", 'echo "builds $MAKIMA_ROLE"; exec sleep 60')
    await team.turns("ready")
    await team.does("builds builder")
    child.terminate()
    code, out, err = await _ended(child)
    assert (code, out, err) == (143, b"builds builder\n", b"")
    await team.turns("offline")  # it was told to end: no crash


@in_the_system
async def test_a_silent_command_that_computes_tells_of_growing_processor_time(
    process: Start, team: Team
) -> None:
    """So that it is not stuck: each of its heartbeats is progress, though it writes nothing."""
    child = await process(*_python("while True: pass"))
    await team.turns("ready")

    seconds: list[float] = []

    async def grew() -> bool:
        record = (await team.http.send("GET", f"/contracts/{team.contract_id}/agents/builder")).body
        told = cast("dict[str, float] | None", record["child"])
        if told is not None and told["cpu_seconds"] not in seconds:
            seconds.append(told["cpu_seconds"])
        return len(seconds) >= 3

    await eventually(grew)
    assert seconds == sorted(seconds)
    child.terminate()
    await _ended(child)
    await team.turns("offline")


@in_the_system
@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -KILL $$", 137)])
async def test_any_other_end_is_a_crash_that_is_known_at_once_and_its_code_is_passed_on(
    process: Start, team: Team, script: str, code: int
) -> None:
    assert await _ended(await process("run", "--", "sh", "-c", script)) == (code, b"", b"")
    await team.turns("dead")
    events = (await team.http.send("GET", f"/contracts/{team.contract_id}/agents/builder")).body
    assert events["agent_status"] == "dead"


@in_the_system
async def test_what_cannot_be_started_says_so_as_a_shell_does(
    process: Start, team: Team, tmp_path: Path
) -> None:
    code, out, err = await _ended(await process("run", "--", str(tmp_path / "nothing")))
    assert (code, out) == (127, b"")
    assert b"cannot be started: No such file or directory" in err
    await team.turns("dead")


@in_the_system
async def test_signals_reach_the_command(process: Start, team: Team) -> None:
    code = (
        "import signal, sys; signal.signal(signal.SIGUSR1, lambda *_: sys.exit(0)); print('up', flush=True);"
        "signal.pause()"
    )
    child = await process(*_python(code))
    assert child.stdout is not None
    assert await child.stdout.readline() == b"up\n"
    child.send_signal(signal.SIGUSR1)
    assert (await _ended(child))[0] == 0


@in_the_system
async def test_a_fenced_run_ends_its_command_and_all_that_it_started(process: Start, team: Team) -> None:
    """Found out at the next heartbeat, which a new line brings."""
    code = "sleep 300 & echo $! $$; while sleep 0.2; do n=$((n + 1)); echo $n; done"
    child = await process("run", "--", "sh", "-c", code)
    assert child.stdout is not None
    pids = [int(pid) for pid in (await child.stdout.readline()).split()]
    await team.turns("ready")
    await team.agents.join(team.contract_id, "builder", "newer")
    code, _, err = await _ended(child)
    assert (code, b"superseded" in err) == (5, True)
    assert [_is_running(pid) for pid in pids] == [False, False]


@in_the_system
async def test_a_run_that_is_killed_leaves_no_command_behind(process: Start, team: Team) -> None:
    child = await process("run", "--", "sh", "-c", "echo $$; exec sleep 300")
    assert child.stdout is not None
    pid = int(await child.stdout.readline())
    child.kill()
    await child.wait()
    await eventually(lambda: not _is_running(pid))


class _LookedAt(Pump):
    """Counts how often somebody waited for its end."""

    looks = 0

    def join(self, timeout: float | None = None) -> None:
        super().join(timeout)
        self.looks += 1


async def test_nothing_is_cut_because_its_reader_is_slow_unless_it_was_told_to_end() -> None:
    (source, command), (reader, target) = os.pipe(), os.pipe()
    pump, hurried = _LookedAt(source, target, lambda _: None), [False]
    pump.start()
    size = 100_000  # more than a pipe holds
    sent = asyncio.create_task(asyncio.to_thread(os.write, command, bytes(size)))
    await eventually(
        lambda: pump.turns % 2 == 1 and not select([], [target], [], 0)[1]
    )  # nothing fits any more
    waiting = asyncio.create_task(written([pump], 0.01, lambda: hurried[0]))
    await eventually(lambda: pump.looks > 3)
    assert not waiting.done()
    hurried[0] = True
    await asyncio.wait_for(waiting, PATIENCE)
    waiting = asyncio.create_task(written([pump], 0.01, lambda: False))
    assert await sent == size
    os.close(command)
    assert len(await asyncio.to_thread(_all_of, reader, size)) == size
    await asyncio.wait_for(waiting, PATIENCE)
    os.close(reader)
    os.close(target)


async def test_what_holds_the_output_open_and_writes_nothing_is_not_waited_for() -> None:
    (source, left_behind), (reader, target) = os.pipe(), os.pipe()
    pump = Pump(source, target, lambda _: None)
    pump.start()
    await asyncio.wait_for(written([pump], 0.01, lambda: False), PATIENCE)
    assert pump.is_alive()
    os.close(left_behind)
    pump.join(PATIENCE)
    os.close(reader)
    os.close(target)


def _all_of(descriptor: int, size: int) -> bytes:
    read = b""
    while len(read) < size:
        read += os.read(descriptor, size)
    return read


def _is_running(pid: int) -> bool:
    """False for one that nobody has waited for, too."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.mark.parametrize(
    ("line", "activity"),
    [
        (b"\x1b[1;31mred\x1b[0m and \x1b]8;;http://x\x1b\\link\x1b]8;;\x07", "red and link"),
        (b"10 %\r20 %\r30 %\r\n", "30 %"),
        (b"\xff\xfe\x00\x07 \xe2\x80\xaeok", "\ufffd\ufffd ok"),
        (b" \t ", ""),
        (b"x" * 9999, "x" * SHOWN_CHARACTERS),
    ],
)
def test_an_activity_is_one_short_line_that_no_terminal_obeys(line: bytes, activity: str) -> None:
    assert shown(line) == activity


def test_the_newest_line_is_read_over_any_cuts() -> None:
    reader = LineReader()
    assert [reader.newest(chunk) for chunk in (b"on", b"e\ntw", b"o\n\n", b"x" * 9999, b"\r")] == [
        None,
        "one",
        "two",
        None,
        "x" * SHOWN_CHARACTERS,
    ]
