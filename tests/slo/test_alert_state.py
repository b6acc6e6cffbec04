"""inactive -> pending -> firing -> inactive, and what freezes it."""

from datetime import timedelta

import pytest

from slo.alert_state import AlertState, Phase, step
from slo.status import Verdict
from tests.slo.builders import T0

S = timedelta(seconds=1)


def walk(verdicts: str, for_: timedelta = 0 * S, keep: timedelta = 60 * S) -> list[Phase]:
    """One verdict every ten seconds: t true, f false, x frozen."""
    names = {"t": Verdict.TRUE, "f": Verdict.FALSE, "x": Verdict.FROZEN}
    state, phases = AlertState(), []
    for n, letter in enumerate(verdicts):
        state = step(state, names[letter], T0 + 10 * n * S, for_=for_, keep_firing_for=keep)
        phases.append(state.phase)
    return phases


@pytest.mark.parametrize(
    ("verdicts", "for_", "keep", "last"),
    [
        pytest.param("t", 0, 60, Phase.FIRING, id="fires at once without for"),
        pytest.param("tt", 30, 60, Phase.PENDING, id="is pending until for has passed"),
        pytest.param("tttt", 30, 60, Phase.FIRING, id="fires when for has passed"),
        pytest.param("ttft", 30, 60, Phase.PENDING, id="starts for anew after one false"),
        pytest.param("tffffff", 0, 60, Phase.FIRING, id="keeps firing for a minute"),
        pytest.param("tfffffff", 0, 60, Phase.INACTIVE, id="resolves after a minute of false"),
        pytest.param("tffftffff", 0, 60, Phase.FIRING, id="one true restarts the cooling down"),
        pytest.param("tfffxffff", 0, 60, Phase.FIRING, id="missing data restarts it too"),
        pytest.param("xxx", 0, 60, Phase.INACTIVE, id="missing data fires nothing"),
        pytest.param("txxxxt", 30, 60, Phase.PENDING, id="missing data is no time that it held"),
        pytest.param("txxxxttt", 30, 60, Phase.FIRING, id="after which for goes on"),
        pytest.param("txxxxxxxxxxxx", 0, 60, Phase.FIRING, id="missing data resolves nothing"),
        pytest.param("tf", 0, 0, Phase.INACTIVE, id="resolves at once without keep_firing_for"),
    ],
)
def test_after_these_verdicts(verdicts: str, for_: int, keep: int, last: Phase) -> None:
    assert walk(verdicts, for_ * S, keep * S)[-1] is last
