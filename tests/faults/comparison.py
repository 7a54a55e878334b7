"""What was seen after a fault beside the truth: pure, so that a planted difference shows that it would be found."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import orjson
from makima_schemas.envelope import Recorded
from makima_schemas.silence import SilenceDetected

from tests.guarantees.heartbeat_oracle import StoredHeartbeats

SHOWN = 5  # differences that are told one by one


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison with the truth. `compared`: how many of `unit`; a comparison of nothing shows nothing."""

    fault: str  # its row in the table of faults, `R1`
    what: str
    compared: int
    unit: str
    counts: Mapping[str, int]  # how many differences of each kind, also those of which there are none
    differences: tuple[str, ...] = ()
    note: str = ""

    @property
    def holds(self) -> bool:
        return self.compared > 0 and not self.differences

    @property
    def said(self) -> str:
        told = ", ".join(f"{count} {kind}" for kind, count in self.counts.items())
        return f"{self.compared:,} {self.unit}: {told}{'; ' if self.note else ''}{self.note}"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A command that was answered with success, and the event that it must have recorded.

    `mark`: a text of its own in the event's data; empty where its data has none, and its stream has one such
    event.
    """

    stream: str
    type: str
    mark: str
    position: int  # of the last event of the command

    @property
    def event(self) -> tuple[str, str, str]:
        return self.stream, self.type, self.mark


def differing(
    fault: str,
    what: str,
    compared: tuple[int, str],
    kinds: Mapping[str, Sequence[object]],
    note: str = "",
) -> Comparison:
    """The comparison with these differences of each kind."""
    differences = tuple(f"{kind}: {each}" for kind, found in kinds.items() for each in found)
    return Comparison(
        fault,
        what,
        *compared,
        {kind: len(found) for kind, found in kinds.items()},
        differences,
        note,
    )


def acknowledged_beside_log(
    fault: str,
    acknowledged: Iterable[Acknowledged],
    log: Sequence[Recorded],
    unclear: Sequence[str] = (),
    note: str = "",
) -> Comparison:
    """Each acknowledged command has recorded its event: one, and at the position that the answer named.

    `unclear`: answers that told the caller neither success nor what to do. `unasked` are events in the streams of these commands that look like theirs, and were never acknowledged.
    """
    wanted = list(acknowledged)
    streams, types = {each.stream for each in wanted}, {each.type for each in wanted}
    at = {event.position: event for event in log}
    found = defaultdict[tuple[str, str, str], list[Recorded]](list)
    for event in log:
        if event.stream in streams and event.type in types:
            found[event.stream, event.type, mark_of(event)].append(event)
    known = {each.event for each in wanted}
    lost = [each for each in wanted if not found[each.event]]
    twice = [each for each in wanted if len(found[each.event]) > 1]
    altered = [
        each
        for each in wanted
        if (events := found[each.event])
        and (each.position not in at or at[each.position].command_id != events[0].command_id)
    ]
    unasked = [event for event, events in found.items() if events and event not in known]
    kinds = {"lost": lost, "twice": twice, "altered": altered, "unasked": unasked, "unclear": unclear}
    return differing(fault, "acknowledged commands, in the log", (len(wanted), "commands"), kinds, note)


def mark_of(event: Recorded) -> str:
    """The text of its own that the load has put into an event."""
    data: Mapping[str, object] = orjson.loads(event.data)
    return next((str(data[name]) for name in ("name", "reason", "question") if data.get(name)), "")


def delivered_beside_log(
    fault: str, log: Sequence[Recorded], got: Mapping[str, Sequence[tuple[int, str]]], note: str = ""
) -> Comparison:
    """Every subscriber got each position once, in order, with the id of the log's event.

    `got`: position and event id as each subscriber got them.
    """
    truth = [(event.position, str(event.event_id)) for event in log]
    expected = set(truth)
    kinds: dict[str, list[str]] = {"missing": [], "twice": [], "altered": [], "out of order": []}
    for name, events in got.items():
        positions = Counter(position for position, _ in events)
        kinds["missing"] += [f"{name} {at}" for at, _ in truth if at not in positions]
        kinds["twice"] += [f"{name} {position}" for position, count in positions.items() if count > 1]
        kinds["altered"] += [f"{name} {at[0]}" for at in events if at not in expected]
        kinds["out of order"] += [
            f"{name} {after[0]} after {before[0]}"
            for before, after in pairwise(events)
            if after[0] < before[0]
        ]
    compared = (sum(len(events) for events in got.values()), f"events to {len(got)} subscribers")
    return differing(fault, "the log, as subscribers got it", compared, kinds, note)


def shown_beside_fold(
    fault: str, shown: Mapping[str, Counter[str]], fold: Mapping[str, Counter[str]], note: str = ""
) -> Comparison:
    """The rows of every read model's table are those that a rebuild from the log makes."""
    kinds: dict[str, list[str]] = {"missing": [], "other than the fold": []}
    for table in sorted(shown.keys() | fold.keys()):
        here, there = shown.get(table, Counter()), fold.get(table, Counter())
        kinds["missing"] += [f"{table} {row}" for row in (there - here).elements()]
        kinds["other than the fold"] += [f"{table} {row}" for row in (here - there).elements()]
    compared = (sum(rows.total() for rows in fold.values()), f"rows of {len(fold)} tables")
    return differing(fault, "read models, beside the fold of the log", compared, kinds, note)


def verdicts_beside_truth(
    fault: str,
    stored: StoredHeartbeats,
    verdicts: Sequence[SilenceDetected],
    died: Iterable[str],
    note: str = "",
) -> Comparison:
    """Who has died was declared dead, and once; nobody was whose silence the broker's stream does not show."""
    dead = set(died)
    told = Counter(verdict.sender_id for verdict in verdicts)
    wrong = [verdict.sender_id for verdict in verdicts if not stored.justifies(verdict)]
    kinds = {
        "not found": sorted(dead - stored.silent(verdicts)),
        "false": wrong,
        "twice": [verdict.sender_id for verdict in stored.declared_twice(verdicts)],
    }
    living = len(stored.beats.keys() - dead)
    note = "; ".join(filter(None, (f"{len(told.keys() & dead)} found beside {living} alive", note)))
    return differing(fault, "verdicts, beside what the broker stored", (len(dead), "deaths"), kinds, note)
