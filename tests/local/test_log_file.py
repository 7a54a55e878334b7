"""The log of a process stays within its size while the process writes it."""

import errno
import os
import resource
import signal
from collections.abc import Generator
from contextlib import contextmanager
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
    old = (tmp_path / "gateway.old.log").stat()
    assert (old.st_size > 100, old.st_mode & 0o777) == (True, 0o600)
    assert log_file.last_words(log).endswith("number 20")


def test_a_link_in_place_of_the_copy_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file, "MAX_LOG_FILE_BYTES", 100)
    log, old, target = (tmp_path / name for name in ("nats.log", "nats.old.log", "target"))
    log.write_bytes(b"x" * 200)
    target.write_text("not ours")
    old.symlink_to(target)
    log_file.cut_back(log)
    assert (target.read_text(), old.is_symlink(), old.stat().st_size, log.stat().st_size) == (
        "not ours",
        False,
        200,
        0,
    )


def test_a_log_that_is_gone_or_small_is_left_alone(tmp_path: Path) -> None:
    log_file.cut_back(tmp_path / "never-made.log")
    (tmp_path / "small.log").write_text("x\n")
    log_file.cut_back(tmp_path / "small.log")
    assert [path.name for path in tmp_path.iterdir()] == ["small.log"]


@contextmanager
def no_file_may_grow_beyond(size: int) -> Generator[None]:
    """Stands for a full disk: whoever writes more gets an error."""
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_log_for_whose_copy_there_is_no_room_is_emptied_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "MAX_LOG_FILE_BYTES", 100)
    log = tmp_path / "postgres.log"
    log.write_bytes(b"x" * 200_000)
    with no_file_may_grow_beyond(1000):
        log_file.cut_back(log)
    assert [(path.name, path.stat().st_size) for path in tmp_path.iterdir()] == [("postgres.log", 0)]


def test_a_process_starts_though_its_log_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(log_file, "append_to", full)
    with log_file.opened(tmp_path / "gateway.log") as out:
        out.write(b"a line that nobody will read")
    assert list(tmp_path.iterdir()) == []
