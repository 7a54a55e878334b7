"""Builds the stale-detector: creates its parts and registers their loops and health checks."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from makima_kernel.commands.router import CommandRouter
from makima_kernel.projections.projection import Applied
from makima_kernel.service.contracts_settings import ContractsSettings
from makima_kernel.service.runtime import Service
from makima_kernel.service.silence_timeout import silence_seconds
from makima_schemas.times import rfc3339

from makima_stale_detector.domain.shards.observed_clock import SECOND, Timeouts
from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.domain.verdicts.open_holds import open_holds
from makima_stale_detector.handlers.agent_cleaner import AgentCleaner
from makima_stale_detector.handlers.audit_sources import AuditSources
from makima_stale_detector.handlers.auditor import Auditor
from makima_stale_detector.handlers.canaries import Canaries
from makima_stale_detector.handlers.detection_loop import DetectionLoop
from makima_stale_detector.handlers.heartbeat_consumer import HeartbeatConsumer
from makima_stale_detector.handlers.local_health import LocalHealth
from makima_stale_detector.handlers.log_follower import LogFollower
from makima_stale_detector.handlers.maintenance import Maintenances
from makima_stale_detector.handlers.maintenance_turns import MaintenanceTurns
from makima_stale_detector.handlers.role_requester import RoleRequester
from makima_stale_detector.handlers.silence_outbox import SilenceOutbox
from makima_stale_detector.handlers.stale_contract_scanner import StaleContractScanner
from makima_stale_detector.handlers.task_returner import TaskReturner
from makima_stale_detector.handlers.watched_time import WatchedTime
from makima_stale_detector.projections import Silence
from makima_stale_detector.queries import Queries

NAME = "stale_detector"
MAX_NAMED = 100  # owners with a hold that this replica names when it is asked how it is


def _holds(detector: Detector) -> list[dict[str, object]]:
    """As `makima_gateway.system.holds` reads them."""
    return [
        {
            "owner_id": each.owner or None,
            "since": _time(each.since),
            "until": _time(each.until),
            "silent": each.silent,
            "senders": each.senders,
        }
        for each in open_holds(detector.groups, detector.shards, detector.timeouts)[:MAX_NAMED]
    ]


def _time(nanoseconds: int | None) -> str | None:
    return None if nanoseconds is None else rfc3339(datetime.fromtimestamp(nanoseconds / 1e9, UTC))


async def build(service: Service) -> None:
    settings = service.settings
    queries = Queries(service.pool)
    detector = Detector(timeouts(settings.contracts), service.owner)
    most = settings.quotas.senders_per_daemon
    reader = HeartbeatConsumer(detector, service.nats, max_unregistered=most)
    follower = LogFollower(detector, queries, service.log, service.nats)
    local_health = LocalHealth(detector, reader, follower)
    maintenances = Maintenances(service.log, service.appender)
    judge = DetectionLoop(
        detector,
        follower,
        MaintenanceTurns(maintenances, follower),
        service.bus,
        service.appender,
        enabled=settings.feature_flags.supervisor_heartbeat,
    )
    router = CommandRouter(NAME)
    maintenances.serve(router)
    service.include(router)
    service.status.report("detector_score", lambda: local_health.score)
    service.status.report("tracked_senders", lambda: len(detector.tracked))
    service.status.report("watermark_age_seconds", local_health.watermark_age)
    service.status.report("verdict_lateness_p99_ms", judge.lateness.p99)
    service.status.report("held_owners", lambda: detector.groups.held[:MAX_NAMED])  # read by older gateways
    service.status.report("holds", lambda: _holds(detector))
    outbox = SilenceOutbox(queries, service.appender)
    cleaner = AgentCleaner(queries, service.bus, grace_seconds=settings.contracts.agent_grace_hours * 3600)
    projector = service.project(Silence(), on_commit=_told(outbox, cleaner))
    staleness = StaleContractScanner(
        queries,
        projector,
        service.log,
        service.appender,
        service.nats,
        threshold_seconds=settings.contracts.stale_threshold_minutes * 60,
        repeat_seconds=settings.contracts.stale_detection_interval_seconds,
        local_health=local_health.problem,
    )

    def watched_time() -> WatchedTime:
        return WatchedTime(queries, projector, service.log, local_health.problem)

    returner = TaskReturner(
        queries,
        service.bus,
        watched_time(),
        claimed_seconds=settings.contracts.task_claimed_timeout_seconds,
    )
    requester = RoleRequester(
        queries,
        service.bus,
        watched_time(),
        pending_seconds=settings.contracts.task_pending_timeout_seconds,
    )
    auditor = Auditor(
        AuditSources(detector, reader, follower, queries, service.bus, incomplete=local_health.incomplete)
    )
    service.status.report("audit_differences", lambda: auditor.differing)
    service.status.report("audit_rounds", lambda: auditor.rounds)

    async def reads() -> str | None:
        return local_health.incomplete()

    async def sees() -> str | None:
        return local_health.obscured()

    async def read() -> None:
        await follower.loaded.wait()
        await reader.run()

    service.ready_when("heartbeats", reads)
    service.healthy_when("detector", sees)
    service.health.warn_when("staleness", staleness.warning)
    service.health.warn_when("audit", auditor.warning)
    service.loop("follow", follower.run)
    service.loop("read", read)
    service.loop("canaries", Canaries(detector, reader, service.nats).run)
    service.loop("judge", judge.run)
    service.loop("local health", local_health.run)
    service.loop("silence outbox", outbox.run)
    service.loop("staleness", staleness.run)
    service.loop("remind", staleness.remind)
    if settings.feature_flags.supervisor_heartbeat:
        service.loop("clean up agents", partial(cleaner.run, projector))
    service.loop("return tasks", returner.run)
    service.loop("ask for roles", requester.run)
    service.loop("audit", auditor.run)


def _told(outbox: SilenceOutbox, cleaner: AgentCleaner) -> Callable[[int, Sequence[Applied]], None]:
    """Whom a commit of the projection may give something to do."""

    def committed(position: int, batch: Sequence[Applied]) -> None:
        outbox.wake()
        cleaner.applied(position, batch)

    return committed


def timeouts(contracts: ContractsSettings) -> Timeouts:
    """The detector's durations in ns, from the settings.

    The grace is at most half the shortest timeout. More would only delay verdicts: in half a timeout a live sender
    sends one or two heartbeats.
    """
    timeout = int(silence_seconds(contracts, "supervisor") * SECOND)  # and of daemons
    agent_timeout = int(silence_seconds(contracts, "agent") * SECOND)
    return Timeouts(
        timeout=timeout,
        interval=int(contracts.heartbeat_interval_seconds * SECOND),
        grace=min(int(contracts.reconnect_grace_seconds * SECOND), min(timeout, agent_timeout) // 2),
        agent_timeout=agent_timeout,
        restart_timeout=int(contracts.restart_timeout_seconds * SECOND),
        quiet_max=int(contracts.quiet_max_seconds * SECOND),
    )
