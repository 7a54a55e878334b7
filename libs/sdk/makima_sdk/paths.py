"""The paths of the HTTP API, made of fixed words and ids. All of them are made here, so that no id can name
another route: `../contracts/c1` as the id of a token would otherwise delete a contract.
"""

from makima_schemas.identity import is_id

from makima_sdk.problems import InvalidIdError


def path(*segments: str) -> str:
    """`path("contracts", "c1", "start")` → `/contracts/c1/start`.

    Raises `InvalidIdError` for a segment that is no id (domain.md: letters, digits, `_` and `-`, at most 64):
    no such thing exists, and with `/`, `..`, `?` or `#` in it the request would go elsewhere.
    """
    for segment in segments:
        if not is_id(segment):
            raise InvalidIdError(segment)
    return "/" + "/".join(segments)


def checked(route: str) -> str:
    """The path of a request as a caller wrote it. Raises `InvalidIdError`, as `path` does."""
    return path(*route.removeprefix("/").split("/"))
