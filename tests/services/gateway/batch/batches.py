"""Batches asked for over HTTP, the contracts they are for, and the answers they get."""

from collections.abc import Mapping, Sequence

import httpx
from prometheus_client import REGISTRY

from tests.services.gateway.harness import act, body, created, items


async def batch(
    http: httpx.AsyncClient, operation: str, *, key: str | None = None, **members: object
) -> dict[str, object]:
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = await http.post("/contracts/batch", json={"operation": operation, **members}, headers=headers)
    assert answer.status_code == 200, answer.text
    return body(answer)


async def contracts(http: httpx.AsyncClient, **statuses: tuple[str, ...]) -> dict[str, str]:
    """Name → id of new contracts, each taken through the actions that are given for it."""
    ids = {name: str((await created(http, name=name))["id"]) for name in statuses}
    for name, actions in statuses.items():
        for action in actions:
            await act(http, ids[name], action)
    return ids


async def statuses(http: httpx.AsyncClient) -> dict[str, str]:
    return {str(one["name"]): str(one["status"]) for one in await items(http, "/contracts", limit=500)}


def done(operation: str, *ids: str, errors: Sequence[object] = ()) -> Mapping[str, object]:
    return {
        "operation": operation,
        "affected_count": len(ids),
        "affected_ids": list(ids),
        "errors": list(errors),
    }


def operations(name: str) -> float:
    return REGISTRY.get_sample_value("makima_batch_operations_total", {"operation": name}) or 0.0
