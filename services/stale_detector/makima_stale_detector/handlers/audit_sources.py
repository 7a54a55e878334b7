"""Reads what the log, the read models and the latest heartbeats say of senders, and compares it with the detector's memory."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import cast

from makima_kernel.commands.client import Bus
from makima_schemas.agent import AgentStatus
from makima_schemas.commands import Problem
from makima_schemas.identity import split_stream
from makima_schemas.questions import KnownSender

from makima_stale_detector.domain import audit
from makima_stale_detector.domain.audit import Comparison, Difference, MissedHeartbeats, SenderView, Sighting
from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.handlers.detection_loop import OWNER_SERVICE
from makima_stale_detector.handlers.heartbeat_consumer import HeartbeatConsumer
from makima_stale_detector.handlers.log_follower import LogFollower
from makima_stale_detector.queries import Audited, Queries


class AuditSources:
    """`incomplete` returns why this replica cannot be compared now; None if it can."""

    def __init__(
        self,
        detector: Detector,
        reader: HeartbeatConsumer,
        follower: LogFollower,
        queries: Queries,
        bus: Bus,
        *,
        incomplete: Callable[[], str | None],
    ) -> None:
        self._detector, self._reader, self._follower = detector, reader, follower
        self._queries, self._bus, self._incomplete = queries, bus, incomplete
        self._missed = MissedHeartbeats()

    def begin_round(self) -> list[str]:
        """Everybody who has a deadline here, to be looked at; what was remembered of others is forgotten."""
        self._missed.keep(self._detector.tracked)
        return [*self._detector.tracked, *self._detector.restarts.names]

    async def untracked(self) -> AsyncGenerator[list[str]]:
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

    async def compare(self, names: Sequence[str]) -> Comparison | None:
        """Read what the log, the read models and the latest heartbeats say, and compare it with the memory. None if this
        replica cannot be compared: it does not follow the log or the heartbeats, or the recorder does not answer.
        """
        if not names:
            return Comparison(0, frozenset())
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
        return Comparison(min(positions.values()), frozenset(agree), differ)

    def _differences(
        self, name: str, one: Audited, recorded: KnownSender | None, positions: Mapping[str, int]
    ) -> list[Difference]:
        log = None if one.event is None else audit.view_of_event(one.event)
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
            found += audit.differences(
                "recorder", log, None if recorded is None else _recorder_view(name, recorded)
            )
        return found

    def _in_memory(
        self, name: str, log: SenderView, one: Audited, recorded: KnownSender | None
    ) -> list[Difference]:
        tracked = self._detector.tracked.get(name)
        owner = "" if name.startswith("daemon:") else one.owner
        if tracked is None:
            restarting = self._detector.restarts.sender(name)
            view = None if restarting is None else audit.view_of_sender(restarting)
            return audit.differences("memory", log, view) if owner is not None else []
        found = audit.differences("memory", log, audit.view_of_sender(tracked.sender))
        if owner != tracked.owner:
            found.append(Difference("memory", "owner", str(owner), tracked.owner))
        if self._detector.is_unheard(tracked):
            found.append(Difference("memory", "deadline", "due", "none"))
        if recorded is not None and self._misses(name, recorded):
            found.append(Difference("memory", "heartbeats", "recorded", "not seen"))
        return found

    def _misses(self, name: str, recorded: KnownSender) -> bool:
        """True if two recorded heartbeats in a row, one at each of two looks, are among those that this replica read and
        did not take from this sender.
        """
        epoch, sequence, shard = recorded["stream_epoch"], recorded["sequence"], self._detector.shards[0]
        known = self._detector.shards.newest(name)  # None: it is judged just now
        if sequence is None or known is None or epoch != shard.epoch:
            return False
        if not known[1] < sequence <= self._reader.sequence or sequence < shard.live_from:
            self._missed.heard(name)
            return False
        return self._missed.missed(name, sequence)


def _stream(name: str) -> str:
    """The stream in the log of the sender `<kind>:<id>`."""
    kind, _, entity_id = name.partition(":")
    return f"{kind}-{entity_id}"


def _recorder_view(name: str, known: KnownSender) -> SenderView:
    daemon_id = None if name.startswith("daemon:") else known["daemon_id"] or ""
    status = None if known["status"] is None else AgentStatus(known["status"])
    return SenderView(known["alive"], known["connection_id"], daemon_id, status)
