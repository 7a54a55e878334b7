"""A supervisor's heartbeats as the API needs them: the latest one, those that were recorded, and one anew."""

import asyncio
from typing import Final

from makima_kernel.commands.daemon_signal import signal_daemon
from makima_schemas.commands import Problem
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_gateway.api.context import Gateway
from makima_gateway.api.reads import known_contract
from makima_gateway.http.problems import unknown_supervisor
from makima_gateway.read_model.latest_heartbeats import LatestHeartbeat
from makima_gateway.read_model.rows import SupervisorRow

OWNER: Final = "supervisor_heartbeat"  # the service that stores heartbeats
TELEMETRY_TIMEOUT_SECONDS: Final = 1.0  # short: heartbeats are telemetry, and a page must not wait for them
SYNC_SECONDS: Final = 5.0
SIGNAL_SECONDS: Final = 0.5  # only to hear at once that nobody listens


async def known_supervisor(gateway: Gateway, tenant: str, contract_id: str) -> SupervisorRow:
    """The contract's supervisor in the read model. Raises `CONTRACT_NOT_FOUND`, `SUPERVISOR_NOT_FOUND`."""
    await known_contract(gateway, tenant, contract_id)
    row = await gateway.queries.supervisor(tenant, contract_id)
    if row is None:
        raise unknown_supervisor(contract_id)
    return row


async def heartbeats_of(
    gateway: Gateway, tenant: str, limit: int, **who: object
) -> dict[str, object] | Problem:
    """Those that were recorded of `who`, newest first."""
    question = {**who, "limit": limit, "tenant": tenant}
    return await gateway.bus.query(OWNER, "heartbeats", question, timeout=TELEMETRY_TIMEOUT_SECONDS)


async def last_heartbeat(gateway: Gateway, contract_id: str, task_id: str) -> LatestHeartbeat | None:
    """A supervisor's latest heartbeat: from memory, or, if none came since this process began, from the recorder."""
    latest = gateway.latest_heartbeats.latest("supervisor", task_id)
    return latest if latest is not None else await recorded_heartbeat(gateway, contract_id, task_id)


async def recorded_heartbeat(gateway: Gateway, contract_id: str, task_id: str) -> LatestHeartbeat | None:
    """A supervisor's latest heartbeat, from the recorder: memory may be a second behind it."""
    reply = await gateway.bus.query(
        OWNER, "status", {"contract_id": contract_id}, timeout=TELEMETRY_TIMEOUT_SECONDS
    )
    if isinstance(reply, Problem) or reply.get("task_id") != task_id:
        return None
    return LatestHeartbeat.of("supervisor", task_id, reply)


async def heard_anew(gateway: Gateway, row: SupervisorRow) -> bool:
    """Asks the daemon; True once the supervisor's next heartbeat came.

    The recorder may not answer, or about another supervisor; then what memory has is the last one.
    """
    heartbeats, heard = gateway.latest_heartbeats, asyncio.Event()
    known = (
        await recorded_heartbeat(gateway, row.contract_id, row.task_id),
        heartbeats.latest("supervisor", row.task_id),
    )
    last = max((each.at for each in known if each is not None and each.at is not None), default=None)
    heartbeats.waiters.add(heard)
    try:
        async with asyncio.timeout(SYNC_SECONDS):
            body = {
                "contract_id": row.contract_id,
                "task_id": row.task_id,
                "role": SUPERVISOR_ROLE,
                "connection_id": row.connection_id,
            }
            nats, daemon = gateway.nats, row.daemon_id
            if await signal_daemon(nats, daemon, "sync", body, timeout=SIGNAL_SECONDS) is not None:
                return False
            while True:
                latest = heartbeats.latest("supervisor", row.task_id)
                if latest is not None and latest.at is not None and (last is None or latest.at > last):
                    return True
                await heard.wait()
                heard.clear()
    except TimeoutError:
        return False
    finally:
        heartbeats.waiters.remove(heard)
