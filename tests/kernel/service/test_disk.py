"""A disk that is nearly full is told before it is full, and counted at any time."""

from pathlib import Path

import pytest
from makima_kernel.service.disk import Disk, free_bytes, free_ratio
from prometheus_client import generate_latest


def exposed(folder: Path) -> float:
    line = next(
        line
        for line in generate_latest().decode().splitlines()
        if line.startswith("makima_disk_free_ratio{") and str(folder) in line
    )
    return float(line.rpartition(" ")[2])


def test_the_disk_of_a_folder_is_measured_and_exposed(tmp_path: Path) -> None:
    Disk(tmp_path).observe()
    assert exposed(tmp_path) == pytest.approx(free_ratio(tmp_path), abs=0.05)
    assert 0 < free_ratio(tmp_path) < 1


def test_under_five_percent_is_a_reason_with_its_figure(tmp_path: Path) -> None:
    assert Disk(tmp_path, ratio=lambda _: 0.05).ready() is None
    assert (
        Disk(tmp_path, ratio=lambda _: 0.049).ready()
        == f"4.9% of the disk of {tmp_path} is free, less than 5%"
    )


def test_a_folder_that_went_away_is_a_reason_and_leaves_the_other_metrics_alone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    disk = Disk(gone)
    disk.observe()
    assert disk.ready() == f"{gone} cannot be checked: No such file or directory"
    assert exposed(gone) != exposed(gone)  # not a number


def test_what_is_free_is_known_in_bytes_where_the_folder_is(tmp_path: Path) -> None:
    assert (free_bytes(tmp_path) or 0) > 0
    assert free_bytes(tmp_path / "gone") is None
