"""A badge for a README or a wiki: one fact about an SLO, as an SVG made here."""

from dataclasses import dataclass
from fractions import Fraction
from html import escape
from typing import Literal

from dashboards import format as write
from dashboards import learning, states
from slo.evaluate import AT_RISK_BELOW
from slo.status import SLOStatus

Show = Literal["budget", "sli", "state"]
_MOST = 60  # letters of a label: longer names are cut
_LETTER, _MARGIN, _HEIGHT = 6.6, 6, 20  # pixels; text is set to its width, whatever the font
# White on each has a contrast of at least 4.5.
_TONES = {"good": "#2e7d5b", "warn": "#8a5a00", "bad": "#b34700", "plain": "#5b6470"}


@dataclass(frozen=True, slots=True)
class Badge:
    """What it says, and how good that is: good, warn, bad or plain."""

    label: str
    value: str
    tone: str


def badge(status: SLOStatus, show: Show) -> Badge:
    """One fact about an SLO; without data it says so, in grey."""
    name = status.slo.name
    if show == "state":
        mark = states.marks(status)[0]
        return Badge(name, mark.word.lower(), _tone_of_state(mark.key))
    if show == "sli":
        tone = "plain"
        if status.sli is not None:
            tone = "good" if status.sli >= Fraction(status.slo.objective.share) else "bad"
        return Badge(name, write.sli(status.sli, status.slo.objective), tone)
    tone = "plain"
    if status.budget is not None and not learning.learns(status):
        left = status.budget.remaining
        tone = "bad" if left <= 0 else "warn" if left < AT_RISK_BELOW else "good"
    said = learning.budget(status)
    return Badge(f"{name} budget", said if tone == "plain" else f"{said} left", tone)


def _tone_of_state(key: str) -> str:
    if key in ("healthy", "ok"):
        return "good"
    if key in ("no_data", "learning", "stale"):
        return "plain"
    return "warn" if key in ("at_risk", "recovering", "burning") else "bad"


def svg(one: Badge) -> str:
    """The badge as a drawing of its own. Whatever a name holds is text in it."""
    label = one.label if len(one.label) <= _MOST else f"{one.label[: _MOST - 1]}…"
    left, right = _width(label), _width(one.value)
    said = escape(f"{label}: {one.value}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT}" '
        f'role="img" aria-label="{said}"><title>{said}</title>'
        f'<rect width="{left}" height="{_HEIGHT}" fill="#33393f"/>'
        f'<rect x="{left}" width="{right}" height="{_HEIGHT}" fill="{_TONES[one.tone]}"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f"{_text(label, 0, left)}{_text(one.value, left, right)}</g></svg>"
    )


def _width(text: str) -> int:
    return round(len(text) * _LETTER) + 2 * _MARGIN


def _text(text: str, start: int, width: int) -> str:
    return (
        f'<text x="{start + _MARGIN}" y="14" textLength="{width - 2 * _MARGIN}" '
        f'lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'
    )
