"""The child process that runs one gate validator: reads a snapshot, writes a verdict, and exits.

`python -m makima_completion_detector.handlers.validator_process NAME SECONDS`. Standard input: the contract's
snapshot as JSON. Standard output: the verdict as JSON. SECONDS: the process ends itself after this time.
"""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Final, cast

from makima_schemas.codec import adapter, encode

from makima_completion_detector.domain.snapshot import Snapshot

GROUP: Final = "makima.gate_validators"
MAX_REASON_CHARACTERS: Final = 2_000  # longer ones are cut off, as the reason is stored in an event

Validator = Callable[[Snapshot], object]  # a text: not passed, for this reason; else passed if truthy


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one run."""

    passed: bool
    reason: str | None = None  # why it did not pass; at most MAX_REASON_CHARACTERS


def judged(name: str, contract: Snapshot) -> Verdict:
    """Runs the validator `name` in this process. One that is not installed or raises counts as not passed."""
    found = entry_points(group=GROUP, name=name)
    if not found:
        return Verdict(passed=False, reason=f"no validator {name!r} is installed in the group {GROUP}")
    try:
        result = cast("Validator", next(iter(found)).load())(contract)
    except BaseException as error:  # noqa: BLE001 - outermost frame of third-party code, which may also exit
        return Verdict(passed=False, reason=f"{type(error).__name__}: {error}"[:MAX_REASON_CHARACTERS])
    return (
        Verdict(passed=False, reason=result[:MAX_REASON_CHARACTERS])
        if isinstance(result, str)
        else Verdict(passed=bool(result))
    )


def main(name: str, seconds: str) -> None:
    """Writes one verdict to standard output. What the validator prints is redirected to standard error."""
    signal.alarm(int(seconds))  # if the parent was killed, nothing else ends this process
    answer = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    verdict = judged(name, adapter(Snapshot).validate_json(sys.stdin.buffer.read()))
    os.write(answer, encode(verdict))
    os._exit(0)  # ends also the threads that the validator left running


if __name__ == "__main__":
    main(*sys.argv[1:])
