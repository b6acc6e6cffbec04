"""A report as a PDF: the same view as the page's, drawn with fonts of our own on A4.

Whatever a service is called, it can be drawn: scripts from right to left are shaped, and what no
font has is a □. Rows are as many as the view has; who waits says when to give up.
"""

from collections.abc import Callable
from datetime import datetime

from dashboards.report_page import ReportView
from dashboards.report_paper import ACCENT, BAD, GOOD, INK, NIGHT_FILL, SOFT, Column, Paper

_TILE, _BARS = 19.0, 16.0  # mm high
_SLO = Column("SLO", 3.2)
_DEFINED = (_SLO, Column("What it promises, and what it counts", 8))


def report_pdf(
    view: ReportView, made_at: datetime, root: str, go_on: Callable[[], bool] = lambda: True
) -> bytes:
    """The file. `root` is where its links lead. Raises TimeoutError once `go_on` says no."""
    paper = Paper(
        title=f"{view.title}{f', {view.owner}' if view.owner else ''}",
        made_at=made_at,
        root=root,
        wide=view.technical,
        go_on=go_on,
    )
    try:
        _head(paper, view)
        _objectives(paper, view)
        _losses(paper, view)
        _incidents(paper, view)
        _pages(paper, view)
        _to_talk_about(paper, view)
        _appendix(paper, view)
        return paper.file()
    finally:
        paper.put_away()


def _head(paper: Paper, view: ReportView) -> None:
    paper.say("Service level report", size=9, colour=SOFT)
    paper.say(view.title, size=22, bold=True)
    paper.say(
        f"{view.owner or 'All owners'}, {'technical' if view.technical else 'executive'} view. "
        f"{view.stretch}",
        size=9,
        colour=SOFT,
    )
    if view.unfinished:
        paper.gap(1.5)
        paper.say(view.unfinished, size=9, bold=True, colour=BAD)
    paper.gap(3)
    paper.say(" ".join(view.summary), size=11)
    paper.gap(4)
    left, width = paper.l_margin, (paper.epw - 3 * 4) / len(view.figures)
    top = paper.y
    for one in view.figures:
        tone = {True: GOOD, False: BAD, None: SOFT}[one.good]
        paper.tile(left, top, width, _TILE, (one.name, one.value, one.note), tone)
        left += width + 4
    paper.y = top + _TILE + 2


def _objectives(paper: Paper, view: ReportView) -> None:
    number = ("Met", "Missed", "No data")
    for title, first, rows in (
        ("Objectives by owner", "Owner", view.by_owner),
        ("Objectives by service", "Service", view.by_service if view.technical else ()),
    ):
        if rows:
            paper.head(title)
            paper.grid(
                (
                    Column(first, 4),
                    *(Column(one, 1, right=True) for one in number),
                    Column("Against the period before", 2.5),
                ),
                [(row.name, row.met, row.missed, row.no_data, row.change) for row in rows],
            )
    if not view.slos:
        return
    paper.head("Every objective" if view.technical else "Objectives missed")
    columns = [_SLO, Column("Owner", 1.8)]
    columns += [Column(one, 1.2, right=True) for one in ("Objective", "SLI", "Before")]
    columns += [Column("Outcome", 1.3), Column("Spent", 1, right=True)]
    rows_of = [
        (
            row.name, row.owner, row.objective, row.sli, row.before, row.verdict, row.spent,
            row.allowance, row.coverage,
        )
        for row in view.slos
    ]  # fmt: skip
    if view.technical:
        columns += [Column("Bad of allowed", 2.1, right=True), Column("Observed", 1.2, right=True)]
    paper.grid(
        columns,
        [row[: len(columns)] for row in rows_of],
        urls=[row.url for row in view.slos],
        loud="missed",
    )
    _more(paper, view.more_slos)


def _losses(paper: Paper, view: ReportView) -> None:
    paper.head("Where budgets went")
    if not view.losses:
        paper.say("Nothing burned faster than its budget allows.", size=9.5)
        return
    paper.grid(
        (
            _SLO,
            Column("From", 3),
            Column("For", 1.1, right=True),
            Column("Of its budget", 1.5, right=True),
            Column("Bad", 0.9, right=True),
            Column("Causes", 2.3),
        ),
        [
            (row.name, row.when, row.lasted, row.share, row.bad, row.causes)
            for row in view.losses
        ],
        urls=[row.url for row in view.losses],
    )  # fmt: skip
    _more(paper, view.more_losses)


def _incidents(paper: Paper, view: ReportView) -> None:
    paper.head("Incidents")
    paper.grid(
        (Column("How long it took", 3), Column("Median", 1.5, right=True), Column("Of which", 5)),
        view.times,
    )
    if view.technical and view.incidents:
        paper.gap(3)
        took = (Column(one, 1.2, right=True) for one in ("Detect", "Acknowledge", "Resolve"))
        paper.grid(
            (
                Column("Incident", 4.4),
                Column("Service", 2),
                Column("Severity", 1),
                Column("Opened", 2.7),
                *took,
            ),
            [
                (
                    row.title, row.service, row.severity, row.opened, row.detect,
                    row.acknowledge, row.resolve,
                )
                for row in view.incidents
            ],
            urls=[row.url for row in view.incidents],
        )  # fmt: skip
    _more(paper, view.more_incidents)


def _pages(paper: Paper, view: ReportView) -> None:
    paper.head("Pages", room=_BARS + 26)
    paper.say(view.pages, size=9.5)
    if not any(bar.count for bar in view.bars):
        return
    paper.gap(4)
    step, top = min(paper.epw, 178.0) / 24, paper.y
    for bar in view.bars:
        left = paper.l_margin + bar.hour * step
        paper.block(left, top + _BARS, step - 0.8, 0.3, SOFT)
        high = bar.height * _BARS / 40
        if high:
            fill = NIGHT_FILL if bar.night else ACCENT
            paper.block(left, top + _BARS - high, step - 0.8, high, fill)
        if bar.count:
            paper.label(left, top + _BARS - high - 3.2, step - 0.8, str(bar.count), INK)
        if not bar.hour % 3:
            paper.label(left, top + _BARS + 0.8, step - 0.8, f"{bar.hour}", SOFT)
    paper.y = top + _BARS + 5.5
    paper.say(f"{view.hours} Orange: between 22:00 and 7:00.", size=8, colour=SOFT)


def _to_talk_about(paper: Paper, view: ReportView) -> None:
    if view.review:
        paper.head("Objectives to talk about")
        for why, slos in view.review:
            names = [name for name, _ in slos]
            told = ", ".join(names[:_NAMED])
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            paper.say(f"{why}:", size=9.5, bold=True)
            paper.say(f"{told}{more}.", size=9.5)
            paper.gap(1.5)
    if view.trends:
        paper.head("Capacity")
        for name, _, sentence in view.trends[:_NAMED]:
            paper.say(f"{name}: {sentence}.", size=9.5)


_NAMED = 40


def _appendix(paper: Paper, view: ReportView) -> None:
    paper.head("What was left out, and what words mean")
    if view.excluded:
        shown = view.excluded[:_NAMED]
        paper.grid((Column("Excluded", 3), Column("When, and why", 8)), shown)
        left = len(view.excluded) - len(shown)
        _more(paper, f"And {left} more." if left else None)
        paper.gap(2)
    else:
        paper.say("Nothing was excluded.", size=9.5)
    paper.say(" ".join(view.terms), size=8.5, colour=SOFT)
    if view.definitions:
        paper.head("What each objective counts")
        paper.grid(
            _DEFINED,
            [(name, text) for name, _, text in view.definitions],
            urls=[url for _, url, _ in view.definitions],
        )


def _more(paper: Paper, words: str | None) -> None:
    if words:
        paper.gap(1)
        paper.say(words, size=8.5, colour=SOFT)
