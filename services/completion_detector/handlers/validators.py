"""Gate validators: Python functions of the entry point group `makima.gate_validators`, run with a timeout."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from threading import Thread
from typing import Final, cast

from services.completion_detector.domain.snapshot import Snapshot

GROUP: Final = "makima.gate_validators"
TIMEOUT_SECONDS: Final = 10.0

Validator = Callable[[Snapshot], object]  # truthy: passed; a text: why not


@dataclass(frozen=True, slots=True)
class Verdict:
    passed: bool
    reason: str | None = None


@cache
def installed() -> Mapping[str, Callable[[], Validator]]:
    """Name → loader, of what is installed beside us."""
    return {point.name: cast("Callable[[], Validator]", point.load) for point in entry_points(group=GROUP)}


async def validate(
    name: str, contract: Snapshot, known: Mapping[str, Callable[[], Validator]], timeout: float = TIMEOUT_SECONDS
) -> Verdict:
    """The verdict of validator `name`; one that is missing, raises or takes longer than `timeout` seconds has not passed.

    It runs on a thread of its own that is left behind when it hangs: a stranger's code must not keep us from stopping.
    """
    if name not in known:
        return Verdict(passed=False, reason=f"no validator {name!r} is installed in the group {GROUP}")
    loop = asyncio.get_running_loop()
    said: asyncio.Future[Verdict] = loop.create_future()

    def tell(verdict: Verdict) -> None:
        if not said.done():
            said.set_result(verdict)

    Thread(target=lambda: loop.call_soon_threadsafe(tell, _run(known[name], contract)), daemon=True, name=f"validator {name}").start()
    try:
        async with asyncio.timeout(timeout):
            return await said
    except TimeoutError:
        return Verdict(passed=False, reason=f"the validator took longer than {timeout:g} s")


def _run(load: Callable[[], Validator], contract: Snapshot) -> Verdict:
    try:
        said = load()(contract)
    except Exception as error:  # noqa: BLE001 - the outermost frame of a stranger's code
        return Verdict(passed=False, reason=f"{type(error).__name__}: {error}")
    return Verdict(passed=False, reason=said) if isinstance(said, str) else Verdict(passed=bool(said))
