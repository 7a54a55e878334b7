"""Runs gate validators (entry points of the group `makima.gate_validators`), each in its own process."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from math import ceil
from typing import Final

from makima_schemas.codec import adapter, encode

from makima_completion_detector.domain.snapshot import Snapshot
from makima_completion_detector.handlers import validator_process as validating
from makima_completion_detector.handlers.validator_process import Verdict

# Per replica. Each validator is a Python process, so hanging ones must leave evaluations, memory and cores to
# the rest.
MAX_CONCURRENT_VALIDATORS: Final = 4
# If this process was killed, nothing kills the validator at its timeout; it ends itself this much later.
VALIDATOR_EXIT_GRACE_SECONDS: Final = 5


class ValidatorPool:
    """Runs third-party code: it may hang, leave threads behind, print, or exit; each case gives a verdict.

    `timeout_seconds`: `validator_timeout_seconds` of the settings, per run.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout = timeout_seconds
        self._free = asyncio.Semaphore(MAX_CONCURRENT_VALIDATORS)  # permits for processes

    @property
    def busy(self) -> bool:
        """True if `MAX_CONCURRENT_VALIDATORS` are running; then retry later, as `verdict` would wait."""
        return self._free.locked()

    async def verdict(self, name: str, contract: Snapshot) -> Verdict:
        """Runs the validator `name`. A timeout and an exit without a verdict count as not passed.

        Raises `OSError` if no process can be started.
        """
        async with self._free:
            process = await self._start(name)
            try:
                async with asyncio.timeout(self._timeout):
                    output, _ = await process.communicate(encode(contract))
            except TimeoutError:
                return Verdict(passed=False, reason=f"the validator took longer than {self._timeout:g} s")
            finally:
                await _end(process)
        if not output:
            return Verdict(
                passed=False, reason=f"the validator ended without a result, exit code {process.returncode}"
            )
        return adapter(Verdict).validate_json(output)

    async def _start(self, name: str) -> Process:
        """Starts the process with this process's import path, in a session of its own so that `_end` can
        kill the whole group. Variables `MAKIMA_*` are withheld, as they contain passwords of the service.
        """
        environment = {
            variable: value for variable, value in os.environ.items() if not variable.startswith("MAKIMA_")
        }
        environment["PYTHONPATH"] = os.pathsep.join(folder for folder in sys.path if folder)
        limit = str(ceil(self._timeout) + VALIDATOR_EXIT_GRACE_SECONDS)
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            validating.__name__,
            name,
            limit,
            stdin=PIPE,
            stdout=PIPE,
            env=environment,
            start_new_session=True,
        )


async def _end(process: Process) -> None:
    """Kills the validator and the processes that it started, and waits for its exit."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
