"""What the monitor says of every event there is fits what its documentation says."""

from typing import Final, cast
from uuid import uuid4

import orjson
import pytest
from jsonschema import Draft202012Validator
from makima_gateway.read_model.fold_monitor_events import WITH_MESSAGE, monitor_event
from makima_schemas.codec import EVENT_CLASSES, SCHEMAS, decode
from makima_schemas.contract.model import ContractStatus
from makima_schemas.envelope import Recorded
from makima_schemas.identity import Category, stream_name
from makima_schemas.monitor import MONITOR_MESSAGES

from tests.generated.asyncapi_examples import AT, CONTRACT, SAMPLES
from tests.generated.asyncapi_schemas import schemas

TYPES: Final = {str(cls.__annotations__["type"].__args__[0]): cls.__name__ for cls in MONITOR_MESSAGES}
EVENTS: Final[list[tuple[Category, str]]] = [
    (category, cls.__name__) for category, classes in EVENT_CLASSES.items() for cls in classes
]


def told(category: Category, name: str, after: ContractStatus) -> dict[str, object] | None:
    schema = SCHEMAS.number(name)
    data = (SAMPLES / category / f"{name}.v{schema}.json").read_bytes()
    recorded = Recorded(
        7, "default", stream_name(category, "s1"), 3, uuid4(), uuid4(), name, schema, data, {}, AT
    )
    event = decode(name, schema, data)
    row = monitor_event(recorded, event, CONTRACT, ContractStatus.ACTIVE, after, name="Add login")
    return None if row is None else cast("dict[str, object]", orjson.loads(row.message))


@pytest.mark.parametrize(("category", "name"), EVENTS)
@pytest.mark.parametrize("after", [ContractStatus.ACTIVE, ContractStatus.PAUSED])
def test_what_is_said_of_an_event_fits(category: Category, name: str, after: ContractStatus) -> None:
    message = told(category, name, after)
    if message is None:
        return
    members = cast("dict[str, dict[str, object]]", schemas()[TYPES[str(message["type"])]])["properties"]
    assert set(message) == set(members), "neither less nor more than is told of it"
    reference = {"$ref": f"#/components/schemas/{TYPES[str(message['type'])]}"}
    Draft202012Validator({**reference, "components": {"schemas": schemas()}}).validate(message)


def test_every_event_that_is_told_is_told() -> None:
    said = {name for category, name in EVENTS if told(category, name, ContractStatus.ACTIVE)}
    assert {cls.__name__ for cls in WITH_MESSAGE} == said
