"""The page of the first steps: three doors, and what came of the one that was opened."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboards.form import Form
from dashboards.hindsight import WeekRow
from dashboards.proposal import ChoiceRow, ProposalFacts
from dashboards.try_facts import TriedView

WINDOWS = ("7d", "28d", "30d", "90d")


@dataclass(frozen=True, slots=True)
class Offer:
    """What is proposed, to be changed, copied or saved."""

    proposal: ProposalFacts
    choices: Sequence[ChoiceRow]
    windows: Sequence[str]
    again: str  # where the form goes to propose anew
    hidden: tuple[tuple[str, str], ...]  # fields that the form carries on
    is_open: bool = True  # False: nobody may look there, so it is not saved from here


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job that a Prometheus watches."""

    name: str
    words: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class WayRow:
    """One way of counting it."""

    key: str
    title: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class PastWeeks:
    """What past weeks would have made of the objective; `suggested` is one to choose."""

    sentence: str
    suggested: str
    rows: Sequence[WeekRow]


@dataclass(frozen=True, slots=True)
class StartView:
    """`why_not_saved` says why there is no button; None: there is one for whoever may.

    `refusal` is why the door that was tried stayed shut.
    """

    form: Form
    remembered: str
    is_empty: bool
    may_try: bool
    may_save: bool
    why_not_saved: str | None
    tried: TriedView | None = None
    jobs: Sequence[JobRow] = ()
    ways: Sequence[WayRow] = ()
    past: PastWeeks | None = None
    offer: Offer | None = None
    refusal: str | None = None
    door: str = ""  # url or prometheus: which was opened


def windows(chosen: str) -> Sequence[str]:
    """Windows to choose from, the chosen one among them."""
    return WINDOWS if chosen in WINDOWS else (*WINDOWS, chosen)
