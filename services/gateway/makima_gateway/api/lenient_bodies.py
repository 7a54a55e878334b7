"""Bodies that a route reads itself, because it is lenient; the document has their schemas nevertheless."""

from typing import Final

from pydantic import BaseModel

from makima_gateway.api.schemas.senders import DaemonHeartbeatRequest

Json = dict[str, object]

SCHEMAS: Final = "#/components/schemas/"
BODIES: Final[tuple[type[BaseModel], ...]] = (DaemonHeartbeatRequest,)


def request_body(model: type[BaseModel]) -> Json:
    """For `openapi_extra` of a route."""
    content = {"application/json": {"schema": {"$ref": f"{SCHEMAS}{model.__name__}"}}}
    return {"requestBody": {"content": content, "required": True}}


def schemas() -> Json:
    """The schemas of the bodies, by name."""
    return {model.__name__: model.model_json_schema(ref_template=f"{SCHEMAS}{{model}}") for model in BODIES}
