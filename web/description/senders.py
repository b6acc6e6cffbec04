"""The operations of `/api/v1` that read their requests themselves: what jobs and programs send."""

from collections.abc import Mapping
from typing import Any

from web.events import EventsBody

_TEXT = {"type": "string"}
_SENDER: list[dict[str, list[str]]] = [{"sender": []}, {"sender_by_password": []}]
_WORDS = {"anyOf": [{"enum": ["start", "success", "fail"]}, {"pattern": "^[0-9]{1,3}$"}]}


def schemas() -> dict[str, Any]:
    """The schemas that they name."""
    events = EventsBody.model_json_schema(ref_template="#/components/schemas/{model}")
    return {
        **events.pop("$defs", {}),
        "EventsRequest": events,
        "Pinged": {
            "type": "object",
            "description": "What was kept. `repeated`: the same run told the same before.",
            "properties": {
                "heartbeat": _TEXT,
                "ping": {"enum": ["start", "success", "fail"]},
                "repeated": {"type": "boolean"},
            },
            "required": ["heartbeat", "ping", "repeated"],
            "additionalProperties": False,
        },
    }


def paths() -> dict[str, dict[str, Any]]:
    """Path, method, operation; the problems come later, as to all others."""
    heartbeat = "/api/v1/heartbeats/{service}/{collector}"
    return {
        heartbeat: {method: _ping(method, []) for method in ("get", "post")},
        f"{heartbeat}/{{what}}": {
            method: _ping(method, [_parameter("what", "path", _WORDS, _WHAT)])
            for method in ("get", "post")
        },
        "/api/v1/events": {
            "post": {
                "summary": "Count what happened.",
                "description": "All of it, or nothing; once for each key, however often it comes.",
                "operationId": "post_events",
                "security": _SENDER,
                "parameters": [
                    _parameter(
                        "Idempotency-Key",
                        "header",
                        {"type": "string", "minLength": 1, "maxLength": 200},
                        "Your own name for this request: sent twice, it counts once.",
                        required=True,
                    )
                ],
                "requestBody": _body("application/json", "EventsRequest"),
                "responses": {
                    "204": {
                        "description": "It is counted, and on disk.",
                        "headers": {
                            "Idempotency-Replayed": {
                                "description": "`true`: it was counted before, under this key.",
                                "schema": {"const": "true"},
                            }
                        },
                    }
                },
            }
        },
        "/api/v1/write": {
            "post": {
                "summary": "Take samples by Prometheus' remote write.",
                "description": "Versions 1.0 and 2.0, told by `proto` of the content type.",
                "operationId": "post_write",
                "security": _SENDER,
                "parameters": [
                    _parameter("Content-Encoding", "header", {"const": "snappy"}, "", required=True)
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/x-protobuf": {"schema": _BYTES}},
                },
                "responses": {"204": {"description": "What is wanted of it is on disk."}},
            }
        },
        "/api/v1/openapi.json": {
            "get": {
                "summary": "This description.",
                "operationId": "get_description",
                "responses": {
                    "200": {
                        "description": "OpenAPI 3.1.",
                        "content": {"application/json": {"schema": {"type": "object"}}},
                    }
                },
            }
        },
    }


_BYTES = {"type": "string", "format": "binary"}
_WHAT = "What the job tells: that it started, went well or failed; or its exit code, 0 to 255."
FURTHER: Mapping[tuple[str, str], tuple[int, ...]] = {
    ("POST", "/api/v1/events"): (401, 404, 422),
    ("POST", "/api/v1/write"): (401, 404, 415),
    **{
        (method, f"/api/v1/heartbeats/{{service}}/{{collector}}{end}"): (401, 429)
        for method in ("GET", "POST")
        for end in ("", "/{what}")
    },
}


def _ping(method: str, more: list[dict[str, Any]]) -> dict[str, Any]:
    run = {"type": "string", "minLength": 1, "maxLength": 100}
    operation: dict[str, Any] = {
        "summary": "Tell of a job's run.",
        "description": "Without a word in the path: it went well.",
        "operationId": f"{method}_heartbeat{'_of' if more else ''}",
        "security": [{}, {"sender": []}],
        "parameters": [
            _parameter("service", "path", _TEXT, "The job's service."),
            _parameter("collector", "path", _TEXT, "The heartbeat's name."),
            *more,
            _parameter("rid", "query", run, "Names the run; its start and end bear the same."),
        ],
        "responses": {
            "200": {
                "description": "It is on disk.",
                "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Pinged"}}
                },
            }
        },
    }
    if method == "post":
        operation["requestBody"] = {
            "description": "What the job said; the first 10,000 bytes are kept.",
            "content": {"text/plain": {"schema": _TEXT, "example": "4,711 rows written"}},
        }
    return operation


def _parameter(
    name: str, place: str, schema: Mapping[str, Any], told: str, *, required: bool = False
) -> dict[str, Any]:
    found = {"name": name, "in": place, "required": required or place == "path", "schema": schema}
    return {**found, "description": told} if told else found


def _body(media: str, schema: str) -> dict[str, Any]:
    return {
        "required": True,
        "content": {media: {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }
