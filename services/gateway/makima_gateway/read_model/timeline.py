"""What happened around a contract: its own events with those of its supervisors, its agents, and the verdicts on them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from makima_kernel.event_log.log import Log
from makima_schemas.envelope import Recorded
from makima_schemas.identity import agent_id, stream_name
from makima_schemas.silence import contract_stream, sender_stream
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_gateway.read_model.queries import PAGE_BYTES

TimelineCategory = Literal["contract", "supervisor", "agent", "completion", "silence"]
CATEGORIES: Final[tuple[TimelineCategory, ...]] = get_args(TimelineCategory)
READ_AT_ONCE: Final = 64  # events; one may have 256 KiB


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the timeline between two positions of the log, or of a stream between two versions, both exclusive."""

    after: int
    before: int
    newest_first: bool


def timeline_streams(
    contract_id: str,
    roles: Iterable[str],
    supervisors: Iterable[str],
    categories: Collection[TimelineCategory],
) -> list[str]:
    """The streams of these categories; `roles` and `supervisors` are all that the contract ever had."""
    driving = [stream_name("supervisor", task_id) for task_id in supervisors]
    working = [stream_name("agent", agent_id(contract_id, role)) for role in roles if role != SUPERVISOR_ROLE]
    silent = [contract_stream(contract_id), *(sender_stream(name) for name in (*driving, *working))]
    found: Mapping[TimelineCategory, Sequence[str]] = {
        "contract": [stream_name("contract", contract_id)],
        "supervisor": driving,
        "agent": working,
        "completion": [stream_name("completion", contract_id)],
        "silence": silent,
    }
    return [stream for category in CATEGORIES if category in categories for stream in found[category]]


async def stream_page(
    log: Log, tenant: str, stream: str, span: Span, limit: int
) -> tuple[list[Recorded], bool]:
    """As `timeline`, of one stream; the span is between two of its versions."""
    after, before = span.after, span.before
    found, size = list[Recorded](), 0
    while len(found) < limit and size <= PAGE_BYTES:
        wanted = min(READ_AT_ONCE, limit - len(found))
        if span.newest_first:
            some = await log.stream_backwards(tenant, stream, before, after, wanted)
            before = some[-1].version if some else before
        else:
            some = [each for each in await log.stream(tenant, stream, after, wanted) if each.version < before]
            after = some[-1].version if some else after
        found += some
        size += sum(len(event.data) for event in some)
        if len(some) < wanted:
            return found, False
    return found, len(found) < limit and before > after + 1


async def timeline(
    log: Log, tenant: str, streams: Sequence[str], span: Span, limit: int
) -> tuple[list[Recorded], bool]:
    """At most `limit` events in the order of the span, no more than the one with which they have `PAGE_BYTES`; and
    whether others were left out because of that.
    """
    positions = await log.positions_of(
        tenant, streams, span.after, span.before, limit, newest_first=span.newest_first
    )
    found, size = list[Recorded](), 0
    for start in range(0, len(positions), READ_AT_ONCE):
        some = await log.at(positions[start : start + READ_AT_ONCE])
        found += reversed(some) if span.newest_first else some
        size += sum(len(event.data) for event in some)
        if size > PAGE_BYTES:
            break
    return found, len(found) < len(positions)
