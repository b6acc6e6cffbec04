"""An example for each parameter, by its name, and for each body, by its schema's.

All are of one platform, whose `shop` belongs to `web-team`.
"""

from collections.abc import Mapping
from typing import Any

PARAMETERS: Mapping[str, Any] = {
    "accept": "application/json",
    "action": "silence created",
    "annotation_id": "01KB3W5JZ8E4T6N1Q9XGZ7M2RD",
    "at": "now-6h",
    "by": "ada",
    "collector": "front",
    "content-encoding": "snappy",
    "cursor": "WyJuZXdlc3QiLC0xNzYzNzI2NDAwLjAsIjAxS0IzVzVKWjhFNFQ2TjFROVhHWjdNMlJEIl0",
    "deployment_id": "01KB3W5JZ8E4T6N1Q9XGZ7M2RD",
    "end": "now",
    "environment": "production",
    "exclusion_id": "01KB3W5JZ8E4T6N1Q9XGZ7M2RD",
    "idempotency-key": "deploy-77",
    "if-none-match": '"7c9e1d7a52b1c1f0a0d4b8e6"',
    "incident_id": "01KB3W5JZ8E4T6N1Q9XGZ7M2RD",
    "include": "remaining,burn",
    "last-event-id": "17",
    "limit": 50,
    "name": "shop",
    "of": "shop/checkout",
    "override_id": "01KB3W5JZ8E4T6N1Q9XGZ7M2RD",
    "owner": "web-team",
    "period": "2026-11-20",
    "q": "check",
    "receiver": "on-call",
    "rid": "b8d0c0de",
    "service": "shop",
    "silence_id": "01KB3W5JZ8E4T6N1Q9XGZ7M2RD",
    "since": "now-10m",
    "slo": "checkout",
    "sort": "worst",
    "start": "now-6h",
    "state": "active",
    "step": "5m",
    "version": 1,
    "view": "technical",
    "what": "start",
}
# Where another operation means something else by the same name: by path and name.
OF_PATH: Mapping[tuple[str, str], Any] = {
    ("/api/v1/exclusions", "slo"): "shop/checkout",
    ("/api/v1/exclusions", "state"): ["active"],
    ("/api/v1/incidents", "state"): "triggered",
    ("/api/v1/receivers/{name}/canary", "name"): "on-call",
    ("/api/v1/receivers/{name}/unpark", "name"): "on-call",
    ("/api/v1/report-mails/{name}/send", "name"): "management",
    ("/api/v1/silences", "state"): ["active"],
    ("/api/v1/slos", "service"): ["shop"],
    ("/api/v1/slos", "state"): ["at_risk", "burning"],
}
BODIES: Mapping[str, Any] = {
    "Acknowledgement": {"by": "ada"},
    "AnnotationRequest": {
        "service": "shop",
        "slo": "checkout",
        "text": "The new cache is on.",
        "start": "now-10m",
        "by": "ada",
    },
    "Author": {"by": "ada"},
    "DeploymentRequest": {
        "service": "shop",
        "version": "v2.4.1",
        "environment": "production",
        "commit": "9fceb02",
        "url": "https://ci.example/run/77",
        "by": "ada",
    },
    "Escalation": {"by": "ada"},
    "EventsRequest": {
        "events": [{"metric": "orders_total", "labels": {"result": "paid"}, "count": 3}]
    },
    "ExclusionRequest": {
        "service": "shop",
        "slo": "checkout",
        "start": "2026-11-21T22:00",
        "duration": "2h",
        "zone": "Europe/Berlin",
        "reason": "The database moves to new disks.",
        "author": "ada",
    },
    "NewWords": {"text": "The new cache is on, and off again.", "by": "ada"},
    "Note": {"text": "The disks of db-3 are full; moving the logs away.", "by": "ada"},
    "OverrideRequest": {
        "service": "shop",
        "slo": "checkout",
        "state": "ok",
        "until": "2026-11-22T00:00:00Z",
        "reason": "This release mends what burns the budget.",
        "by": "ada",
    },
    "PostableAlerts": [
        {
            "labels": {"alertname": "DiskFull", "service": "shop", "severity": "page"},
            "annotations": {"summary": "The disk of shop-1 is full."},
            "startsAt": "2026-11-21T12:00:00Z",
            "generatorURL": "https://prometheus.example/graph",
        }
    ],
    "PostableSilence": {
        "matchers": [{"name": "service", "value": "shop", "isRegex": False, "isEqual": True}],
        "startsAt": "2026-11-21T22:00:00Z",
        "endsAt": "2026-11-22T00:00:00Z",
        "createdBy": "ada",
        "comment": "The database moves to new disks.",
    },
    "RouteQuestion": {
        "labels": {"service": "shop", "severity": "page"},
        "at": "2026-11-21T03:00:00Z",
    },
    "TryRequest": {
        "url": "https://shop.example/health",
        "service": "new-shop",
        "objective": "99.9%",
    },
    "ProposeRequest": {
        "url": "https://shop.example/health",
        "service": "new-shop",
        "objective": "99.9%",
    },
    "StatusUpdateRequest": {"status": "monitoring", "text": "Payments work again.", "by": "ada"},
    "SendRequest": {"by": "ada", "period": "2026-W47"},
    "SilenceQuestion": {"matchers": ['service="shop"'], "duration": "2h"},
    "SilenceRequest": {
        "matchers": ['service="shop"', 'severity=~"ticket|info"'],
        "start": "now",
        "duration": "2h",
        "reason": "The database moves to new disks.",
        "author": "ada",
    },
}
