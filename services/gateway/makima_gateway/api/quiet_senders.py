"""Who announced to be silent: agents and supervisors on whom no verdict is given meanwhile."""

from datetime import UTC, datetime
from typing import Final

from makima_schemas.agent import BEATING
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_gateway.api.agents import latest_of
from makima_gateway.api.context import Gateway
from makima_gateway.api.schemas.system import QuietSender
from makima_gateway.read_model.latest_heartbeats import LatestHeartbeat

MAX_SHOWN: Final = 100
MAX_LOOKED_AT: Final = 1000  # in the read model; whether those beyond are still there is not asked


async def quiet_senders(gateway: Gateway, tenant: str) -> tuple[list[QuietSender], int]:
    """Those whose time ends first, and how many there are. Who is dead, has left, or speaks by another connection by now
    is not among them.
    """
    now, most = datetime.now(UTC), gateway.settings.contracts.quiet_max_seconds
    announced = sorted(
        (until, agent_name(latest))
        for latest in gateway.latest_heartbeats.announced_quiet()
        if latest.tenant == tenant and (until := latest.quiet_until(most)) is not None and until > now
    )
    names = [name for _, name in announced[:MAX_LOOKED_AT]]
    rows = [row for row in await gateway.agents.named(tenant, names) if row.agent_status in BEATING]
    contracts = sorted({row.contract_id for row in rows})
    drivers = await gateway.agents.supervisor_tasks(tenant, contracts)
    known = await gateway.queries.names_and_statuses(tenant, contracts)
    found: list[QuietSender] = []
    for row in rows:
        latest = latest_of(gateway.latest_heartbeats, row, drivers.get(row.contract_id))
        name, _ = known.get(row.contract_id, (None, None))
        until = None if latest is None else latest.quiet_until(most)
        if latest is not None and latest.at is not None and until is not None and until > now:
            found.append(QuietSender(row.contract_id, name, row.role, row.daemon_id, latest.at, until))
    found.sort(key=lambda each: (each.until, each.contract_id, each.role))
    return found[:MAX_SHOWN], len(found) + max(len(announced) - MAX_LOOKED_AT, 0)


def agent_name(latest: LatestHeartbeat) -> tuple[str, str]:
    """Contract and role of an agent or supervisor."""
    if latest.kind == "supervisor":
        return latest.contract_id or "", SUPERVISOR_ROLE
    contract_id, _, role = latest.sender_id.partition(":")
    return contract_id, role
