"""`/api/v2/*.json`: the status page for programs, in the shapes of Atlassian's Statuspage."""

from typing import Any

from web.alertmanager.routes import PREFIX

_SAYS = {
    "components": "What the page is made of, and how each part is.",
    "incidents": "What customers were told, the newest first.",
    "scheduled-maintenances": "What is planned.",
    "status": "How it is, in a word.",
    "summary": "All of it at once.",
}
_WHY = {
    401: "The page is for those alone who may read, and nobody has signed in.",
    403: "Whoever asks may not read.",
    404: "There is no status page: none is configured.",
    429: "This address asks too often; Retry-After says when to come again.",
    421: "Nines listens on its machine alone, and the Host header names another one.",
    431: "The request's head is larger than 64 KiB.",
    503: "Storage does not answer.",
}


def paths() -> dict[str, dict[str, Any]]:
    """Path, method, operation, with all that it may answer."""
    return {f"{PREFIX}/{name}.json": {"get": _operation(name)} for name in _SAYS}


def _operation(name: str) -> dict[str, Any]:
    told = {"application/json": {"schema": {"type": "object"}}}
    # Below /api/v2 a refusal has Alertmanager's shape.
    refused = {"schema": {"$ref": "#/components/schemas/AlertmanagerRefusal"}}
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    content = {"application/json": refused, "application/problem+json": problem}
    answers: dict[str, Any] = {
        "200": {"description": "As the page says it.", "content": told},
        "304": {"description": "As it was when it had this ETag."},
    }
    for status, why in _WHY.items():
        answers[str(status)] = {"description": why, "content": content}
    return {
        "summary": _SAYS[name],
        "operationId": f"status_page_{name}",
        "security": [{}, {"token": []}, {"session": []}],
        "responses": answers,
    }
