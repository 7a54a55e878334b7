"""The query parameters of the list of agents."""

from decimal import Decimal
from typing import Annotated

from fastapi import Query
from makima_schemas.agent import AgentStatus
from makima_schemas.identity import ID_PATTERN
from makima_schemas.questions import MAX_BEATS
from pydantic import BaseModel, ConfigDict, Field

from makima_gateway.http.bodies import Text
from makima_gateway.http.problems import invalid
from makima_gateway.read_model.agent_queries import AgentSort, AgentSortKey

Beats = Annotated[
    int,
    Query(
        ge=1, le=MAX_BEATS, description="with each agent's last heartbeats, as a strip of so many intervals"
    ),
]


class AgentsQuery(BaseModel):
    """Query parameters of the list. All filters must match; an unknown parameter is refused instead of ignored."""

    model_config = ConfigDict(extra="forbid")

    status: (
        Annotated[
            str,
            Field(max_length=200, description="only agents in one of these, e.g. `dead,dead_failed_revive`"),
        ]
        | None
    ) = None
    stuck: Annotated[bool, Field(description="only agents that are stuck, or only others")] | None = None
    q: (
        Annotated[Text, Field(max_length=200, description="a text in the contract's name or in the role")]
        | None
    ) = None
    daemon: Annotated[str, Field(pattern=ID_PATTERN, description="only agents that it runs")] | None = None
    sort: (
        Annotated[
            AgentSort,
            Field(
                description="`needs`: beyond revival, dead, restarting and stuck ones first; `progress_at`: moved "
                "longest ago first; `contract`: by its name; default: by the contract's id"
            ),
        ]
        | None
    ) = None
    beats: (
        Annotated[
            int,
            Field(
                ge=1,
                le=MAX_BEATS,
                description="with each agent's last heartbeats, as a strip of so many intervals",
            ),
        ]
        | None
    ) = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Annotated[str, Field(max_length=500)] | None = None


def sort_key(number: Decimal, word: str, contract_id: str, role: str) -> AgentSortKey:
    return number, word, contract_id, role


def statuses(given: str | None) -> list[AgentStatus]:
    if given is None:
        return list(AgentStatus)
    try:
        return sorted({AgentStatus(part.strip()) for part in given.split(",")})
    except ValueError as error:
        known = ", ".join(AgentStatus)
        raise invalid("query.status", f"{error}; the statuses are {known}") from error
