"""Ticks the detector, and takes what it finds to whom it concerns: verdicts to the senders' owner, holds to the log."""

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
from makima_kernel.telemetry import metrics
from makima_schemas.commands import Accepted, Problem, Reply, Request, decode_reply
from makima_schemas.errors import RETRYABLE_CODES, ErrorCode
from makima_schemas.identity import DEFAULT_TENANT
from makima_schemas.silence import MassSilenceCleared, MassSilenceSuspected, deterministic_id, owner_stream, verdict_id

from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.domain.verdicts.findings import Findings, HoldRelease, HoldRequest
from makima_stale_detector.domain.verdicts.verdict import Verdict
from makima_stale_detector.handlers.log_follower import LogFollower

ACTOR: Final = "stale_detector"
OWNER_SERVICE: Final = "supervisor_heartbeat"
DETECTION_INTERVAL_SECONDS: Final = 0.025
VERDICTS_PER_MESSAGE: Final = 100
MAX_CONCURRENT_MESSAGES: Final = 16  # messages
FIRST_VERDICT_RETRY_SECONDS: Final = 0.1
MAX_VERDICT_RETRY_SECONDS: Final = 2.0
LOG_RETRY_SECONDS: Final = 1.0


class DetectionLoop:
    """`run` ticks and never waits; verdicts go out beside it, many in one message, a few messages at once."""

    def __init__(self, detector: Detector, follower: LogFollower, bus: Bus, appender: Appender, *, enabled: bool) -> None:
        self._detector, self._follower = detector, follower
        self._bus, self._appender = bus, appender
        self._enabled = enabled
        self._free = asyncio.Semaphore(MAX_CONCURRENT_MESSAGES)
        self._frozen = False

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
            metrics.verdict_lateness.observe(verdict.evidence.lateness_ms / 1000)
            if not self._enabled:
                self._detector.resolve(verdict)
        if self._enabled:  # else nothing of what is found concerns anybody, a hold neither: its owner stays undecided
            for first in range(0, len(findings.verdicts), VERDICTS_PER_MESSAGE):
                tasks.create_task(self._ask(findings.verdicts[first : first + VERDICTS_PER_MESSAGE]))
            for found in (*findings.hold_requests, *findings.hold_releases):
                tasks.create_task(self._record(found))

    def _freeze(self) -> None:
        """Everyone is loaded: that stays for hours, and a full collection of a million senders would take a second each time."""
        gc.collect()
        gc.freeze()
        self._frozen = True

    async def _ask(self, verdicts: Sequence[Verdict]) -> None:
        """Until each is answered, under the same id; or its sender is heard again, or the log has said what we wanted to say."""
        pause = FIRST_VERDICT_RETRY_SECONDS
        while verdicts := [verdict for verdict in verdicts if self._detector.is_pending(verdict)]:
            raise_if_cancelled()
            async with self._free:
                replies = await self._declare(verdicts)
            again = [verdict for verdict, reply in zip(verdicts, replies, strict=True) if not await self._handle_reply(verdict, reply)]
            if again and pause >= MAX_VERDICT_RETRY_SECONDS and len(again) == len(verdicts) > 1:
                await self._ask_apart(again)
                return
            if again:
                await asyncio.sleep(pause)
            verdicts, pause = again, min(2 * pause, MAX_VERDICT_RETRY_SECONDS)

    async def _ask_apart(self, verdicts: Sequence[Verdict]) -> None:
        """Nobody is answered, for seconds: one that its owner cannot handle must not keep the others waiting for ever."""
        async with asyncio.TaskGroup() as halves:
            halves.create_task(self._ask(verdicts[::2]))
            halves.create_task(self._ask(verdicts[1::2]))

    async def _declare(self, verdicts: Sequence[Verdict]) -> Sequence[Reply]:
        """One reply each, in the same order."""
        ordered = sorted(range(len(verdicts)), key=lambda index: verdicts[index].sender.kind == "daemon")
        silent = [_request(verdict) for verdict in verdicts if verdict.sender.kind != "daemon"]
        disconnected = [_request(verdict) for verdict in verdicts if verdict.sender.kind == "daemon"]
        answer = await self._bus.query(OWNER_SERVICE, "declare_all", {"silent": silent, "disconnected": disconnected})
        if isinstance(answer, Problem):
            return [answer] * len(verdicts)
        given = [*_replies(answer, "silent", len(silent)), *_replies(answer, "disconnected", len(disconnected))]
        return [reply for _, reply in sorted(zip(ordered, given, strict=True), key=lambda pair: pair[0])]

    async def _handle_reply(self, verdict: Verdict, reply: Reply) -> bool:
        """Whether that was the last word."""
        match reply:
            case Problem(code=ErrorCode.VERSION_CONFLICT):
                await self._reconsider(verdict)
            case Problem() if reply.code in RETRYABLE_CODES:
                return False
            case _:
                self._detector.resolve(verdict)
                _tell(verdict, reply)
        return True

    async def _reconsider(self, verdict: Verdict) -> None:
        """A hold came between, by another replica; ours comes from the log."""
        try:
            await self._follower.refresh(verdict.owner, DEFAULT_TENANT, owner_stream(verdict.owner))
        except DATABASE_UNAVAILABLE:
            await asyncio.sleep(LOG_RETRY_SECONDS)
        self._detector.reconsider(verdict)

    async def _record(self, found: HoldRequest | HoldRelease) -> None:
        """A hold, or its end: whoever is first binds all, because verdicts carry the version of this stream."""
        stream = owner_stream(found.owner)
        try:
            outcome = await self._appender.append(_append(found, stream))
            await self._follower.refresh(found.owner, DEFAULT_TENANT, stream)
        except LOG_UNAVAILABLE as error:
            structlog.get_logger().warning("mass_silence.record_failed", owner=found.owner, reason=repr(error))
            await asyncio.sleep(LOG_RETRY_SECONDS)
        else:
            if isinstance(outcome, Appended):
                structlog.get_logger().warning("mass_silence.recorded", owner=found.owner, found=repr(found), position=outcome.position)
        finally:
            self._detector.hold_recorded(found.owner)


def command_id(verdict: Verdict) -> UUID:
    """The same in every replica."""
    evidence = verdict.evidence
    return verdict_id(
        verdict.sender.name,
        verdict.connection_id,
        evidence.stream_epoch,
        evidence.stream_sequence,
        alive_position=verdict.sender.alive_position,
        attempt=verdict.attempt,
    )


def _request(verdict: Verdict) -> Request:
    data: dict[str, object] = {"evidence": verdict.evidence}
    if verdict.sender.kind != "daemon":
        data["connection_id"] = verdict.connection_id
    guard = (owner_stream(verdict.owner), verdict.hold_version)
    return Request(command_id(verdict), verdict.sender.entity_id, data, actor=ACTOR, guard=guard)


def _replies(answer: dict[str, object], kind: str, count: int) -> list[Reply]:
    """An owner that answers otherwise than asked is asked again."""
    replies = [decode_reply(orjson.dumps(reply)) for reply in cast("list[object]", answer.get(kind, []))]
    unreadable = Problem(ErrorCode.UNAVAILABLE, f"declare_all gave {len(replies)} replies to {count} verdicts")
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
    return idempotent_append(DEFAULT_TENANT, stream, hold_id, event, event_meta(ACTOR, None), expected=found.version)


def _tell(verdict: Verdict, reply: Reply) -> None:
    """An owner that does not agree has its reasons: a newer heartbeat, another connection, another replica that was faster."""
    log = structlog.get_logger().bind(
        sender=verdict.sender.name, connection_id=verdict.connection_id, lateness_ms=round(verdict.evidence.lateness_ms, 1)
    )
    match reply:
        case Accepted(changed=True):
            log.info("verdict.accepted", position=reply.position)
        case Accepted():
            log.info("verdict.declined")
        case Problem():
            log.warning("verdict.refused", code=reply.code, detail=reply.detail)
