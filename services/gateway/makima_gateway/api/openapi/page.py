"""The page at `/docs`: the OpenAPI document as plain HTML, without scripts and without other hosts."""

from collections.abc import Iterator
from functools import cache
from html import escape
from typing import Final, cast

import orjson
from fastapi import FastAPI

from makima_gateway.api.openapi.document import document

Json = dict[str, object]

# In a file of its own: the content policy allows no style in a page.
STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "code,pre,summary b{font-family:ui-monospace,monospace}pre{overflow:auto;background:#8882;padding:.6rem}"
    "details{border-top:1px solid #8884;padding:.3rem 0}summary{cursor:pointer}summary b{margin-right:.6rem}"
    "td{padding:.1rem .8rem .1rem 0;vertical-align:top}:root{color-scheme:light dark}"
)


@cache
def page(app: FastAPI) -> bytes:
    """The page: each operation with its parameters, the shape of its body, and its answers."""
    described = document(app)
    head = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>makima: HTTP API</title><link rel=stylesheet href=/docs/style.css><link rel=icon href=data:,>"
        f"<h1>makima: HTTP API</h1><p>{escape(app.description)}</p>"
        f'<p>As a document for programs: <a href="{app.openapi_url}">{app.openapi_url}</a></p>'
    )
    return (head + "".join(_operations(described)) + "".join(_schemas(described))).encode()


def _operations(described: Json) -> Iterator[str]:
    for path, methods in cast("dict[str, dict[str, Json]]", described["paths"]).items():
        for method, operation in methods.items():
            summary = escape(str(operation.get("summary", "")))
            yield f"<details><summary><b>{method.upper()} {escape(path)}</b>{summary}</summary>"
            yield f"<p>{escape(str(operation.get('description', '')))}</p>"
            yield "".join(_parameters(operation))
            if "requestBody" in operation:
                yield f"<h4>Body</h4>{_block(operation['requestBody'])}"
            yield f"<h4>Answers</h4><table>{''.join(_answers(operation))}</table></details>"


def _parameters(operation: Json) -> Iterator[str]:
    parameters = cast("list[Json]", operation.get("parameters", []))
    if not parameters:
        return
    yield "<h4>Parameters</h4><table>"
    for parameter in parameters:
        if "name" in parameter:
            meaning = escape(str(parameter.get("description", "")))
            yield f"<tr><td><code>{escape(str(parameter['name']))}</code><td>{parameter['in']}<td>{meaning}"
    yield "</table>"


def _answers(operation: Json) -> Iterator[str]:
    for status, answer in cast("dict[str, Json]", operation.get("responses", {})).items():
        yield f"<tr><td><code>{status}</code><td>{escape(str(answer.get('description', '')))}"


def _schemas(described: Json) -> Iterator[str]:
    components = cast("dict[str, Json]", described.get("components", {}))
    yield "<h2>Schemas</h2>"
    for name, schema in components.get("schemas", {}).items():
        yield f"<details><summary><b>{escape(name)}</b></summary>{_block(schema)}</details>"


def _block(value: object) -> str:
    return f"<pre>{escape(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())}</pre>"
