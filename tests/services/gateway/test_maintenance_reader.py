"""The maintenance windows that a gateway shows are those of the log as it is now, also once that was restored."""

from datetime import UTC, datetime, timedelta

import asyncpg
from makima_gateway.system.maintenance import MaintenanceReader
from makima_schemas.silence import (
    MAINTENANCE_STREAM,
    MaintenanceEnded,
    MaintenancePlanned,
    MaintenanceStarted,
)

from tests.services.gateway.harness import Gateways

UNTIL = datetime.now(UTC) + timedelta(days=1)


async def test_windows_that_a_restored_log_does_not_have_are_not_shown(
    gateways: Gateways, pool: asyncpg.Pool
) -> None:
    """One reader lives on while the log loses its end, and then all."""
    reader = MaintenanceReader(gateways.log)

    async def shown() -> list[str]:
        return sorted((await reader.now()).open)

    assert await shown() == []
    for scope in ("all", "daemon:d1"):
        await gateways.append(MAINTENANCE_STREAM, MaintenanceStarted(scope, UNTIL, "a new disk"))
    assert await shown() == ["all", "daemon:d1"]
    await pool.execute("alter table event_log.events disable trigger append_only")
    for version, left in ((2, ["all"]), (1, [])):
        await pool.execute(
            "delete from event_log.events where stream = $1 and version = $2", MAINTENANCE_STREAM, version
        )
        assert await shown() == left
        assert await shown() == left, "read again from there"


async def test_a_plan_is_shown_until_it_has_begun_or_was_called_off(gateways: Gateways) -> None:
    reader, begins = MaintenanceReader(gateways.log), UNTIL - timedelta(minutes=30)
    planned = MaintenancePlanned("owner:ada", begins, UNTIL, "kernel")
    await gateways.append(MAINTENANCE_STREAM, planned)
    windows, plans = await reader.expected()
    (plan,) = plans.about(owner="ada", daemon=None, contract="c1")
    assert (plan.starts_at, plan.until, windows.open) == (begins, UNTIL, {})
    assert plans.about(owner="bob", daemon="ada", contract="c1") == []
    await gateways.append(MAINTENANCE_STREAM, MaintenanceStarted("owner:ada", UNTIL, "kernel"))
    windows, plans = await reader.expected()
    assert (list(windows.open), plans.by_scope) == (["owner:ada"], {})
    called_off = MaintenanceEnded("owner:ada", "request")
    await gateways.append(MAINTENANCE_STREAM, called_off, planned)
    assert list((await reader.expected())[1].by_scope) == ["owner:ada"]
    await gateways.append(MAINTENANCE_STREAM, called_off)
    windows, plans = await reader.expected()
    assert (windows.open, plans.by_scope) == ({}, {})
