"""What the dashboard shows."""

import httpx

from tests.services.gateway.harness import body


async def dashboard(http: httpx.AsyncClient, position: int = 0) -> dict[str, object]:
    answer = await http.get("/contracts/dashboard", headers={"Makima-Min-Position": str(position)})
    assert answer.status_code == 200, answer.text
    return body(answer)
