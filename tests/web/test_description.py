"""`/api/v1/openapi.json`: whole, true to the routes, with examples that hold."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis

from tests.web.fakes import NOW, FakeSource
from tests.web.test_access_table import ROUTES
from web.access.table import PERMISSIONS
from web.app import create_app
from web.description import answers
from web.settings import WebSettings

# What has another address is a page, or stands in somebody else's description: /metrics, /probe,
# /-/, /badge/, /callbacks/ and OpenTelemetry's /v1/metrics.
API = "/api/"
# Alertmanager bounds none of these but by the request's head; nor does HTTP a list of ETags.
UNBOUNDED = "/api/v2/"
# What is taken only where somebody keeps it, or looks at addresses.
ELSEWHERE = (UNBOUNDED, "/api/v1/events", "/api/v1/try")


def described() -> dict[str, Any]:
    """The document, made anew."""
    found: dict[str, Any] = create_app(
        FakeSource(), settings=WebSettings(now=lambda: NOW, version="0.1.0")
    ).openapi()
    return found


DOCUMENT = described()
OPERATIONS = [
    (method.upper(), path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]
NAMES = [f"{method} {path}" for method, path, _ in OPERATIONS]


def resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference refers to, one step deep."""
    found: Any = DOCUMENT
    if "$ref" not in node:
        return node
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def complaints(schema: Mapping[str, Any], example: object) -> list[str]:
    """What is wrong with the example."""
    whole = {**schema, "components": DOCUMENT["components"]}
    validator = jsonschema_rs.validator_for(whole, validate_formats=True)
    return [one.message for one in validator.iter_errors(example)]


def examples(node: Mapping[str, Any]) -> Iterator[Any]:
    """Each, whether there is one or several."""
    yield from (one["value"] for one in node.get("examples", {}).values())
    if "example" in node:
        yield node["example"]


def bodies(operation: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each content of the request and of its answers, with its media type."""
    yield from operation.get("requestBody", {}).get("content", {}).items()
    for one in operation["responses"].values():
        yield from resolved(one).get("content", {}).items()


def test_the_document_is_openapi() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(DOCUMENT).validate()
    broken = {**DOCUMENT, "info": {}}
    with pytest.raises(jsonschema_rs.ValidationError):
        schemathesis.openapi.from_dict(broken).validate()


async def test_what_is_served_is_this_document() -> None:
    app = create_app(FakeSource(), settings=WebSettings(now=lambda: NOW, version="0.1.0"))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9919") as client:
        assert (await client.get("/api/v1/openapi.json")).json() == DOCUMENT


def test_every_route_of_the_api_is_described() -> None:
    missing = [
        route
        for route in ROUTES
        if f"{route[0]} {route[1]}" not in NAMES and route[1].startswith(API)
    ]

    assert missing == [], (
        "add it to a router with include_in_schema=True, or beside web/description/senders.py"
    )


def test_nothing_is_described_that_is_not_there() -> None:
    assert [name for name in NAMES if tuple(name.split()) not in ROUTES] == []


def test_further_answers_are_of_operations_that_there_are() -> None:
    named = {" ".join(key) for keys in answers.FURTHER.values() for key in keys}

    assert sorted(named - set(NAMES)) == [], "remove it from web/description/answers.py"


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_an_operation_says_all_that_it_should(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    assert len(operation["summary"]) > 3, "give its endpoint a docstring"
    assert operation["x-permission"] == PERMISSIONS[method, path]
    for one in operation.get("parameters", ()):
        assert {"example", "examples"} & one.keys(), (
            f"add {one['name']!r} to PARAMETERS in web/description/examples.py"
        )
        if not path.startswith(UNBOUNDED) and one["name"] != "If-None-Match":
            assert is_bounded(one["schema"]), f"give {one['name']!r} a max_length, or le and ge"
    for schema in operation.get("requestBody", {}).get("content", {}).values():
        if "$ref" in schema["schema"]:
            where = "BODIES in web/description/examples.py"
            said = "example" in schema or "examples" in resolved(schema["schema"])
            assert said, f"add {schema['schema']['$ref']} to {where}"
            assert path.startswith(UNBOUNDED) or is_bounded(resolved(schema["schema"]))


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_every_example_holds(method: str, path: str, operation: dict[str, Any]) -> None:
    del method, path
    for one in operation.get("parameters", ()):
        for example in examples(one):
            assert complaints(one["schema"], example) == [], one["name"]
    for media, content in bodies(operation):
        for example in examples(content):
            assert complaints(content.get("schema", {}), example) == [], media


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_every_refusal_is_a_problem(method: str, path: str, operation: dict[str, Any]) -> None:
    refusals = {status: one for status, one in operation["responses"].items() if status >= "400"}
    needs = {"503", "421", "431"} | ({"413", "408"} if "requestBody" in operation else set())
    if path != "/api/v1/openapi.json" and operation.get("security"):
        needs.add("401")

    assert needs <= refusals.keys()
    assert "default" not in operation["responses"]
    for one in refusals.values():
        content = resolved(one)["content"]
        schema = content["application/problem+json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Problem"}
        assert set(content) == {"application/problem+json"} or path.startswith("/api/v2/")
    del method


def test_every_reference_leads_somewhere() -> None:
    assert "HTTPValidationError" not in str(DOCUMENT["paths"])
    for reference in set(references(DOCUMENT)):
        assert resolved({"$ref": reference})


async def test_the_examples_of_bodies_are_taken() -> None:
    """By an application whose clock and services are the examples'."""
    source = FakeSource()
    transport = httpx.ASGITransport(
        create_app(source, settings=WebSettings(now=lambda: NOW)), raise_app_exceptions=False
    )
    taken = []
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9919") as client:
        for method, path, operation in OPERATIONS:
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content is None or "{" in path or path.startswith(ELSEWHERE):
                continue
            if "example" not in content:  # its schema has one
                continue
            response = await client.request(method, path, json=content["example"])
            assert response.status_code < 300, (path, response.text)
            taken.append(path)
    assert len(taken) >= 8


def is_bounded(schema: Mapping[str, Any]) -> bool:
    """Whether nothing of any size fits it."""
    schema = resolved(schema)
    if {"enum", "const", "pattern", "format"} & schema.keys() or "not" in schema:
        return True
    branches = [*schema.get("anyOf", ()), *schema.get("allOf", ()), *schema.get("oneOf", ())]
    if branches:
        return all(map(is_bounded, branches)) or "maxLength" in schema
    match schema.get("type"):
        case "string":
            return "maxLength" in schema
        case "integer" | "number":
            return {"minimum", "maximum"} <= schema.keys()
        case "array":
            return "maxItems" in schema and is_bounded(schema["items"])
        case "object":
            more = schema.get("additionalProperties")
            if isinstance(more, dict) and not ("maxProperties" in schema and is_bounded(more)):
                return False
            return all(map(is_bounded, schema.get("properties", {}).values()))
        case _:
            return schema.get("type") in ("boolean", "null")


def references(node: object) -> Iterator[str]:
    """Each `$ref` anywhere below."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)
