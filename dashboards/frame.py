"""The frame around every page: where we are, how the whole stands, and whether we are ill."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboards import format as write
from dashboards import states
from dashboards.format import Moment
from dashboards.past import PastView
from dashboards.source import SystemHealth
from dashboards.states import Mark

_EVALUATION_IS_LATE_AFTER = timedelta(minutes=1)
THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at the page. `reads`: whether it may tell anything of what is watched."""

    name: str = ""
    roles: str = ""
    reads: bool = True
    is_local: bool = True  # there are no users yet, and it is asked from this machine
    administers: bool = True
    is_user: bool = False  # and no program

    @property
    def sentence(self) -> str:
        """For the foot of every page."""
        if self.is_local:
            return "There are no users: everybody on this machine may change everything"
        return f"Signed in as {self.name} ({self.roles})" if self.name else "Not signed in"


ON_THIS_MACHINE = Visitor()


@dataclass(frozen=True, slots=True)
class Missing:
    """What a page leaves out, in plurals, as it is not known; and why, in a sentence."""

    what: tuple[str, ...]
    why: str

    @property
    def sentence(self) -> str:
        """For the top of the page."""
        return f"Not on this page for now: {', '.join(self.what)}. {self.why}"


@dataclass(frozen=True, slots=True)
class Frame:
    """What the layout prints. `alarm`: fast, slow or calm; the favicon has its shape."""

    section: str  # overview, slos, services, incidents, or nothing
    title: str
    alarm: str
    theme: str | None  # None: as the system wishes
    here: str  # path and query of this page
    now: Moment
    clock: str
    problems: tuple[str, ...]
    version: str
    past: PastView | None = None  # None: it is about now
    look_back: str | None = None  # the same page a while ago
    visitor: Visitor = ON_THIS_MACHINE
    working: tuple[str, ...] = ()  # what is under way, and no problem
    missing: tuple[str, ...] = ()  # what is left out: no panel of these may say that there is none

    @property
    def at(self) -> str | None:
        """The moment that links of the page carry on."""
        return self.past.at if self.past else None


def frame(
    *,
    section: str,
    title: str,
    theme: str | None,
    here: str,
    census: Mapping[Mark, int],
    health: SystemHealth,
    now: datetime,
    past: PastView | None = None,
    look_back: str | None = None,
    visitor: Visitor = ON_THIS_MACHINE,
    missing: Missing | None = None,
) -> Frame:
    """The frame at this moment. The title begins with how many SLOs need a person now.

    `missing` is what the page has to leave out.

    That of a page about the past says when it was, and nothing of how the whole stands now; that
    for somebody who may not read tells nothing at all.
    """
    if past is not None:
        title, census = f"{title}, {past.when}", {}
    if not visitor.reads:
        census = {}
    ill = () if past or not visitor.reads else problems(health, bool(census), now)
    fast, slow = census.get(states.BURNING_FAST, 0), census.get(states.BURNING, 0)
    prefix = f"({fast}!) " if fast else f"({slow}) " if slow else ""
    return Frame(
        section=section,
        title=f"{prefix}{title} · Nines",
        alarm="fast" if fast else "slow" if slow else "calm",
        theme=theme if theme in THEMES else None,
        here=here,
        now=write.moment(now, now),
        clock=write.clock(now),
        problems=ill if missing is None else (missing.sentence, *ill),
        version=health.version if visitor.reads else "",
        past=past,
        look_back=look_back,
        visitor=visitor,
        working=() if past or not visitor.reads else working(health),
        missing=missing.what if missing else (),
    )


def working(health: SystemHealth) -> tuple[str, ...]:
    """What is under way, in sentences."""
    return tuple(
        f"The past of {collector} is being read: {write.coverage(done)} so far. Its SLOs show "
        "once it is there."
        for collector, done in sorted(health.backfilling.items())
    )


def problems(health: SystemHealth, anything_to_do: bool, now: datetime) -> tuple[str, ...]:
    """What ails the monitor itself, in sentences; each said once."""
    found = list(health.problems)
    last = health.last_evaluation
    if anything_to_do and last is not None and now - last > _EVALUATION_IS_LATE_AFTER:
        found.append(
            f"SLOs were last evaluated {write.ago(last, now)}: what you see is as old as that."
        )
    return tuple(dict.fromkeys(found))
