"""The mass-silence holds that are open: whose, how much has fallen silent, since when, and until when at the latest."""

from typing import NamedTuple

from makima_stale_detector.domain.shards.observed_clock import Timeouts
from makima_stale_detector.domain.shards.shards import Shards
from makima_stale_detector.domain.verdicts.hold_end import longest
from makima_stale_detector.domain.verdicts.sender_groups import SenderGroups


class OpenHold(NamedTuple):
    """Times are broker time (Unix ns); None while no shard is read live, as nothing is timed then."""

    owner: str  # "": daemons, and senders of unknown contracts
    since: int | None  # since when this replica times it: since the hold, or since it began to read
    until: int | None  # it ends then at the latest, if the clocks that it is timed by do not stand still
    silent: int  # senders whose deadline has passed
    senders: int  # that are tracked


def open_holds(groups: SenderGroups, shards: Shards, timeouts: Timeouts) -> list[OpenHold]:
    found = list[OpenHold]()
    for group in groups.active:
        if group.hold.held:
            since = shards.watermark - shards.passed(group.held_since) if shards.watermark else None
            until = None if since is None else since + longest(timeouts)
            found.append(OpenHold(group.name, since, until, len(group.suspects), len(group.senders)))
    return found
