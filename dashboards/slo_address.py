"""What the address of an SLO's page says: the stretch, the rule and the runs that it shows."""

from collections.abc import Mapping

from dashboards import links
from slo.definition import SLO

_KEPT = ("range", "from", "to", "rule", "runs")


def address(slo: SLO, asked: Mapping[str, str], changes: Mapping[str, str | None]) -> str:
    """The page as it was asked for, but for these changes; None leaves a part out."""
    told = {key: changes.get(key, asked.get(key)) for key in _KEPT}
    return links.with_query(links.slo_url(slo.id), **told)
