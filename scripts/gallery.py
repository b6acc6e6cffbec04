"""Which pictures there are of the pages, and the document that shows them."""

from dataclasses import dataclass
from typing import Literal

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
WIDTH, PHONE, WALL = 1200, 390, 1920
TALLEST = 1600  # what is further down a page is cut off


@dataclass(frozen=True, slots=True)
class Picture:
    """A page that is shown. `route` is as the application has it; "" for a page of no route.

    `address` is told by the demo's facts (`demo_facts.py`); where it is missing it is the route.
    `poster` is the theme in which other documents show it too, as a PNG, cut at `tall`.
    """

    name: str
    route: str
    answers: str
    address: str = ""
    signed_in: bool = True
    width: int = WIDTH
    tall: int | None = None
    poster: Theme | None = None
    status: int = 200

    def file(self, theme: Theme) -> str:
        """Its place below docs/images."""
        return f"{self.name}.png" if theme == self.poster else f"pages/{self.name}-{theme}.webp"


@dataclass(frozen=True, slots=True)
class Chapter:
    """Pages that answer questions of one kind."""

    title: str
    pictures: tuple[Picture, ...]


_SLO = "/slos/{service}/{slo:path}"
_INCIDENT = "/incidents/{incident_id}"
_BURNING = "/slos/mewayz/availability"
CHAPTERS = (
    Chapter(
        "What is in danger",
        (
            Picture(
                "overview",
                "/",
                "What is in danger now, who has it, and what to do first?",
                tall=1000,
                poster="light",
            ),
            Picture("slos", "/slos", "How does every promise stand? Sorted, filtered, by owner."),
            Picture(
                "slos-grouped",
                "/slos",
                "How does each team's stand, and what is the worst of it?",
                "/slos?group=owner",
            ),
            Picture(
                "slo",
                _SLO,
                "What did this promise spend, how fast, on what, and who will be told?",
                _BURNING,
                tall=1380,
                poster="light",
            ),
            Picture(
                "slo-slices",
                _SLO,
                "The same of a journey over several SLOs, counted in slices of time.",
                "/slos/petuniverse/booking",
            ),
            Picture(
                "slo-past",
                _SLO,
                "How did it stand at a moment in the past, by what is known now?",
                "/slos/petuniverse/bookings?at={past}",
            ),
            Picture(
                "numbers",
                "/slos/{service}/{slo:path}/numbers",
                "How did this number come to be, bucket by bucket?",
                "/slos/petuniverse/requests/numbers",
            ),
            Picture(
                "search",
                "/search",
                "Where is it? SLOs, services and incidents by a few letters of their names.",
                "/search?q=booking",
            ),
            Picture("services", "/services", "Which services are watched, and how do they stand?"),
            Picture(
                "service",
                "/services/{name:path}",
                "What is promised and watched of one service, and what was released?",
                "/services/petuniverse",
            ),
            Picture(
                "wall",
                "/wall",
                "Does anybody have to get up? On a screen that nobody touches.",
                width=WALL,
                tall=1080,
                poster="dark",
            ),
        ),
    ),
    Chapter(
        "Who was told, and why",
        (
            Picture("incidents", "/incidents", "What happened, what goes on, who has it?"),
            Picture(
                "incident",
                _INCIDENT,
                "What burns, since when, who was told, what was released before, what to open?",
                "/incidents/{incident}",
                tall=1000,
                poster="light",
            ),
            Picture(
                "postmortem",
                "/incidents/{incident_id}/postmortem",
                "What is to be written down when it is over?",
                "/incidents/{resolved}/postmortem",
            ),
            Picture(
                "why",
                "/why",
                "Why was I paged, or why was I not?",
                "/why?of=mewayz%2Favailability",
            ),
            Picture("silences", "/silences", "Who is not told of what, until when, and why?"),
            Picture(
                "silence",
                "/silences/{planned_id}",
                "What does one silence mute, and who did what to it?",
                "/silences/{silence}",
            ),
            Picture("receivers", "/receivers", "Do those get it who are to be told?"),
            Picture(
                "mail-link",
                "/callbacks/mail/{token}",
                "Acknowledge from a mail: one press, by whoever it was sent to.",
                "{mail_link}",
                signed_in=False,
            ),
        ),
    ),
    Chapter(
        "What counts, and what it came to",
        (
            Picture("exclusions", "/exclusions", "What does not count, when, and why?"),
            Picture(
                "exclusion",
                "/exclusions/{planned_id}",
                "What does one exclusion take out of the count?",
                "/exclusions/{exclusion}",
            ),
            Picture("reports", "/reports", "Which days, weeks and months can be told of?"),
            Picture(
                "report",
                "/reports/{period}",
                "What did the month come to, for whoever answers for it?",
                "/reports/{month}?view=executive",
            ),
            Picture(
                "report-technical",
                "/reports/{period}",
                "The same with every SLO and incident, for whoever mends it.",
                "/reports/{month}?view=technical",
            ),
        ),
    ),
    Chapter(
        "What customers see",
        (
            Picture(
                "status",
                "/status",
                "Is it me, or is it them?",
                signed_in=False,
                tall=1000,
                poster="light",
            ),
            Picture(
                "status-component",
                "/status/components/{component}",
                "How was one part of it in the last ninety days?",
                "/status/components/bookings",
                signed_in=False,
            ),
            Picture(
                "status-incident",
                "/status/incidents/{incident_id}",
                "What happened, told for those whom it hurt.",
                "/status/incidents/{told}",
                signed_in=False,
            ),
            Picture(
                "status-posting", "/status-incidents", "What do customers know, and what is next?"
            ),
            Picture(
                "status-update",
                "/status-incidents/{incident_id}",
                "What were they told of this one, and what are they told next?",
                "/status-incidents/{telling}",
            ),
        ),
    ),
    Chapter(
        "Nines itself",
        (
            Picture("sign-in", "/sign-in", "Who are you?", signed_in=False),
            Picture("account", "/account", "What may I, and which programs may it for me?"),
            Picture("audit", "/audit", "Who changed what, when and from where?"),
            Picture("settings", "/settings", "What is configured, and from where?"),
            Picture("start", "/start", "What is worth watching at this address?"),
            Picture(
                "error",
                "",
                "There is no such thing; what now?",
                "/slos/mewayz/availabilty",
                status=404,
            ),
        ),
    ),
    Chapter(
        "On a phone",
        (
            Picture("phone-overview", "/", "What is in danger now?", width=PHONE),
            Picture("phone-slo", _SLO, "What did it spend?", _BURNING, width=PHONE),
            Picture(
                "phone-incident", _INCIDENT, "What woke me?", "/incidents/{incident}", width=PHONE
            ),
            Picture("phone-status", "/status", "Is it them?", signed_in=False, width=PHONE),
        ),
    ),
)

# What a browser can be led to, and why there is no picture of it.
NOT_SHOWN = {
    "/metrics": "for programs",
    "/probe": "for programs",
    "/-/healthy": "for programs",
    "/-/ready": "for programs",
    "/-/audit": "for programs",
    "/badge/{service}/{slo}.svg": "a picture itself",
    "/static/{digest}/{name:path}": "parts of pages",
    "/wall/tiles": "a part of the wallboard",
    "/status/feed.atom": "for readers of feeds",
    "/reports/{period}.csv": "for spreadsheets",
    "/slos.csv": "for spreadsheets",
    "/slos/silence": "leads on to /silences, or to one form of it for each service",
    "/reports/{period}.json": "for programs",
    "/reports/{period}.pdf": "on paper",
    "/sign-in/oidc": "leads to another site",
    "/sign-in/oidc/callback": "leads back from it",
    "/setup": "there until somebody can sign in; then, as in the demo, it leads to /sign-in",
}


PICTURES = tuple(one for chapter in CHAPTERS for one in chapter.pictures)


def document() -> str:
    """docs/pages.md."""
    parts = [
        "# Pages",
        "",
        "Every page that a person can open, in both themes, as `make screenshots` took it from",
        "`nines demo` while an SLO burned. `scripts/gallery.py` lists them and writes this page.",
    ]
    for chapter in CHAPTERS:
        parts.append(f"\n## {chapter.title}")
        parts += [_shown(one) for one in chapter.pictures]
    return "\n".join(parts) + "\n"


def _shown(one: Picture) -> str:
    light, dark = (f"![{one.name}, {theme}](images/{one.file(theme)})" for theme in THEMES)
    route = f" `{one.route}`" if one.route else ""
    return (
        f"\n### {one.name.replace('-', ' ').capitalize()}\n"
        f"{one.answers}{route}\n\n| light | dark |\n| --- | --- |\n| {light} | {dark} |"
    )
