"""Ticks the detector, sends its verdicts to `supervisor_heartbeat`, and appends its holds to the log."""

import asyncio
import gc
from collections.abc import Sequence
from time import monotonic
from typing import Final, cast
from uuid import UUID

import orjson
import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.commands.client import Bus
from makima_kernel.event_log.append import Append, Appended
from makima_kernel.event_log.appender import LOG_UNAVAILABLE, Appender
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.idempotent_append import event_meta, idempotent_append
from makima_schemas.commands import Accepted, Problem, Reply, Request, decode_reply
from makima_schemas.errors import RETRYABLE_CODES, ErrorCode
from makima_schemas.identity import DEFAULT_TENANT
from makima_schemas.silence import (
    MAINTENANCE_STREAM,
    MassSilenceCleared,
    MassSilenceSuspected,
    deterministic_id,
    owner_stream,
    verdict_id,
)

from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.domain.verdicts.findings import Findings, HoldRelease, HoldRequest
from makima_stale_detector.domain.verdicts.verdict import Verdict
from makima_stale_detector.handlers.log_follower import LogFollower
from makima_stale_detector.handlers.maintenance_turns import MaintenanceTurns
from makima_stale_detector.handlers.recent_lateness import RecentLateness

ACTOR: Final = "stale_detector"
OWNER_SERVICE: Final = "supervisor_heartbeat"
DETECTION_INTERVAL_SECONDS: Final = 0.025
VERDICTS_PER_MESSAGE: Final = 100
MAX_CONCURRENT_MESSAGES: Final = 16
FIRST_VERDICT_RETRY_SECONDS: Final = 0.1
MAX_VERDICT_RETRY_SECONDS: Final = 2.0
LOG_RETRY_SECONDS: Final = 1.0
# By kind of sender: the member of `declare_all` with the verdicts on its heartbeats.
_MEMBERS: Final = {"supervisor": "silent", "daemon": "disconnected", "agent": "agents"}


class DetectionLoop:
    """Ticks every 25 ms; verdicts and holds are sent by separate tasks, so that a slow reply never delays a
    tick.

    Up to VERDICTS_PER_MESSAGE verdicts share a message, and up to MAX_CONCURRENT_MESSAGES messages are in
    flight. `enabled` is the feature flag `supervisor_heartbeat`; if it is off, verdicts and holds are
    computed but not sent.
    """

    def __init__(
        self,
        detector: Detector,
        follower: LogFollower,
        turns: MaintenanceTurns,
        bus: Bus,
        appender: Appender,
        *,
        enabled: bool,
    ) -> None:
        self._detector, self._follower, self._turns = detector, follower, turns
        self._bus, self._appender, self._enabled, self._frozen = bus, appender, enabled, False
        self._free, self.lateness = asyncio.Semaphore(MAX_CONCURRENT_MESSAGES), RecentLateness()

    async def run(self) -> None:
        await self._follower.loaded.wait()
        async with asyncio.TaskGroup() as tasks:
            due = monotonic()
            while True:
                raise_if_cancelled()
                self._take(self._detector.tick(), tasks)
                if self._detector.warmed_up and not self._frozen:
                    self._freeze()
                due = max(due + DETECTION_INTERVAL_SECONDS, monotonic())
                await asyncio.sleep(due - monotonic())

    def _take(self, findings: Findings, tasks: asyncio.TaskGroup) -> None:
        for verdict in findings.verdicts:
            self.lateness.add(verdict.evidence.lateness_ms)
            if not self._enabled:
                self._detector.resolve(verdict)
        self._turns.take(findings, tasks)
        # Else neither is sent; an owner that requested a hold keeps `deciding` set and gets no verdicts.
        if self._enabled:
            for first in range(0, len(findings.verdicts), VERDICTS_PER_MESSAGE):
                tasks.create_task(self._ask(findings.verdicts[first : first + VERDICTS_PER_MESSAGE]))
            for found in (*findings.hold_requests, *findings.hold_releases):
                tasks.create_task(self._record(found))

    def _freeze(self) -> None:
        """Exempt the loaded senders from garbage collection.

        They live for hours, and each full collection over a million senders would take about a second.
        """
        gc.collect()
        gc.freeze()
        self._frozen = True

    async def _ask(self, verdicts: Sequence[Verdict]) -> None:
        """Send the verdicts, and resend each under the same command id until it has a final reply.

        A verdict is dropped when a heartbeat of its sender arrives, or the log no longer lists the sender as
        alive.
        """
        pause = FIRST_VERDICT_RETRY_SECONDS
        while verdicts := [verdict for verdict in verdicts if self._detector.is_pending(verdict)]:
            raise_if_cancelled()
            async with self._free:
                replies = await self._declare(verdicts)
            again = [
                verdict
                for verdict, reply in zip(verdicts, replies, strict=True)
                if not await self._handle_reply(verdict, reply)
            ]
            if again and pause >= MAX_VERDICT_RETRY_SECONDS and len(again) == len(verdicts) > 1:
                await self._ask_apart(again)
                return
            if again:
                await asyncio.sleep(pause)
            verdicts, pause = again, min(2 * pause, MAX_VERDICT_RETRY_SECONDS)

    async def _ask_apart(self, verdicts: Sequence[Verdict]) -> None:
        """Split a message that got no reply for seconds in two: a verdict that the owner cannot handle must
        not block the others.
        """
        async with asyncio.TaskGroup() as halves:
            halves.create_task(self._ask(verdicts[::2]))
            halves.create_task(self._ask(verdicts[1::2]))

    async def _declare(self, verdicts: Sequence[Verdict]) -> Sequence[Reply]:
        """Send the verdicts as one `declare_all`. Returns one reply per verdict, in the same order.

        A member without verdicts is left out: an owner of the version before refuses members that it does not know.
        """
        by_member: dict[str, list[Verdict]] = {}
        for verdict in verdicts:
            by_member.setdefault(_member(verdict), []).append(verdict)
        question: dict[str, object] = {
            member: [_request(verdict) for verdict in given] for member, given in by_member.items()
        }
        answer = await self._bus.query(OWNER_SERVICE, "declare_all", question)
        if isinstance(answer, Problem):
            return [answer] * len(verdicts)
        replies = {member: iter(_replies(answer, member, len(given))) for member, given in by_member.items()}
        return [next(replies[_member(verdict)]) for verdict in verdicts]

    async def _handle_reply(self, verdict: Verdict, reply: Reply) -> bool:
        """Process a reply. Returns False if the verdict must be sent again."""
        match reply:
            case Problem(code=ErrorCode.VERSION_CONFLICT):
                await self._reconsider(verdict)
            case Problem() if reply.code in RETRYABLE_CODES:
                return False
            case _:
                self._detector.resolve(verdict)
                _log_reply(verdict, reply)
        return True

    async def _reconsider(self, verdict: Verdict) -> None:
        """Another replica recorded a hold, or maintenance began or ended: read it from the log, then make the
        sender a suspect again.
        """
        try:
            await self._follower.refresh(verdict.owner, DEFAULT_TENANT, owner_stream(verdict.owner))
            await self._follower.refresh_maintenance()
        except DATABASE_UNAVAILABLE:
            await asyncio.sleep(LOG_RETRY_SECONDS)
        self._detector.reconsider(verdict)

    async def _record(self, found: HoldRequest | HoldRelease) -> None:
        """Append the begin or end of a hold to the log.

        The first replica that appends it decides for all, because verdicts are guarded by the version of this
        stream.
        """
        stream = owner_stream(found.owner)
        try:
            outcome = await self._appender.append(_append(found, stream))
            await self._follower.refresh(found.owner, DEFAULT_TENANT, stream)
        except LOG_UNAVAILABLE as error:
            structlog.get_logger().warning(
                "mass_silence.record_failed", owner=found.owner, reason=repr(error)
            )
            await asyncio.sleep(LOG_RETRY_SECONDS)
        else:
            if isinstance(outcome, Appended):
                structlog.get_logger().warning(
                    "mass_silence.recorded", owner=found.owner, found=repr(found), position=outcome.position
                )
        finally:
            self._detector.hold_recorded(found.owner)


def command_id(verdict: Verdict) -> UUID:
    """The verdict's command id, the same in every replica: it identifies the silence, not who detected it."""
    evidence, sender = verdict.evidence, verdict.sender
    if verdict.restarting_since is not None:
        return deterministic_id("restart", sender.name, verdict.restarting_since, verdict.attempt)
    if sender.status is not None:
        # A join ends an agent's silence, too, so its last heartbeat does not identify it.
        last = (evidence.stream_epoch, evidence.stream_sequence, sender.alive_position)
        return deterministic_id("verdict", sender.name, verdict.connection_id or "", *last, verdict.attempt)
    return verdict_id(
        verdict.sender.name,
        verdict.connection_id,
        evidence.stream_epoch,
        evidence.stream_sequence,
        alive_position=verdict.sender.alive_position,
        attempt=verdict.attempt,
    )


def _member(verdict: Verdict) -> str:
    """The member of `declare_all` that the verdict belongs to."""
    return "restarts" if verdict.restarting_since is not None else _MEMBERS[verdict.sender.kind]


def _request(verdict: Verdict) -> Request:
    data: dict[str, object] = {"evidence": verdict.evidence}
    if verdict.restarting_since is not None:
        data["since_version"] = verdict.restarting_since
    elif verdict.sender.kind != "daemon":
        data["connection_id"] = verdict.connection_id
    guard = (owner_stream(verdict.owner), verdict.hold_version)
    guards = ((MAINTENANCE_STREAM, verdict.maintenance_version),)
    return Request(
        command_id(verdict), verdict.sender.entity_id, data, actor=ACTOR, guard=guard, guards=guards
    )


def _replies(answer: dict[str, object], kind: str, count: int) -> list[Reply]:
    """Decode the replies of `declare_all`. Wrong counts and unreadable replies
    become UNAVAILABLE (retried).
    """
    replies = [decode_reply(orjson.dumps(reply)) for reply in cast("list[object]", answer.get(kind, []))]
    unreadable = Problem(
        ErrorCode.UNAVAILABLE, f"declare_all returned {len(replies)} replies to {count} verdicts"
    )
    if len(replies) != count:
        return [unreadable] * count
    return [reply if isinstance(reply, Accepted | Problem) else unreadable for reply in replies]


def _append(found: HoldRequest | HoldRelease, stream: str) -> Append:
    match found:
        case HoldRequest():
            event = MassSilenceSuspected(found.tracked, found.expiring)
        case HoldRelease():
            event = MassSilenceCleared(found.reason)
    hold_id = deterministic_id("hold", found.owner, found.version)
    return idempotent_append(
        DEFAULT_TENANT, stream, hold_id, event, event_meta(ACTOR, None), expected=found.version
    )


def _log_reply(verdict: Verdict, reply: Reply) -> None:
    """Log the owner's reply.

    It declines a verdict if it has a newer heartbeat, if another connection is current, or if another
    replica's verdict was applied first.
    """
    log = structlog.get_logger().bind(
        sender=verdict.sender.name,
        about="heartbeats" if verdict.restarting_since is None else "restart",
        connection_id=verdict.connection_id,
        lateness_ms=round(verdict.evidence.lateness_ms, 1),
    )
    match reply:
        case Accepted(changed=True):
            log.info("verdict.accepted", position=reply.position)
        case Accepted():
            log.info("verdict.declined")
        case Problem():
            log.warning("verdict.refused", code=reply.code, detail=reply.detail)
