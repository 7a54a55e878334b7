"""What a client of the monitor asked for, and whether an event is for it."""

from typing import Annotated

from makima_schemas.contract.model import ContractStatus
from makima_schemas.identity import ID_PATTERN
from pydantic import BaseModel, ConfigDict, Field, field_validator

from makima_gateway.read_model.latest_heartbeats import LatestHeartbeat
from makima_gateway.read_model.queries import MonitorEvent

STALENESS = frozenset({"StaleDetected", "StaleCleared"})


class MonitorFilter(BaseModel):
    """interfaces.md, Monitor. An absent or empty list lets all through; each message replaces the one before it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    contract_ids: frozenset[Annotated[str, Field(pattern=ID_PATTERN)]] | None = Field(default=None, max_length=1000)
    statuses: frozenset[ContractStatus] | None = None
    include_stale: bool = True
    include_heartbeats: bool = False
    since: int | None = Field(default=None, ge=0, lt=2**63)
    epoch: str | None = Field(default=None, max_length=64)

    def matches(self, event: MonitorEvent) -> bool:
        """`statuses` asks for the contract's status after the event, or the one that it left."""
        if self.contract_ids and event.contract_id not in self.contract_ids:
            return False
        if not self.include_stale and event.type in STALENESS:
            return False
        return not self.statuses or self._of_status(event)

    def matches_reminder(self, contract_id: str, status: ContractStatus | None) -> bool:
        """`status` is the contract's, where `statuses` asks for it."""
        named = not self.contract_ids or contract_id in self.contract_ids
        return self.include_stale and named and (not self.statuses or status in self.statuses)

    def matches_heartbeat(self, latest: LatestHeartbeat) -> bool:
        return latest.contract_id is not None and (not self.contract_ids or latest.contract_id in self.contract_ids)

    def _of_status(self, event: MonitorEvent) -> bool:
        assert self.statuses is not None
        return event.status in self.statuses or event.old_status in self.statuses


class MonitorFilterQuery(MonitorFilter):
    """The filter as query parameters: lists are comma lists, or repeated parameters, or both."""

    token: str | None = Field(default=None, max_length=512, description="for clients that cannot set a header")

    @field_validator("contract_ids", "statuses", mode="before")
    @classmethod
    def _separate(cls, given: list[str]) -> list[str]:
        return [part.strip() for text in given for part in text.split(",")]

    def filter(self, last_event_id: int | None) -> MonitorFilter:
        """The filter; what the client's last connection ended with wins over where its first one began."""
        since = self.since if last_event_id is None else last_event_id
        return MonitorFilter(**self.model_dump(exclude={"token", "since"}), since=since)
