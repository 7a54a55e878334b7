"""Heartbeats of a contract's senders that did not fit, as the recorder's feed tells of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from makima_schemas.identity import stream_name

from makima_gateway.read_model.latest_heartbeats import LatestHeartbeat, LatestHeartbeats
from makima_gateway.read_model.rows import SupervisorRow


@dataclass(frozen=True, slots=True)
class UnfitHeartbeat:
    """The newest heartbeat of a sender, where it did not fit."""

    kind: Literal["supervisor", "daemon"]
    sender_id: str
    outcome: str  # `refused`: nothing was made of it; `cut`: it was recorded without what did not fit
    reason: str
    count: int  # how many did not fit since the recorder began
    at: datetime

    @property
    def stream(self) -> str:
        return stream_name(self.kind, self.sender_id)

    @property
    def evidence(self) -> dict[str, object]:
        return {"reason": self.reason, "count": self.count, "at": self.at.isoformat()}


def unfit_heartbeats(latest: LatestHeartbeats, supervisor: SupervisorRow | None) -> Sequence[UnfitHeartbeat]:
    """Of a contract's supervisor and its daemon; once a heartbeat fits again, there is none."""
    return [] if supervisor is None else list(_found(latest, supervisor))


def _found(latest: LatestHeartbeats, supervisor: SupervisorRow) -> Iterator[UnfitHeartbeat]:
    senders: tuple[tuple[Literal["supervisor", "daemon"], str], ...] = (
        ("supervisor", supervisor.task_id),
        ("daemon", supervisor.daemon_id),
    )
    for kind, sender_id in senders:
        state = latest.latest(kind, sender_id)
        newest = None if state is None else _latest_unfit(state)
        if newest is not None:
            at, members = newest
            yield UnfitHeartbeat(
                kind,
                sender_id,
                str(members.get("outcome")),
                str(members.get("reason")),
                cast("int", members.get("count", 0)),
                at,
            )


def _latest_unfit(state: LatestHeartbeat) -> tuple[datetime, dict[str, object]] | None:
    """The sender's last heartbeat that did not fit, if none that fits came after it."""
    noted = state.noted("unfit")
    return noted if noted is None or state.at is None or noted[0] >= state.at else None
