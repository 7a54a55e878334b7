"""Every event ever shipped is kept here as one sample and must be read forever.

A new event, or a new schema number, adds a file `<category>/<Name>.v<schema>.json`. A file that is here never
changes:
`SHA256SUMS` has its fingerprint, to which `make docs` only adds.
"""

from pathlib import Path
from typing import cast

import orjson
import pytest
from makima_schemas.codec import EVENT_CLASSES, SCHEMAS, decode, encode

from tests.generated.history import actual, recorded

HERE = Path(__file__).parent
SAMPLES = sorted(HERE.glob("*/*.json"))


def title(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def told(path: Path) -> tuple[str, int]:
    """The name and schema number that a file is about."""
    name, _, number = path.stem.rpartition(".v")
    return name, int(number)


@pytest.mark.parametrize("path", SAMPLES, ids=title)
def test_a_sample_is_read_and_written_again_the_same(path: Path) -> None:
    name, schema = told(path)
    event = decode(name, schema, path.read_bytes())
    assert decode(name, SCHEMAS.number(name), encode(event)) == event
    if schema == SCHEMAS.number(name):
        assert_says(orjson.loads(encode(event)), orjson.loads(path.read_bytes()))


def assert_says(again: object, sample: object) -> None:
    """All that the sample says; members that came later with a default are said besides."""
    if isinstance(sample, dict) and isinstance(again, dict):
        for member, value in cast("dict[str, object]", sample).items():
            assert member in again, f"{member} was lost"
            assert_says(cast("dict[str, object]", again)[member], value)
        return
    assert again == sample


def test_every_event_and_every_schema_number_has_its_sample() -> None:
    known = {
        f"{category}/{cls.__name__}.v{schema}"
        for category, classes in EVENT_CLASSES.items()
        for cls in classes
        for schema in range(1, SCHEMAS.number(cls.__name__) + 1)
    }
    assert {title(path) for path in SAMPLES} == known


def test_a_sample_that_was_shipped_is_as_it_was() -> None:
    """`make docs` writes down new samples and leaves the old lines alone: a changed one is seen here, and a
    changed line in review.
    """
    changed = {name for name, digest in recorded().items() if actual().get(name) != digest}
    assert changed == set(), "never changed, never removed: a new schema number has a sample of its own"
    assert actual().keys() == recorded().keys(), (
        "new samples: run `make docs` and commit tests/history/SHA256SUMS"
    )
