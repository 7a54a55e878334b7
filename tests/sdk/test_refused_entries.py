"""What a spool keeps of refused entries, and for whom."""

from pathlib import Path

import orjson
import pytest
from makima_sdk import ProblemError, refused_entries
from makima_sdk.spool import Spool

OWNER = "c1:builder"


def test_what_a_spool_keeps_is_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    leftover = tmp_path / "spool.new"  # of a process that was killed
    leftover.touch(mode=0o644)
    spool = Spool(path, OWNER).open()
    entry = spool.put("result", "/a", {"n": 1}, "k1")
    assert entry is not None
    refused = spool.set_aside(entry, ProblemError(403, {"code": "FORBIDDEN", "detail": "not yours"}))
    assert refused is not None
    assert refused == tmp_path / "spool.refused"
    assert [file.stat().st_mode & 0o777 for file in (path, refused)] == [0o600, 0o600]
    assert (len(spool), orjson.loads(refused.read_bytes())["code"]) == (0, "FORBIDDEN")
    spool.close()


def test_what_was_refused_is_bounded_and_the_newest_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused_entries, "MAX_REFUSED_BYTES", 1000)
    spool = Spool(tmp_path / "spool", OWNER).open()
    for number in range(20):
        entry = spool.put("result", "/a", {"n": number}, "k1")
        assert entry is not None
        spool.set_aside(entry, ProblemError(403, {"code": "FORBIDDEN"}))
    spool.close()
    kept = [tmp_path / "spool.refused.old", tmp_path / "spool.refused"]
    assert all(file.stat().st_size <= 1000 for file in kept)
    numbers = [orjson.loads(line)["body"]["n"] for file in kept for line in file.read_bytes().splitlines()]
    assert numbers == list(range(numbers[0], 20))
    assert len(numbers) > 1
