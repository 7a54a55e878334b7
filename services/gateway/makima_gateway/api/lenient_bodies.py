"""Bodies that a route reads itself, because it is lenient; the document has their schemas nevertheless."""

from typing import Final, cast

from pydantic import BaseModel

from makima_gateway.api.schemas.agents import AgentHeartbeatRequest, SupervisorHeartbeatRequest
from makima_gateway.api.schemas.senders import DaemonHeartbeatRequest

Json = dict[str, object]

SCHEMAS: Final = "#/components/schemas/"
BODIES: Final[tuple[type[BaseModel], ...]] = (
    DaemonHeartbeatRequest,
    AgentHeartbeatRequest,
    SupervisorHeartbeatRequest,
)


def request_body(model: type[BaseModel]) -> Json:
    """For `openapi_extra` of a route."""
    content = {"application/json": {"schema": {"$ref": f"{SCHEMAS}{model.__name__}"}}}
    return {"requestBody": {"content": content, "required": True}}


def schemas() -> Json:
    """The schemas of the bodies, and of what they are made of, by name."""
    found: Json = {}
    for model in BODIES:
        schema = model.model_json_schema(ref_template=f"{SCHEMAS}{{model}}")
        found |= cast("Json", schema.pop("$defs", {}))
        found[model.__name__] = schema
    return found
