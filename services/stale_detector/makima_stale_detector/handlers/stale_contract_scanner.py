"""Records `StaleDetected` and `StaleCleared` once per stale episode, and sends reminders."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Final

import orjson
import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.event_log.append import Appended, GuardConflict
from makima_kernel.event_log.appender import LOG_UNAVAILABLE, Appender
from makima_kernel.event_log.errors import DATA_REFUSED, DATABASE_UNAVAILABLE
from makima_kernel.event_log.idempotent_append import event_meta, idempotent_append
from makima_kernel.event_log.log import Log
from makima_kernel.projections.projector import Projector
from makima_kernel.telemetry import metrics
from makima_schemas import subjects
from makima_schemas.identity import stream_name
from makima_schemas.silence import StaleCleared, StaleDetected, contract_stream, deterministic_id
from nats.aio.client import Client
from nats.errors import Error as NatsError

from makima_stale_detector.domain import staleness
from makima_stale_detector.handlers.detection_loop import ACTOR
from makima_stale_detector.handlers.read_model_lag import lags
from makima_stale_detector.queries import EndedEpisode, Queries, StaleCandidate

STALE_SCAN_SECONDS: Final = 0.5
STALE_SCAN_BATCH_SIZE: Final = 500


class StaleContractScanner:
    """Scans the read model for stale contracts, comparing deadlines on the database's clock, which also wrote
    the timestamps.

    Scans only while the projection follows the log without lag and `local_health` returns None: otherwise
    activity, or the heartbeats of a live supervisor, may be missing. `threshold_seconds` is the default stale
    threshold, `repeat_seconds` the interval of the reminders. A contract that cannot be judged costs only itself.
    """

    def __init__(
        self,
        queries: Queries,
        projector: Projector,
        log: Log,
        appender: Appender,
        nats: Client,
        *,
        threshold_seconds: float,
        repeat_seconds: float,
        local_health: Callable[[], str | None],
    ) -> None:
        self._queries, self._projector = queries, projector
        self._log, self._appender, self._nats = log, appender, nats
        self._threshold, self._repeat = threshold_seconds, repeat_seconds
        self._local_health = local_health
        # Contracts that could not be judged at the last scan, with the reason.
        self._unjudged: dict[str, str] = {}

    async def warning(self) -> str | None:
        """Which contracts cannot be judged, for `/readyz`; None if all can. All others are judged."""
        if not self._unjudged:
            return None
        first = [f"{contract} ({reason})" for contract, reason in islice(self._unjudged.items(), 5)]
        more = f" and {len(self._unjudged) - len(first)} more" if len(self._unjudged) > len(first) else ""
        return f"staleness is not judged of {', '.join(first)}{more}"

    async def run(self) -> None:
        while True:
            raise_if_cancelled()
            try:
                await self._scan()
            except LOG_UNAVAILABLE as error:
                structlog.get_logger().warning("staleness.scan_failed", reason=repr(error))
            await asyncio.sleep(STALE_SCAN_SECONDS)

    async def remind(self) -> None:
        """Every `repeat_seconds`, write a log line and publish a monitor message per stale contract.

        Appends no event, because the state has not changed.
        """
        while True:
            raise_if_cancelled()
            await asyncio.sleep(self._repeat)
            try:
                await self._remind()
            except (*DATABASE_UNAVAILABLE, NatsError) as error:
                structlog.get_logger().warning("staleness.reminder_failed", reason=repr(error))

    async def _scan(self) -> None:
        if not self._projector.active or self._local_health() is not None:
            return
        if await lags(self._projector, self._log, self._queries):  # it may be activity that is not shown yet
            return
        unjudged = {
            each.contract_id: f"stale_after_seconds is {each.stale_after_seconds:g}"
            for each in await self._queries.unjudgeable(STALE_SCAN_BATCH_SIZE)
        }
        over = await self._queries.ended_episodes(STALE_SCAN_BATCH_SIZE)
        await asyncio.gather(*(_alone(each.contract_id, self._clear(each), unjudged) for each in over))
        # Read before the tables, so they show the log up to this position or further.
        seen = self._projector.position
        due = await self._queries.stale_candidates(self._threshold, STALE_SCAN_BATCH_SIZE)
        events = await self._log.after(seen, STALE_SCAN_BATCH_SIZE) if due else []
        # Else events beyond this page may contain activity that was not read.
        if len(events) < STALE_SCAN_BATCH_SIZE:
            moved = staleness.moved(events)
            await asyncio.gather(
                *(
                    _alone(each.contract_id, self._detect(each), unjudged)
                    for each in due
                    if each.contract_id not in moved
                )
            )
        self._tell_unjudged(unjudged)

    def _tell_unjudged(self, unjudged: dict[str, str]) -> None:
        """Name the contracts that cannot be judged: in a metric, in `warning`, and each once in the log."""
        for contract_id in unjudged.keys() - self._unjudged.keys():
            structlog.get_logger().error(
                "contract.not_judged", contract_id=contract_id, reason=unjudged[contract_id]
            )
        self._unjudged = unjudged
        metrics.exported(metrics.contracts_unjudged).set(len(unjudged))

    async def _detect(self, due: StaleCandidate) -> None:
        """Append `StaleDetected`, guarded by the contract's version at the time of the query.

        If the contract got another event since, the append fails with `GuardConflict`, and the contract is
        not stale. The guard does not cover supervisor streams. `_scan` checks those for events just before;
        if a supervisor returns after that check, the episode is cleared by the next scan.
        """
        event = StaleDetected(due.contract_id, due.last_activity_at, due.threshold_seconds, due.stale_seconds)
        command_id = deterministic_id("stale", due.tenant, due.contract_id, due.counts_position)
        outcome = await self._appender.append(
            idempotent_append(
                due.tenant,
                contract_stream(due.contract_id),
                command_id,
                event,
                event_meta(ACTOR, None),
                guard=(stream_name("contract", due.contract_id), due.version),
            )
        )
        log = structlog.get_logger().bind(
            contract_id=due.contract_id, stale_seconds=round(due.stale_seconds, 1)
        )
        match outcome:
            case Appended():
                log.info("contract.stale", position=outcome.position)
            case GuardConflict():
                log.debug("contract.stale_superseded")
            case _:
                pass

    async def _clear(self, over: EndedEpisode) -> None:
        command_id = deterministic_id("stale_cleared", over.tenant, over.contract_id, over.episode)
        outcome = await self._appender.append(
            idempotent_append(
                over.tenant,
                contract_stream(over.contract_id),
                command_id,
                StaleCleared(over.contract_id),
                event_meta(ACTOR, None),
            )
        )
        if isinstance(outcome, Appended):
            structlog.get_logger().info(
                "contract.stale_cleared", contract_id=over.contract_id, position=outcome.position
            )

    async def _remind(self) -> None:
        if not self._projector.active:
            return
        for stale in await self._queries.stale(STALE_SCAN_BATCH_SIZE):
            structlog.get_logger().warning(
                "contract.still_stale",
                contract_id=stale.contract_id,
                stale_seconds=round(stale.stale_seconds, 1),
            )
            message = {
                "tenant": stale.tenant,
                "contract_id": stale.contract_id,
                "last_activity": stale.last_activity_at,
                "stale_duration": stale.stale_seconds,
            }
            await self._nats.publish(subjects.MONITOR_STALE, orjson.dumps(message))


async def _alone(contract_id: str, check: Awaitable[None], unjudged: dict[str, str]) -> None:
    """A contract whose data the log does not take costs only itself: it is noted in `unjudged`."""
    try:
        await check
    except DATA_REFUSED as error:
        unjudged[contract_id] = str(error)
