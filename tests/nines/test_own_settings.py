"""What a running Nines tells of itself: in the words of `nines check`, and without its secrets."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

import pytest

from nines.own_settings import Gathering
from nines.service import Service
from tests.nines.cli.running import run

SECRET = "hunter2-hunter2"
CONFIG = """\
server: {{database: "sqlite:///{folder}/nines.db"}}
services:
  shop:
    collectors: {{home: {{http: "https://shop.example/", bearer_token: {secret}}}}}
    slos: {{up: {{objective: 99.9%, sli: {{probe: home}}}}}}
alerting:
  receivers: {{hook: {{webhook: {{url: "https://hooks.example/{secret}"}}}}}}
  route: {{receivers: [hook]}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG.format(folder=tmp_path, secret=SECRET))
    return file


@pytest.fixture
async def service(file: Path) -> AsyncIterator[Service]:
    opened = await Service.open(file, {})
    yield opened
    await opened.close()


def gathering(service: Service, file: Path) -> Gathering:
    return Gathering(
        service.configured,
        path=file,
        pulse=service.pulse,
        last_reload=lambda: service.reloading.last,
    )


def edit(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text().replace(old, new))


async def test_no_secret_is_told(service: Service, file: Path) -> None:
    told = await gathering(service, file).gather()

    assert SECRET not in str(asdict(told))
    assert (told.counts.collectors, told.counts.receivers, told.database) == (1, 1, "SQLite")
    assert told.is_current
    assert told.reload is None


async def test_the_page_says_what_the_check_says(service: Service, file: Path) -> None:
    edit(file, "objective", "objctive")
    checked = run("check", file)

    assert not (await gathering(service, file).gather()).is_current
    await service.reloading.reload()
    told = await gathering(service, file).gather()

    assert told.reload is not None
    assert not told.reload.ok
    assert list(told.reload.problems) == checked.out.splitlines()

    edit(file, "objctive", "objective")
    assert (await service.reloading.reload()).ok
    told = await gathering(service, file).gather()
    assert told.is_current
    assert told.reload is not None
    assert told.reload.ok
    advice = [line.replace(" advice:", "") for line in run("check", file).out.splitlines()[:-1]]
    assert list(told.advice) == advice
