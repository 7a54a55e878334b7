"""Runs gate validators (entry points of the group `makima.gate_validators`), each in a process of its own that ends in time."""

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

MAX_CONCURRENT_VALIDATORS: Final = 4  # each is a Python of its own; those that hang must leave looks, memory and cores to the others
VALIDATOR_EXIT_GRACE_SECONDS: Final = 5  # after its time, when we are gone, too, a process ends itself


class ValidatorPool:
    """A stranger's code: it may hang, leave threads behind, print, or end its process, and all of that ends in a verdict."""

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout = timeout_seconds
        self._free = asyncio.Semaphore(MAX_CONCURRENT_VALIDATORS)

    @property
    def busy(self) -> bool:
        """Whether as many run as may at once; then ask again later."""
        return self._free.locked()

    async def verdict(self, name: str, contract: Snapshot) -> Verdict:
        """What the validator `name` says; one that takes too long, or ends without a word, has not passed.

        Raises `OSError` where no process can be started.
        """
        async with self._free:
            process = await self._start(name)
            try:
                async with asyncio.timeout(self._timeout):
                    said, _ = await process.communicate(encode(contract))
            except TimeoutError:
                return Verdict(passed=False, reason=f"the validator took longer than {self._timeout:g} s")
            finally:
                await _end(process)
        if not said:
            return Verdict(passed=False, reason=f"the validator ended without a verdict, exit code {process.returncode}")
        return adapter(Verdict).validate_json(said)

    async def _start(self, name: str) -> Process:
        """It finds the same packages as we do, in a session of its own; our settings, with their passwords, are not told."""
        told = {variable: value for variable, value in os.environ.items() if not variable.startswith("MAKIMA_")}
        told["PYTHONPATH"] = os.pathsep.join(folder for folder in sys.path if folder)
        limit = str(ceil(self._timeout) + VALIDATOR_EXIT_GRACE_SECONDS)
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", validating.__name__, name, limit, stdin=PIPE, stdout=PIPE, env=told, start_new_session=True
        )


async def _end(process: Process) -> None:
    """Itself and whatever it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
