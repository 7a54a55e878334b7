"""A sender that went from daemon to daemon has heartbeats on several shards: it dies once, in time, by its newest."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st
from makima_stale_detector.domain.members.sender import Tracked
from makima_stale_detector.domain.shards.observed_clock import MILLISECOND, SECOND, Timeouts

from tests.services.stale_detector.flowing_detector import Watch
from tests.services.stale_detector.simulation import World, world

SHORT = Timeouts(timeout=4 * SECOND, interval=SECOND, grace=500 * MILLISECOND)
SENDERS = 4
DAEMONS = ("d1", "d2", "d3", "d4", "d5")


def test_of_two_heartbeats_that_run_out_in_one_tick_the_newer_makes_the_verdict() -> None:
    """The newer one lies on the shard that is looked at first."""
    watch = Watch()
    watch.track(1)
    watch.hear(1, on=1, connection="old")
    watch.hear(1, on=0, connection="new")
    [verdict] = watch.flow(6 * SECOND).verdicts
    assert (verdict.evidence.stream_sequence, verdict.connection_id) == (2, "new")


def test_a_declined_verdict_of_a_moved_sender_is_given_again_by_its_newest_heartbeat() -> None:
    watch = Watch()
    watch.track(1)
    watch.hear(1, on=1, connection="old")
    watch.hear(1, on=0, connection="new")
    [first] = watch.flow(6 * SECOND).verdicts
    watch.detector.resolve(first)
    [second] = watch.flow(6 * SECOND).verdicts
    assert (second.evidence.stream_sequence, second.attempt) == (first.evidence.stream_sequence, 1)


@dataclass
class Moves:
    """What may happen to senders and detectors, and who is dead."""

    world: World = field(default_factory=lambda: world(1, SENDERS, SHORT))

    def happen(self, what: str, who: int, where: int) -> None:
        w, name = self.world, f"supervisor:t{who}"
        match what:
            case "move" if name not in w.dead:
                w.daemon[name] = DAEMONS[where]
                self.says(name)
            case "reincarnate" if name not in w.dead:
                w.daemon[name], w.connection[name] = DAEMONS[where], f"{name[-1]}-{len(w.stream)}"
                self.says(name)
                self.logged(name)
            case "die" if who != 1:
                w.dead.add(name)
            case "restart":
                w.replicas[0].stop()
                w.replicas[0].start()
            case "stall":
                w.silent_shards = {where}
            case _:
                w.silent_shards = set()
        w.run(SHORT.interval * (1 + who) // 2)

    def says(self, name: str) -> None:
        self.world.store(name)

    def logged(self, name: str) -> None:
        """The log tells of the new connection; the detector learns of it a little after its first heartbeat."""
        w = self.world
        known = w.alive.get(name)
        if known is None:
            return
        sender, spoke = known.sender, w.connection[name]
        superseded = (*sender.superseded, sender.connection_id or "")
        sender = replace(sender, connection_id=spoke, daemon_id=w.daemon[name], superseded=superseded)
        w.alive[name] = Tracked(sender, known.owner)
        w.replicas[0].detector.track(sender, known.owner)


THINGS: Sequence[str] = ("move", "reincarnate", "die", "restart", "stall", "flow")


@given(
    st.lists(
        st.tuples(st.sampled_from(THINGS), st.integers(0, SENDERS - 1), st.integers(0, len(DAEMONS) - 1)),
        max_size=14,
    ),
    st.booleans(),
)
def test_a_moved_sender_dies_once_and_in_time_whatever_happened_before(
    script: Sequence[tuple[str, int, int]], restarted: bool
) -> None:
    """`restarted`: the detector was, just before; then all heartbeats of the history run out together."""
    moves = Moves()
    w = moves.world
    w.run(SHORT.interval)
    for what, who, where in script:
        moves.happen(what, who, where)
    w.silent_shards = set()
    w.dead |= set(w.fleet) - {"supervisor:t1"}
    if restarted:
        w.replicas[0].stop()
        w.replicas[0].start()
    w.run(2 * (SHORT.timeout + SHORT.interval + SHORT.grace))
    assert sorted(w.found) == sorted(w.dead), "all who died, and the one that lives is not among them"
    w.run(2 * SHORT.timeout)
    assert sorted(w.found) == sorted(w.dead), "once"
