"""A process is told from a later one that has its number."""

import signal
import subprocess

from makima_daemon.adoption import ProcessId
from makima_daemon.processes import AgentProcess


async def test_the_end_of_an_adopted_process_ends_no_other_that_has_its_number_by_now() -> None:
    other = subprocess.Popen(["sleep", "300"], start_new_session=True)  # noqa: ASYNC220 - as the daemon starts its own
    try:
        adopted = AgentProcess(ProcessId(other.pid, "before the machine was started anew"))
        adopted.signal(signal.SIGKILL)
        assert await adopted.ended() is None
    finally:
        other.terminate()
    assert other.wait() == -signal.SIGTERM
