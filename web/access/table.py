"""What each route needs, all on one page. A route that stands nowhere here is for admins alone."""

from collections.abc import Iterator, Mapping

from web.access.decision import Permission

Key = tuple[str, str]  # method and path as the route has it; HEAD goes with GET

_READ = """
/ /slos /slos.csv /slos/silence
/slos/{service}/{slo:path} /slos/{service}/{slo:path}/numbers /services
/services/{name:path} /incidents /incidents/{incident_id} /incidents/{incident_id}/postmortem
/exclusions /exclusions/{planned_id} /silences /silences/{planned_id} /receivers /why
/search /start /settings /api/v1/settings
/reports /reports/{period} /reports/{period}.csv /reports/{period}.json /reports/{period}.pdf
/api/v1/openapi.json /api/v1/slos /api/v1/slos/{service}/{slo} /api/v1/slos/{service}/{slo}/versions
/api/v1/slos/{service}/{slo}/points /api/v1/slos/{service}/{slo}/budget
/api/v1/slos/{service}/{slo}/budget.csv /api/v1/slos/{service}/{slo}/outlook /api/v1/services
/api/v1/services/{name} /api/v1/services/{name}/rules /api/v1/collectors
/api/v1/collectors/{service}/{collector} /api/v1/incidents /api/v1/incidents/times
/api/v1/incidents/{incident_id} /api/v1/incidents/{incident_id}/aftermath
/api/v1/incidents/{incident_id}/postmortem.md /api/v1/health /api/v1/exclusions
/api/v1/exclusions/{exclusion_id} /api/v1/silences /api/v1/silences/{silence_id} /api/v1/receivers
/api/v1/annotations /api/v1/annotations/{annotation_id} /api/v1/why
/api/v1/deployments /api/v1/deployments/{deployment_id}
/api/v1/slos/{service}/{slo}/gate /api/v1/services/{name}/gate
/badge/{service}/{slo}.svg /api/v1/gate/overrides /api/v1/gate/overrides/{override_id}
/api/v1/report-mails /api/v1/reports /api/v1/reports/{period} /api/v1/reports/{period}.csv
/api/v1/reports/{period}.pdf
/api/v2/alerts /api/v2/alerts/groups /api/v2/silences /api/v2/silence/{silence_id}
/api/v2/receivers /api/v2/status
/status-incidents /status-incidents/{incident_id}
/api/v1/status/incidents /api/v1/status/incidents/{incident_id}
"""

# Open as well, and asked by machines all the time: who it is, never matters.
_SENDERS = """
    GET /static/{digest}/{name:path}
    POST /api/v1/write
    POST /api/v1/events
    POST /v1/metrics
    GET /api/v1/heartbeats/{service}/{collector}
    POST /api/v1/heartbeats/{service}/{collector}
    GET /api/v1/heartbeats/{service}/{collector}/{what}
    POST /api/v1/heartbeats/{service}/{collector}/{what}
"""

_OTHERS: Mapping[Permission, str] = {
    # What vendors, mails and senders of metrics show, their endpoints look at themselves; so do
    # those of the status page whether it is public.
    Permission.OPEN: """
        POST /theme
        POST /slos/layout
        POST /slos/views
        GET /sign-in
        POST /sign-in
        GET /sign-in/oidc
        GET /sign-in/oidc/callback
        POST /sign-out
        GET /setup
        POST /setup
        POST /callbacks/github
        POST /callbacks/gitlab
        POST /callbacks/slack/{receiver}
        POST /callbacks/pagerduty/{receiver}
        GET /callbacks/mail/{token}
        POST /callbacks/mail/{token}
        GET /status
        GET /status/incidents/{incident_id}
        GET /status/components/{component}
        GET /status/feed.atom
        GET /api/v2/summary.json
        GET /api/v2/status.json
        GET /api/v2/components.json
        GET /api/v2/incidents.json
        GET /api/v2/scheduled-maintenances.json
    """,
    # The stream tells ids alone, of what the wallboard shows too.
    Permission.WATCH: """
        GET /wall
        GET /wall/tiles
        GET /api/v1/stream
    """,
    # They ask what would be, and change nothing.
    Permission.READ: """
        POST /api/v1/routes/test
        POST /api/v1/silences/preview
        POST /api/v1/exclusions/preview
    """,
    Permission.HEALTH: """
        GET /-/healthy
        GET /-/ready
        GET /-/audit
    """,
    Permission.SCRAPE: "GET /metrics",
    Permission.PROBE: "GET /probe",
    Permission.SEND: "POST /api/v2/alerts",
    Permission.ACKNOWLEDGE: """
        POST /incidents/{incident_id}/acknowledge
        POST /incidents/{incident_id}/escalate
        POST /incidents/{incident_id}/notes
        POST /api/v1/incidents/{incident_id}/acknowledge
        POST /api/v1/incidents/{incident_id}/escalate
        POST /api/v1/incidents/{incident_id}/notes
    """,
    Permission.SILENCE: """
        POST /silences
        POST /silences/{planned_id}/end
        POST /silences/{planned_id}/extend
        POST /api/v1/silences
        POST /api/v1/silences/{silence_id}/end
        POST /api/v2/silences
        DELETE /api/v2/silence/{silence_id}
    """,
    Permission.TRY: """
        POST /receivers/{name}/unpark
        POST /receivers/{name}/canary
        POST /api/v1/receivers/{name}/unpark
        POST /api/v1/receivers/{name}/canary
        POST /api/v1/report-mails/{name}/send
    """,
    Permission.EXCLUDE: """
        POST /exclusions
        POST /exclusions/{planned_id}/end
        POST /exclusions/{planned_id}/undo
        POST /api/v1/exclusions
        POST /api/v1/exclusions/{exclusion_id}/end
        POST /api/v1/exclusions/{exclusion_id}/undo
        DELETE /api/v1/exclusions/{exclusion_id}
    """,
    Permission.ANNOTATE: """
        POST /annotations
        POST /annotations/{annotation_id}/undo
        POST /api/v1/annotations
        POST /api/v1/annotations/{annotation_id}/edit
        POST /api/v1/annotations/{annotation_id}/undo
    """,
    Permission.PUBLISH: """
        POST /status-incidents
        POST /status-incidents/{incident_id}/updates
        POST /api/v1/status/incidents
        POST /api/v1/status/incidents/{incident_id}/updates
    """,
    Permission.DEPLOY: """
        POST /api/v1/deployments
        POST /api/v1/gate/overrides
        POST /api/v1/gate/overrides/{override_id}/end
    """,
    Permission.PROPOSE: """
        POST /start/url
        POST /start/prometheus
        POST /api/v1/try
        POST /api/v1/propose
    """,
    Permission.ADMINISTER: """
        POST /start/save
        POST /-/reload
        GET /audit
        GET /api/v1/audit
    """,
    Permission.OWN: """
        GET /account
        POST /account/password
        POST /account/tokens
        POST /account/tokens/{token_id}/revoke
    """,
}


def _keys(lines: str) -> Iterator[Key]:
    for line in lines.split("\n"):
        if line.strip():
            method, path = line.split()
            yield method, path


def _rows() -> Iterator[tuple[Key, Permission]]:
    for path in _READ.split():
        yield ("GET", path), Permission.READ
    for key in _keys(_SENDERS):
        yield key, Permission.OPEN
    for permission, lines in _OTHERS.items():
        for key in _keys(lines):
            yield key, permission


PERMISSIONS: Mapping[Key, Permission] = dict(_rows())
MACHINES = frozenset({Permission.HEALTH, Permission.SCRAPE, Permission.PROBE, Permission.SEND})
_FOR_MACHINES = {
    *_keys(_SENDERS),
    *(key for key, needs in PERMISSIONS.items() if needs in MACHINES),
}
# How the paths begin at which it is asked who it is only once that matters.
OF_MACHINES = tuple(sorted({path.partition("{")[0] for _, path in _FOR_MACHINES}))
# What a GET changes all the same: it is not given up in the middle.
_WRITES_BY_GET = {key for key in _keys(_SENDERS) if key[0] == "GET" and "heartbeats" in key[1]} | {
    ("GET", "/sign-in/oidc/callback")
}


def permission_of(method: str, path: str) -> Permission:
    """What a request to this route needs."""
    return PERMISSIONS.get(("GET" if method == "HEAD" else method, path), Permission.ADMINISTER)


def reads(method: str, path: str) -> bool:
    """Whether a request to this route changes nothing, and so may be given up when it is slow.

    What machines ask has bounds of its own.
    """
    key = ("GET" if method == "HEAD" else method, path)
    if method not in ("GET", "HEAD", "OPTIONS") or key in _WRITES_BY_GET:
        return False
    return permission_of(method, path) not in MACHINES
