"""What storage refuses of the calendar's work is put off, and the rest is done all the same."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from structlog.testing import capture_logs

from nines.service import Service
from nines.storage import (
    callbacks,
    definitions,
    deployments,
    exclusions,
    gate_overrides,
    shadows,
)
from nines.storage.accounts import AccountRecords
from nines.storage.alerts import AlertRecords
from nines.storage.annotations import AnnotationStore
from nines.storage.audit import AuditRecords
from nines.storage.counts import CountStore
from nines.storage.errors import StorageError
from nines.storage.report_mails import ReportMailRecords
from nines.storage.status_incidents import StatusIncidentRecords
from nines.threads import StorageThreads
from tests.fakes.clock import FakeClock
from tests.nines.living import HEAD, START

T = TypeVar("T")
FORGETS = {
    "retention of counts": CountStore,
    "retention of exclusions": exclusions.ExclusionStore,
    "retention of incidents": AlertRecords,
    "retention of callbacks": callbacks.CallbackRecords,
    "retention of versions": definitions.DefinitionRecords,
    "retention of deployments": deployments.DeploymentRecords,
    "retention of overrides": gate_overrides.OverrideStore,
    "retention of annotations": AnnotationStore,
    "retention of the status page": StatusIncidentRecords,
    "retention of mailed reports": ReportMailRecords,
    "retention of shadows": shadows.ShadowRecords,
    "retention of the audit log": AuditRecords,
    "retention of sessions": AccountRecords,
}


@pytest.mark.parametrize("refused", FORGETS)
async def test_what_cannot_be_forgotten_now_holds_up_nothing_else(
    refused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise StorageError("The database is locked.")

    monkeypatch.setattr(FORGETS[refused], "prune", refuse)
    file = tmp_path / "config.yaml"
    slos = "      up: {objective: 99%, sli: {probe: front}}\n"
    file.write_text(HEAD.format(database=tmp_path / "nines.db") + slos)
    service = await Service.open(file, {}, FakeClock(START))
    with capture_logs() as logged:
        try:
            await service._housekeeping._retain()
        finally:
            await service.close()

    told = {one["what"]: one["event"] for one in logged if "what" in one}
    assert told == dict.fromkeys(FORGETS, "housekeeping_done") | {refused: "housekeeping_put_off"}


async def test_to_stop_at_once_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "config.yaml"
    slos = "      up: {objective: 99%, sli: {probe: front}}\n"
    file.write_text(HEAD.format(database=tmp_path / "nines.db") + slos)
    service = await Service.open(file, {}, FakeClock(START))
    threads = Slow()
    service._housekeeping._threads = threads
    service._housekeeping.start()
    await threads.asked.wait()

    service._housekeeping.stop()
    await asyncio.wait(threads.asking)
    await asyncio.sleep(0)  # what it ended with is looked at
    await service.close()

    assert [one.message for one in caplog.records if one.levelname == "ERROR"] == []


class Slow(StorageThreads):
    """Never answers who reads; `asking` are the tasks that do."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.asking: set[asyncio.Task[Any]] = set()

    async def read(self, call: Callable[[], T]) -> T:
        task = asyncio.current_task()
        assert task is not None
        self.asking.add(task)
        self.asked.set()
        await asyncio.get_running_loop().create_future()
        return call()
