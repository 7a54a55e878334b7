"""The maintenance windows that a gateway shows are those of the log as it is now, also once that was restored."""

from datetime import UTC, datetime, timedelta

import asyncpg
from makima_gateway.system.maintenance import MaintenanceReader
from makima_schemas.silence import MAINTENANCE_STREAM, MaintenanceStarted

from tests.services.gateway.harness import Gateways

UNTIL = datetime.now(UTC) + timedelta(hours=1)


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
