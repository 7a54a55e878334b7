"""Which members of a stream's configuration correctness needs, and which an operator may raise.

Members of nats-py's `StreamConfig`; None, 0 and -1 are the broker's ways of saying *none* or *no limit*.
"""

from collections.abc import Callable, Iterator
from typing import Final, cast

from nats.js.api import StreamConfig

# Must be as declared: otherwise events or heartbeats are lost, mapped elsewhere, not acknowledged, or others' come
# in. These are not what they seem at first:
# - `allow_rollup_hdrs`: with it a header of one message deletes all others of its subject.
# - `max_msgs`, `max_msgs_per_subject`, `max_msg_size`: limits beside `max_bytes` and `max_age`.
REQUIRED: Final = (
    "subjects",
    "subject_transform",
    "mirror",
    "sources",
    "retention",
    "discard",
    "discard_new_per_subject",
    "storage",
    "no_ack",
    "sealed",
    "deny_delete",
    "deny_purge",
    "allow_rollup_hdrs",
    "allow_direct",
    "allow_msg_ttl",
    "allow_msg_counter",
    "max_msgs",
    "max_msgs_per_subject",
    "max_msg_size",
)
# Those of them that the broker does not change in a stream that exists: it has to be made anew.
_FIXED: Final = frozenset({"retention", "storage", "sealed", "mirror"})
# May be larger than declared, which provisioning leaves as it is; the value is what *no limit* counts as.
_RAISABLE: Final = {
    "num_replicas": 1.0,
    "max_bytes": 0.0,  # without a limit one stream could fill the disk for all of them
    "max_age": float("inf"),
    "duplicate_window": 0.0,
}
# Of those, what correctness needs at least as declared: how long events and heartbeats can be read again.
_AT_LEAST: Final = ("max_age",)

_Number = float | None


def updated(wanted: StreamConfig, found: StreamConfig) -> StreamConfig:
    """The configuration to update a stream to: what correctness needs as declared, what an operator has raised as
    it is, and everything else (placement, compression, ...) as well.
    """
    required = {name: getattr(wanted, name) for name in REQUIRED if name not in _FIXED}
    raised = {name: _larger(name, wanted, found) for name in _RAISABLE}
    return found.evolve(**required, **raised, description=wanted.description)


def recreated(wanted: StreamConfig, former: StreamConfig) -> StreamConfig:
    """The configuration of a new stream in the place of `former`: it keeps the same as an update would."""
    return updated(wanted, former).evolve(**{name: getattr(wanted, name) for name in _FIXED})


def problems(wanted: StreamConfig, found: StreamConfig) -> Iterator[str]:
    """One sentence for each member that is not as correctness needs it."""
    for name in REQUIRED:
        expected, actual = getattr(wanted, name), getattr(found, name)
        if _plain(expected) != _plain(actual):
            yield f"stream {wanted.name} has {name} {actual!r} instead of {expected!r}"
    for name in _AT_LEAST:
        if _amount(name, found) < _amount(name, wanted):
            yield (
                f"stream {wanted.name} has {name} {getattr(found, name)!r}"
                f" instead of {getattr(wanted, name)!r} or more"
            )
    if _amount("max_bytes", found) <= 0:  # the size is the operator's choice, but there must be one
        yield f"stream {wanted.name} has no max_bytes"


def _larger(name: str, *configs: StreamConfig) -> object:
    amount: Callable[[StreamConfig], float] = lambda config: _amount(name, config)  # noqa: E731 - typed for `max`
    return getattr(max(configs, key=amount), name)


def _amount(name: str, config: StreamConfig) -> float:
    """The member as a number that can be compared."""
    value = cast("_Number", getattr(config, name))
    return value if value is not None and value > 0 else _RAISABLE[name]


def _plain(value: object) -> object:
    """None, False, 0, -1 and an empty list mean the same to the broker."""
    return None if not value or value == -1 else value
