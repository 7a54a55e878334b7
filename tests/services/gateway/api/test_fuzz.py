"""Whatever is sent by whatever route, the gateway answers below 500, and every refusal is a problem of the
table.
"""

import os
from random import Random
from typing import Final

import httpx
import pytest
from makima_schemas.errors import HTTP_STATUS, ErrorCode

from tests.services.gateway.api.random_requests import send
from tests.services.gateway.harness import act, body, created, listed

REQUESTS: Final = 250 if os.environ.get("MAKIMA_TEST_CHAOS") else 100  # with each seed


@pytest.mark.parametrize("seed", range(4))
async def test_no_input_makes_the_gateway_fail(http: httpx.AsyncClient, seed: int) -> None:
    random = Random(seed)
    contract = str((await created(http))["id"])
    await act(http, contract, "start")
    task = str(body(await http.post(f"/contracts/{contract}/tasks", json={"name": "write"}))["id"])
    for _ in range(REQUESTS):
        answer = await send(http, random, contract, task)
        request = f"{answer.request.method} {answer.request.url} {answer.request.headers} {answer.request.content!r}"
        assert answer.status_code < 500, f"{request} → {answer.text}"
        if answer.status_code >= 400:
            problem = body(answer)
            assert answer.headers["Content-Type"] == "application/problem+json", request
            assert HTTP_STATUS[ErrorCode(str(problem["code"]))] == answer.status_code, request
            assert problem["code"] != "INVALID_REQUEST" or all(
                error["message"] for error in listed(problem["errors"])
            ), request
    assert (await http.get(f"/contracts/{contract}")).status_code == 200
