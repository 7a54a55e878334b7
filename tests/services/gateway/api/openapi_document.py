"""The OpenAPI document of the gateway, its operations by id, and its references resolved."""

from typing import Final, cast

from makima_gateway.api.application import routed
from makima_gateway.api.openapi.document import document

Json = dict[str, object]
DOCUMENT: Final = document(routed())
OPERATION: Final = {
    str(operation["operationId"]): operation
    for methods in cast("dict[str, dict[str, Json]]", DOCUMENT["paths"]).values()
    for operation in methods.values()
}
COMPONENTS: Final = cast("dict[str, dict[str, Json]]", DOCUMENT["components"])


def resolved(response: Json) -> Json:
    """What stands under its name in the components, where it is only a reference."""
    return COMPONENTS["responses"][name_of(response)] if "$ref" in response else response


def name_of(reference: Json) -> str:
    return str(reference["$ref"]).rpartition("/")[2]
