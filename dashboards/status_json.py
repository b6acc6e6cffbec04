"""The status page for programs, in the form of Atlassian's Statuspage, which many tools read.

https://www.atlassian.com/software/statuspage offers `/api/v2/summary.json` and its parts; the names
and closed lists are theirs. A component of which nothing is seen has the status "": neither up nor
down.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from alerting.status_incident import ComponentState, StatusIncident, StatusUpdate
from dashboards.status_page import ComponentFacts, Maintenance, StatusFacts, overall
from dashboards.status_words import HOME, incident_path

_PAGE = "status"
_MOST = 50


def summary_json(facts: StatusFacts, external_url: str) -> dict[str, Any]:
    """Everything that is so now."""
    return {
        **status_json(facts, external_url),
        **components_json(facts, external_url),
        "incidents": [_incident(one, facts, external_url) for one in facts.open_incidents],
        "scheduled_maintenances": [
            _maintenance(one, facts, external_url)
            for one in facts.maintenances
            if one.end > facts.made_at
        ],
    }


def status_json(facts: StatusFacts, external_url: str) -> dict[str, Any]:
    """The whole in one word and a sentence."""
    whole = overall(facts)
    return {
        "page": _page(facts, external_url),
        "status": {"indicator": str(whole.indicator), "description": whole.sentence},
    }


def components_json(facts: StatusFacts, external_url: str) -> dict[str, Any]:
    """Each component, and their groups, which are components here too."""
    listed: list[dict[str, Any]] = []
    groups: dict[str, dict[str, Any]] = {}
    for one in facts.components:
        key = f"group-{one.component.group_key}"
        if key not in groups:
            groups[key] = {
                **_component(one, facts, len(listed) + 1),
                "id": key,
                "name": one.component.group,
                "description": None,
                "group_id": None,
                "group": True,
                "components": [],
            }
            listed.append(groups[key])
        groups[key]["components"].append(one.component.key)
        listed.append({**_component(one, facts, len(listed) + 1), "group_id": key})
    for group in groups.values():
        states = [
            one.state
            for one in facts.components
            if one.component.key in group["components"] and one.state is not None
        ]
        group["status"] = max(states, key=lambda state: state.rank, default="")
    return {"page": _page(facts, external_url), "components": listed}


def incidents_json(facts: StatusFacts, external_url: str) -> dict[str, Any]:
    """The newest incidents, over or not."""
    newest = facts.incidents[:_MOST]
    return {
        "page": _page(facts, external_url),
        "incidents": [_incident(one, facts, external_url) for one in newest],
    }


def maintenances_json(facts: StatusFacts, external_url: str) -> dict[str, Any]:
    """What is announced, and what was."""
    newest = facts.maintenances[::-1][:_MOST]
    return {
        "page": _page(facts, external_url),
        "scheduled_maintenances": [_maintenance(one, facts, external_url) for one in newest],
    }


def _page(facts: StatusFacts, external_url: str) -> dict[str, Any]:
    return {
        "id": _PAGE,
        "name": facts.page.title,
        "url": f"{external_url}{HOME}",
        "time_zone": facts.page.zone.key,
        "updated_at": _time(facts.made_at),
    }


def _component(one: ComponentFacts, facts: StatusFacts, position: int) -> dict[str, Any]:
    first = next((day.date for day in one.days if day.good is not None), None)
    component = one.component
    return {
        "id": component.key,
        "name": component.title,
        "status": one.state or "",
        "created_at": _time(facts.made_at) if first is None else f"{first}T00:00:00.000Z",
        "updated_at": _time(facts.made_at),
        "position": position,
        "description": component.description or None,
        "showcase": True,
        "start_date": None if first is None else first.isoformat(),
        "group_id": f"group-{component.group_key}",
        "page_id": _PAGE,
        "group": False,
        "only_show_if_degraded": False,
    }


def _incident(one: StatusIncident, facts: StatusFacts, external_url: str) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.title,
        "status": one.stage,
        "created_at": _time(one.created_at),
        "updated_at": _time(one.updated_at),
        "monitoring_at": _time(one.monitoring_at),
        "resolved_at": _time(one.resolved_at),
        "impact": one.impact,
        "shortlink": f"{external_url}{incident_path(one.id)}",
        "started_at": _time(one.created_at),
        "page_id": _PAGE,
        "incident_updates": _updates(one, facts),
        "components": _named(one.components, facts),
    }


def _updates(one: StatusIncident, facts: StatusFacts) -> list[dict[str, Any]]:
    """Newest first; of each component how it was said to be before, and from then on."""
    told: list[dict[str, Any]] = []
    before: dict[str, ComponentState | None] = {}
    for update in one.updates:
        affected = [
            {
                "code": key,
                "name": component.title,
                "old_status": before.get(key) or ComponentState.OPERATIONAL,
                "new_status": state or ComponentState.OPERATIONAL,
            }
            for key, state in update.components.items()
            if (component := facts.page.component(key)) is not None
        ]
        before |= update.components
        told.append({**_update(update, one.id), "affected_components": affected or None})
    return told[::-1]


def _update(update: StatusUpdate, incident_id: str) -> dict[str, Any]:
    return {
        "id": update.id,
        "status": update.stage,
        "body": update.text,
        "incident_id": incident_id,
        "created_at": _time(update.at),
        "updated_at": _time(update.at),
        "display_at": _time(update.at),
    }


def _maintenance(one: Maintenance, facts: StatusFacts, external_url: str) -> dict[str, Any]:
    now = facts.made_at
    status, updated = "completed", one.end
    if now < one.end:
        status, updated = "in_progress", one.start
    if now < one.start:
        status, updated = "scheduled", one.announced_at
    return {
        "id": one.id,
        "name": one.words,
        "status": status,
        "created_at": _time(one.announced_at),
        "updated_at": _time(updated),
        "monitoring_at": None,
        "resolved_at": _time(one.end) if status == "completed" else None,
        "impact": "maintenance",
        "shortlink": f"{external_url}{HOME}",
        "started_at": _time(one.start),
        "page_id": _PAGE,
        "incident_updates": [
            {
                "id": f"{one.id}-1",
                "status": status,
                "body": one.words,
                "incident_id": one.id,
                "created_at": _time(one.announced_at),
                "updated_at": _time(one.announced_at),
                "display_at": _time(one.announced_at),
                "affected_components": None,
            }
        ],
        "components": _named(one.components, facts),
        "scheduled_for": _time(one.start),
        "scheduled_until": _time(one.end),
    }


def _named(keys: Iterable[str], facts: StatusFacts) -> list[dict[str, Any]]:
    by_key: dict[str, tuple[int, ComponentFacts]] = {
        one.component.key: (position, one) for position, one in enumerate(facts.components, 1)
    }
    return [_component(by_key[key][1], facts, by_key[key][0]) for key in keys if key in by_key]


def _time(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
