"""Shows the system to administrators: its replicas, and what it was set to."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from fastapi import APIRouter
from makima_kernel.service.disk import free_bytes
from makima_kernel.service.settings import Settings
from nats.errors import Error as NatsError
from starlette.responses import Response

from makima_gateway.api.quiet_senders import quiet_senders
from makima_gateway.api.reads import Reading
from makima_gateway.api.routes.maintenance import windows_view
from makima_gateway.api.schemas.system import (
    DetectorView,
    ReplicaView,
    ServiceView,
    System,
    Threshold,
    Thresholds,
)
from makima_gateway.http.problems import broker_away
from makima_gateway.system.holds import DETECTOR, holds
from makima_gateway.system.replicas import SeenReplica

router = APIRouter(tags=["system"])
LAG: Final = "projection_lag_events."
# The end of a setting's name tells its unit.
UNITS: Final = ("seconds", "minutes", "hours", "gib")


@router.get("/system", response_model=System)
async def show_system(read: Reading) -> Response:
    """Every replica of every service is asked, which takes about a third of a second. One that answered before and
    does not now is shown for five minutes, as not ready.
    """
    gateway = read.gateway
    try:
        seen = await gateway.replicas.now()
    except (NatsError, TimeoutError) as error:
        raise broker_away(error) from error
    windows, plans = await gateway.maintenance.expected()
    settings = gateway.settings
    quiet, quiet_total = await quiet_senders(gateway, read.principal.tenant)
    return read.answer(
        System(
            position=await gateway.log.head(),
            epoch=str(await gateway.log.epoch()),
            relay_lag=max(_numbers(seen, "relay_lag_events"), default=None),
            disk_free=None if settings.data_dir is None else free_bytes(settings.data_dir),
            open_sockets=int(sum(_numbers(seen, "open_sockets"))),
            services=services(seen),
            detector=detector(seen),
            maintenance=windows_view(windows, plans).items,
            quiet=quiet,
            quiet_total=quiet_total,
            thresholds=thresholds(settings),
            flags=dict[str, bool](settings.feature_flags.model_dump()),
        )
    )


@router.get("/system/thresholds", response_model=Thresholds)
async def show_thresholds(read: Reading) -> Response:
    """What decides when somebody is late, dead, stuck or stale: whoever shows ages needs it."""
    return read.answer(Thresholds(thresholds(read.gateway.settings)))


def services(seen: Iterable[SeenReplica]) -> list[ServiceView]:
    """`seen` is sorted by service."""
    found: list[ServiceView] = []
    for name, replicas in groupby(seen, key=lambda one: one.answer.service):
        views = [_replica(one) for one in replicas]
        found.append(ServiceView(name, any(view.ready for view in views), views))
    return found


def detector(seen: Iterable[SeenReplica]) -> DetectorView:
    """Of each figure the worst: a replica that sees less than another is what one must know of."""
    detecting = [one for one in seen if one.answer.service == DETECTOR and not one.silent_seconds]
    tracked = min(_numbers(detecting, "tracked_senders"), default=None)
    return DetectorView(
        score=min(_numbers(detecting, "detector_score"), default=None),
        tracked=None if tracked is None else int(tracked),
        watermark_age_seconds=max(_numbers(detecting, "watermark_age_seconds"), default=None),
        holds=holds(detecting),
    )


def thresholds(settings: Settings) -> dict[str, Threshold]:
    """The durations and sizes of `[contracts]`, by the setting's name."""
    contracts = settings.contracts
    return {
        name: Threshold(
            float(value),
            next((unit for unit in UNITS if name.endswith(f"_{unit}")), ""),
            "settings" if name in contracts.model_fields_set else "default",
        )
        for name, value in contracts
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _replica(seen: SeenReplica) -> ReplicaView:
    answer = seen.answer
    return ReplicaView(
        id=answer.replica,
        pid=answer.pid,
        host=answer.host,
        since=answer.since,
        version=answer.version,
        ready=seen.ready,
        failing=dict(seen.failing),
        shared=answer.shared,
        warnings=answer.warnings,
        lag_events={
            name.removeprefix(LAG): float(value)
            for name, value in answer.figures.items()
            if name.startswith(LAG) and isinstance(value, int | float)
        },
    )


def _numbers(seen: Iterable[SeenReplica], name: str) -> Iterator[float]:
    for one in seen:
        value = one.answer.figures.get(name)
        if isinstance(value, int | float) and not one.silent_seconds:
            yield float(value)
