"""What a browser sends, and what it gets by it."""

from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.services.gateway.harness import ADMIN, body

SEEN_ELSEWHERE = "https://makima.example.org"  # the origin that the operator of a proxy has set


def own(browser: httpx.AsyncClient, **headers: str) -> dict[str, str]:
    """The headers that a browser adds to what a page of the gateway sends."""
    return {"Origin": str(browser.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin", **headers}


async def signed_in(browser: httpx.AsyncClient, token: str = ADMIN) -> str:
    """The cookie header."""
    answer = await browser.post("/api/v1/session", json={"token": token}, headers=own(browser))
    assert answer.status_code == 204, answer.text
    return answer.headers["Set-Cookie"].partition(";")[0]


async def new_code(admin: httpx.AsyncClient) -> str:
    answer = await admin.post("/session/codes")
    assert answer.status_code == 201, answer.text
    return str(body(answer)["code"])


async def opened(browser: httpx.AsyncClient, cookie: str, **headers: str) -> ClientConnection:
    return await connect(
        f"ws://{urlsplit(str(browser.base_url)).netloc}/api/v1/contracts/monitor",
        additional_headers={"Cookie": cookie, **headers},
    )
