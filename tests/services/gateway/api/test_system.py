"""What administrators see and do, by the SDK, on a gateway with the detector beside it."""

import functools
from typing import Any, cast

import httpx
import pytest
import structlog
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_sdk import ProblemError, System

from tests import dead_letters
from tests.dead_letters import BEAT
from tests.services.gateway.api.with_detector import gateways, http, system
from tests.services.gateway.harness import Gateways, body, refused
from tests.services.gateway.tokens import client_as

__all__ = ("gateways", "http", "system")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("gateway system")]


async def test_the_system_names_every_replica_with_what_it_lacks_and_how_far_behind_it_is(
    gateways: Gateways, system: System
) -> None:
    async def shown() -> dict[str, Any] | None:
        found = cast("dict[str, Any]", await system.show())
        ready = {service["name"] for service in found["services"] if service["ready"]}
        return found if {"contract", "gateway", "stale_detector"} <= ready else None

    found = await eventually(shown)
    assert found is not None
    assert found["position"] == await gateways.log.head()
    assert found["epoch"] == str(await gateways.log.epoch())
    replicas: dict[str, list[dict[str, Any]]] = {
        service["name"]: service["replicas"] for service in found["services"]
    }
    (gateway,) = replicas["gateway"]
    assert gateway["id"] == gateways.replicas[0].owner
    assert (gateway["failing"], gateway["lag_events"]) == ({}, {"gateway": 0})
    assert found["disk_free"] is None, "this gateway was not told where the data lies"
    assert found["detector"]["tracked"] == 0
    assert found["detector"]["holds"] == []
    assert found["thresholds"]["heartbeat_timeout_seconds"] == {
        "value": 120,
        "unit": "seconds",
        "set_by": "default",
    }
    assert found["flags"]["supervisor_heartbeat"] is True


async def test_everybody_may_read_what_colours_the_ages(system: System, http: httpx.AsyncClient) -> None:
    whole = cast("dict[str, Any]", await system.show())["thresholds"]
    for role in ("owner", "viewer"):
        async with client_as(http, role, owner="alice") as asker:
            assert body(await asker.get("/system/thresholds")) == {"thresholds": whole}
            await refused(asker.get("/system"), 403, "FORBIDDEN")


async def test_dead_letters_come_in_pages_newest_first(gateways: Gateways, system: System) -> None:
    for number in range(5):
        await dead_letters.leave(
            gateways.replicas[0].nats,
            b"\xff\x00",
            daemon=f"d{number}",
            reason=f"reason {number}",
            sequence=number,
        )
    jetstream = gateways.replicas[0].nats.jetstream()
    await jetstream.delete_msg(subjects.DEAD_LETTERS_STREAM, 4)
    first = await system.dead_letters({"limit": 2})
    assert [(letter.reason, letter.sender, letter.sequence) for letter in first.items] == [
        ("reason 4", "daemon:d4", 4),
        ("reason 2", "daemon:d2", 2),
    ]
    assert (first.items[0].excerpt, first.items[0].deliveries) == ("\\xff\\x00", 1)
    second = await system.dead_letters({"limit": 2, "cursor": first.next_cursor or ""})
    assert [letter.reason for letter in second.items] == ["reason 1", "reason 0"]
    assert second.next_cursor is None


async def test_a_dead_letter_is_sent_again_or_deleted_once(gateways: Gateways, system: System) -> None:
    nats = gateways.replicas[0].nats
    letters = await nats.jetstream().stream_info(subjects.DEAD_LETTERS_STREAM)
    first = letters.state.last_seq + 1
    for payload in (BEAT, b"{", b"{"):
        await dead_letters.leave(gateways.replicas[0].nats, payload, daemon="d7")
    shown = {letter.id: letter for letter in (await system.dead_letters({"limit": 3})).items}
    assert shown[str(first)].retry_until is not None
    assert shown[str(first + 1)].retry_until is None
    with structlog.testing.capture_logs() as lines:
        await system.retry_dead_letter(str(first))
        await system.delete_dead_letter(str(first + 1))
    assert [(line["event"], line["number"], line["by"]) for line in lines if "number" in line] == [
        ("dead_letter.retried", first, "admin:local"),
        ("dead_letter.deleted", first + 1, "admin:local"),
    ]
    stored = await nats.jetstream().get_last_msg(subjects.HEARTBEATS_STREAM, "makima.shards.*.daemon.d7")
    assert stored.data == BEAT
    for gone in (str(first), str(first + 1), "999999"):
        for act in (system.retry_dead_letter, system.delete_dead_letter):
            with pytest.raises(ProblemError) as found:
                await act(gone)
            assert found.value.code == "NOT_FOUND"
    with pytest.raises(ProblemError) as found:
        await system.retry_dead_letter(str(first + 2))
    assert (found.value.code, found.value.status) == ("CONFLICT", 409)
    assert first + 2 in {int(letter.id) for letter in (await system.dead_letters({"limit": 3})).items}


async def test_a_repeat_with_the_same_key_gets_the_first_answer_and_sends_nothing_twice(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    jetstream = gateways.replicas[0].nats.jetstream()
    first = (await jetstream.stream_info(subjects.DEAD_LETTERS_STREAM)).state.last_seq + 1
    for _ in range(2):
        await dead_letters.leave(gateways.replicas[0].nats, BEAT.replace(b"d7", b"d8"), daemon="d8")
    shown = body(await http.get(f"/dead-letters/{first}"))
    assert (shown["id"], shown["sender"], shown["deliveries"]) == (str(first), "daemon:d8", 1)
    retry = functools.partial(http.post, f"/dead-letters/{first}/retry")
    delete = functools.partial(http.delete, f"/dead-letters/{first + 1}")
    answers = [await retry(headers={"Idempotency-Key": "one"}) for _ in range(2)]
    assert [each.status_code for each in answers] == [202, 202]
    assert answers[0].content == answers[1].content
    sent = await jetstream.stream_info(
        subjects.HEARTBEATS_STREAM, subjects_filter="makima.shards.*.daemon.d8"
    )
    assert sum((sent.state.subjects or {}).values()) == 1
    await refused(delete(headers={"Idempotency-Key": "one"}), 409, "IDEMPOTENCY_KEY_REUSED")
    for _ in range(2):
        assert (await delete(headers={"Idempotency-Key": "two"})).status_code == 204
    await refused(retry(), 404, "NOT_FOUND")
    await refused(http.get(f"/dead-letters/{first}"), 404, "NOT_FOUND")


async def test_a_cursor_of_another_list_is_refused(http: httpx.AsyncClient) -> None:
    await refused(http.get("/dead-letters", params={"cursor": "WyJ0b2tlbnMiLDFd"}), 422, "INVALID_REQUEST")
