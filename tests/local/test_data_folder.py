"""A data folder is made for its owner alone, and what was there before stays as it was."""

import os
import stat
from pathlib import Path

from makima_local.data_folder import DataFolder

OURS = 0o711 if os.geteuid() == 0 else 0o700


def mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


def test_only_what_is_made_is_closed(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    DataFolder(shared / "makima" / "dev").prepare()
    assert [mode(shared), mode(shared / "makima"), mode(shared / "makima" / "dev")] == [0o1777, OURS, OURS]
    DataFolder(shared).prepare()
    assert mode(shared) == 0o1777
