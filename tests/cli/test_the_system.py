"""`makima dead-letters` and `makima maintenance`: for whoever runs the system, on a gateway with the detector beside it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio
from makima_local.nats import Nats
from makima_local.postgres import Postgres
from makima_schemas.times import rfc3339

from tests import dead_letters
from tests.cli.conftest import Makima, environment
from tests.dead_letters import BEAT
from tests.services.gateway.harness import ADMIN, Gateways
from tests.shared_gateway import gateway_with_detector

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("makima runs the system")]
Json = dict[str, object]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateways(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[Gateways]:
    async with gateway_with_detector(postgres_server, template_database, nats_server) as made:
        yield made


@pytest.fixture
def environ(gateways: Gateways, nats_server: Nats, tmp_path: Path) -> dict[str, str]:
    return environment(gateways, nats_server.url, tmp_path, ADMIN)


async def test_dead_letters_are_listed_shown_sent_again_and_deleted(
    makima: Makima, gateways: Gateways
) -> None:
    assert (await makima("dead-letters", "list", "--format", "json")).json == []
    for payload in (BEAT, b"\x1b[2J"):
        await dead_letters.leave(gateways.replicas[0].nats, payload, reason="too \x1b many")
    listed = cast("list[Json]", (await makima("dead-letters", "list", "--format", "json")).json)
    assert [letter["id"] for letter in listed] == ["2", "1"]
    assert len((await makima("dead-letters", "list", "-n", "1", "--format", "compact")).out.splitlines()) == 1
    table = (await makima("dead-letters", "list")).out.splitlines()
    assert table[0].split() == ["ID", "CAME", "SENDER", "REASON", "CONSUMER", "DELIVERED", "RETRY"]
    assert table[1].split()[:1] == ["2"]
    assert table[1].split()[-3:] == ["supervisor_heartbeat", "1", "-"]
    assert table[2].split()[-1].endswith("s"), "the seconds in which a retry tells the truth"
    shown = await makima("dead-letters", "show", "2")
    assert (shown.exit, "\x1b" in shown.out, "would not help" in shown.out) == (0, False, True)
    whole = await makima("dead-letters", "show", "2", "--format", "json")
    assert (whole.exit, cast("Json", whole.json)["id"]) == (0, "2")
    refused = await makima("dead-letters", "retry", "2")
    assert (refused.exit, "mend its sender" in refused.err) == (5, True)
    sent = await makima("dead-letters", "retry", "1", "--format", "json")
    assert (sent.exit, cast("Json", sent.json)["stream"]) == (0, "MAKIMA_HEARTBEATS")
    deleted = await makima("dead-letters", "delete", "2")
    assert (deleted.exit, deleted.out) == (0, "2 is deleted\n")
    await dead_letters.leave(gateways.replicas[0].nats, BEAT)
    as_json = await makima("dead-letters", "delete", "3", "--format", "json")
    assert (as_json.exit, as_json.json) == (0, {"id": "3", "deleted": True})
    assert (await makima("dead-letters", "show", "2")).exit == 3
    assert (await makima("dead-letters", "list", "--format", "compact")).out == ""


async def test_maintenance_is_started_once_replaced_when_asked_and_ended(makima: Makima) -> None:
    start = ("maintenance", "start", "daemon:d1", "--reason", "new disk")
    began = await makima(*start, "--for", "2h", "--format", "json")
    window = cast("Json", began.json)
    until = datetime.fromisoformat(str(window["until"]))
    assert timedelta(0) <= datetime.now(UTC) + timedelta(hours=2) - until < timedelta(minutes=1)
    assert (window["scope"], window["reason"]) == ("daemon:d1", "new disk")
    assert (await makima(*start, "--for", "3h")).exit == 5, "it would change a window of somebody"
    later = rfc3339(until + timedelta(hours=3))
    replaced = await makima(*start, "--until", later, "--replace", "--format", "json")
    assert (replaced.exit, cast("Json", replaced.json)["until"]) == (0, later)
    listed = cast("list[Json]", (await makima("maintenance", "list", "--format", "json")).json)
    assert [(each["scope"], each["until"]) for each in listed] == [("daemon:d1", later)]
    table = (await makima("maintenance", "list")).out.splitlines()
    assert table[0].split() == ["SCOPE", "BEGINS", "UNTIL", "BY", "REASON"]
    assert table[1].startswith("daemon:d1 ")
    assert (await makima("maintenance", "end", "daemon:d1")).exit == 0
    assert (await makima("maintenance", "list", "--format", "compact")).out == ""
    assert (await makima(*start, "--for", "2h")).exit == 0
    ended = await makima("maintenance", "end", "daemon:d1", "--format", "json")
    assert (ended.exit, ended.json) == (0, {"scope": "daemon:d1", "ended": True})


async def test_maintenance_is_planned_listed_with_its_beginning_and_called_off(makima: Makima) -> None:
    begins = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=5)
    plan = ("maintenance", "start", "owner:ada", "--reason", "kernel", "--from", rfc3339(begins))
    assert f"from {rfc3339(begins)} until" in (await makima(*plan, "--for", "2h")).out
    (listed,) = cast("list[Json]", (await makima("maintenance", "list", "--format", "json")).json)
    assert (listed["planned"], listed["until"]) == (True, rfc3339(begins + timedelta(hours=2)))
    compact = (await makima("maintenance", "list", "--format", "compact")).out
    assert compact.startswith(f"owner:ada from {listed['started_at']} {listed['until']} kernel")
    assert str(listed["started_at"])[:16] in (await makima("maintenance", "list")).out
    assert (await makima("maintenance", "end", "owner:ada")).exit == 0
    assert (await makima("maintenance", "list", "--format", "compact")).out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("all", "--reason", "x", "--for", "1h", "--from", "soon"),
        ("all", "--reason", "x"),
        ("all", "--reason", "x", "--for", "1h", "--until", "2030-01-31T00:00:00Z"),
        ("all", "--reason", "x", "--for", "soon"),
        ("all", "--reason", "x", "--until", "tomorrow"),
        ("everybody", "--reason", "x", "--for", "1h"),
        ("all", "--for", "1h"),
    ],
)
async def test_maintenance_that_makes_no_sense_is_exit_2(makima: Makima, arguments: tuple[str, ...]) -> None:
    ran = await makima("maintenance", "start", *arguments)
    assert (ran.exit, ran.out) == (2, "")
