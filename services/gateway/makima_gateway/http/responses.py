"""JSON responses, and the names of the headers that tell their version and how current they are."""

from collections.abc import Mapping
from typing import Final

from makima_schemas.codec import encode
from starlette.responses import Response

POSITION: Final = "Makima-Position"  # response: the log position of the event that this write appended
MIN_POSITION: Final = "Makima-Min-Position"  # request: wait until the read model shows this position
# response: `true` if the read model did not reach that position in time
READ_BEHIND: Final = "Makima-Read-Behind"
MEDIA_TYPE: Final = "application/json"


def json_response(
    body: object, headers: Mapping[str, str] | None = None, *, status: int = 200, version: int | None = None
) -> Response:
    """`version` becomes the ETag, which a later write may send as `If-Match`."""
    all_headers = dict(headers or {})
    if version is not None:
        all_headers |= etag(version)
    return Response(encode(body), status, all_headers, MEDIA_TYPE)


def etag(version: int) -> dict[str, str]:
    return {"ETag": f'"{version}"'}
