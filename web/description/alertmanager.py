"""`/api/v2`: Alertmanager's own shapes, as its description of version 2 has them.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from collections.abc import Mapping
from typing import Any

from web.alertmanager.routes import PREFIX

_TEXT: Mapping[str, Any] = {"type": "string"}
_TIME: Mapping[str, Any] = {"type": "string", "format": "date-time"}
_TEXTS: Mapping[str, Any] = {"type": "object", "additionalProperties": _TEXT}
_FLAG: Mapping[str, Any] = {"type": "string", "default": "true"}
_COUNT: Mapping[str, Any] = {"type": "array", "items": _TEXT}
_SECURITY: list[dict[str, list[str]]] = [{"alertmanager": []}, {"token": []}, {"session": []}]


def schemas() -> dict[str, Any]:
    """The schemas that it names."""
    matcher = _object(
        {"name": _TEXT, "value": _TEXT, "isRegex": {"type": "boolean"}},
        isEqual={"type": "boolean", "default": True},
    )
    planned = {
        "matchers": {"type": "array", "minItems": 1, "items": _ref("Matcher")},
        "startsAt": _TIME,
        "endsAt": _TIME,
        "createdBy": _TEXT,
        "comment": _TEXT,
    }
    state = {"enum": ["expired", "active", "pending"]}
    alert = _object(
        {
            "labels": _TEXTS,
            "annotations": _TEXTS,
            "generatorURL": _TEXT,
            "startsAt": _TIME,
            "endsAt": _TIME,
            "updatedAt": _TIME,
            "fingerprint": _TEXT,
            "receivers": {"type": "array", "items": _ref("Receiver")},
            "status": _object(
                {
                    "state": {"enum": ["unprocessed", "active", "suppressed"]},
                    "silencedBy": _COUNT,
                    "inhibitedBy": _COUNT,
                    "mutedBy": _COUNT,
                }
            ),
        }
    )
    group = {
        "labels": _TEXTS,
        "routeLabels": _TEXTS,
        "receiver": _ref("Receiver"),
        "alerts": {"type": "array", "items": _ref("GettableAlert")},
    }
    return {
        "Matcher": matcher,
        "Receiver": _object({"name": _TEXT}),
        "PostableSilence": _object(planned, id=_TEXT),
        "GettableSilence": _object(
            {**planned, "id": _TEXT, "updatedAt": _TIME, "status": _object({"state": state})},
            annotations=_TEXTS,
        ),
        "PostableAlerts": {
            "type": "array",
            "items": _object(
                {"labels": _TEXTS},
                annotations=_TEXTS,
                startsAt=_TIME,
                endsAt=_TIME,
                generatorURL={"type": "string"},
            ),
        },
        "GettableAlert": alert,
        "AlertGroup": _object(group),
        "AlertmanagerStatus": _object(
            {
                "cluster": {"type": "object"},
                "config": _object({"original": _TEXT}),
                "uptime": _TIME,
                "versionInfo": _TEXTS,
            }
        ),
        "AlertmanagerRefusal": {
            "description": "A sentence; with a code, where the request has not the right form.",
            "anyOf": [_TEXT, _object({"code": {"type": "integer"}, "message": _TEXT})],
        },
    }


def paths() -> dict[str, dict[str, Any]]:
    """Path, method, operation, with all that it may answer."""
    matchers = {"type": "array", "items": _TEXT}
    filters = _query("filter", matchers, "Matchers, all of which must fit.")
    alerts = [
        *(_query(name, _FLAG, f"Those that are {name} too.") for name in ("active", "silenced")),
        *(_query(name, _FLAG, f"Those that are {name} too.") for name in ("inhibited", "muted")),
        filters,
        _query("receiver", _TEXT, "Those that go to receivers of which this pattern is the name."),
    ]
    states = [
        _query(name, _FLAG, f"Those that are {name} too.")
        for name in ("active", "pending", "expired")
    ]
    one = {
        "name": "silence_id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
        "description": "As this API tells it.",
        "example": "0199b3c5-7f2e-7a10-8c55-3f0d7f6b1a2c",
    }
    return {
        f"{PREFIX}/alerts": {
            "get": _operation("List what fires.", _list("GettableAlert"), (400,), alerts),
            "post": _operation(
                "Take alerts: those that are right are kept, the others named.",
                None,
                (400, 408, 413, 415, 422, 500),
                body="PostableAlerts",
            ),
        },
        f"{PREFIX}/alerts/groups": {
            "get": _operation("List what fires, in groups.", _list("AlertGroup"), (400,), alerts)
        },
        f"{PREFIX}/silences": {
            "get": _operation(
                "List silences.", _list("GettableSilence"), (400,), [filters, *states]
            ),
            "post": _operation(
                "Make a silence, or change the one with this id.",
                _object({"silenceID": _TEXT}),
                (400, 404, 408, 413, 415, 422),
                body="PostableSilence",
            ),
        },
        f"{PREFIX}/silence/{{silence_id}}": {
            "get": _operation("One silence.", _ref("GettableSilence"), (404, 422), [one]),
            "delete": _operation(
                "End a silence. For one that is over already: 500, as Alertmanager does.",
                None,
                (404, 422, 500),
                [one],
            ),
        },
        f"{PREFIX}/receivers": {"get": _operation("List receivers.", _list("Receiver"), ())},
        f"{PREFIX}/status": {
            "get": _operation("This process.", _ref("AlertmanagerStatus"), (), [])
        },
    }


def _operation(
    summary: str,
    answer: Mapping[str, Any] | None,
    refusals: tuple[int, ...],
    parameters: list[dict[str, Any]] | None = None,
    body: str | None = None,
) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done."}
    if answer is not None:
        good["content"] = {"application/json": {"schema": answer}}
    # 404: the API is switched off. Another site and strange hosts are refused as everywhere.
    answers: dict[str, Any] = {"200": good}
    for status in sorted({*refusals, 401, 403, 404, 421, 431, 503}):
        answers[str(status)] = {"description": _WHY[status], "content": _REFUSAL}
    operation: dict[str, Any] = {
        "summary": summary,
        "operationId": f"alertmanager {summary}".rstrip(".").replace(" ", "_").lower(),
        "security": _SECURITY,
        "parameters": parameters or [],
        "responses": answers,
    }
    if body is not None:
        schema = {"schema": _ref(body)}
        operation["requestBody"] = {"required": True, "content": {"application/json": schema}}
    return operation


_WHY = {
    400: "A part of the request is wrong.",
    401: "The token is not the right one.",
    403: "Whoever asks may not do this, or not from another site.",
    404: "There is no such silence, or this API is switched off.",
    408: "The body came too slowly.",
    413: "The body is too large; nothing of it was read.",
    415: "The body is of a type that is not taken.",
    421: "Nines listens on its machine alone, and the Host header names another one.",
    422: "The request has not the right form.",
    431: "The request's head is larger than 64 KiB.",
    500: "It cannot be done.",
    503: "Storage does not answer.",
}
_REFUSAL = {
    "application/json": {"schema": {"$ref": "#/components/schemas/AlertmanagerRefusal"}},
    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
}


def _query(name: str, schema: Mapping[str, Any], told: str) -> dict[str, Any]:
    example = ['service="shop"'] if name == "filter" else "true"
    found = {"name": name, "in": "query", "schema": schema, "description": told}
    return {**found, "example": "on-call" if name == "receiver" else example}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(name: str) -> dict[str, Any]:
    return {"type": "array", "items": _ref(name)}


def _object(required: Mapping[str, Any], **others: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"type": "object", "properties": {**required, **others}, "required": list(required)}
