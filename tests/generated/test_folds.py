"""A fold that changed has another fold number, so that the tables of before are rebuilt at the next start."""

from dataclasses import dataclass
from pathlib import Path

import makima_contract.projections
import makima_contract.rows
import makima_schemas.contract.status_effects
import pytest
from makima_contract.projections import Unstarted
from makima_kernel.projections.projection import Projection
from makima_stale_detector.projections import Silence

from tests.generated import folds

CONTRACT = Path(makima_contract.rows.__file__)
EFFECTS = Path(makima_schemas.contract.status_effects.__file__)


def test_a_fold_that_changed_has_another_number() -> None:
    assert folds.changed() == [], (
        "the code or the SQL of these folds changed: raise `fold_number` of the projection and run `make docs`"
    )


def test_the_fingerprints_are_fresh() -> None:
    assert folds.MANIFEST.read_text() == folds.manifest(), "run `make docs` and commit"


@dataclass(frozen=True)
class Edit:
    path: Path
    old: str
    new: str
    projection: Projection


UNSTARTED, SILENCE, SQL = (
    Unstarted(),
    Silence(),
    Path(makima_contract.projections.__file__).with_suffix(".sql"),
)
SEEN = {
    "code": Edit(CONTRACT, "known.heard_at = None", "known.heard_at = 0", UNSTARTED),
    "SQL": Edit(SQL, "s.traceparent, s.daemon_id", "s.traceparent, s.task_id", UNSTARTED),
    "code of the schemas": Edit(EFFECTS, "frozenset(", "frozenset[type](", SILENCE),
}
NOT_SEEN = {
    "a docstring": Edit(CONTRACT, "Applies one event.", "Folds one event.", UNSTARTED),
    "a comment": Edit(SQL, "-- Supervisors whose row is", "-- Those whose row is", UNSTARTED),
    "code that it does not use": Edit(EFFECTS, "frozenset(", "frozenset[type](", UNSTARTED),
}


@pytest.mark.parametrize("edit", SEEN.values(), ids=SEEN)
def test_a_change_is_seen(edit: Edit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert changes_the_fingerprint(edit, tmp_path, monkeypatch)


@pytest.mark.parametrize("edit", NOT_SEEN.values(), ids=NOT_SEEN)
def test_words_and_other_code_are_free(edit: Edit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not changes_the_fingerprint(edit, tmp_path, monkeypatch)


def changes_the_fingerprint(edit: Edit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    path, old, new = edit.path, edit.old, edit.new
    before = folds.fingerprint(edit.projection)
    for original in path.parent.glob(f"{path.stem}.*"):
        (tmp_path / original.name).write_text(original.read_text())
    assert old in path.read_text()
    (tmp_path / path.name).write_text(path.read_text().replace(old, new))
    real = folds.path_of

    def changed(module: str) -> Path:
        found = real(module)
        return tmp_path / found.name if found.with_suffix("") == path.with_suffix("") else found

    monkeypatch.setattr(folds, "path_of", changed)
    folds.forget()
    after = folds.fingerprint(edit.projection)
    folds.forget()
    return after != before
