"""The process in which one gate validator runs: the contract comes in, a verdict goes out, and a stranger's code ends with it.

`python -m makima_completion_detector.handlers.validator_process NAME SECONDS`, the contract's snapshot as JSON on its standard input.
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
MAX_REASON_CHARACTERS: Final = 2_000  # characters of a reason: it goes into an event

Validator = Callable[[Snapshot], object]  # truthy: passed; a text: why not


@dataclass(frozen=True, slots=True)
class Verdict:
    passed: bool
    reason: str | None = None


def judged(name: str, contract: Snapshot) -> Verdict:
    """What the validator `name` says; one that is not there or raises has not passed."""
    found = entry_points(group=GROUP, name=name)
    if not found:
        return Verdict(passed=False, reason=f"no validator {name!r} is installed in the group {GROUP}")
    try:
        said = cast("Validator", next(iter(found)).load())(contract)
    except BaseException as error:  # noqa: BLE001 - the outermost frame of a stranger's code, which may also try to exit
        return Verdict(passed=False, reason=f"{type(error).__name__}: {error}"[:MAX_REASON_CHARACTERS])
    return Verdict(passed=False, reason=said[:MAX_REASON_CHARACTERS]) if isinstance(said, str) else Verdict(passed=bool(said))


def main(name: str, seconds: str) -> None:
    """One verdict on what was standard output; what the validator prints goes where errors go."""
    signal.alarm(int(seconds))  # whoever waits for the verdict may be killed: then nobody else ends this
    answer = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    verdict = judged(name, adapter(Snapshot).validate_json(sys.stdin.buffer.read()))
    os.write(answer, encode(verdict))
    os._exit(0)  # whatever threads the validator has left behind


if __name__ == "__main__":
    main(*sys.argv[1:])
