"""The recorder answers agents' heartbeats: daemons are told which of their agents are fenced, or must join again."""

from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.agent import AgentStatus, AgentStatusChanged, JoinAgent, ReportAgentStatus

from tests.services.supervisor_heartbeat.crew import STREAM, Crew

S = AgentStatus


async def test_daemons_are_told_of_agents_that_are_fenced_or_must_join_again(crew: Crew) -> None:
    def told(kind: str, connection_id: str) -> tuple[str, dict[str, object]]:
        body: dict[str, object] = {
            "contract_id": "c1",
            "role": "builder",
            "connection_id": connection_id,
        }
        return subjects.daemon_signal("d1", kind), body

    await crew.beat("a")
    await eventually(lambda: crew.signals == [told("rejoin_required", "a")])
    assert await crew.accepted(JoinAgent("b", "d1"))
    assert await crew.accepted(JoinAgent("c", "d1"))
    await crew.fleet.recorded()

    async def zombie_is_told() -> bool:
        await crew.beat("b")
        return told("superseded", "b") in crew.signals

    await eventually(zombie_is_told)
    counted = await crew.beat("c", seq=5)
    await crew.beat("b", seq=9)
    await crew.fleet.recorded()
    latest = await crew.fleet.latest(STREAM)
    assert latest is not None
    assert (latest["sequence"], latest["connection_id"]) == (counted, "c")
    assert await crew.accepted(ReportAgentStatus(S.DEAD))

    async def dead_one_is_told() -> bool:
        await crew.beat("c", seq=6)
        return told("rejoin_required", "c") in crew.signals

    await eventually(dead_one_is_told)
    assert isinstance((await crew.fleet.events(STREAM))[-1], AgentStatusChanged), "a heartbeat revives nobody"
    await crew.beat("c", daemon_id="stranger")
    stranger = (subjects.daemon_signal("stranger", "superseded"), told("", "c")[1])
    await eventually(lambda: stranger in crew.signals)
