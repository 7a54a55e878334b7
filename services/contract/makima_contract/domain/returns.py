"""Which event of an agent returns tasks of its role at once (agents.md, Tasks and agents). Pure."""

from makima_schemas.agent import AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged, AgentStep
from makima_schemas.contract.commands import ReturnTasks


def tasks_to_return(event: AgentStep, agent_version: int, *, new_connection: bool) -> ReturnTasks | None:
    """The command that returns the tasks; None if the event returns none.

    `agent_version`: the event's version in the agent's stream. `new_connection`: for a join, that this connection
    joined for the first time. One that comes back keeps its tasks.
    """
    match event:
        case AgentJoined(role=role, connection_id=connection_id) if new_connection:
            return ReturnTasks(role, agent_version, "agent_superseded", connection_id)
        case AgentLeft(role=role):
            return ReturnTasks(role, agent_version, "agent_left")
        case AgentStatusChanged(role=role, new_status=AgentStatus.DEAD_FAILED_REVIVE):
            return ReturnTasks(role, agent_version, "agent_dead_failed_revive")
        case _:
            return None
