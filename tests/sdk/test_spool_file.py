"""The spool's file: whatever is cut off, damaged or killed in the middle, what is whole comes back, in order."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makima_sdk import SpoolError, SpoolFullError, spool_format
from makima_sdk.spool import COMPACT_ABOVE_BYTES, MAX_ENTRY_BYTES, Spool
from makima_sdk.spool_format import Entry

OWNER = "c1:builder"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ENTRIES = st.builds(
    Entry,
    st.integers(1, 30),
    st.text(max_size=10),
    st.sampled_from(["save", "step", "result"]),
    st.text(max_size=10),
    st.dictionaries(st.text(max_size=5), JSON, max_size=3),
    st.text(max_size=5),
)
RECORDS = st.lists(ENTRIES | st.integers(1, 30), max_size=12)  # a number: that entry is done


def lines(records: list[Entry | int]) -> list[bytes]:
    written = [spool_format.put(one) if isinstance(one, Entry) else spool_format.done(one) for one in records]
    return [spool_format.header(OWNER), *written]


def waiting(records: list[Entry | int]) -> tuple[Entry, ...]:
    """What is to come back, told without the file."""
    found: dict[int, Entry] = {}
    for one in records:
        if isinstance(one, Entry):
            found[one.seq] = one
        else:
            found.pop(one, None)
    return tuple(found.values())


@settings(max_examples=60)
@given(RECORDS)
def test_what_is_written_is_read(records: list[Entry | int]) -> None:
    found = spool_format.read(b"".join(lines(records)))
    assert (found.owner, found.entries, found.damaged) == (OWNER, waiting(records), 0)
    assert all(entry.seq < found.next_seq for entry in found.entries)


@settings(max_examples=60)
@given(RECORDS, st.data())
def test_a_torn_tail_costs_the_line_that_was_being_written_alone(
    records: list[Entry | int], data: st.DataObject
) -> None:
    written = lines(records)
    whole = data.draw(st.integers(1, len(written)))
    torn = written[whole] if whole < len(written) else b""
    cut = data.draw(st.integers(0, max(0, len(torn) - 2)))  # a whole line without its break is read, too
    found = spool_format.read(b"".join(written[:whole]) + torn[:cut])
    assert found.entries == waiting(records[: whole - 1])
    assert found.damaged == (1 if cut else 0)


@settings(max_examples=60)
@given(RECORDS, st.data())
def test_a_damaged_byte_costs_at_most_the_lines_that_it_belongs_to(
    records: list[Entry | int], data: st.DataObject
) -> None:
    """A line break belongs to the line before and the one behind it."""
    written = lines(records)
    text = bytearray(b"".join(written))
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] ^= data.draw(st.integers(1, 255))
    hit = next(number for number in range(len(written)) if at < sum(map(len, written[: number + 1])))
    lost = {hit, hit + 1} if at == sum(map(len, written[: hit + 1])) - 1 else {hit}
    kept: list[Entry | int] = [one for number, one in enumerate(records, start=1) if number not in lost]
    assert spool_format.read(bytes(text)).entries == waiting(kept)


@given(st.binary(max_size=300))
def test_garbage_is_no_spool_and_nothing_else(data: bytes) -> None:
    found = spool_format.read(data)
    assert found.entries == ()
    assert found.is_spool == (data == b"")


STEPS = st.lists(
    st.tuples(st.sampled_from(["save", "step", "result"]), st.integers(0, 60))
    | st.just("finish")
    | st.just("reopen"),
    max_size=30,
)


@settings(max_examples=40)
@given(STEPS)
def test_a_spool_keeps_order_and_bounds_over_every_restart(steps: list[tuple[str, int] | str]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "spool"
        spool = Spool(path, OWNER, max_entries=6, max_bytes=1000).open()
        model: list[Entry] = []
        for step in steps:
            if isinstance(step, tuple):
                put(spool, model, *step)
            elif step == "finish" and model:
                spool.finish(model.pop(0).seq)
            elif step == "reopen":
                spool.close()
                spool = Spool(path, OWNER, max_entries=6, max_bytes=1000).open()
            assert len(spool) <= 6
            assert spool.waiting_bytes <= 1000
            assert spool.first() == (model[0] if model else None)
        spool.close()
        assert spool_format.read(path.read_bytes()).entries == tuple(model)


def put(spool: Spool, model: list[Entry], kind: str, size: int) -> None:
    before = spool.dropped_steps
    try:
        entry = spool.put(kind, "/a", {"text": "x" * size}, "k1")
    except SpoolFullError:
        assert kind != "step"
        assert all(one.kind != "step" for one in model[1:])
        return
    for _ in range(spool.dropped_steps - before - (entry is None)):
        model.remove(next(one for one in model[1:] if one.kind == "step"))
    if entry is not None:
        model.append(entry)


def test_a_full_spool_drops_its_oldest_steps_and_says_so_before_it_loses_a_result() -> None:
    spool = Spool(None, OWNER, max_entries=3).open()
    spool.put("result", "/a", {"n": 1}, "k1")
    for number in (2, 3, 4):
        spool.put("step", "/a", {"n": number}, "k1")
    assert spool.dropped_steps == 1
    spool.put("result", "/a", {"n": 5}, "k1")
    spool.put("result", "/a", {"n": 6}, "k1")
    assert spool.put("step", "/a", {"n": 7}, "k1") is None
    with pytest.raises(SpoolFullError, match=r"3 entries .* makima has been away for too long"):
        spool.put("result", "/a", {"n": 8}, "k1")
    left: list[Mapping[str, object]] = []
    while (entry := spool.first()) is not None:
        left.append(entry.body)
        spool.finish(entry.seq)
    assert left == [{"n": 1}, {"n": 5}, {"n": 6}]
    with pytest.raises(SpoolError, match=f"at most {MAX_ENTRY_BYTES} bytes"):
        spool.put("save", "/a", {"text": "x" * MAX_ENTRY_BYTES}, "k1")


def test_a_file_does_not_grow_with_what_is_done(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", OWNER).open()
    for _ in range(200):
        entry = spool.put("save", "/a", {"text": "x" * 10_000}, "k1")
        assert entry is not None
        spool.finish(entry.seq)
        assert (tmp_path / "spool").stat().st_size < COMPACT_ABOVE_BYTES + 30_000
    spool.close()


def test_one_process_and_one_agent_have_a_spool(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    first = Spool(path, OWNER).open()
    first.put("result", "/a", {}, "k1")
    with pytest.raises(SpoolError, match="in use"):
        Spool(path, OWNER).open()
    first.close()
    with pytest.raises(SpoolError, match=r"is of c1:builder, not of c1:tester: give each agent its own"):
        Spool(path, "c1:tester").open()
    Spool(path, OWNER).open().close()
    path.write_bytes(b"a letter to somebody\n")
    with pytest.raises(SpoolError, match="is no spool"):
        Spool(path, OWNER).open()
    assert path.read_bytes() == b"a letter to somebody\n"


KILLED = """
import os, signal, sys
from makima_sdk.spool import Spool
spool = Spool(sys.argv[1], "c1:builder").open()
for number in range(5):
    spool.put("result", "/a", {"n": number}, "k1")
spool.finish(1)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_its_entries_and_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    process = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert process.returncode == -9
    with path.open("ab") as file:  # it was writing a sixth one
        file.write(spool_format.put(Entry(6, "k", "result", "/a", {}, "k1"))[:-5])
    spool = Spool(path, OWNER).open()
    assert (spool.damaged, len(spool)) == (1, 4)
    first = spool.first()
    assert first is not None
    assert first.body == {"n": 1}
    spool.close()


def test_a_spool_that_could_not_be_opened_again_says_so_and_goes_on_when_it_can(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    spool = Spool(path, OWNER).open()
    kept = spool.put("result", "/a", {"n": 0}, "k1")
    path.unlink()
    path.mkdir()  # nothing replaces it, and nobody writes into it
    for _ in range(2 + COMPACT_ABOVE_BYTES // 100_000):
        entry = spool.put("save", "/a", {"text": "x" * 100_000}, "k1")
        assert entry is not None
        spool.finish(entry.seq)
        if path.with_name("spool.new").exists():
            break
    with pytest.raises(SpoolError, match="cannot be opened"):
        spool.put("result", "/a", {"n": 1}, "k1")
    path.rmdir()
    newer = spool.put("result", "/a", {"n": 2}, "k1")
    spool.close()
    assert spool_format.read(path.read_bytes()).entries == (kept, newer)
