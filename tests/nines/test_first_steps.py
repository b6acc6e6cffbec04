"""From nothing at all to a promise that is watched, without a restart."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nines.cli import serve as command
from nines.config import ConfigError, load
from nines.first_steps import FirstSteps
from nines.service import Service
from tests.collectors.test_trying import named
from tests.nines.cli.running import run
from web.steps.port import StepError
from web.steps.wanted import host_and_port, read_address

CONFIG = Path("config.yaml")
MISTAKE = "servces: {}\n"


def written() -> str | None:
    return CONFIG.read_text() if CONFIG.exists() else None


@pytest.fixture
async def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """Started in an empty directory."""
    monkeypatch.chdir(tmp_path)
    opened = await Service.open(CONFIG, {}, begins_empty=True)
    yield opened
    await opened.close()


def steps_of(service: Service) -> FirstSteps:
    return FirstSteps(
        path=CONFIG,
        environ={},
        config=lambda: service.config,
        found=dict,
        reload=service.reloading.reload,
        clock=service._clock,
        resolver=named(shop="203.0.113.7", inner="10.0.0.7"),
    )


async def save(steps: FirstSteps, url: str) -> None:
    wanted = read_address(url)
    await steps.save(wanted.promise.service, wanted.lines, *host_and_port(url))


async def test_the_first_service_makes_the_file_and_is_watched(service: Service) -> None:
    assert not service.live.slo_ids()
    steps = steps_of(service)

    await save(steps, "https://shop.example/health")

    assert list(service.live.slo_ids()) == ["shop-example/availability"]
    assert load(CONFIG, {}).slos[0].id == "shop-example/availability"
    assert steps.why_not_saved() is None


async def test_what_nobody_may_look_at_is_not_saved(service: Service) -> None:
    with pytest.raises(StepError, match="a private network") as refused:
        await save(steps_of(service), "http://inner.example/")

    assert refused.value.status == 403
    assert written() is None


async def test_a_file_with_a_mistake_is_left_alone_and_the_place_is_said(service: Service) -> None:
    CONFIG.write_text(MISTAKE)  # noqa: ASYNC240 - nobody else waits

    with pytest.raises(StepError, match=r"config\.yaml:1:1: .*servces") as refused:
        await save(steps_of(service), "https://shop.example/health")

    assert refused.value.status == 409
    assert written() == MISTAKE


async def test_a_file_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        await Service.open(tmp_path / "typo.yaml", {})


@pytest.mark.parametrize(
    ("arguments", "path", "begins_empty"),
    [((), "config.yaml", True), (("--config", "config.yaml"), "config.yaml", False)],
)
def test_only_without_a_name_does_it_begin_with_nothing(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], path: str, begins_empty: bool
) -> None:
    asked: list[tuple[Path, bool]] = []

    def serve(path: Path, _: str, *, standby: bool, begins_empty: bool) -> int:
        del standby
        asked.append((path, begins_empty))
        return 0

    monkeypatch.setattr(command, "serve", serve)

    assert run("serve", *arguments).code == 0
    assert asked == [(Path(path), begins_empty)]
