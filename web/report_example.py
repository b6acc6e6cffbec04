"""Examples of reports for the API's description; a test reads them by the models."""

LIST = {
    "zone": "Europe/Berlin",
    "reports": [
        {"period": "2026-11-21", "kind": "day", "title": "Saturday 21 November 2026",
         "is_over": False},
        {"period": "2026-11-20", "kind": "day", "title": "Friday 20 November 2026",
         "is_over": True},
        {"period": "2026-W47", "kind": "week", "title": "Week 47 of 2026", "is_over": False},
        {"period": "2026-11", "kind": "month", "title": "November 2026", "is_over": False},
    ],
}  # fmt: skip
REPORT = {
    "period": "2026-11-20",
    "kind": "day",
    "zone": "Europe/Berlin",
    "start": "2026-11-19T23:00:00Z",
    "end": "2026-11-20T23:00:00Z",
    "until": "2026-11-20T23:00:00Z",
    "is_over": True,
    "owner": "shop-team",
    "summary": "0 of 1 objective of shop-team with data were met; missed: shop/checkout. "
    "The largest loss was "
    "11.3 % of the budget of shop/checkout, from Fri 20 Nov 2026 09:12 (+0100) on. 1 incident, "
    "resolved after 31 min in the median. 1 page, 0 of them at night; 100 % were acted on.",
    "met": 0,
    "missed": 1,
    "no_data": 0,
    "slos": [
        {"service": "shop", "slo": "checkout", "owner": "shop-team", "objective": "99.9",
         "window": "30d", "method": "events", "met": False, "sli": 0.9971, "sli_before": 0.9995,
         "total": 86400, "cost": 251, "allowed": 86.4, "spent": 2.905, "unknown": 0,
         "coverage": 1.0},
    ],
    "owners": [
        {"name": "shop-team", "met": 0, "missed": 1, "no_data": 0, "met_before": 1,
         "missed_before": 0, "change": 1},
    ],
    "services": [
        {"name": "shop", "met": 0, "missed": 1, "no_data": 0, "met_before": 1,
         "missed_before": 0, "change": 1},
    ],
    "losses": [
        {"slo": "shop/checkout", "start": "2026-11-20T08:12:00Z", "end": "2026-11-20T08:43:00Z",
         "cost": 244, "spent": 0.113, "causes": {"HTTP 503": 244}},
    ],
    "more_losses": 0,
    "incidents": [
        {"id": "01JD3T8ZINCIDENT", "service": "shop", "severity": "page",
         "opened_at": "2026-11-20T08:13:30Z", "detect_seconds": 90.0,
         "acknowledge_seconds": 120.0, "resolve_seconds": 1860.0},
    ],
    "incidents_complete": True,
    "detect_seconds": 90.0,
    "acknowledge_seconds": 120.0,
    "resolve_seconds": 1860.0,
    "before": {"incidents": 2, "pages": 1, "detect_seconds": 120.0, "acknowledge_seconds": 300.0,
               "resolve_seconds": 2700.0},
    "pages": {"count": 1, "acted_on": 1, "at_night": 0, "by_hour": [0] * 9 + [1] + [0] * 14},
    "review": {"always_kept": [], "always_missed": [], "no_data": []},
    "outlook": [],
    "excluded": [
        {"slo": "shop/checkout", "start": "2026-11-20T01:00:00Z", "end": "2026-11-20T02:00:00Z"},
    ],
}  # fmt: skip
TABLE = (
    "period,service,slo,owner,objective,window,method,met,sli,sli_before,total,cost,allowed,spent,"
    "unknown,coverage\r\n2026-11-20,shop,checkout,shop-team,99.9,30d,events,no,0.9971,0.9995,86400,"
    "251,86.4,2.905,0,1.0\r\n"
)
