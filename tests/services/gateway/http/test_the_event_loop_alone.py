"""Requests and commands are handled on the event loop: a worker thread costs a busy service several turns of it,
and there are 40 of them.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import anyio.to_thread
import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute
from makima_gateway.api.application import PARTS

from tests.services.gateway.harness import created, refused


@pytest.fixture
def in_threads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the functions that FastAPI, Starlette and FastDepends ran in worker threads."""
    seen: list[str] = []
    run_sync = anyio.to_thread.run_sync

    async def noted(func: Callable[..., object], *arguments: Any, **options: Any) -> object:
        seen.append(repr(func))
        return await run_sync(func, *arguments, **options)

    monkeypatch.setattr(anyio.to_thread, "run_sync", noted)
    return seen


async def test_no_write_no_read_and_no_refusal_goes_through_a_worker_thread(
    http: httpx.AsyncClient, in_threads: list[str]
) -> None:
    contract = await created(http)
    assert (await http.get(f"/contracts/{contract['id']}")).status_code == 200
    await refused(http.post("/contracts", json={}), 422, "INVALID_REQUEST")
    await refused(http.get("/nonsense"), 404, "NOT_FOUND")
    assert in_threads == []


def test_every_route_and_each_of_its_dependencies_is_a_coroutine() -> None:
    served = [
        route
        for part in PARTS
        for route in part.router.routes
        if isinstance(route, APIRoute | APIWebSocketRoute)
    ]
    assert len(served) > len(PARTS)
    sync = {
        f"{route.path}: {call}"
        for route in served
        for call in calls(route.dependant)
        if not inspect.iscoroutinefunction(call)
    }
    assert sync == set()


def calls(dependant: Dependant) -> Iterator[object]:
    if dependant.call is not None:
        yield dependant.call
    for each in dependant.dependencies:
        yield from calls(each)
