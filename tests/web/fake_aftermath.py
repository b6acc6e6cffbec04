"""What the incidents of a fake source came to."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction

from alerting.incident_times import times_of
from alerting.similar import similar
from dashboards.source import Aftermath, IncidentDetail
from nines.aftermath import sketch
from slo.budget_ledger import Background, BudgetLedger, Loss


def aftermath_of(
    detail: IncidentDetail, details: Sequence[IncidentDetail], now: datetime
) -> Aftermath:
    """It began two minutes before it was noticed, and cost a quarter of the budget."""
    incident = detail.incident
    began, end = incident.opened_at - timedelta(minutes=2), incident.resolved_at or now
    causes = {"status": 40, "latency": 2}
    loss = Loss(began, end, 318, 42, Fraction(42), Fraction(1, 4), causes, causes_exact=True)
    calm = Background(0, 0, 0, Fraction(0), None)
    ledger = BudgetLedger(began, end, Fraction(168), (loss,), calm)
    sketches = [sketch(one.incident, one.alerts, {}) for one in details]
    own = next(one for one in sketches if one.incident_id == incident.id)
    earlier = [one for one in sketches if one.opened_at <= incident.opened_at]
    return Aftermath(
        times=times_of(incident, began),
        began=began,
        since=began,
        costs=tuple((f"{alert.service}/{alert.slo}", ledger) for alert in detail.alerts),
        similar=tuple(similar(own, earlier)),
    )
