"""The log of a process stays within its size while the process writes it."""

import os
from pathlib import Path

import pytest
from makima_local import log_file


def test_a_log_that_is_too_large_is_cut_back_under_its_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "MAX_LOG_FILE_BYTES", 100)
    log = tmp_path / "gateway.log"
    with log_file.opened(log) as out:
        descriptor = out.fileno()
        for number in range(21):
            log_file.cut_back(log)
            os.write(descriptor, b"a line of the process number %2d\n" % number)
            assert log.stat().st_size <= 100 + 40
    assert (tmp_path / "gateway.old.log").stat().st_size > 100
    assert log_file.last_words(log).endswith("number 20")


def test_a_log_that_is_gone_or_small_is_left_alone(tmp_path: Path) -> None:
    log_file.cut_back(tmp_path / "never-made.log")
    (tmp_path / "small.log").write_text("x\n")
    log_file.cut_back(tmp_path / "small.log")
    assert [path.name for path in tmp_path.iterdir()] == ["small.log"]
