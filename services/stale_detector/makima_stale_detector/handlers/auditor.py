"""Compares what the detector tracks with the log, the read models and the latest heartbeats, a slice at a time."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from itertools import islice
from time import monotonic
from typing import Final, cast

import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.commands.client import Bus
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.telemetry import metrics
from makima_schemas.agent import AgentStatus
from makima_schemas.commands import Problem
from makima_schemas.identity import split_stream
from makima_schemas.questions import KnownSender

from makima_stale_detector.domain import audit
from makima_stale_detector.domain.audit import Difference, Look, Said, Sighting
from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.handlers.detection_loop import OWNER_SERVICE
from makima_stale_detector.handlers.heartbeat_consumer import HeartbeatConsumer
from makima_stale_detector.handlers.log_follower import LogFollower
from makima_stale_detector.queries import Audited, Queries

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
    (`audit.confirmed`). It stands until the sender agrees. `incomplete` returns why this replica cannot be
    compared now; None if it can.
    """

    def __init__(
        self,
        detector: Detector,
        reader: HeartbeatConsumer,
        follower: LogFollower,
        queries: Queries,
        bus: Bus,
        *,
        incomplete: Callable[[], str | None],
        round_seconds: float = ROUND_SECONDS,
    ) -> None:
        self._detector, self._reader, self._follower = detector, reader, follower
        self._queries, self._bus, self._incomplete = queries, bus, incomplete
        self._round_seconds = round_seconds
        self._again_after = min(SECOND_LOOK_SECONDS, round_seconds / 4)
        self._suspected: dict[str, tuple[float, Sighting]] = {}  # with the local time of the first look
        self._told: dict[str, frozenset[Difference]] = {}  # differences that stand, by sender
        # By sender, the newest recorded heartbeat that the detector had not seen when it was first looked for.
        self._missed: dict[str, int] = {}
        self.rounds = 0  # that were completed
        for source in SOURCES:
            metrics.exported(metrics.audit_differences).labels(source).set(0)

    @property
    def differing(self) -> int:
        """How many senders differ."""
        return len(self._told)

    async def warning(self) -> str | None:
        """For the check `audit` of /readyz."""
        if not self._told:
            return None
        shown = "; ".join(
            f"{name} ({', '.join(map(str, sorted(found)))})" for name, found in islice(self._told.items(), 3)
        )
        return f"{len(self._told)} senders are not tracked as the log says: {shown}"

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
        tracked = [*self._detector.tracked, *self._detector.restarts.names]
        slices = -(-len(tracked) // SLICE_SENDERS)
        pause = max(MIN_PAUSE_SECONDS, self._round_seconds / (2 * slices + 4))
        for first in range(0, len(tracked), SLICE_SENDERS):
            if not await self._compare(tracked[first : first + SLICE_SENDERS]):
                return False
            await asyncio.sleep(pause)
        async for untracked in self._untracked():
            if untracked and not await self._compare(untracked):
                return False
            await asyncio.sleep(pause)
        if not await self._compare(list(self._told)):
            return False
        for _ in range(MAX_SECOND_LOOKS):
            if not self._suspected:
                break
            await asyncio.sleep(self._again_after)
            if not await self._compare([]):
                return False
        return True

    async def _untracked(self) -> AsyncGenerator[list[str]]:
        """Senders that a read model says are alive or being restarted, and that are not tracked here."""
        after: str | None = ""
        while after is not None:
            names, after = await self._queries.living(after)
            yield self._not_tracked(names)
        after = ""
        while after is not None:
            question: dict[str, object] = {"after": after}
            answer = await self._bus.query(OWNER_SERVICE, "living_senders", question)
            if isinstance(answer, Problem):
                return  # of another version, or away: the next round asks again
            streams, after = cast("list[str]", answer["streams"]), cast("str | None", answer["next"])
            yield self._not_tracked([":".join(split_stream(stream)) for stream in streams])

    def _not_tracked(self, names: Sequence[str]) -> list[str]:
        return [
            name
            for name in names
            if name not in self._detector.tracked and self._detector.restarts.sender(name) is None
        ]

    async def _compare(self, names: Sequence[str]) -> bool:
        """Look at these senders, and at those whose second look is due. False if this replica cannot be compared."""
        for first in range(0, len(names), SLICE_SENDERS):
            look = await self._look(names[first : first + SLICE_SENDERS])
            if look is None:
                return False
            self._take(look)
        now = monotonic()
        due = [name for name, (seen, _) in self._suspected.items() if now - seen >= self._again_after]
        for first in range(0, len(due), SLICE_SENDERS):
            again = due[first : first + SLICE_SENDERS]
            look = await self._look(again)
            if look is None:
                return False
            self._confirm(again, look)
        return True

    def _take(self, look: Look) -> None:
        agreeing = [name for name in look.agree if self._told.pop(name, None)]
        if agreeing:
            self._count()
            _logger.info("audit.agrees", senders=agreeing[:MAX_NAMED], count=len(agreeing))
        for name, sighting in look.differ.items():
            if self._told.get(name) != sighting.differences:
                self._suspected.setdefault(name, (monotonic(), sighting))

    def _confirm(self, names: Sequence[str], look: Look) -> None:
        found = dict[str, frozenset[Difference]]()
        for name in names:
            differences = audit.confirmed(self._suspected.pop(name)[1], look, name)
            if differences:
                found[name] = differences
            elif name in look.differ:  # another difference, or events were on their way: a first look again
                self._suspected[name] = (monotonic(), look.differ[name])
        if found:
            self._told |= found
            self._count()
            self._tell(found)
        self._take(Look(look.reached, look.agree))

    def _tell(self, found: Mapping[str, frozenset[Difference]]) -> None:
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
            differing = sum(any(each.source == source for each in found) for found in self._told.values())
            metrics.audit_differences.labels(source).set(differing)

    async def _look(self, names: Sequence[str]) -> Look | None:
        """Read what the log, the read models and the latest heartbeats say, and compare it with the memory. None if this
        replica cannot be compared: it does not follow the log or the heartbeats, or the recorder does not answer.
        """
        if not names:
            return Look(0, frozenset())
        streams = {name: _stream(name) for name in names}
        applied, audited = await self._queries.audited(streams)
        question: dict[str, object] = {"streams": list(streams.values())}
        answer = await self._bus.query(OWNER_SERVICE, "sender_states", question)
        if isinstance(answer, Problem) or self._incomplete() is not None:
            return None
        position = cast("int", answer["position"])
        recorded = cast("dict[str, KnownSender]", answer["senders"])
        positions = {"memory": self._follower.position, "read_model": applied, "recorder": position}
        agree, differ = set[str](), dict[str, Sighting]()
        for name, one in audited.items():
            found = self._differences(name, one, recorded.get(streams[name]), positions)
            if found:
                seen = max(one.head, *positions.values())
                differ[name] = Sighting(one.head, seen, frozenset(found))
            elif one.head <= min(positions.values()):
                agree.add(name)
        return Look(min(positions.values()), frozenset(agree), differ)

    def _differences(
        self, name: str, one: Audited, recorded: KnownSender | None, positions: Mapping[str, int]
    ) -> list[Difference]:
        log = None if one.event is None else audit.said_by(one.event)
        if log is None:
            if one.head == 0 and name in self._detector.tracked:
                return [Difference("memory", "the sender", "not known", "tracked")]
            return []
        found = list[Difference]()
        if positions["memory"] >= one.head:
            found += self._in_memory(name, log, one, recorded)
        if positions["read_model"] >= one.head:
            found += audit.differences("read_model", log, one.row)
        if positions["recorder"] >= one.head:
            found += audit.differences("recorder", log, None if recorded is None else _said(name, recorded))
        return found

    def _in_memory(
        self, name: str, log: Said, one: Audited, recorded: KnownSender | None
    ) -> list[Difference]:
        tracked = self._detector.tracked.get(name)
        owner = "" if name.startswith("daemon:") else one.owner
        if tracked is None:
            restarting = self._detector.restarts.sender(name)
            said = None if restarting is None else audit.said_of(restarting)
            return audit.differences("memory", log, said) if owner is not None else []
        found = audit.differences("memory", log, audit.said_of(tracked.sender))
        if owner != tracked.owner:
            found.append(Difference("memory", "owner", str(owner), tracked.owner))
        if self._detector.is_unheard(tracked):
            found.append(Difference("memory", "deadline", "due", "none"))
        if recorded is not None and self._misses(name, recorded):
            found.append(Difference("memory", "heartbeats", "recorded", "not seen"))
        return found

    def _misses(self, name: str, recorded: KnownSender) -> bool:
        """True if two recorded heartbeats in a row, one at each of two looks, are among those that this replica read and
        did not take from this sender. One alone may have come before the event that lets it count.
        """
        epoch, sequence, shard = recorded["stream_epoch"], recorded["sequence"], self._detector.shards[0]
        read = sequence is not None and shard.live_from <= sequence <= self._reader.sequence
        if not read or epoch != shard.epoch or sequence is None:
            return False
        if self._detector.heard_up_to(self._detector.tracked[name]) >= sequence:
            self._missed.pop(name, None)
            return False
        return sequence > self._missed.setdefault(name, sequence)


def _stream(name: str) -> str:
    """The stream in the log of the sender `<kind>:<id>`."""
    kind, _, entity_id = name.partition(":")
    return f"{kind}-{entity_id}"


def _said(name: str, known: KnownSender) -> Said:
    daemon_id = None if name.startswith("daemon:") else known["daemon_id"] or ""
    status = None if known["status"] is None else AgentStatus(known["status"])
    return Said(known["alive"], known["connection_id"], daemon_id, status)
