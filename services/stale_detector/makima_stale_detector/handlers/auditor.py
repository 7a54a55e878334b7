"""Compares what the detector tracks with the log, the read models and the latest heartbeats, a slice at a time."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import islice
from time import monotonic
from typing import Final

import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.telemetry import metrics

from makima_stale_detector.domain import audit
from makima_stale_detector.domain.audit import Comparison, Difference, Sighting
from makima_stale_detector.handlers.audit_sources import AuditSources

ROUND_SECONDS: Final = 60.0
SECOND_LOOK_SECONDS: Final = 2.0  # after the first one
MAX_SECOND_LOOKS: Final = 5  # in a row: a source that stays behind keeps no round from beginning
SLICE_SENDERS: Final = (
    250  # 5 ms of this process at a time: a tick of the detection loop must not wait longer
)
MIN_PAUSE_SECONDS: Final = 0.02  # between two slices: a round over very many senders takes longer instead
MAX_NAMED: Final = 20  # senders that one log line names
SOURCES: Final = ("memory", "read_model", "recorder")

_logger = structlog.get_logger(__name__)


class Auditor:
    """Each replica audits its own memory; all audit the read models.

    A difference is told when a second look finds it again and nothing about the sender can have been on its way
    (`audit.confirmed`). It stands until the sender agrees.
    """

    def __init__(self, sources: AuditSources, *, round_seconds: float = ROUND_SECONDS) -> None:
        self._sources = sources
        self._round_seconds = round_seconds
        self._again_after = min(SECOND_LOOK_SECONDS, round_seconds / 4)
        self._suspected: dict[str, tuple[float, Sighting]] = {}  # with the local time of the first look
        self._reported: dict[str, frozenset[Difference]] = {}  # differences that stand, by sender
        self.rounds = 0  # that were completed
        for source in SOURCES:
            metrics.exported(metrics.audit_differences).labels(source).set(0)

    @property
    def differing(self) -> int:
        """How many senders differ."""
        return len(self._reported)

    async def warning(self) -> str | None:
        """For the check `audit` of /readyz."""
        if not self._reported:
            return None
        shown = "; ".join(
            f"{name} ({', '.join(map(str, sorted(found)))})"
            for name, found in islice(self._reported.items(), 3)
        )
        return f"{len(self._reported)} senders are not tracked as the log says: {shown}"

    async def run(self) -> None:
        while True:
            raise_if_cancelled()
            started = monotonic()
            try:
                if await self._round():
                    self.rounds += 1
            except DATABASE_UNAVAILABLE as error:
                _logger.warning("audit.interrupted", reason=repr(error))
            rest = started + self._round_seconds - monotonic()
            await asyncio.sleep(max(rest, self._again_after))

    async def _round(self) -> bool:
        """Look at everybody once, and again at whoever differs. False: it could not be compared."""
        tracked = self._sources.begin_round()
        slices = -(-len(tracked) // SLICE_SENDERS)
        pause = max(MIN_PAUSE_SECONDS, self._round_seconds / (2 * slices + 4))
        for first in range(0, len(tracked), SLICE_SENDERS):
            if not await self._compare(tracked[first : first + SLICE_SENDERS]):
                return False
            await asyncio.sleep(pause)
        async for untracked in self._sources.untracked():
            if untracked and not await self._compare(untracked):
                return False
            await asyncio.sleep(pause)
        if not await self._compare(list(self._reported)):
            return False
        for _ in range(MAX_SECOND_LOOKS):
            if not self._suspected:
                break
            await asyncio.sleep(self._again_after)
            if not await self._compare([]):
                return False
        return True

    async def _compare(self, names: Sequence[str]) -> bool:
        """Look at these senders, and at those whose second look is due. False if this replica cannot be compared."""
        for first in range(0, len(names), SLICE_SENDERS):
            compared = await self._sources.compare(names[first : first + SLICE_SENDERS])
            if compared is None:
                return False
            self._apply(compared)
        now = monotonic()
        due = [name for name, (seen, _) in self._suspected.items() if now - seen >= self._again_after]
        for first in range(0, len(due), SLICE_SENDERS):
            again = due[first : first + SLICE_SENDERS]
            compared = await self._sources.compare(again)
            if compared is None:
                return False
            self._confirm(again, compared)
        return True

    def _apply(self, compared: Comparison) -> None:
        agreeing = [name for name in compared.agree if self._reported.pop(name, None)]
        if agreeing:
            self._count()
            _logger.info("audit.agrees", senders=agreeing[:MAX_NAMED], count=len(agreeing))
        for name, sighting in compared.differ.items():
            if self._reported.get(name) != sighting.differences:
                self._suspected.setdefault(name, (monotonic(), sighting))

    def _confirm(self, names: Sequence[str], compared: Comparison) -> None:
        found = dict[str, frozenset[Difference]]()
        for name in names:
            differences = audit.confirmed(self._suspected.pop(name)[1], compared, name)
            if differences:
                found[name] = differences
            elif (
                name in compared.differ
            ):  # another difference, or events were on their way: a first look again
                self._suspected[name] = (monotonic(), compared.differ[name])
        if found:
            self._reported |= found
            self._count()
            self._log_differences(found)
        self._apply(Comparison(compared.reached, compared.agree))

    def _log_differences(self, found: Mapping[str, frozenset[Difference]]) -> None:
        _logger.error(
            "audit.differs",
            senders=list(found)[:MAX_NAMED],
            count=len(found),
            differences=[
                f"{name}: {each}"
                for name, differences in islice(found.items(), MAX_NAMED)
                for each in sorted(differences)
            ],
        )

    def _count(self) -> None:
        for source in SOURCES:
            differing = sum(any(each.source == source for each in found) for found in self._reported.values())
            metrics.audit_differences.labels(source).set(differing)
