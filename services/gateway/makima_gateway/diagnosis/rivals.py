"""Senders of a contract for which two speak in turn, as the recorder's feed tells of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast

from makima_schemas.identity import stream_name

from makima_gateway.read_model.latest_heartbeats import LatestHeartbeats
from makima_gateway.read_model.rows import SupervisorRow


@dataclass(frozen=True, slots=True)
class Rival:
    """Somebody else who speaks for a sender."""

    kind: Literal["supervisor", "daemon"]
    sender_id: str
    own: str  # the daemon that has the contract; a daemon's: the host that spoke last
    other: str  # the other daemon, or the other host
    count: int  # its heartbeats since the recorder began; a daemon's: how often the two took turns
    at: datetime

    @property
    def stream(self) -> str:
        return stream_name(self.kind, self.sender_id)

    @property
    def evidence(self) -> dict[str, object]:
        return {"own": self.own, "other": self.other, "count": self.count, "at": self.at.isoformat()}


def rivals(latest: LatestHeartbeats, supervisor: SupervisorRow | None, since: datetime) -> Sequence[Rival]:
    """Of a contract's supervisor and its daemon, if the other one spoke since then."""
    return [] if supervisor is None else [each for each in _found(latest, supervisor) if each.at >= since]


def recent(now: datetime, timeout_seconds: float) -> datetime:
    """Who spoke before that is not counted as speaking in turn any more."""
    return now - timedelta(seconds=timeout_seconds)


def _found(latest: LatestHeartbeats, supervisor: SupervisorRow) -> Iterator[Rival]:
    senders: tuple[tuple[Literal["supervisor", "daemon"], str], ...] = (
        ("supervisor", supervisor.task_id),
        ("daemon", supervisor.daemon_id),
    )
    for kind, sender_id in senders:
        state = latest.latest(kind, sender_id)
        noted = None if state is None else state.noted("rival")
        if state is None or noted is None:
            continue
        at, members = noted
        own = supervisor.daemon_id if kind == "supervisor" else str(state.heartbeat.get("hostname", ""))
        count = cast("int", members.get("count", 0))
        yield Rival(kind, sender_id, own, str(members.get("other")), count, at)
