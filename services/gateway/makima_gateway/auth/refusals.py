"""Refusals of a caller: without a valid token, and of an agent that speaks for another role."""

from makima_kernel.telemetry import metrics
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_gateway.auth.agent_tokens import AgentIdentity
from makima_gateway.auth.policy import Role


def no_valid_token() -> Refused:
    """The one answer for a missing, unknown, ended or revoked token, so that it reveals nothing."""
    metrics.http_refused.labels("token").inc()
    return Refused(
        ErrorCode.UNAUTHORIZED,
        "a valid token is required",
        hint="send Authorization: Bearer …; `makima token create` creates a token",
    )


def not_its_role(agent: AgentIdentity, role: str) -> Refused:
    return Refused(
        ErrorCode.FORBIDDEN,
        f"the token is of the role {agent.role} of its contract, and may not speak for {role}",
        hint=f"leave it to {role}, or to its daemon",
        roles=[each for each in Role if each is not Role.AGENT],
    )
