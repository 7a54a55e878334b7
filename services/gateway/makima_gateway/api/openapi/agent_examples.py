"""Examples of the requests and responses of agents."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from makima_schemas.agent import AgentStatus

from makima_gateway.api.schemas.agents import (
    Agent,
    AgentBeat,
    AgentBeats,
    AgentPage,
    AgentRestartAsked,
    AgentRestarts,
    Agents,
    AgentTask,
    BeatStrip,
    SenderAnswer,
    Team,
    Verdict,
    Verdicts,
)

_NOW: Final = datetime(2026, 1, 31, 11, 5, tzinfo=UTC)
_CONTRACT_ID: Final = "0b9f6a52-5c2e-5d7c-9a39-8d0c1c2f7e11"
_CONNECTION_ID: Final = "7d9a3f64-1c1b-4f0a-9c0e-5a8f1f0b2c33"
AGENT: Final = Agent(
    contract_id=_CONTRACT_ID,
    role="builder",
    agent_status=AgentStatus.WORKING,
    status="active",
    ready_until=_NOW + timedelta(seconds=90),
    is_expired=False,
    stuck=False,
    progress_at=_NOW,
    connection_id=_CONNECTION_ID,
    daemon_id="daemon-1",
    since=_NOW - timedelta(minutes=5),
    evidence=None,
    contract_name="Add login",
    last_heartbeat_at=_NOW,
    interval_seconds=30.0,
    timeout_seconds=90.0,
    quiet_until=None,
    activity="runs the tests",
    progress=40,
    child=None,
    task=AgentTask("6f1d1f0a-2a34-5f6e-8a6f-3f6f0f6b9c20", "write the form"),
    restarts=AgentRestarts(1, 3, None),
    beats=BeatStrip(_NOW, 30.0, "111l110|111"),
)
_BEAT: Final = {
    "connection_id": _CONNECTION_ID,
    "seq": 7,
    "activity": "runs the tests",
    "progress": 40,
    "child": {"pid": 4711, "command": "pytest", "cpu_seconds": 12.5},
}

# Schema name → its example.
EXAMPLES: Final[Mapping[str, object]] = {
    "Agent": AGENT,
    "Agents": Agents([AGENT], Team(False, ["builder", "reviewer"], ["reviewer"])),
    "AgentPage": AgentPage([AGENT], None, 1, {"working": 1}, 0),
    "AgentBeats": AgentBeats(
        [AgentBeat("2026-01-31T11:05:00.000000Z", "runs the tests", 40, _CONNECTION_ID)]
    ),
    "Life": {
        "items": [
            {
                "at": _NOW,
                "from": "offline",
                "to": "ready",
                "trigger": "join",
                "actor": "agent:builder",
                "connection_id": _CONNECTION_ID,
                "position": 4700,
                "evidence": None,
            }
        ]
    },
    "Verdicts": Verdicts(
        [
            Verdict(
                at=_NOW,
                position=4711,
                stream=f"agent-{_CONTRACT_ID}:builder",
                event="AgentStatusChanged",
                old_status="working",
                new_status="dead",
                connection_id=_CONNECTION_ID,
                evidence={
                    "last_heartbeat_at": "2026-01-31T11:03:29.000000Z",
                    "timeout_seconds": 90.0,
                    "deadline": "2026-01-31T11:04:59.000000Z",
                    "watermark": "2026-01-31T11:05:00.000000Z",
                    "lateness_ms": 1000.0,
                    "decided_by": "stale-detector-1",
                    "stream_sequence": 815,
                    "stream_epoch": "3f0c6a5e",
                },
            )
        ]
    ),
    "SenderAnswer": SenderAnswer("ok", 30.0, 90.0),
    "AgentRestartAsked": AgentRestartAsked(_CONTRACT_ID, "builder", "daemon-1", "it hangs"),
    "AgentHeartbeatRequest": _BEAT,
    "SupervisorHeartbeatRequest": {
        "state": "working",
        "phase": "plan",
        "current_activity": "reads the plan",
        "progress": 40,
        "connection_id": _CONNECTION_ID,
        "seq": 7,
    },
    "AgentLeave": {"connection_id": _CONNECTION_ID},
    "AgentRestart": {"reason": "it hangs"},
    "AgentStatusReport": {
        "agent_status": "restarting",
        "reason": "exit code 1",
        "restarts": {"attempts": 2, "of": 3, "delay_seconds": 4.0},
    },
}
