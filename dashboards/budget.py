"""Where the budget went: the ledger with its incidents, as facts, as lines and as a table."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction

from alerting.incident import Incident
from dashboards import format as write
from dashboards import links
from dashboards.format import Moment
from dashboards.past import moment_query
from dashboards.source import Source
from dashboards.spreadsheet import cell
from slo.budget_ledger import Background, BudgetLedger, Loss
from slo.definition import SLO

SHOWN_LOSSES = 10
_MOST_CAUSES = 3
_LEAST_AROUND = timedelta(minutes=15)  # of what charts show before and after a loss


@dataclass(frozen=True, slots=True)
class IncidentFact:
    """An incident that stood beside a loss: an alert of this SLO fired in it then."""

    id: str
    title: str
    state: str
    severity: str
    opened_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class LossFacts:
    """An interval that burned faster than the budget allows, [start, end).

    `spent` is the exact share of the whole budget as a fraction, `spent_ratio` the nearest float.
    `causes` are kept by five minutes: unless `causes_exact`, others' are among them.
    """

    start: datetime
    end: datetime
    seconds: float
    good: int
    bad: int
    spent: str | None  # "21/130"
    spent_ratio: float | None
    causes: Mapping[str, int]
    causes_exact: bool
    incidents: tuple[IncidentFact, ...]


@dataclass(frozen=True, slots=True)
class RestFacts:
    """What is left over. `intervals` were not listed, or kept within the budget's pace."""

    intervals: int
    good: int
    bad: int
    spent: str | None
    spent_ratio: float | None


@dataclass(frozen=True, slots=True)
class BudgetLedgerFacts:
    """What [start, end) spent of the budget of the window that ends then, largest loss first.

    `spent` of the losses, of `more_losses` (beyond the limit) and of `background` (slots that kept
    within the budget's pace) sum to `spent`, exactly.
    """

    slo: str
    objective: str
    window: str
    start: datetime
    end: datetime
    allowed: str  # events, exact: "1297/5"
    allowed_events: float
    spent: str | None
    spent_ratio: float | None
    losses: tuple[LossFacts, ...]
    more_losses: RestFacts
    background: RestFacts


@dataclass(frozen=True, slots=True)
class Account:
    """A ledger with the incidents that stood in its time."""

    slo: SLO
    ledger: BudgetLedger
    incidents: Sequence[Incident]

    def beside(self, loss: Loss) -> list[Incident]:
        """The incidents whose time overlaps the loss's; one opens when the loss is judged."""
        return [
            incident
            for incident in self.incidents
            if incident.opened_at < loss.end + self.slo.judged_after
            and (incident.resolved_at is None or incident.resolved_at > loss.start)
        ]


async def read_account(
    source: Source, slo: SLO, start: datetime | None, end: datetime
) -> Account | None:
    """The account of [start, end), or of the SLO's window at `end`; None when it is unknown."""
    ledger = await source.budget_ledger(slo.id, start, end)
    if ledger is None:
        return None
    return Account(slo, ledger, await source.incidents_of(slo.id, ledger.start, ledger.end))


# --- facts ---------------------------------------------------------------------------------------


def account_facts(account: Account, limit: int) -> BudgetLedgerFacts:
    """The facts, with at most `limit` losses one by one."""
    slo, ledger = account.slo, account.ledger
    rest, background = ledger.losses[limit:], ledger.background
    return BudgetLedgerFacts(
        slo=slo.id,
        objective=slo.objective.label,
        window=slo.window.label,
        start=ledger.start,
        end=ledger.end,
        allowed=str(ledger.allowed),
        allowed_events=float(ledger.allowed),
        spent=_exact(ledger.spent),
        spent_ratio=_float(ledger.spent),
        losses=tuple(_loss(account, loss) for loss in ledger.losses[:limit]),
        more_losses=RestFacts(
            len(rest),
            sum(loss.good for loss in rest),
            sum(loss.bad for loss in rest),
            _exact(_together(rest, ledger)),
            _float(_together(rest, ledger)),
        ),
        background=RestFacts(
            background.slots,
            background.good,
            background.bad,
            _exact(background.share),
            _float(background.share),
        ),
    )


def _loss(account: Account, loss: Loss) -> LossFacts:
    return LossFacts(
        start=loss.start,
        end=loss.end,
        seconds=(loss.end - loss.start).total_seconds(),
        good=loss.good,
        bad=loss.bad,
        spent=_exact(loss.share),
        spent_ratio=_float(loss.share),
        causes=loss.causes,
        causes_exact=loss.causes_exact,
        incidents=tuple(
            IncidentFact(
                id=incident.id,
                title=incident.title,
                state=incident.state.value,
                severity=incident.worst.value,
                opened_at=incident.opened_at,
                resolved_at=incident.resolved_at,
            )
            for incident in account.beside(loss)
        ),
    )


def _together(losses: Iterable[Loss], ledger: BudgetLedger) -> Fraction | None:
    if ledger.spent is None:
        return None
    return sum((loss.share for loss in losses if loss.share is not None), Fraction(0))


def _exact(share: Fraction | None) -> str | None:
    return None if share is None else str(share)


def _float(share: Fraction | None) -> float | None:
    return None if share is None else float(share)


# --- the table for spreadsheets ------------------------------------------------------------------

_COLUMNS = (
    "kind",
    "start",
    "end",
    "seconds",
    "good",
    "bad",
    "spent_ratio",
    "spent_exact",
    "causes",
    "causes_exact",
    "incidents",
)


def account_csv(facts: BudgetLedgerFacts) -> str:
    """The facts as CSV (RFC 4180). The rows' `spent_exact` sum to the spent budget."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow(_COLUMNS)
    for loss in facts.losses:
        causes = "; ".join(f"{cause}: {bad}" for cause, bad in loss.causes.items())
        rows.writerow(
            [
                "loss",
                loss.start.isoformat(),
                loss.end.isoformat(),
                f"{loss.seconds:.0f}",
                loss.good,
                loss.bad,
                cell(loss.spent_ratio),
                loss.spent or "",
                cell(causes),
                cell(loss.causes_exact),
                " ".join(incident.id for incident in loss.incidents),
            ]
        )
    for kind, rest in (("more losses", facts.more_losses), ("background", facts.background)):
        counts = [rest.good, rest.bad, cell(rest.spent_ratio), rest.spent or ""]
        rows.writerow([kind, "", "", "", *counts, "", "", ""])
    return out.getvalue()


# --- the page's section --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LossRow:
    """One line of the section."""

    start: Moment
    when: str
    lasted: str
    spent: str
    width: str  # of 100
    bad: str
    causes: str
    numbers_url: str
    charts_url: str  # the charts of this time, with some before and after
    exclude_url: str | None  # of the past nothing is changed
    incidents: tuple[tuple[str, str], ...]  # url, word


@dataclass(frozen=True, slots=True)
class BudgetView:
    """The section "Where the budget went". `share_of`: what the losses' shares are of."""

    sentence: str
    share_of: str
    losses: tuple[LossRow, ...]
    rest: str | None
    csv_url: str
    numbers_url: str


def budget_view(
    account: Account, now: datetime, at: datetime | None = None, *, learns: bool = False
) -> BudgetView:
    """The section at `now`; `at` is the moment that the page shows, when it is not now.

    While the budget `learns`, shares are of what was spent: those of the budget mean nothing yet.
    """
    if learns:
        account = replace(account, ledger=_of_its_cost(account.ledger))
    slo, ledger = account.slo, account.ledger
    shown = ledger.losses[:SHOWN_LOSSES]
    most = shown[0].cost if shown else Fraction(1)
    moment = _query(at)
    return BudgetView(
        sentence=_sentence(account, learns=learns),
        share_of="Of what was spent" if learns else "Of the budget",
        losses=tuple(_row(account, loss, most, now, moment) for loss in shown),
        rest=_rest(ledger),
        csv_url=links.with_query(
            f"/api/v1{links.slo_url(slo.id)}/budget.csv", end=moment, limit=250
        ),
        numbers_url=links.with_query(links.numbers_url(slo.id), at=moment),
    )


def _of_its_cost(ledger: BudgetLedger) -> BudgetLedger:
    """The same, as if all that may be spent were what was."""
    cost = ledger.cost

    def share(part: Loss | Background) -> Fraction | None:
        return part.cost / cost if cost else None

    return replace(
        ledger,
        allowed=cost,
        losses=tuple(replace(one, share=share(one)) for one in ledger.losses),
        background=replace(ledger.background, share=share(ledger.background)),
    )


def _query(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _row(account: Account, loss: Loss, most: Fraction, now: datetime, at: str | None) -> LossRow:
    causes = [f"{cause} ({write.count(bad)})" for cause, bad in loss.causes.items()]
    if len(causes) > _MOST_CAUSES:
        causes[_MOST_CAUSES:] = [f"{write.count(len(causes) - _MOST_CAUSES)} more"]
    what = ", ".join(causes) or "not recorded"
    slo, start, end = account.slo, moment_query(loss.start), moment_query(loss.end)
    around = max(loss.end - loss.start, _LEAST_AROUND)
    return LossRow(
        start=write.moment(loss.start, now),
        when=write.stamp(loss.start, now),
        lasted=write.span(loss.end - loss.start),
        spent=write.share(loss.share),
        width=f"{float(loss.cost / most) * 100:.2f}",
        bad=f"{write.count(loss.bad)} of {write.count(loss.good + loss.bad)}",
        causes=what if loss.causes_exact or not causes else f"{what}, neighbours included",
        numbers_url=links.with_query(
            links.numbers_url(slo.id),
            at=at,
            start=start,
            end=end,
        ),
        charts_url=links.charts_url(
            slo.id, moment_query(loss.start - around), moment_query(loss.end + around)
        ),
        exclude_url=None if at else links.excluding_url(slo.sli_id, start, end),
        incidents=tuple(
            (links.incident_url(incident.id), write.stamp(incident.opened_at, now))
            for incident in account.beside(loss)
        ),
    )


def _sentence(account: Account, *, learns: bool) -> str:
    ledger, window = account.ledger, account.slo.window.phrase
    if ledger.spent is None:
        return f"No events in {window}: there is no budget yet that could go anywhere."
    if not ledger.cost:
        return f"Nothing was spent in {window}."
    spent = f"{write.share(ledger.spent)} of the budget is spent"
    if learns:
        spent = "Still learning: too little was seen for shares of the budget"
    if not ledger.losses:
        return f"{spent}, all of it in small change: nothing burned faster than the budget allows."
    shown = ledger.losses[:SHOWN_LOSSES]
    part = sum((loss.cost for loss in shown), Fraction(0)) / ledger.cost
    many = write.plural(len(shown), "interval")
    lead = "The largest" if len(ledger.losses) > len(shown) else "In all"
    verb = "makes" if len(shown) == 1 else "make"
    what = "what was spent" if learns else "that"
    return f"{spent}. {lead}: {many} that {verb} up {write.share(part)} of {what}."


def _rest(ledger: BudgetLedger) -> str | None:
    parts = []
    more = ledger.losses[SHOWN_LOSSES:]
    if more:
        share = write.share(_together(more, ledger))
        parts.append(f"{write.plural(len(more), 'more interval', 'more intervals')}: {share}")
    if ledger.background.slots:
        share = write.share(ledger.background.share)
        slots = write.plural(ledger.background.slots, "bucket")
        parts.append(f"small change in {slots} that kept within the budget's pace: {share}")
    return f"And {'; '.join(parts)}." if parts else None


def longest_range(slo: SLO) -> timedelta:
    """How far apart `start` and `end` may lie: a year, or the window."""
    return max(timedelta(days=400), slo.window.length)
