"""A row that cannot be judged costs only itself: every other is judged, and readiness, a metric and the log name it."""

import asyncpg
from makima_kernel.testing import eventually
from makima_schemas.contract import events as e
from makima_schemas.contract.model import Phase
from nats.aio.client import Client
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from tests.services.stale_detector.harness import Running, quick, running

THRESHOLD = 1.0  # seconds
REFUSED_BY_THE_LOG = """
create function refuse() returns trigger language plpgsql as
$$ begin raise exception 'out of range' using errcode = 'numeric_value_out_of_range'; end $$;
create trigger refuse before insert on event_log.events for each row when (new.stream = 'silence-c1') execute function refuse();
"""
TOO_LONG = 9_223_372_036_000  # seconds; logs hold thresholds from before the API had a bound for them


async def test_a_contract_with_a_threshold_that_no_clock_reaches(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    settings = quick(database, nats_url, stale_after=THRESHOLD, repeat=60)
    with capture_logs() as lines:
        async with running(settings, pool, nats, owner=False) as system:
            await system.record("contract-c1", created(stale_after=TOO_LONG), e.ContractStarted())
            await system.record("contract-c2", created(), e.ContractStarted())
            await eventually(lambda: system.events("silence-c2"))
            assert await system.events("silence-c1") == []

            async def named() -> bool:
                status, warnings = await ready(system)
                return status == 200 and "c1 (stale_after_seconds is 9.22337e+12)" in warnings

            await eventually(named)
            assert b"makima_contracts_unjudged 1.0" in generate_latest()
            assert [each["contract_id"] for each in lines if each["event"] == "contract.not_judged"] == ["c1"]
            await system.record("contract-c1", e.ContractFailed(None))

            async def settled() -> bool:
                return await ready(system) == (200, "{}")

            await eventually(settled)


async def test_a_contract_of_which_the_log_takes_no_verdict(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    """As if a value of the verdict were one that Postgres does not take: both are due in one scan."""
    await pool.execute(REFUSED_BY_THE_LOG)
    settings = quick(database, nats_url, stale_after=THRESHOLD, repeat=60)
    with capture_logs() as lines:
        async with running(settings, pool, nats, owner=False) as system:
            await system.record("contract-c1", created(), e.ContractStarted())
            await system.record("contract-c2", created(), e.ContractStarted())
            await eventually(lambda: system.events("silence-c2"))
            assert await system.events("silence-c1") == []

            async def named() -> bool:
                status, warnings = await ready(system)
                return status == 200 and "c1 (out of range)" in warnings

            await eventually(named)
            assert b"makima_contracts_unjudged 1.0" in generate_latest()
            assert [each["contract_id"] for each in lines if each["event"] == "contract.not_judged"] == ["c1"]
            await pool.execute("drop trigger refuse on event_log.events")
            await eventually(lambda: system.events("silence-c1"))


def created(stale_after: int | None = None) -> e.ContractCreated:
    return e.ContractCreated(
        "demo",
        "",
        "simple",
        "ada",
        (Phase("plan"),),
        phase_guard=False,
        auto_complete_enabled=True,
        stale_after_seconds=stale_after,
    )


async def ready(system: Running) -> tuple[int, str]:
    """The status of `/readyz`, and what it warns of."""
    status, body = await system.detectors[0].health.readiness()
    return status, str(body["warnings"])
