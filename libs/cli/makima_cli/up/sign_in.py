"""The link by which `makima up` lets a person into the web page."""

from makima_sdk.http import Http
from makima_sdk.problems import ProblemError, UnreachableError

GATEWAY_RETRY_SECONDS = 1.0


async def sign_in_link(url: str, token: str) -> str | None:
    """A link with a one-time code, which is no lasting secret; None if the gateway gives none."""
    try:
        async with Http(url, token, retry_for=GATEWAY_RETRY_SECONDS) as http:
            made = (await http.send("POST", "/session/codes")).body
    except (ProblemError, UnreachableError):
        return None
    return f"{url}{made['path']}"
