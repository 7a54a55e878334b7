"""The stale-detector, built and joined."""

from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import ContractsSettings

from makima_stale_detector.domain.shards.observed_clock import SECOND, Timeouts
from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.handlers.canaries import Canaries
from makima_stale_detector.handlers.detection_loop import Judge
from makima_stale_detector.handlers.heartbeat_consumer import Reader
from makima_stale_detector.handlers.local_health import Eyes
from makima_stale_detector.handlers.log_follower import Follower
from makima_stale_detector.handlers.silence_outbox import Teller
from makima_stale_detector.handlers.stale_contract_scanner import Staleness
from makima_stale_detector.projections import Silence
from makima_stale_detector.queries import Queries

NAME = "stale_detector"


async def build(service: Service) -> None:
    settings = service.settings
    queries = Queries(service.pool)
    detector = Detector(timeouts(settings.contracts), service.owner)
    reader = Reader(detector, service.nats)
    follower = Follower(detector, queries, service.log, service.nats)
    eyes = Eyes(detector, reader, follower)
    judge = Judge(detector, follower, service.bus, service.appender, enabled=settings.feature_flags.supervisor_heartbeat)
    teller = Teller(queries, service.appender)
    projector = service.project(Silence(), on_commit=lambda _position, _applied: teller.wake())
    staleness = Staleness(
        queries,
        projector,
        service.log,
        service.appender,
        service.nats,
        threshold_seconds=settings.contracts.stale_threshold_minutes * 60,
        repeat_seconds=settings.contracts.stale_detection_interval_seconds,
        eyes=eyes.problem,
    )

    async def sees() -> str | None:
        return eyes.problem()

    async def read() -> None:
        await follower.loaded.wait()
        await reader.run()

    service.ready_when("detector", sees)
    service.loop("follow", follower.run)
    service.loop("read", read)
    service.loop("canaries", Canaries(detector, reader, service.nats).run)
    service.loop("judge", judge.run)
    service.loop("watch", eyes.run)
    service.loop("tell", teller.run)
    service.loop("staleness", staleness.run)
    service.loop("remind", staleness.remind)


def timeouts(contracts: ContractsSettings) -> Timeouts:
    """More grace than half a timeout would only delay verdicts: a sender has beaten twice by then."""
    timeout = int(contracts.heartbeat_timeout_seconds * SECOND)
    return Timeouts(
        timeout=timeout,
        interval=int(contracts.heartbeat_interval_seconds * SECOND),
        grace=min(int(contracts.reconnect_grace_seconds * SECOND), timeout // 2),
    )
