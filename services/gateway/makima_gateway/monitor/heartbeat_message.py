"""The monitor's message of a heartbeat."""

from makima_schemas.supervisors_agent import SUPERVISOR_ROLE
from makima_schemas.times import rfc3339

from makima_gateway.read_model.latest_heartbeats import LatestHeartbeat


def heartbeat_message(latest: LatestHeartbeat, name: str | None) -> dict[str, object]:
    """`name`: of its contract."""
    heartbeat = latest.heartbeat
    role = SUPERVISOR_ROLE if latest.kind == "supervisor" else latest.sender_id.partition(":")[2]
    return {
        "type": "Heartbeat",
        "timestamp": None if latest.at is None else rfc3339(latest.at),
        "contract_id": latest.contract_id,
        "name": name,
        "role": role,
        "daemon_id": heartbeat.get("daemon_id"),
        "connection_id": heartbeat.get("connection_id"),
        "state": heartbeat.get("state"),
        "activity": heartbeat.get("activity"),
        "progress": heartbeat.get("progress"),
    }
