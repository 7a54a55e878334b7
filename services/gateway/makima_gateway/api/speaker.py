"""As whom a call of an agent's token speaks: its own role, under the connection that the token was made for.

For every other caller, these are what the call says.
"""

from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_gateway.auth.principal import Principal
from makima_gateway.auth.refusals import not_its_role


def connection_of(caller: Principal, given: str | None) -> str | None:
    """The connection that a call speaks for; of an agent's token always its own.

    Raises `FORBIDDEN` if an agent's call names another one.
    """
    agent = caller.agent
    if agent is None:
        return given
    if given not in (None, agent.connection_id):
        raise Refused(
            ErrorCode.FORBIDDEN,
            f"the token was made for connection {agent.connection_id}, and the call is of {given}",
            hint="leave connection_id out, or send that of the token",
        )
    return agent.connection_id


def check_role(caller: Principal, role: str | None) -> None:
    """Raises `FORBIDDEN` if an agent's call is for another role than its own; None: for whichever role."""
    if caller.agent is not None and role not in (None, caller.agent.role):
        raise not_its_role(caller.agent, role or "")
