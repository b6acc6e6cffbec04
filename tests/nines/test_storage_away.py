"""What is observed while storage refuses: our trouble, and nobody's downtime."""

from datetime import timedelta
from pathlib import Path

import pytest

from nines.storage.batches import CountBatch
from nines.storage.errors import StorageError
from slo.alert_state import Phase
from tests.nines.living import Living, living

MINUTE = timedelta(minutes=1)
SLOS = "up: {objective: 99%, sli: {probe: front}}"
DOWN = """
alerts:
  down: {probe: front, down_for: 0s, severity: page}
"""


def counts(world: Living) -> tuple[int, int, int]:
    status = world.service.live.status("shop/up")
    assert status is not None
    return status.lifetime.good, status.lifetime.bad, status.lifetime.unknown


async def test_what_storage_refuses_is_no_failure_and_is_stored_once_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(batch: CountBatch) -> None:
        del batch
        raise StorageError("The database did not answer.")

    async with living(tmp_path, SLOS, DOWN) as world:
        await world.pass_time(5 * MINUTE)
        with monkeypatch.context() as away:
            away.setattr(world.service.counts, "flush", refuses)
            away.setattr(world.service.counts, "flush_fitting", refuses)
            away.setattr("nines.dispatch._RETRY_SECONDS", (0.0,))
            await world.pass_time(5 * MINUTE)
            assert counts(world) == (60, 0, 0)
            assert world.service.dispatch.problem is not None
            assert world.service.engine.thresholds.watched["shop#alert:down"].state.phase is (
                Phase.INACTIVE
            )

        assert await world.service.dispatch.flush()
        assert await world.told() == []
        await world.restart()
        assert counts(world)[:2] == (60, 0)
