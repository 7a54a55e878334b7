"""A restoration that does not go on from all that was saved is a warning in the log."""

from uuid import uuid4

import orjson
import pytest
import structlog
from makima_kernel.testing import eventually
from makima_schemas.commands import Accepted, Request
from makima_schemas.supervisor import RestoreSupervisor, SaveState
from makima_supervisor_heartbeat import app

from tests.services.supervisor_heartbeat.harness import Running, supervisor_beat

CONTRACT, TASK = "c1", "s1"


async def ask(fleet: Running, name: str, asked: SaveState | RestoreSupervisor) -> None:
    request: Request[object] = Request(uuid4(), TASK, orjson.loads(orjson.dumps(asked)))

    async def accepted() -> bool:
        reply = await fleet.service.bus.ask(app.NAME, name, request)
        assert isinstance(reply, Accepted), reply
        return True

    await eventually(accepted)


@pytest.mark.parametrize(
    ("kinds", "rots", "level", "outcome", "damaged"),
    [
        ((), False, "warning", "fresh", None),
        (("phase",), False, "info", "resumed", None),
        (("phase",), True, "warning", "fresh", 2),
        (("checkpoint", "phase"), True, "warning", "from_checkpoint", 3),
    ],
)
async def test_a_restoration_from_less_than_all_is_a_warning(
    fleet: Running, kinds: tuple[str, ...], level: str, outcome: str, damaged: int | None, *, rots: bool
) -> None:
    await fleet.beat(supervisor_beat(TASK, contract_id=CONTRACT, connection_id="k1"))
    await fleet.until(f"supervisor-{TASK}", 1)
    for kind in kinds:
        content = '{"plan":"the form"}' if kind == "checkpoint" else '{"phase":"execute"}'
        await ask(fleet, "save_state", SaveState(CONTRACT, kind, content, "k1"))  # pyright: ignore[reportArgumentType] - a kind
    if rots:
        await fleet.pool.execute("alter table event_log.events disable trigger append_only")
        await fleet.pool.execute(
            "update event_log.events set data = replace(data::text, 'execute', 'exceute')::json"
        )
        await fleet.pool.execute("alter table event_log.events enable always trigger append_only")
    with structlog.testing.capture_logs() as lines:
        await ask(fleet, "restore_supervisor", RestoreSupervisor(CONTRACT, "d1", "k2"))
    (line,) = [line for line in lines if line["event"] == "supervisor.restoring"]
    assert (line["log_level"], line["outcome"], line.get("damaged_version")) == (level, outcome, damaged)
