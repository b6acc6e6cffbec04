"""One thing that breaks, and all that may come of it."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.platforms.scene import scene

MINUTE = timedelta(minutes=1)
_WELL = 6 * MINUTE  # more than half of the windows that are short


@dataclass(frozen=True)
class Case:
    """`fired`: the worst severity of each SLO and alert (`service/` before it where it is not the
    platform's own); `why` is in the evidence of each; `told` are the receivers. `held` are the
    services of which nobody was told, as what they depend on had failed.
    """

    fault: str
    fired: dict[str, str]
    why: str
    told: set[str]
    lasting: timedelta = timedelta(seconds=110)  # nothing is missing for two minutes yet
    held: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        return self.fault


async def assert_told(platform: str, case: Case, folder: Path) -> None:
    """Play it: the right SLO, severity, evidence and receivers, and nothing else."""
    async with scene(platform, folder, _WELL) as played:
        before = await played.fired()
        fired = await played.breaks(case.fault, case.lasting)
        told, held = await played.told(), await played.held()
    worst: dict[str, str] = {}
    for one in fired:
        name = one.what.partition("@")[0].removeprefix(f"{platform}/")
        worst[name] = max(worst.get(name, ""), one.severity, key=_RANKS.index)
    assert not before
    assert (worst, told, held) == (case.fired, case.told, case.held)
    assert [one for one in fired if case.why not in one.why] == []


_RANKS = ("", "info", "ticket", "page")
