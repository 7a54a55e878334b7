"""Request schemas of what a daemon or an agent reports of an agent's status."""

from typing import Annotated, Self

from makima_schemas.agent import MAX_RESTART_DELAY_SECONDS, MAX_RESTARTS, AgentStatus, Id, Restarts
from pydantic import Field, Strict, model_validator

from makima_gateway.api.schemas.agents import OldStatus, StorableReason
from makima_gateway.http.bodies import Body


class RestartsReport(Body):
    """This is restart number `attempts` in a row, of `of`; the process is started after `delay_seconds`."""

    attempts: Annotated[int, Strict(), Field(ge=1, le=MAX_RESTARTS)]
    of: Annotated[int, Strict(), Field(ge=1, le=MAX_RESTARTS)]
    delay_seconds: Annotated[float, Field(ge=0, le=MAX_RESTART_DELAY_SECONDS)] = 0.0

    @property
    def reported(self) -> Restarts:
        return Restarts(self.attempts, self.of, self.delay_seconds)


class AgentStatusReport(Body):
    """What a daemon saw of an agent, or what the agent says of itself; `connection_id` null: the daemon speaks.

    `status` is the older form of `agent_status`: `active` is `working`, `waiting` is `ready`. `restarts` goes with
    `restarting`, after a crash.
    """

    agent_status: AgentStatus | None = None
    status: OldStatus | None = None
    connection_id: Id | None = None
    reason: StorableReason | None = None
    restarts: RestartsReport | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.restarts is not None and self.agent_status is not AgentStatus.RESTARTING:
            raise ValueError("restarts go with agent_status restarting, and with no other")
        if (self.agent_status is None) == (self.status is None):
            raise ValueError("give agent_status, or status, and not both")
        return self

    @property
    def reported(self) -> AgentStatus:
        if self.agent_status is not None:
            return self.agent_status
        return AgentStatus.WORKING if self.status == "active" else AgentStatus.READY
