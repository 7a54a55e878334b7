"""Of the phase that was saved and the one that heartbeats told, a restoration answers with the newer one."""

import pytest
from makima_kernel.testing import eventually
from makima_schemas.supervisor import SupervisorState

from tests.services.gateway.api.restorable import Supervised
from tests.services.gateway.harness import body

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("supervisor restoration")]


@pytest.mark.parametrize("also", [SupervisorState.WORKING, SupervisorState.BLOCKED])
async def test_a_phase_that_heartbeats_told_after_another_one_was_saved_is_the_newer_one(
    world: Supervised, also: SupervisorState
) -> None:
    """With a change of state, which is an event, and alone."""
    await world.save("phase", phase="execute")
    await world.beat(phase="review", state=also)

    async def shown() -> bool:
        return body(await world.http.get(f"{world.path}/status"))["phase"] == "review"

    await eventually(shown)
    assert (await world.restore("d1", "k2"))["phase"] == "review"
    await world.prove("k2", "d1")  # which tells the phase plan
    await world.save("phase", connection_id="k2", phase="done")
    assert (await world.restore("d1", "k3"))["phase"] == "done"
