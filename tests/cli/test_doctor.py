"""`makima doctor`: says of every part whether it works, and what to do where it does not."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from makima_cli.doctor import answers
from makima_cli.doctor.finding import Finding, State
from makima_local import context, ports
from makima_local.context import Context

from tests.cli.conftest import Makima
from tests.cli.served import environ, gateways
from tests.services.gateway.harness import ADMIN

__all__ = ("environ", "gateways")
pytestmark = pytest.mark.xdist_group("doctor")

READY: Mapping[str, object] = {"ready": True, "replicas": [{"version": "1"}]}


def checks(found: object) -> dict[str, dict[str, Any]]:
    return {each["check"]: each for each in cast("Mapping[str, Any]", found)["checks"]}


@pytest.mark.asyncio(loop_scope="module")
async def test_every_part_is_checked_and_services_that_do_not_run_are_problems(makima: Makima) -> None:
    ran = await makima("doctor", "--format", "json", MAKIMA_TOKEN=ADMIN)
    found = checks(ran.json)
    parts = "context address gateway token version broker disk Postgres NATS"
    assert {*parts.split(), "clock", "data folder", "port 8420", "port 4222"} < found.keys()
    assert found["token"]["text"] == "it is valid; its role is admin"
    assert found["service gateway"]["state"] == found["service contract"]["state"] == "ok"
    assert (found["service stale_detector"]["state"], ran.exit) == ("problem", 6)
    assert all(each["hint"] for each in found.values() if each["state"] != "ok")


@pytest.mark.asyncio(loop_scope="module")
async def test_another_role_is_told_that_it_may_not_see_the_services(makima: Makima) -> None:
    found = checks((await makima("doctor", "--format", "json")).json)
    assert found["token"]["text"] == "it is valid; its role is owner"
    assert found["services"]["state"] == "warning"


@pytest.mark.asyncio(loop_scope="module")
async def test_a_token_that_is_not_valid_and_a_server_that_is_away_are_problems(makima: Makima) -> None:
    wrong = await makima("doctor", MAKIMA_TOKEN="mk_of-nobody")
    assert (wrong.exit, "problem  token" in wrong.out) == (6, True)
    assert "mk_of-nobody" not in wrong.out + wrong.err
    without = checks((await makima("doctor", "--format", "json", MAKIMA_TOKEN="")).json)
    assert without["token"]["state"] == "problem"
    away = await makima("doctor", MAKIMA_URL=f"http://127.0.0.1:{ports.free()}")
    assert (away.exit, "problem  gateway" in away.out, "makima up" in away.out) == (6, True, True)
    broker = checks(
        (await makima("doctor", "--format", "json", MAKIMA_NATS_URL=f"nats://127.0.0.1:{ports.free()}")).json
    )
    assert broker["broker"]["state"] == "problem"


@pytest.mark.asyncio(loop_scope="module")
async def test_contexts_that_others_can_read_are_a_problem(
    makima: Makima, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    context.remember(Context("a", "http://127.0.0.1:1", "", data_dir=str(tmp_path / "data")))
    (tmp_path / "makima" / "contexts.toml").chmod(0o644)
    found = checks((await makima("doctor", "--format", "json")).json)
    assert found["context"]["hint"] == f"chmod 600 {tmp_path}/makima/contexts.toml"
    unknown = await makima("doctor", "--context", "b")
    assert (unknown.exit, "known: a" in unknown.out) == (6, True)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_full_disk_and_missing_programs_are_problems(
    makima: Makima, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage("/")._replace(total=100, used=99, free=1)

    def usage(_: Path) -> object:
        return full

    monkeypatch.setattr(shutil, "disk_usage", usage)
    monkeypatch.setattr("makima_cli.doctor.machine.WHEEL", "no_such_wheel")
    found = checks((await makima("doctor", "--format", "json")).json)
    assert (found["disk"]["state"], found["Postgres"]["state"]) == ("problem", "problem")


def test_what_the_server_says_of_itself_is_told_by_one_line_each() -> None:
    lacking = {"ready": False, "replicas": [{"version": "1", "failing": {"postgres": "away"}}]}
    noted = {"ready": True, "replicas": [{"version": "2", "warnings": {"disk": "fills up"}}]}
    holds = [{"owner_id": "alice", "until": None}, {"owner_id": None, "until": None}, "of an older server"]
    services = [
        {"name": "contract", **lacking},
        {"name": "gateway", **noted},
        {"name": "stale_detector", **READY},
    ]
    found = {
        each.check: each
        for each in answers.of_system({"services": services, "detector": {"holds": holds}}, "1")
    }
    assert _said(found["service contract"]) == (State.PROBLEM, "postgres: away")
    assert _said(found["service gateway"]) == (State.WARNING, "disk: fills up")
    assert _said(found["service stale_detector"]) == (State.OK, "ready (1 replica)")
    assert found["service completion_detector"].state is State.PROBLEM
    assert _said(found["version"]) == (State.WARNING, "this command is 1, the services are 1, 2")
    assert found["detector"].state is State.WARNING
    assert "alice, the daemons, of an older server" in found["detector"].text


@pytest.mark.parametrize(
    ("apart", "state"), [(0.0, State.OK), (4.9, State.OK), (5.0, State.WARNING), (60.0, State.PROBLEM)]
)
def test_clocks_may_differ_by_what_whole_seconds_hide(apart: float, state: State) -> None:
    assert answers.clock(apart).state is state


def _said(finding: Finding) -> tuple[State, str]:
    return finding.state, finding.text
