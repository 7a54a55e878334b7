"""Asks the completion-detector to evaluate a contract now."""

from fastapi import APIRouter
from makima_schemas.commands import Problem
from starlette.responses import Response

from makima_gateway.api.reads import ContractId
from makima_gateway.api.schemas.phases import CompletionCheck
from makima_gateway.api.writes import Writing, refused
from makima_gateway.http.responses import json_response

router = APIRouter(tags=["phases"])


@router.post("/contracts/{contract_id}/check-completion", response_model=CompletionCheck)
async def check_completion(contract_id: ContractId, write: Writing) -> Response:
    """Reports, and starts the completion if the gate is satisfied and automatic completion is on."""
    question: dict[str, object] = {"contract_id": contract_id, "tenant": write.principal.tenant}
    reply = await write.gateway.bus.query("completion_detector", "check_completion", question)
    if isinstance(reply, Problem):
        raise refused(reply)
    return json_response(reply)
