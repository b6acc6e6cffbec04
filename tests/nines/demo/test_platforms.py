"""The simulated platforms answer as the real ones do."""

import json
import random
from datetime import timedelta

import pytest

from nines.demo.http_server import Misbehaviour, Request, Response
from nines.demo.platforms.mewayz import Mewayz
from nines.demo.platforms.petuniverse import PetUniverse
from nines.demo.platforms.platform import Platform
from tests.slo.builders import T0


def ask(platform: Platform, path: str) -> Response:
    answer = platform.answer(Request("GET", path, {}))
    assert isinstance(answer, Response)
    return answer


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (None, 200, {"database": True, "cache": True}),
        ("cache down", 503, {"database": True, "cache": False}),
        ("database down", 503, {"database": False, "cache": True}),
    ],
)
def test_petuniverse_tells_its_health_by_status_and_booleans(
    fault: str | None, status: int, body: dict[str, bool]
) -> None:
    platform = PetUniverse(lambda: T0, random.Random(1))  # noqa: S311 - a simulation
    platform.fault = fault

    answer = ask(platform, "/api/health")

    assert answer.status == status
    assert json.loads(answer.body) == {**body, "timestamp": "2026-03-01T00:00:00.000Z"}


@pytest.mark.parametrize(
    ("fault", "database", "redis"),
    [
        (None, "connected", "connected"),
        ("dead database behind a 200", "disconnected", "connected"),
        ("dead cache behind a 200", "connected", "disconnected"),
    ],
)
def test_mewayz_answers_200_whatever_is_broken(
    fault: str | None, database: str, redis: str
) -> None:
    platform = Mewayz(lambda: T0, random.Random(1))  # noqa: S311 - a simulation
    platform.fault = fault

    answer = ask(platform, "/health")

    health = json.loads(answer.body)
    assert (answer.status, health["database"], health["redis"]) == (200, database, redis)
    assert answer.headers["X-Response-Time"].endswith("ms")


def test_mewayz_refuses_the_hundred_and_first_request_in_a_quarter_of_an_hour() -> None:
    now = T0
    platform = Mewayz(lambda: now, random.Random(1))  # noqa: S311 - a simulation
    statuses = [ask(platform, "/health").status for _ in range(101)]

    now += timedelta(minutes=15)

    assert statuses == [200] * 100 + [429]
    assert ask(platform, "/health").status == 200


def test_a_hanging_platform_says_nothing() -> None:
    platform = PetUniverse(lambda: T0, random.Random(1))  # noqa: S311 - a simulation
    platform.fault = "hanging answers"

    assert platform.answer(Request("GET", "/", {})) is Misbehaviour.HANG
