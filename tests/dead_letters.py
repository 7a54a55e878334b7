"""Dead letters of daemons, as the recorder leaves them."""

from makima_kernel.nats.dead_letters import dead_letter
from makima_schemas import subjects
from nats.aio.client import Client

BEAT = (
    b'{"daemon_id":"d7","hostname":"h","seq":1,"timestamp":"2026-01-31T00:00:00Z","agents":[],'
    b'"worktrees":0,"capacity":1}'
)


async def leave(
    nats: Client, payload: bytes, *, daemon: str = "d7", reason: str = "too many", sequence: int = 1
) -> None:
    """`sequence`: of the heartbeat in its stream."""
    await dead_letter(
        nats,
        stream=subjects.HEARTBEATS_STREAM,
        consumer="supervisor_heartbeat",
        reason=reason,
        origin={"subject": f"makima.shards.1.daemon.{daemon}", "sequence": sequence},
        payload=payload,
    )
