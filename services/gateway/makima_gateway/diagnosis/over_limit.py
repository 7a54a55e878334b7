"""A contract's daemon of which new senders are refused, as the recorder's feed tells of it."""

from dataclasses import dataclass
from datetime import datetime

from makima_gateway.read_model.latest_heartbeats import LatestHeartbeats
from makima_gateway.read_model.rows import SupervisorRow


@dataclass(frozen=True, slots=True)
class OverLimit:
    """New senders of a daemon are refused. Those that it has go on."""

    daemon_id: str
    reason: str
    at: datetime  # the last refusal

    @property
    def evidence(self) -> dict[str, object]:
        return {"reason": self.reason, "at": self.at.isoformat()}


def over_limit(
    latest: LatestHeartbeats, supervisor: SupervisorRow | None, since: datetime
) -> OverLimit | None:
    """The contract's daemon, if a sender of it was refused since then."""
    state = None if supervisor is None else latest.latest("daemon", supervisor.daemon_id)
    noted = None if state is None else state.noted("over_limit")
    if supervisor is None or noted is None:
        return None
    at, members = noted
    return OverLimit(supervisor.daemon_id, str(members.get("reason")), at) if at >= since else None
