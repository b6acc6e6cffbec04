"""Make whole what FastAPI tells of the API: who may, what is refused and how, with examples."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from web.access.decision import Permission
from web.access.guard import cookie_name
from web.access.table import permission_of
from web.description import alertmanager, senders, statuspage
from web.description.answers import problem_answers, statuses_of
from web.description.examples import BODIES, OF_PATH, PARAMETERS
from web.problem import Problem

_SCHEMAS = "#/components/schemas"
_LONGEST_NAME = 200  # of a service, an SLO or an id: what is longer is not there
_ABOUT = """
Every fact that the pages show, and every change that they make.

- Errors are problem details (RFC 9457); `/api/v2` answers as Alertmanager does.
- Lists are read a page at a time: `next_cursor` of one is `cursor` of the next.
- A GET with the `ETag` of an earlier answer in `If-None-Match` is answered with 304 where nothing
  changed.
- Times are UTC. Where one is asked for: ISO 8601, seconds since 1970, `now` or `now-6h`.
- `x-permission` is what an operation needs. Whoever has not signed in may what the configuration
  says (`web.access.anonymous`); before there are users, everybody on this machine may all.
- A body may have 64 KiB, unless its operation says otherwise.
"""
_LARGER = {
    "/api/v1/events": "1 MiB",
    "/api/v1/write": "8 MiB",
    "/api/v2/alerts": "16 MiB",
}


def complete(schema: dict[str, Any], external_url: str) -> dict[str, Any]:
    """FastAPI's schema, made whole."""
    problem = TypeAdapter(Problem).json_schema(ref_template=f"{_SCHEMAS}/{{model}}")
    parts = schema.setdefault("components", {})
    parts["schemas"] = {
        **parts.get("schemas", {}),
        **problem.pop("$defs", {}),
        "Problem": problem,
        **senders.schemas(),
        **alertmanager.schemas(),
    }
    parts["responses"] = problem_answers(f"{_SCHEMAS}/Problem")
    parts["securitySchemes"] = _security_schemes(external_url)
    schema["info"]["description"] = _ABOUT
    schema["info"]["license"] = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    for operations in schema["paths"].values():
        for method, operation in operations.items():
            operation["summary"] = _first_sentence(operation.get("description", ""))
            if method == "get" and _tells_facts(operation):
                _complete_etag(operation)
    for path, operations in _by_hand().items():
        schema["paths"].setdefault(path, {}).update(operations)
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            _complete(method.upper(), path, operation)
    return schema


def _by_hand() -> dict[str, dict[str, Any]]:
    """What FastAPI does not know: these read their requests, or write their answers, themselves."""
    return {**senders.paths(), **alertmanager.paths(), **statuspage.paths()}


def _complete(method: str, path: str, operation: dict[str, Any]) -> None:
    permission = permission_of(method, path)
    operation["tags"] = [path.split("/")[3]]
    operation["x-permission"] = str(permission)
    if permission is not Permission.OPEN:
        operation.setdefault("security", [{"token": []}, {"session": []}])
    for one in operation.get("parameters", ()):
        _complete_parameter(path, one)
    for body in operation.get("requestBody", {}).get("content", {}).values():
        name = body["schema"].get("$ref", "").removeprefix(f"{_SCHEMAS}/")
        if name in BODIES:
            body["example"] = BODIES[name]
    if path in _LARGER and method == "POST":
        operation["requestBody"]["description"] = f"At most {_LARGER[path]}."
    answers = operation["responses"]
    answers.pop("default", None)
    if path.startswith("/api/v1/"):
        further = senders.FURTHER.get((method, path), ())
        for status in sorted({*statuses_of(method, path, operation), *further}):
            answers[str(status)] = {"$ref": f"#/components/responses/{status}"}


def _complete_parameter(path: str, one: dict[str, Any]) -> None:
    if one["in"] == "path":
        schema = one["schema"]
        one["schema"] = {"minLength": 1, "maxLength": _LONGEST_NAME, **schema}
    name = one["name"].lower()
    example = OF_PATH.get((path, name), PARAMETERS.get(name))
    if example is not None and "examples" not in one:
        one.setdefault("example", example)


def _first_sentence(described: str) -> str:
    return " ".join(described.split("\n\n")[0].split()).split(". ")[0].rstrip(".") + "."


def _tells_facts(operation: Mapping[str, Any]) -> bool:
    """Whether it is answered by `web.answer`."""
    content = operation["responses"].get("200", {}).get("content", {})
    return "$ref" in content.get("application/json", {}).get("schema", {})


def _complete_etag(operation: dict[str, Any]) -> None:
    answers, etag = operation["responses"], {"ETag": {"schema": {"type": "string"}}}
    answers["200"]["headers"] = etag
    answers["304"] = {"description": "As it was when it had this ETag.", "headers": etag}
    operation.setdefault("parameters", []).append(
        {
            "name": "If-None-Match",
            "in": "header",
            "description": "The `ETag` of an earlier answer.",
            "schema": {"type": "string"},
            "example": PARAMETERS["if-none-match"],
        }
    )


def _security_schemes(external_url: str) -> dict[str, Any]:
    return {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "Made by `nines token create` or on the page `/account`.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": cookie_name(external_url),
            "description": "What signing in gives to a browser. A request that changes something "
            "has to say where it comes from: `Sec-Fetch-Site` or `Origin`.",
        },
        "sender": {
            "type": "http",
            "scheme": "bearer",
            "description": "The token of the collector or job that is sent to.",
        },
        "sender_by_password": {
            "type": "http",
            "scheme": "basic",
            "description": "The same token as the password.",
        },
        "alertmanager": {
            "type": "http",
            "scheme": "bearer",
            "description": "`alertmanager_api.token` of the configuration.",
        },
    }
