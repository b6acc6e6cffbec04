"""From configuration to a collector that can run."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from collectors.http import HttpConfig
from collectors.kinds import CollectorConfig, build
from collectors.observation import Outcome
from collectors.settings import CollectorSettings
from tests.collectors.wire import Server, answer, look, says

RHYTHM = {"interval": "10s", "timeout": "2s"}


@pytest.mark.parametrize(
    ("target", "kind", "shown"),
    [
        (
            {"http": "https://pets.example/health?token=hush&verbose=1"},
            "http",
            "https://pets.example/health?token=***&verbose=1",
        ),
        (
            {"prometheus": "http://pets.example/metrics"},
            "prometheus",
            "http://pets.example/metrics",
        ),
        ({"tcp": "db.example:5432"}, "tcp", "db.example:5432"),
        ({"tls": "[2001:db8::1]:443"}, "tls", "[2001:db8::1]:443"),
    ],
)
def test_every_kind_can_be_built(target: dict[str, str], kind: str, shown: str) -> None:
    adapter: TypeAdapter[CollectorSettings] = TypeAdapter(CollectorConfig)
    built = build("pets/health", adapter.validate_python(target | RHYTHM), {"up"})

    assert (built.id, built.kind, built.target) == ("pets/health", kind, shown)
    assert (built.interval.total_seconds(), built.timeout.total_seconds()) == (10, 2)


async def test_what_was_built_looks() -> None:
    async with Server(says(answer())) as server:
        config = HttpConfig.model_validate({"http": f"http://127.0.0.1:{server.port}/"} | RHYTHM)
        seen = await look(build("pets/health", config, ()))

    assert (seen.collector_id, seen.outcome) == ("pets/health", Outcome.PASSED)


def test_a_collector_without_a_rhythm_is_refused() -> None:
    with pytest.raises(ValueError, match="pets/health has no interval"):
        build("pets/health", HttpConfig.model_validate({"http": "http://x/"}), ())


def test_a_file_that_cannot_be_read_is_told_with_the_collector(tmp_path: Path) -> None:
    missing = str(tmp_path / "client.pem")
    config = HttpConfig.model_validate(
        {"http": "https://x/", "tls": {"cert_file": missing}} | RHYTHM
    )

    with pytest.raises(ValueError, match=r"the collector pets/health: cert_file .*cannot be"):
        build("pets/health", config, ())
