"""How many of an owner's senders would expire within an interval: never less than do, and exactly where it
matters.
"""

from dataclasses import replace

from makima_stale_detector.domain.members.sender import Sender, Tracked
from makima_stale_detector.domain.shards.observed_clock import MILLISECOND, SECOND, Timeouts
from makima_stale_detector.domain.shards.shards import Shards
from makima_stale_detector.domain.verdicts.expiry_forecast import ExpiryForecast
from makima_stale_detector.domain.verdicts.mass_silence import Expiring
from makima_stale_detector.domain.verdicts.sender_group import SenderGroup, Suspect

START = 1_700_000_000 * SECOND
INTERVAL = 8 * SECOND
TIMEOUTS = Timeouts(timeout=4 * INTERVAL, interval=INTERVAL, grace=3 * SECOND, agent_timeout=4 * INTERVAL)
SLACK = SECOND  # an eighth of the interval


class Fleet:
    """Senders of one owner on two shards, whose clocks the test lets run; `due` is told from where they
    stand.
    """

    def __init__(self, tracked: int, timeouts: Timeouts = TIMEOUTS, on_each: int = 1) -> None:
        """`on_each`: how many senders each failure domain has."""
        self.shards = Shards(2, grace=3 * SECOND)
        self.now, self.sequence = START, 0
        for shard in self.shards:
            shard.begin("e1", 1)
            shard.consumed(1, START)
        self.owner = SenderGroup("ada")
        self.tracked = {
            name: Tracked(Sender(name, True, 1, "c1", f"d{number // on_each}"), "ada")
            for number in range(tracked)
            for name in [f"supervisor:t{number}"]
        }
        for name, each in self.tracked.items():
            self.owner.add(name, each.sender.domain)
        self.judged: set[str] = set()
        self.outlook = ExpiryForecast(self.shards, self.tracked, lambda _owner: self.judged, timeouts)

    def run(self, span: int) -> None:
        for _ in range(span // (100 * MILLISECOND)):
            self.now += 100 * MILLISECOND
            self.sequence += 1
            for shard in self.shards:
                shard.consumed(self.sequence, self.now)

    def due(self, number: int, span: int, on: int = 0) -> None:
        self.sequence += 1
        shard = self.shards[on]
        shard.wheel.touch(
            f"supervisor:t{number}", (shard.clock.observed + span, self.sequence, self.now, None)
        )

    def suspect(self, number: int) -> None:
        self.owner.suspects[f"supervisor:t{number}"] = Suspect(self.shards[0], (0, 1, START, None))

    @property
    def expiring(self) -> int:
        """Senders, each in a failure domain of its own."""
        found = self.outlook.expiring(self.owner)
        assert found.senders == found.domains
        return found.senders


def test_suspects_and_those_who_are_due_by_the_interval_are_counted_and_nobody_else() -> None:
    fleet = Fleet(20)
    for number in range(4):
        fleet.suspect(number)
    for number in range(4, 13):
        fleet.due(number, INTERVAL, on=number % 2)
    for number in range(13, 20):
        fleet.due(number, INTERVAL + 1)
    assert fleet.expiring == 13


def test_of_an_owner_with_fewer_than_the_rule_asks_for_only_the_suspects_are_counted() -> None:
    for tracked, expiring in ((9, 1), (10, 10)):
        fleet = Fleet(tracked)
        fleet.suspect(0)
        for number in range(1, tracked):
            fleet.due(number, SECOND)
        assert fleet.expiring == expiring


def test_where_it_cannot_be_a_mass_those_of_the_slack_are_counted_too() -> None:
    fleet = Fleet(20)
    for number in range(9):
        fleet.due(number, INTERVAL + SLACK)
    assert fleet.expiring == 9


def test_a_sender_is_counted_once_where_it_was_heard_last() -> None:
    fleet = Fleet(20)
    for number in range(10):
        fleet.due(number, SECOND, on=0)
    for number in range(5):
        fleet.due(number, INTERVAL + 2 * SLACK, on=1)
    assert fleet.expiring == 5


def test_who_is_not_tracked_is_not_counted() -> None:
    fleet = Fleet(20)
    for number in range(12, 24):
        fleet.due(number, SECOND)
    assert fleet.expiring == 8


def test_everyone_is_looked_at_again_when_the_slack_is_used_up_or_what_was_seen_means_nothing_any_more() -> (
    None
):
    fleet = Fleet(20)
    assert fleet.outlook.old
    assert fleet.expiring == 0
    for number in range(9):
        fleet.due(number, SECOND)
    fleet.run(SLACK)
    assert not fleet.outlook.old
    assert fleet.expiring == 0
    fleet.run(100 * MILLISECOND)
    assert fleet.outlook.old
    assert fleet.expiring == 9
    assert not fleet.outlook.old
    fleet.outlook.forget()
    assert fleet.outlook.old


def test_a_machine_expires_only_with_all_its_senders() -> None:
    fleet = Fleet(20, on_each=2)
    for number in range(0, 20, 2):
        fleet.due(number, SECOND)
    assert fleet.outlook.expiring(fleet.owner) == Expiring(10, 0, 0)
    for number in range(1, 12, 2):
        fleet.due(number, SECOND)
    assert fleet.outlook.expiring(fleet.owner) == Expiring(10, 0, 0), "the count stays valid for the slack"
    fleet.outlook.forget()
    assert fleet.outlook.expiring(fleet.owner) == Expiring(10, 6, 12)


def test_who_has_been_silent_for_as_long_as_the_first_that_is_past_its_deadline_expires_too() -> None:
    """Agents have a shorter timeout: a supervisor beside them has as much of its own left when theirs are past."""
    fleet = Fleet(20, replace(TIMEOUTS, agent_timeout=2 * INTERVAL))
    fleet.suspect(0)
    agent = "agent:c1:builder"
    fleet.tracked[agent] = Tracked(Sender(agent, True, 1, "c1", "d20"), "ada")
    fleet.owner.add(agent, "d20")
    fleet.owner.suspects[agent] = Suspect(fleet.shards[0], (0, 1, START, None))
    for number in range(1, 12):
        fleet.due(number, 3 * INTERVAL)  # last heard an interval ago: an agent would be due in one
    for number in range(12, 20):
        fleet.due(number, 3 * INTERVAL + 1)
    assert fleet.expiring == 13
    del fleet.owner.suspects[agent]
    assert fleet.expiring == 1, "supervisors alone are measured by their own timeout"
