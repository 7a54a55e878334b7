"""What a supervisor saved: the chain of its saves, and the state that they fold to."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makima_schemas.codec import encode
from makima_schemas.envelope import Recorded
from makima_schemas.errors import ErrorCode
from makima_schemas.evidence import Arrival
from makima_schemas.refusal import Refused
from makima_schemas.saved_state import (
    MAX_HISTORY_BYTES,
    MAX_SAVE_BYTES,
    SavedHistory,
    hash_of,
    read_save,
    refuse_oversize,
)
from makima_schemas.supervisor import (
    CheckpointSaved,
    RestorationOutcome,
    RestorationRequested,
    SaveKind,
    SupervisorEvent,
    SupervisorSaved,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONTENTS: dict[SaveKind, dict[str, object]] = {
    "conversation": {"messages": [{"role": "assistant", "content": "I have read the form."}]},
    "task_spawned": {"task_id": "t7"},
    "waiting_on": {"task_ids": ["t7", "t8"]},
    "question": {"question_id": "q1", "question": "Which provider?"},
    "phase": {"phase": "execute"},
    "checkpoint": {"commit": "ab12cd"},
    "activity": {"activity": "writing the form", "progress": 40},
    "error": {"message": "the tests fail"},
}
KINDS = tuple(CONTENTS)


@dataclass
class Stream:
    """A supervisor's stream, as the service writes it."""

    events: list[SupervisorEvent] = field(default_factory=list[SupervisorEvent])
    number: int = 0
    hash: str = ""

    def save(self, kind: SaveKind, content: dict[str, object] | None = None) -> None:
        told = orjson.dumps(CONTENTS[kind] if content is None else content).decode()
        self.number += 1
        before, self.hash = self.hash, hash_of(self.hash, self.number, "a", kind, told)
        if kind == "checkpoint":
            self.events.append(CheckpointSaved("c1", "a", told, self.number, before, self.hash))
        else:
            self.events.append(SupervisorSaved("c1", "a", kind, told, self.number, before, self.hash))

    def restore(self, outcome: RestorationOutcome, base_hash: str) -> None:
        self.hash = base_hash
        after = Arrival("e1", 1, NOON)
        self.events.append(RestorationRequested("c1", "d1", "b", outcome, base_hash, after))

    def alter(self, version: int) -> None:
        """As bit rot would."""
        event = self.events[version - 1]
        assert isinstance(event, SupervisorSaved | CheckpointSaved)
        self.events[version - 1] = replace(event, content=event.content + " ")

    def read(self, most_bytes: int = 1024 * 1024) -> SavedHistory:
        history = SavedHistory(most_bytes)
        for version, event in enumerate(self.events, 1):
            history.apply(recorded(version, event))
        return history


def recorded(version: int, event: SupervisorEvent) -> Recorded:
    at = NOON + timedelta(seconds=version)
    nobody = UUID(int=0)
    return Recorded(
        version, "default", "supervisor-t1", version, nobody, nobody, type(event).__name__, 1, encode(event), {}, at
    )  # fmt: skip


def saved(*kinds: SaveKind) -> Stream:
    stream = Stream()
    for kind in kinds:
        stream.save(kind)
    return stream


def said(text: str) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": text}]}


def test_nothing_saved_is_nothing_known() -> None:
    history = Stream().read()
    assert (history.saves, history.is_broken, history.state.hash) == (0, False, "")


def test_the_state_is_what_the_saves_say() -> None:
    state = saved(*KINDS).read().state
    assert state.phase == "execute"
    assert list(state.spawned_task_ids) == ["t7"]
    assert state.waiting_on_task_ids == ["t7", "t8"]
    assert list(state.questions) == ["q1"]
    assert (state.activity, state.progress, state.error) == ("writing the form", 40, "the tests fail")
    assert state.checkpoint is not None
    assert state.checkpoint.content == '{"commit":"ab12cd"}'
    assert (state.created_at, state.updated_at) == (NOON + timedelta(seconds=1), NOON + timedelta(seconds=8))


def test_a_question_is_pending_until_it_is_answered() -> None:
    stream = saved("question")
    stream.save("question", {"question_id": "q1", "answer": "A"})
    assert stream.read().state.questions == {}


def test_the_conversation_is_the_one_since_the_checkpoint() -> None:
    history = saved("conversation", "checkpoint", "conversation", "conversation").read()
    assert [save.version for save in history.conversation] == [3, 4]
    assert not history.truncated


def test_only_the_newest_of_a_long_conversation_is_kept() -> None:
    stream = Stream()
    for number in range(10):
        stream.save("conversation", said(f"{number}" * 100))
    history = stream.read(most_bytes=500)
    assert history.truncated
    assert [save.version for save in history.conversation] == [8, 9, 10]


def test_a_conversation_of_just_the_size_is_kept_whole_before_and_after_a_checkpoint() -> None:
    stream = Stream()
    for kind in ("conversation", "conversation", "checkpoint", "conversation", "conversation"):
        stream.save(kind, said("x") if kind == "conversation" else None)
    size = 2 * len(orjson.dumps(said("x")))
    whole, cut = stream.read(most_bytes=size), stream.read(most_bytes=size - 1)
    assert ([save.version for save in whole.conversation], whole.truncated) == ([4, 5], False)
    assert ([save.version for save in cut.conversation], cut.truncated) == ([5], True)
    before = Stream(stream.events[:2]).read(most_bytes=size)
    assert (len(before.conversation), before.truncated) == (2, False)


def test_the_newest_message_is_kept_however_large_it_is() -> None:
    stream = Stream()
    for _ in range(2):
        stream.save("conversation", said("x" * 1000))
    history = stream.read(most_bytes=10)
    assert ([save.version for save in history.conversation], history.truncated) == ([2], True)


def test_a_conversation_is_kept_as_it_was_said_and_never_read() -> None:
    event = saved("conversation").events[0]
    assert isinstance(event, SupervisorSaved)
    content = "not JSON"
    event = replace(event, content=content, hash=hash_of("", 1, "a", "conversation", content))
    history = SavedHistory()
    history.apply(recorded(1, event))
    assert (history.is_broken, [save.content for save in history.conversation]) == (False, [content])


def test_every_save_is_counted_also_what_comes_after_a_break_and_nothing_else_is() -> None:
    stream = saved("phase", "activity", "error")
    stream.alter(2)
    history = stream.read()
    assert history.saves == 3
    another = msgspec.structs.replace(recorded(4, stream.events[2]), type="SupervisorLeft")
    history.apply(another)
    assert (history.saves, read_save(another)) == (3, None)


@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=12),
    altered=st.integers(0, 11),
    more=st.lists(st.sampled_from(KINDS), max_size=4),
)
def test_a_save_that_was_altered_is_found_and_nothing_after_the_checkpoint_before_it_counts(
    kinds: list[SaveKind], altered: int, more: list[SaveKind]
) -> None:
    stream = saved(*kinds)
    assert not stream.read().is_broken
    version = altered % len(kinds) + 1
    stream.alter(version)
    history = stream.read()
    assert history.break_version == version
    trusted = kinds[: version - 1]
    at = len(trusted) - trusted[::-1].index("checkpoint") if "checkpoint" in trusted else 0
    expected = saved(*kinds[:at])
    history.back_to_checkpoint()
    assert history.state == expected.read().state
    # Restored from there, the chain goes on, and what was left out stays left out.
    stream.restore("from_checkpoint" if at else "fresh", history.state.hash)
    for kind in more:
        stream.save(kind)
    again = stream.read()
    assert not again.is_broken
    assert (again.state.phase == "execute") == ("phase" in [*kinds[:at], *more])
    assert [save.kind for save in again.conversation] == since_checkpoint(more)


def since_checkpoint(kinds: list[SaveKind]) -> list[Literal["conversation"]]:
    last = len(kinds) - kinds[::-1].index("checkpoint") if "checkpoint" in kinds else 0
    return ["conversation" for kind in kinds[last:] if kind == "conversation"]


@given(st.lists(st.sampled_from(KINDS), min_size=3, max_size=10), st.integers(0, 8))
def test_a_save_that_is_gone_is_found(kinds: list[SaveKind], gone: int) -> None:
    stream = saved(*kinds)
    del stream.events[gone % (len(kinds) - 1)]  # the last one leaves a whole chain
    assert stream.read().is_broken


def test_an_event_that_cannot_be_read_as_a_save_breaks_the_chain() -> None:
    history = SavedHistory()
    history.apply(msgspec.structs.replace(recorded(1, saved("phase").events[0]), data=b'{"kind":"phase"}'))
    assert (history.break_version, history.broken_at) == (1, None)
    garbage = msgspec.structs.replace(recorded(1, saved("phase").events[0]), data=b"not JSON")
    assert read_save(garbage) is None


def test_a_restoration_does_not_heal_the_checkpoint_that_it_went_back_to() -> None:
    stream = saved("checkpoint", "phase")
    stream.restore("from_checkpoint", saved("checkpoint").hash)
    stream.save("activity")
    stream.alter(1)
    history = stream.read()
    assert history.break_version == 1
    history.back_to_checkpoint()
    assert history.state.hash == ""


def test_the_largest_save_fits_into_an_event_and_a_larger_one_is_refused() -> None:
    assert (MAX_SAVE_BYTES, MAX_HISTORY_BYTES) == (261_120, 1_048_576)  # as docs/agents.md tells
    fits = "x" * (MAX_SAVE_BYTES - len('""'))
    refuse_oversize(fits)
    with pytest.raises(Refused) as refused:
        refuse_oversize(fits + "x")
    assert refused.value.code is ErrorCode.PAYLOAD_TOO_LARGE
    assert refused.value.hint is not None
    hash_ = hash_of("0" * 64, 2**40, "b" * 64, "conversation", fits)
    event = SupervisorSaved("c" * 64, "b" * 64, "conversation", fits, 2**40, "0" * 64, hash_)
    assert len(encode(event)) <= 256 * 1024
    assert read_save(recorded(1, event)) is not None
