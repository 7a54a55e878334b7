"""The OpenAPI document is valid, complete, and says what the gateway says: every route, every refusal,
examples that fit.
"""

import re
from collections.abc import Iterator
from typing import cast

import httpx
import pytest
from jsonschema import Draft202012Validator
from makima_gateway.api.openapi import examples
from makima_gateway.api.openapi.operations import OPERATIONS
from makima_schemas.errors import HTTP_STATUS, ErrorCode
from openapi_spec_validator import validate

from tests.schemas.unbounded_numbers import unbounded
from tests.services.gateway.api.openapi_document import (
    COMPONENTS,
    DOCUMENT,
    OPERATION,
    Json,
    name_of,
    resolved,
)
from tests.services.gateway.harness import body


def bodies(operation: Json) -> Iterator[tuple[str, Json]]:
    """The content of what an operation takes, and of each of its answers, by media type."""
    holders = [
        cast("Json", operation.get("requestBody", {})),
        *cast("dict[str, Json]", operation["responses"]).values(),
    ]
    for holder in holders:
        yield from cast("dict[str, Json]", resolved(holder).get("content", {})).items()


def fits(value: object, schema: Json) -> None:
    Draft202012Validator({**schema, "components": COMPONENTS}).validate(value)


def test_it_is_valid() -> None:
    validate(DOCUMENT)


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert set(OPERATION) == set(OPERATIONS)


@pytest.mark.parametrize("name", OPERATION)
def test_every_route_says_what_it_is_for(name: str) -> None:
    operation = OPERATION[name]
    assert str(operation["description"]).endswith("."), operation["description"]
    assert not str(operation["summary"]).endswith(".")
    assert {"401", "403", "422", "503", "default"} <= cast("Json", operation["responses"]).keys()


@pytest.mark.parametrize("name", OPERATION)
def test_what_it_takes_and_answers_has_examples_that_fit(name: str) -> None:
    for media_type, content in bodies(OPERATION[name]):
        if media_type == "text/event-stream" or "examples" not in content:
            assert "example" in content or content["schema"] == {
                "$ref": "#/components/schemas/ProblemDetails"
            }
            continue
        for each in cast("dict[str, Json]", content["examples"]).values():
            example = COMPONENTS["examples"][name_of(each)]
            fits(example["value"], cast("Json", content["schema"]))


def test_no_example_is_left_over() -> None:
    assert set(examples.EXAMPLES) <= set(COMPONENTS["schemas"])


def test_a_problem_stands_under_the_status_of_its_code() -> None:
    for operation in OPERATION.values():
        for status, response in cast("dict[str, Json]", operation["responses"]).items():
            for content in cast("dict[str, Json]", resolved(response).get("content", {})).values():
                codes = cast("Json", content.get("examples", {})) if status >= "4" else {}
                assert {str(HTTP_STATUS[ErrorCode(code)]) for code in codes} <= {status}


def test_headers_are_told_where_they_are_answered() -> None:
    def headers(name: str, status: str = "200") -> set[str]:
        return set(
            cast(
                "dict[str, Json]",
                cast("dict[str, Json]", OPERATION[name]["responses"])[status].get("headers", {}),
            )
        )

    assert headers("pause_contract") == {"ETag", "Makima-Position", "Makima-Read-Behind"}
    assert headers("create_contract", "201") == {"ETag", "Makima-Position", "Makima-Read-Behind"}
    assert headers("show_contract") == {"ETag", "Makima-Read-Behind"}
    assert headers("list_tasks") == {"Makima-Read-Behind"}
    assert headers("delete_contract", "204") == {"Makima-Position", "Makima-Read-Behind"}
    assert headers("daemon_heartbeat") == headers("check_completion") == headers("monitor_events") == set()


async def test_a_running_gateway_serves_it(http: httpx.AsyncClient) -> None:
    assert body(await http.get("/openapi.json")) == DOCUMENT


@pytest.mark.parametrize("name", OPERATION)
def test_every_number_that_it_takes_has_an_upper_bound(name: str) -> None:
    takes = [OPERATION[name].get("requestBody", {}), OPERATION[name].get("parameters", [])]
    named = {"components": {key: each for key, each in COMPONENTS["schemas"].items() if key in _named(takes)}}
    assert [*unbounded([takes, named], name)] == []


def _named(schema: object) -> set[str]:
    """The components that a schema refers to, directly or not."""
    found, waiting = set[str](), [schema]
    while waiting:
        for reference in re.findall(r"#/components/schemas/([^'\"]+)", str(waiting.pop())):
            if reference not in found:
                found.add(reference)
                waiting.append(COMPONENTS["schemas"][reference])
    return found
