"""Examples of the routes for whoever runs the system."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from makima_gateway.api.schemas.maintenance import MaintenanceWindow, MaintenanceWindows
from makima_gateway.api.schemas.session import Me, SessionState, SignInCode
from makima_gateway.api.schemas.system import (
    DeadLetterPage,
    DeadLetterView,
    DetectorView,
    QuietSender,
    ReplicaView,
    RetriedDeadLetter,
    ServiceView,
    System,
    Threshold,
    Thresholds,
)
from makima_gateway.auth.policy import Role
from makima_gateway.system.holds import DetectorHold

_AT: Final = datetime(2026, 1, 31, 10, 30, tzinfo=UTC)
_UNTIL: Final = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
_ME: Final = Me(Role.VIEWER, "ada", "1c0d5b7e-8f43-5a0e-9a55-0f6b1f0c7d44", ["GET /contracts"], "local")
_WINDOW: Final = MaintenanceWindow(
    "daemon:laptop-1", "daemon:laptop-1", _AT, _UNTIL, "new disk", "admin:local"
)
_PLANNED: Final = MaintenanceWindow(
    "owner:ada",
    "owner:ada",
    _UNTIL,
    datetime(2026, 1, 31, 12, 30, tzinfo=UTC),
    "kernel",
    "admin:local",
    planned=True,
)

_THRESHOLDS: Final = {"heartbeat_timeout_seconds": Threshold(120.0, "seconds", "default")}

_LETTER: Final = DeadLetterView(
    id="17",
    stream="MAKIMA_HEARTBEATS",
    consumer="supervisor_heartbeat",
    sequence=90210,
    subject="makima.shards.3.supervisor.laptop-1.t1",
    reason="the subject names task t1, the body t2",
    sender="supervisor:t1",
    first_at=_AT,
    deliveries=1,
    excerpt='{"task_id":"t2","state":"working"}',
    truncated=False,
    retry_until=None,
)

EXAMPLES: Final[Mapping[str, object]] = {
    "Me": _ME,
    "SessionState": SessionState(signed_in=True, me=_ME),
    "SignIn": {"code": "mc_q0h2Yc…"},
    "SignInCode": SignInCode("mc_q0h2Yc…", "/?code=mc_q0h2Yc…", _UNTIL),
    "System": System(
        position=1042,
        epoch="3f0c2f5e-0d55-4f0d-9b51-5a8f1f0b2c33",
        relay_lag=0.0,
        disk_free=41_203_752_960,
        open_sockets=3,
        services=[
            ServiceView(
                "stale_detector",
                True,
                [
                    ReplicaView(
                        id="stale_detector@host:4711:a1b2c3",
                        pid=4711,
                        host="host",
                        since=_AT,
                        version="0.1.0",
                        ready=True,
                        failing={},
                        shared={},
                        warnings={},
                        lag_events={"stale_detector": 0.0},
                    )
                ],
            )
        ],
        detector=DetectorView(1.0, 240, 0.06, [DetectorHold("ada", _AT, _UNTIL, 18, 34)]),
        maintenance=[_WINDOW],
        quiet=[
            QuietSender(
                "3f0c2f5e-0d55-4f0d-9b51-5a8f1f0b2c34", "Add login", "builder", "laptop-1", _AT, _UNTIL
            )
        ],
        quiet_total=1,
        thresholds=_THRESHOLDS,
        flags={"supervisor_heartbeat": True},
    ),
    "Thresholds": Thresholds(_THRESHOLDS),
    "SystemSeriesView": {
        "step_seconds": 60,
        "from": _AT,
        "values": {"events": [38.1, 40.0], "verdict_lateness_p99": [None, 61.5]},
    },
    "DeadLetterPage": DeadLetterPage(
        [_LETTER],
        "WyJkZWFkLWxldHRlcnMiLDE3XQ",
    ),
    "DeadLetterView": _LETTER,
    "RetriedDeadLetter": RetriedDeadLetter("MAKIMA_HEARTBEATS", 90344),
    "MaintenanceWindow": _WINDOW,
    "MaintenanceWindows": MaintenanceWindows([_WINDOW, _PLANNED]),
    "StartMaintenanceBody": {"scope": "daemon:laptop-1", "until": _UNTIL, "reason": "new disk"},
}
