"""Vital signs: one value a minute, null where nobody knows, of this minute too."""

from datetime import UTC, datetime, timedelta
from typing import cast

import httpx
from makima_gateway.system.series import Sample, SystemSeries
from makima_kernel.testing import eventually
from makima_stale_detector.handlers.recent_lateness import RecentLateness

from tests.services.gateway.harness import body, created, refused
from tests.services.gateway.tokens import client_as

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def test_a_minute_has_the_rate_of_what_counts_up_and_the_worst_of_the_rest() -> None:
    series = SystemSeries()
    for second, heartbeats, events, lag, late in (
        (0, 100, 10, 0, None), (30, 160, 70, 8, 40.0), (59, 218, 128, 2, 10.0), (60, 220, 130, 1, None), (90, 220, 160, 0, None)
    ):  # fmt: skip
        series.add(NOON + timedelta(seconds=second), 1000.0 + second, Sample(heartbeats, events, lag, late))
    at = NOON + timedelta(seconds=95)
    assert SystemSeries.begins(at, 3) == NOON - timedelta(minutes=1)
    assert series.values(at, "heartbeats", 3) == [None, 2.0, 2 / 31]
    assert series.values(at, "events", 3) == [None, 2.0, 32 / 31]
    assert series.values(at, "projection_lag", 3) == [None, 8, 1]
    assert series.values(at, "verdict_lateness_p99", 3) == [None, 40.0, None]
    assert series.values(at + timedelta(hours=1), "events", 2) == [None, None], "an hour without a look"


def test_an_hour_is_kept_and_no_more() -> None:
    series = SystemSeries()
    for minute in range(70):
        series.add(NOON + timedelta(minutes=minute), minute * 60.0, Sample(minute * 60, None, None, None))
    values = series.values(NOON + timedelta(minutes=69), "heartbeats", 70)
    assert values == [None] * 10 + [1.0] * 60
    assert series.values(NOON + timedelta(minutes=69), "events", 1) == [None]


def test_the_lateness_is_of_the_last_minute() -> None:
    now = [0.0]
    lateness = RecentLateness(lambda: now[0])
    assert lateness.p99() is None
    for number in range(100):
        lateness.add(float(number))
    assert lateness.p99() == 98.0
    now[0] = 61.0
    assert lateness.p99() is None


async def test_everybody_may_see_them(http: httpx.AsyncClient) -> None:
    await created(http)
    async with client_as(http, "viewer", owner="alice") as viewer:

        async def seen() -> bool:
            answer = body(
                await viewer.get("/system/series", params={"names": "events,projection_lag", "minutes": 2})
            )
            values = cast("dict[str, list[float | None]]", answer["values"])
            assert (answer["step_seconds"], list(values), len(values["events"])) == (
                60, ["events", "projection_lag"], 2,
            )  # fmt: skip
            return values["events"][-1] is not None

        await eventually(seen)
        whole = cast("dict[str, list[float | None]]", body(await viewer.get("/system/series"))["values"])
        assert {name: len(values) for name, values in whole.items()} == dict.fromkeys(
            ("heartbeats", "verdict_lateness_p99", "events", "projection_lag"), 60
        )
        for wrong in ({"names": "blood"}, {"minutes": 61}, {"minutes": 0}):
            await refused(viewer.get("/system/series", params=wrong), 422, "INVALID_REQUEST")
