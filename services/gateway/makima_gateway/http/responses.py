"""How an answer is written: JSON, its version as ETag, and how far the reader can trust that it is the newest."""

from collections.abc import Mapping
from typing import Final

from makima_schemas.codec import encode
from starlette.responses import Response

POSITION: Final = "Makima-Position"
MIN_POSITION: Final = "Makima-Min-Position"
READ_BEHIND: Final = "Makima-Read-Behind"
MEDIA_TYPE: Final = "application/json"


def json_response(body: object, headers: Mapping[str, str] | None = None, *, status: int = 200, version: int | None = None) -> Response:
    """`version` becomes the ETag that `If-Match` takes."""
    said = dict(headers or {})
    if version is not None:
        said |= etag(version)
    return Response(encode(body), status, said, MEDIA_TYPE)


def etag(version: int) -> dict[str, str]:
    return {"ETag": f'"{version}"'}
