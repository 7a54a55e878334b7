"""What agents print is kept, bounded, also while they go on printing."""

import json
import logging
import os
from pathlib import Path

from makima_daemon import event_log
from makima_daemon.agent_output import bound, cut, opened
from makima_daemon.log_reader import LogFollower, files, newest, plain
from makima_daemon.workspace import Workspace

FILE, TOTAL = 1000, 3500  # bytes


def size_of(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def log_of(folder: Path, contract: str, text: bytes, age: float = 0) -> Path:
    path = folder / contract / "builder.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    os.utime(path, (1_000_000 - age, 1_000_000 - age))
    return path


def test_one_agent_never_holds_more_than_twice_its_share_and_the_newest_lines_stay(tmp_path: Path) -> None:
    path = tmp_path / "c1" / "builder.log"
    with opened(path) as log:
        for number in range(100):
            os.write(log.fileno(), f"line {number} {'x' * 90}\n".encode())
            bound(tmp_path, {path}, file_bytes=FILE, total_bytes=TOTAL)
            assert size_of(tmp_path) <= 2 * FILE + 200
    assert path.read_bytes().splitlines()[-1].startswith(b"line 99 ")
    assert path.stat().st_mode & 0o077 == 0


def test_all_agents_together_are_bounded_and_the_oldest_that_run_no_more_go_first(tmp_path: Path) -> None:
    oldest = log_of(tmp_path, "c1", b"x" * 900, age=90)
    running = log_of(tmp_path, "c2", b"x" * 900, age=99)
    others = [log_of(tmp_path, f"c{number}", b"x" * 900, age=number) for number in range(3, 6)]
    bound(tmp_path, {running}, file_bytes=FILE, total_bytes=TOTAL)
    assert size_of(tmp_path) <= TOTAL
    assert not oldest.exists()
    assert running.exists()
    assert sum(each.exists() for each in others) == 2


def test_what_runs_is_cut_without_a_look_at_all_that_was_kept(tmp_path: Path) -> None:
    kept = log_of(tmp_path, "c1", b"x" * 2 * FILE)
    running = log_of(tmp_path, "c2", b"x" * 2 * FILE)
    cut({running, tmp_path / "c3" / "builder.log"}, FILE)
    assert (kept.stat().st_size, running.stat().st_size) == (2 * FILE, 0)


def test_the_number_of_logs_is_bounded_and_empty_folders_go(tmp_path: Path) -> None:
    running = log_of(tmp_path, "c0", b"", age=99)
    logs = [log_of(tmp_path, f"c{number}", b"", age=10 - number) for number in range(1, 5)]
    (tmp_path / "starting").mkdir()
    (tmp_path / "empty").mkdir()
    bound(tmp_path, {running, tmp_path / "starting" / "builder.log"}, files=2)
    assert [each.exists() for each in logs] == [False, False, True, True]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["c0", "c3", "c4", "starting"]


def test_what_a_terminal_obeys_is_left_out() -> None:
    told = (
        b"\x1b[31mred\x1b[0m \x1b]0;title\x07plain \x1b]8;;http://x\x1b\\link\x1b(B \x1bP1$q\x1b\\end\xff\r\n"
    )
    assert plain(told) == "red plain link end\ufffd"


def test_the_newest_lines_of_each_log_are_found_and_those_that_come(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path, "d1")
    path = log_of(workspace.agent_logs, "c1", b"".join(b"%d\n" % number for number in range(50_000)))
    path.with_name("builder.log.old").write_bytes(b"before\n")
    (only,) = files(workspace, role="builder")
    assert [line.text for line in newest(only, 2)] == ["49998", "49999"]
    assert newest(only, 0) == []
    assert files(workspace, contract_id="c2") == []
    follower = LogFollower(workspace)
    with path.open("ab") as log:
        log.write(b"one\ntw")
    assert [line.text for line in follower.new()] == ["one"]
    with path.open("ab") as log:
        log.write(b"o\n")
    log_of(workspace.agent_logs, "c2", b"another\n")
    assert [line.text for line in follower.new()] == ["two", "another"]
    path.write_bytes(b"cut\n")
    assert [line.text for line in follower.new()] == ["cut"]


def test_what_came_before_a_log_was_cut_belongs_to_it(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path, "d1")
    path = log_of(workspace.agent_logs, "c1", b"now\n")
    path.with_name("builder.log.old").write_bytes(b"before\n")
    assert [line.text for line in newest(files(workspace)[0], 5)] == ["before", "now"]


def test_what_came_before_the_daemons_own_log_was_renamed_belongs_to_it(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "new", "d1")
    handlers, level = logging.root.handlers, logging.root.level
    try:
        event_log.configure(workspace.own_log, file_bytes=200)
        for number in range(3):
            event_log.note("agent.ended", number=number)
    finally:
        logging.root.handlers = handlers
        logging.root.setLevel(level)
    assert len(workspace.own_log.read_text().splitlines()) == 1
    shown = [json.loads(line.text)["number"] for line in newest(files(workspace)[0], 5)]
    assert shown == [1, 2], "as many as are kept"
