"""A monitor client's filter: which events, reminders and heartbeats it wants."""

from typing import Annotated, Final

from makima_kernel.event_log.log import MAX_POSITION
from makima_schemas.contract.model import ContractStatus
from makima_schemas.identity import ID_PATTERN
from pydantic import BaseModel, ConfigDict, Field, field_validator

from makima_gateway.read_model.latest_heartbeats import LatestHeartbeat
from makima_gateway.read_model.monitor_events import MonitorEvent

STALENESS = frozenset({"StaleDetected", "StaleCleared"})
# An id of the event stream: `<epoch>:<position>`; those of versions before had no epoch.
EVENT_ID_PATTERN: Final = r"^([A-Za-z0-9-]{1,64}:)?[0-9]{1,19}$"


class MonitorFilter(BaseModel):
    """A client's filter (interfaces.md, Monitor). An absent or empty list matches everything.

    A new filter replaces the previous one as a whole.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    # only these contracts; null or empty: all
    contract_ids: frozenset[Annotated[str, Field(pattern=ID_PATTERN)]] | None = Field(
        default=None, max_length=1000
    )
    statuses: frozenset[ContractStatus] | None = None  # only contracts in one of these; null or empty: all
    include_stale: bool = True  # also StaleDetected and StaleCleared
    include_heartbeats: bool = False  # also the heartbeats of supervisors and agents
    # the heartbeats of these contracts, whatever the rest of the filter says
    heartbeats_of: frozenset[Annotated[str, Field(pattern=ID_PATTERN)]] | None = Field(
        default=None, max_length=200
    )
    # several events may come at once, at most five times a second, as rows: on a WebSocket as one JSON array
    together: bool = False
    rows: bool = False  # also `Rows`: the latest row of each contract that changed
    # replay the events after this position first; null: continue with new events
    since: int | None = Field(default=None, ge=0, le=MAX_POSITION)
    # the log's epoch that `since` is of; if the log has another one by now, the client gets a `reset`
    epoch: str | None = Field(default=None, max_length=64)

    def matches(self, event: MonitorEvent) -> bool:
        """True if the client wants the event.

        `statuses` matches the contract's status after or before the event.
        """
        if self.contract_ids and event.contract_id not in self.contract_ids:
            return False
        if not self.include_stale and event.type in STALENESS:
            return False
        return not self.statuses or self._of_status(event)

    def matches_reminder(self, contract_id: str, status: ContractStatus | None) -> bool:
        """True if the client wants reminders of this contract.

        `status` is the contract's present status; it is needed only if the filter has `statuses`.
        """
        named = not self.contract_ids or contract_id in self.contract_ids
        return self.include_stale and named and (not self.statuses or status in self.statuses)

    def matches_heartbeat(self, latest: LatestHeartbeat) -> bool:
        """True if the heartbeat is of a wanted contract; `statuses` does not apply."""
        if latest.contract_id is None:
            return False
        if self.heartbeats_of and latest.contract_id in self.heartbeats_of:
            return True
        return self.include_heartbeats and (not self.contract_ids or latest.contract_id in self.contract_ids)

    @property
    def heartbeats(self) -> bool:
        """True if any are wanted."""
        return self.include_heartbeats or bool(self.heartbeats_of)

    def _of_status(self, event: MonitorEvent) -> bool:
        assert self.statuses is not None
        return event.status in self.statuses or event.old_status in self.statuses


class MonitorFilterQuery(MonitorFilter):
    """The filter as query parameters: a list is a comma list, a repeated parameter, or both."""

    token: str | None = Field(
        default=None, max_length=512, description="the token, for clients that cannot set a header"
    )

    @field_validator("contract_ids", "statuses", "heartbeats_of", mode="before")
    @classmethod
    def _separate(cls, given: list[str]) -> list[str]:
        return [part.strip() for text in given for part in text.split(",")]

    def filter(self, last_event_id: str | None) -> MonitorFilter:
        """The filter, resuming after `Last-Event-ID` if the client sent one; it fits `EVENT_ID_PATTERN`.

        A browser that reconnects repeats the URL of its first connection, so `since` in it is older: ignore
        it then, and `epoch` too, if the id has one.
        """
        wanted = self.model_dump(exclude={"token"})
        if last_event_id is not None:
            epoch, _, position = last_event_id.rpartition(":")
            wanted |= {"since": min(int(position), MAX_POSITION), "epoch": epoch or self.epoch}
        return MonitorFilter(**wanted)
