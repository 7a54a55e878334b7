"""Machines that die or vanish with their daemon, supervisors and agents, whose timeouts differ: ten times as fast as
the defaults.
"""

from dataclasses import replace

import pytest
from makima_kernel.service.contracts_settings import ContractsSettings
from makima_stale_detector.app import timeouts
from makima_stale_detector.domain.members.sender import Tracked
from makima_stale_detector.domain.shards.observed_clock import MILLISECOND, SECOND, Timeouts
from pydantic import ValidationError

from tests.services.stale_detector.simulation import Replica, World

TIMEOUTS = Timeouts(
    timeout=12 * SECOND,
    interval=3 * SECOND,
    grace=300 * MILLISECOND,
    agent_timeout=9 * SECOND,
    restart_timeout=6 * SECOND,
)


# The shortest that the settings accept.
SHORTEST = {
    "heartbeat_interval_seconds": 3.0,
    "reconnect_grace_seconds": 1.0,
    "heartbeat_timeout_seconds": 7.0,
    "agent_timeout_seconds": 7.0,
}


def fleet(machines: int, *, agents: int, supervisors: int, timed: Timeouts = TIMEOUTS) -> World:
    made = World(timed)
    made.populate_daemons(machines, agents=agents, supervisors=supervisors, owner="ada")
    made.replicas = [Replica(made)]
    made.run(10 * SECOND)
    return made


def on(w: World, machines: int) -> set[str]:
    return {name for name, daemon in w.daemon.items() if int(daemon.strip("d")) < machines}


def test_one_laptop_that_dies_with_forty_agents_is_found_after_the_timeouts_without_a_hold() -> None:
    w = fleet(4, agents=40, supervisors=3)
    w.dead = on(w, 1)
    w.run(9 * SECOND + 200 * MILLISECOND)
    assert set(w.found) == {name for name in w.dead if name.startswith("agent:")}
    w.run(3 * SECOND)
    assert sorted(w.found) == sorted(w.dead)
    assert w.holds == {}
    assert all(0 <= each.evidence.lateness_ms <= 250 for each in w.accepted)


@pytest.mark.parametrize("machines", [10, 20, 40])
def test_at_the_shortest_timeout_one_machine_of_many_is_found_without_a_hold(machines: int) -> None:
    shortest = timeouts(ContractsSettings.model_validate(SHORTEST))
    w = fleet(machines, agents=5, supervisors=3, timed=shortest)
    w.dead = on(w, 1)
    w.run(shortest.timeout + shortest.grace)
    assert sorted(w.found) == sorted(w.dead)
    assert w.holds == {}


def test_no_shorter_timeout_is_accepted() -> None:
    for kind in ("heartbeat_timeout_seconds", "agent_timeout_seconds"):
        with pytest.raises(ValidationError, match="at least 7"):
            ContractsSettings.model_validate(SHORTEST | {kind: SHORTEST[kind] - 0.01})


@pytest.mark.parametrize("back_after", [8 * SECOND, 13 * SECOND, 18 * SECOND])
def test_half_of_twenty_machines_that_vanish_are_held_and_healed_by_their_heartbeats(back_after: int) -> None:
    """Agents expire first: beside each there is a supervisor that has been silent for as long."""
    w = fleet(20, agents=2, supervisors=2)
    w.dead = on(w, 10)
    w.run(back_after)
    assert w.replicas[0].asked == []
    expected = {"ada"} if back_after == 8 * SECOND else {"ada", ""}
    assert {owner for owner, hold in w.holds.items() if hold.held} == expected
    w.dead = set()
    w.run(20 * SECOND)
    assert w.replicas[0].asked == []
    assert not any(hold.held or hold.expired for hold in w.holds.values())


def test_half_of_twenty_machines_that_stay_away_are_found_when_the_hold_is_over() -> None:
    w = fleet(20, agents=2, supervisors=2)
    w.dead = on(w, 10)
    w.run(9 * SECOND + 2 * TIMEOUTS.timeout + 8 * SECOND)
    assert sorted(w.found) == sorted(w.dead)
    w.run(20 * SECOND)
    assert sorted(w.found) == sorted(w.dead)


def test_agents_without_a_daemon_are_failure_domains_of_their_own() -> None:
    """All of them beat through the gateway: its outage is none of theirs."""
    w = World(TIMEOUTS)
    w.populate_daemons(20, agents=1, supervisors=0, owner="ada")
    agents = [name for name in w.fleet if name.startswith("agent:")]
    for name in agents:
        w.daemon[name] = ""
        tracked = w.alive[name]
        w.alive[name] = Tracked(replace(tracked.sender, daemon_id=""), tracked.owner)
    w.replicas = [Replica(w)]
    w.run(10 * SECOND)
    w.dead = set(agents[:10])
    w.run(10 * SECOND)
    assert w.holds["ada"].held
    assert w.accepted == []
