"""Makes the token with which an agent's process speaks: whoever runs it hands it over (agents.md, Tokens of agents)."""

from datetime import UTC, datetime, timedelta

import structlog
from fastapi import APIRouter
from makima_kernel.credentials import new_secret
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused
from starlette.responses import Response

from makima_gateway.api.reads import AgentRole, ContractId
from makima_gateway.api.schemas.tokens import AgentToken, NewAgentToken
from makima_gateway.api.writes import Writing
from makima_gateway.auth.agent_tokens import AgentIdentity, WantedAgentToken, ended
from makima_gateway.auth.policy import Role
from makima_gateway.http.responses import json_response

router = APIRouter(tags=["tokens"])


@router.post("/contracts/{contract_id}/agents/{role}/token", status_code=201, response_model=AgentToken)
async def create_agent_token(
    contract_id: ContractId, role: AgentRole, body: NewAgentToken, write: Writing
) -> Response:
    """For one connection of this role; the role supervisor has one too. It may be made before its process joins."""
    caller, gateway = write.principal, write.gateway
    contract = await write.known_contract(contract_id)
    agent = AgentIdentity(contract_id, role, body.connection_id, caller.visibility.daemon_id)
    over = ended(agent, await gateway.agents.one(caller.tenant, contract_id, role))
    if over is not None:
        raise Refused(
            ErrorCode.SUPERSEDED,
            f"connection {body.connection_id} of {role} {'has left' if over == 'left' else 'was replaced'}",
            hint="make a token for a new connection id",
        )
    secret, token_id = new_secret(), write.new_id("agent token")
    ends = datetime.now(UTC) + timedelta(days=gateway.settings.http.agent_token_lifetime_days)
    wanted = WantedAgentToken(token_id, caller.tenant, contract.owner_id, agent, caller.actor, ends)
    if not await gateway.agent_tokens.create(wanted, secret):
        raise Refused(
            ErrorCode.IDEMPOTENCY_KEY_REUSED,
            "a token was already created with this key, and its secret is shown only once",
            hint="create another token with a new key; the first one ends with its connection",
        )
    structlog.get_logger().info(
        "token.created",
        token_id=token_id,
        role=Role.AGENT,
        contract_id=contract_id,
        agent_role=role,
        connection_id=body.connection_id,
        expires_at=ends,
        by=caller.actor,
    )
    return json_response(AgentToken(token_id, secret, "agent", ends), status=201)
