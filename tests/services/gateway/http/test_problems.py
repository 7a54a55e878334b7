"""Every refusal is a problem with a code of the table, and no input makes the gateway fail."""

from collections.abc import AsyncIterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Final, cast

import httpx
import orjson
from fastapi import APIRouter
from fastapi.routing import APIRoute
from makima_gateway.api import routes
from makima_gateway.auth.policy import API
from makima_kernel.commands.decoding import MAX_COMMAND_BYTES
from makima_kernel.telemetry import traces

from tests.services.gateway.harness import body, created, refused

JSON: Final = {"Content-Type": "application/json"}


def needing(tasks: int) -> object:
    return {"name": "plan", "gate": {"required_tasks": {"min_complete": tasks}}}


async def test_a_route_that_is_not_there(http: httpx.AsyncClient) -> None:
    await refused(http.get("/nonsense"), 404, "NOT_FOUND")
    await refused(http.get(str(http.base_url).replace("/api/v1/", "/api/v2/contracts")), 404, "NOT_FOUND")
    await refused(http.get("/contracts/"), 404, "NOT_FOUND")


async def test_a_method_that_is_not_for_it(http: httpx.AsyncClient) -> None:
    answer = await http.patch("/contracts", json={})
    assert answer.headers["Allow"]
    await refused(http.patch("/contracts", json={}), 405, "METHOD_NOT_ALLOWED")


async def test_a_body_that_is_not_json(http: httpx.AsyncClient) -> None:
    await refused(
        http.post("/contracts", content=b"name=x", headers={"Content-Type": "text/plain"}),
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    )
    await refused(
        http.post("/contracts", content=b"{}", headers={"Content-Type": ""}), 415, "UNSUPPORTED_MEDIA_TYPE"
    )
    for malformed in (
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"{} {}",
        b"\xff\xfe",
        b'{"name": "\\ud800"}',
        b'{"name": NaN}',
        b"[" * 10_000,
    ):
        problem = await refused(
            http.post("/contracts", content=malformed, headers=JSON), 422, "INVALID_REQUEST"
        )
        assert problem["errors"]


async def test_a_body_that_does_not_fit_says_where(http: httpx.AsyncClient) -> None:
    for unfit, path in (
        ({}, "body.name"),
        ({"name": ""}, "body.name"),
        ({"name": "x" * 201}, "body.name"),
        ({"name": "nul \0"}, "body.name"),
        ({"name": "x", "nmae": "y"}, "body.nmae"),
        ({"name": "x", "stale_after_seconds": 0}, "body.stale_after_seconds"),
        ({"name": "x", "stale_after_seconds": 2**70}, "body.stale_after_seconds"),
        ({"name": "x", "stale_after_seconds": 9_223_372_036_000}, "body.stale_after_seconds"),
        ({"name": "x", "phases": [needing(2**64)]}, "body.phases"),
        ({"name": "x", "phases": [{"name": "no id!"}]}, "body.phases.0.name"),
        ({"name": "x", "description": "\0"}, "body.description"),
    ):
        problem = await refused(http.post("/contracts", json=unfit), 422, "INVALID_REQUEST")
        assert [error["path"] for error in problem["errors"]] == [path]  # type: ignore[attr-defined]
    problem = await refused(
        http.post("/contracts", json={"name": "x", "contract_type": "unheard-of"}), 422, "INVALID_REQUEST"
    )
    assert "unheard-of" in str(problem["detail"])
    assert (await http.post("/contracts", json={"name": "x", "phases": []})).status_code == 422


async def test_a_body_above_the_limit_is_refused_before_it_is_read(http: httpx.AsyncClient) -> None:
    async def chunks(count: int) -> AsyncIterator[bytes]:
        yield b'{"name": "'
        for _ in range(count):
            yield b"x" * 65536

    for size in (MAX_COMMAND_BYTES + 1, 4 * MAX_COMMAND_BYTES):
        problem = await refused(
            http.post("/contracts", content=b" " * size, headers=JSON), 413, "PAYLOAD_TOO_LARGE"
        )
        assert problem["limit"] == MAX_COMMAND_BYTES
    await refused(http.post("/contracts", content=chunks(16), headers=JSON), 413, "PAYLOAD_TOO_LARGE")
    try:
        status = (await http.post("/contracts", content=chunks(2**30), headers=JSON)).status_code
    except (httpx.WriteError, httpx.ReadError):
        status = None  # cut off while sending, before it read the answer
    assert status in {413, None}
    assert (await http.get("/contracts")).json()["items"] == []


async def test_sizes_around_every_limit_change_nothing_or_everything(http: httpx.AsyncClient) -> None:
    for size in (
        255 * 1024,
        256 * 1024,
        257 * 1024,
        MAX_COMMAND_BYTES - 300,
        MAX_COMMAND_BYTES - 30,
        MAX_COMMAND_BYTES,
    ):
        text = orjson.dumps({"name": "big", "description": ""})
        content = text[:-2] + b"x" * (size - len(text)) + text[-2:]
        answer = await http.post("/contracts", content=content, headers=JSON)
        assert answer.status_code in {201, 413}, (size, answer.text)
        assert (answer.status_code == 201) == (size < 256 * 1024)


async def test_paths_headers_and_queries_that_mean_nothing(http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    for path in (
        "/contracts/%00",
        "/contracts/a%20b",
        "/contracts/%C3%A4",
        "/contracts/" + "x" * 65,
        "/daemons/a.b",
    ):
        await refused(http.get(path), 422, "INVALID_REQUEST")
    for query in (
        {"limit": "0"}, {"limit": "501"}, {"limit": "x"}, {"status": "nonsense"}, {"status": ""}, {"stale": "perhaps"}, {"threshold": "soon"},
        {"threshold": "99999999999d"}, {"q": "\0"}, {"phase": "\0"}, {"cursor": "%%%"}, {"cursor": ""}, {"cursor": "WyJ0YXNrcyIsMV0"},
        {"cursor": "WyJjb250cmFjdHMiLCJ4Il0"}, {"cursor": "WyJjb250cmFjdHMiLC0xXQ"}, {"cursor": "ä"}, {"nonsense": "1"},
    ):  # fmt: skip
        await refused(http.get("/contracts", params=query), 422, "INVALID_REQUEST")
    for headers in (
        {"If-Match": "x"}, {"If-Match": '"1'}, {"If-Match": '"99999999999999999999"'}, {"If-Match": '"-1"'}, {"Idempotency-Key": ""},
        {"Idempotency-Key": "x" * 256},
    ):  # fmt: skip
        await refused(http.post(f"/contracts/{contract}/start", headers=headers), 422, "INVALID_REQUEST")
    for headers in (
        {"Makima-Min-Position": "x"},
        {"Makima-Min-Position": "-1"},
        {"Makima-Min-Position": "9" * 30},
    ):
        await refused(http.get(f"/contracts/{contract}", headers=headers), 422, "INVALID_REQUEST")
    await refused(
        http.get(f"/contracts/{contract}/events", params={"after": str(2**64)}), 422, "INVALID_REQUEST"
    )
    await refused(
        http.get(f"/contracts/{contract}/supervisor/heartbeats", params={"limit": "501"}),
        422,
        "INVALID_REQUEST",
    )
    assert (await http.get("/contracts", params={"threshold": "999999999d"})).status_code == 200


async def test_a_part_that_is_away_is_unavailable(http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    await refused(http.post(f"/contracts/{contract}/check-completion"), 503, "UNAVAILABLE")
    await refused(http.get(f"/contracts/{contract}/supervisor/heartbeats"), 503, "UNAVAILABLE")


async def test_the_trace_of_a_request_is_in_its_problem(http: httpx.AsyncClient) -> None:
    traces.configure("gateway")
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    problem = await refused(http.get("/nonsense", headers={"traceparent": parent}), 404, "NOT_FOUND")
    assert problem["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    problem = await refused(http.get("/nonsense", headers={"traceparent": "nonsense"}), 404, "NOT_FOUND")
    assert len(str(problem["trace_id"])) == 32


async def test_the_documentation_lists_every_route(http: httpx.AsyncClient) -> None:
    document = body(await http.get("/openapi.json"))
    paths = cast("dict[str, dict[str, object]]", document["paths"])
    listed = {
        (path, method.upper())
        for path, methods in paths.items()
        if path.startswith(API)
        for method in methods
    }
    modules = [
        import_module(f"{routes.__name__}.{found.name}")
        for found in iter_modules(routes.__path__)
        if found.name != "health"
    ]
    served = {
        (f"{API}{route.path}", method)
        for module in modules
        for route in cast("APIRouter", module.router).routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert listed == served, "a module of routes that is not included, or a route that is hidden"
    assert (await http.get(str(http.base_url).replace("/api/v1/", "/docs"))).status_code == 200
    for probe in ("livez", "readyz", "healthz", "metrics"):
        assert (await http.get(str(http.base_url).replace("/api/v1/", f"/{probe}"))).status_code == 200
