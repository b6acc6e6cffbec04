"""Whatever is asked, right or wrong, by whom: no failure of ours, no answer but a described one.

schemathesis makes the requests from the API's own description. `make schemathesis` makes more.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import schemathesis
from schemathesis import Case
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi import checks

from tests.web.security.town import Town, eventually, town
from tests.web.test_description import described
from web.access.decision import Role

MANY = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "0"))
SEED = int(os.environ.get("SCHEMATHESIS_SEED", "1"))
SOME = 7  # of so many requests, others than admins make one
OTHERS = ["nobody", *(str(role) for role in Role if role is not Role.ADMIN), "editor of web-team"]
CHECKS: list[CheckFunction] = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
REFUSES: list[CheckFunction] = [checks.negative_data_rejection, checks.missing_required_header]
HINT = (
    "Some answers are not as /api/v1/openapi.json says. Where one is right, add its status to "
    "web/description/answers.py or mend its model; where it is not, mend the endpoint."
)
# Alertmanager takes much that its description does not name, and so do we.
LENIENT = "/api/v2/"
# To end a silence that is over is a 500 there, and so it is here.
ENDS_TWICE = ("DELETE", "/api/v2/silence/{silence_id}")
ENDLESS = "/api/v1/stream"  # it has tests of its own


def made_up() -> list[Case[Any]]:
    """Requests for every operation: each of its bounds and types, and some at random."""
    schema = description()
    cases: list[Case[Any]] = []

    def take(case: Case[Any]) -> None:
        cases.append(case)

    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        # What its own plugin for pytest calls; that one does not know our pytest yet.
        build_operation_test(
            config=schema.config,
            operation=operation,
            test_func=take,
            given_kwargs={},
            feedback=NO_FEEDBACK,
        )()
    return cases


def description() -> BaseSchema:
    """What schemathesis reads."""
    schema = schemathesis.openapi.from_dict(readable(described())).exclude(path=ENDLESS)
    config = schema.config
    config.seed = SEED
    config.generation.update(
        max_examples=MANY or 6, deterministic=not MANY, with_security_parameters=False
    )
    return schema


@schemathesis.serializer("application/x-protobuf")
def as_it_is(_: object, value: Any) -> bytes:  # noqa: ANN401 what was made up
    """No protobuf, then: what senders send wrongly."""
    return value if isinstance(value, bytes) else str(value).encode()


def readable(node: Any) -> Any:  # noqa: ANN401 JSON
    """The same, but lists of fixed places as lists of any length: schemathesis takes those for
    what they were before JSON Schema 2020-12, and stumbles.
    """
    if isinstance(node, list):
        return [readable(one) for one in node]
    if not isinstance(node, dict):
        return node
    found = {name: readable(value) for name, value in node.items()}
    places = found.pop("prefixItems", None)
    return found if places is None else {**found, "items": {"anyOf": places}}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town")) as one:
        furnish(one)
        yield one


def furnish(one: Town) -> None:
    """One of everything, so that what is asked for can be there."""
    with one.client() as client:

        def made(path: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 JSON
            answer = client.post(path, json=body)
            assert answer.status_code == 201, answer.text
            parts = answer.json().values()
            return next(one["id"] for one in parts if isinstance(one, dict) and "id" in one)

        by = {"author": "ada", "reason": "new disks", "duration": "1h"}
        silence = made("/api/v1/silences", {"matchers": ['service="shop"'], **by})
        remark = {"service": "shop", "text": "The cache is on.", "by": "ada"}
        release = {"service": "shop", "version": "v1", "by": "ada"}
        one.real |= {
            "service": "shop",
            "name": "shop",
            "slo": "checkout",
            "collector": "front",
            "silence_id": silence,
            "exclusion_id": made("/api/v1/exclusions", {"service": "shop", **by}),
            "annotation_id": made("/api/v1/annotations", remark),
            "deployment_id": made("/api/v1/deployments", release),
        }
        one.real["incident_id"] = eventually(
            lambda: [found["id"] for found in client.get("/api/v1/incidents").json()["incidents"]],
            "an incident",
            one,
        )[0]


def ask(one: Town, case: Case[Any], asker: str) -> None:
    """Make the request, of what is there where that is right, and judge the answer."""
    if case.meta is None or case.meta.generation.mode.is_positive:
        known = {name: one.real.get(name, value) for name, value in case.path_parameters.items()}
        case.path_parameters = known
    judged = [*CHECKS]
    if not case.path.startswith(LENIENT) and asker != "nobody":
        judged += REFUSES
    if (case.method, case.path) == ENDS_TWICE:
        judged.remove(not_a_server_error)
    answer = case.call_and_validate(
        base_url=one.url, headers=one.headers(asker), checks=judged, timeout=60
    )
    assert answer.status_code < 500 or "already expired" in answer.text


@pytest.fixture(scope="module")
def cases() -> list[Case[Any]]:
    return made_up()


@pytest.mark.slow
@pytest.mark.parametrize("asker", ["admin", *OTHERS])
def test_all_answers_are_described(place: Town, cases: list[Case[Any]], asker: str) -> None:
    wrong: list[Exception] = []
    some = 1 if MANY or asker == "admin" else SOME
    for number, case in enumerate(cases):
        if number % some == 0 and len(wrong) < 10:
            try:
                ask(place, case, asker)
            except Exception as error:  # noqa: BLE001 all of them are told at the end
                wrong.append(error)

    assert len(cases) > 2_000
    if wrong:
        raise ExceptionGroup(f"As {asker}: {HINT}", wrong)
