"""Which tier goes on in the place of one that an edit took away."""

from datetime import timedelta
from fractions import Fraction

import pytest

from slo.alert_state import AlertState, Phase
from slo.severity import Severity
from slo.succession import succeed
from slo.tiers import Tier
from slo.units import parse_duration
from tests.slo.builders import T0

FIRING = AlertState(Phase.FIRING, T0)
PENDING = AlertState(Phase.PENDING, T0)
NO_DATA = "no_data"


def tiers(*keys: str) -> list[Tier]:
    found = []
    for key in keys:
        severity, long, short = key.split(":")
        found.append(
            Tier(Severity(severity), Fraction(10), parse_duration(long), parse_duration(short))
        )
    return found


@pytest.mark.parametrize(
    ("before", "after", "states", "renamed"),
    [
        pytest.param(
            {"page:1h:5m": FIRING, NO_DATA: FIRING},
            ["page:1h:5m"],
            {"page:1h:5m": FIRING, NO_DATA: FIRING},
            {},
            id="what stays is kept",
        ),
        pytest.param(
            {"page:1h:5m": FIRING},
            ["page:2h:5m"],
            {"page:2h:5m": FIRING},
            {"page:1h:5m": "page:2h:5m"},
            id="a new one takes the place",
        ),
        pytest.param(
            {"page:1h:5m": PENDING},
            ["page:2h:5m"],
            {"page:2h:5m": PENDING},
            {"page:1h:5m": "page:2h:5m"},
            id="one that waits goes on waiting",
        ),
        pytest.param(
            {"page:1h:5m": AlertState()}, ["page:2h:5m"], {}, {}, id="one at rest has no heir"
        ),
        pytest.param(
            {"page:1h:5m": FIRING},
            ["page:6h:30m", "page:65m:5m"],
            {"page:1h5m:5m": FIRING},
            {"page:1h:5m": "page:1h5m:5m"},
            id="the most similar one does",
        ),
        pytest.param(
            {"page:1h:5m": FIRING, "page:6h:30m": FIRING},
            ["page:2h:10m"],
            {"page:2h:10m": FIRING},
            {"page:1h:5m": "page:2h:10m"},
            id="a place is taken once",
        ),
        pytest.param(
            {"page:1h:5m": PENDING, "page:6h:30m": FIRING},
            ["page:2h:10m"],
            {"page:2h:10m": FIRING},
            {"page:6h:30m": "page:2h:10m"},
            id="what fires chooses before what waits",
        ),
        pytest.param(
            {"page:1h:5m": FIRING, "page:6h:30m": AlertState()},
            ["page:6h:30m"],
            {"page:6h:30m": AlertState()},
            {},
            id="one that was there takes no other's place",
        ),
        pytest.param(
            {"page:1h:5m": FIRING},
            ["ticket:6h:30m"],
            {},
            {},
            id="another severity over other windows is another rule",
        ),
        pytest.param(
            {"page:1h:5m": FIRING},
            ["ticket:1h:5m"],
            {"ticket:1h:5m": FIRING},
            {},
            id="another severity over the same windows fires on, under its own name",
        ),
        pytest.param({"page": FIRING, "x:y:z": FIRING}, ["page:1h:5m"], {}, {}, id="no tiers"),
    ],
)
def test_states_after_an_edit(
    before: dict[str, AlertState],
    after: list[str],
    states: dict[str, AlertState],
    renamed: dict[str, str],
) -> None:
    found = succeed(before, tiers(*after), (NO_DATA,))

    assert dict(found.states) == states
    assert dict(found.renamed) == renamed


def test_a_key_reads_back_as_the_tier_writes_it() -> None:
    (tier,) = tiers("page:90m:450s")

    assert tier.key == "page:1h30m:7m30s"
    heir = succeed({tier.key: FIRING}, tiers("page:2h:10m"), ())
    assert heir.renamed == {tier.key: "page:2h:10m"}
    assert timedelta(minutes=90) == tier.long
