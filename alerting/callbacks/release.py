"""Webhooks that tell of releases: whether one is its sender's word, and what it tells.

GitHub: "Webhook events and payloads", `deployment_status`, signed by HMAC-SHA256 over the body.
GitLab: "Webhook events", deployment events, with a secret token in a header.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from alerting.callbacks import content
from alerting.callbacks.refusal import RefusedError

# GitHub sends again what somebody asks for within three days. What is older is a replay.
OLDEST = timedelta(days=3)
_AHEAD = timedelta(minutes=5)
_LONG = 200


@dataclass(frozen=True, slots=True)
class Release:
    """A release that succeeded. `key` is the sender's own name for it, the same when repeated."""

    key: str
    repository: str
    environment: str
    version: str
    commit: str
    url: str
    by: str
    at: datetime


def verify_github(secret: str, headers: Mapping[str, str], body: bytes) -> None:
    """Raises RefusedError unless the signature is GitHub's."""
    expected = "sha256=" + content.signature(secret, body)
    if not content.same(expected, [headers.get("x-hub-signature-256", "").strip()]):
        raise RefusedError(401, "The signature is not GitHub's: check deployments.github.secret.")


def verify_gitlab(token: str, headers: Mapping[str, str]) -> None:
    """Raises RefusedError unless the token is ours."""
    if not content.same(token, [headers.get("x-gitlab-token", "")]):
        raise RefusedError(401, "The token is not ours: check deployments.gitlab.token.")


def read_github(body: bytes, now: datetime) -> Release | None:
    """The release; None for what is none, or not yet, or failed. Raises RefusedError."""
    said = content.json_object(body)
    status, deployment = said.get("deployment_status"), said.get("deployment")
    if content.member(status, "state") != "success":
        return None
    repository = _text(content.member(said, "repository", "full_name"), "repository.full_name")
    number = _number(content.member(deployment, "id"), "deployment.id")
    return Release(
        key=f"github:{repository}:{number}",
        repository=repository,
        environment=content.text(content.member(status, "environment"), _LONG)
        or content.text(content.member(deployment, "environment"), _LONG),
        version=_text(content.member(deployment, "ref"), "deployment.ref"),
        commit=content.text(content.member(deployment, "sha"), _LONG),
        url=_url(content.member(status, "environment_url"), content.member(status, "target_url")),
        by=content.text(content.member(status, "creator", "login")) or "github",
        at=_at(content.member(status, "created_at"), "deployment_status.created_at", now),
    )


def read_gitlab(body: bytes, now: datetime) -> Release | None:
    """The release; None for what is none, or not yet, or failed. Raises RefusedError."""
    said = content.json_object(body)
    if said.get("object_kind") != "deployment" or said.get("status") != "success":
        return None
    project = content.member(said, "project", "path_with_namespace")
    repository = _text(project, "project.path_with_namespace")
    number = _number(said.get("deployment_id"), "deployment_id")
    return Release(
        key=f"gitlab:{repository}:{number}",
        repository=repository,
        environment=content.text(said.get("environment"), _LONG),
        version=_text(said.get("ref") or said.get("short_sha"), "ref"),
        commit=content.text(said.get("short_sha"), _LONG),
        url=_url(said.get("commit_url"), said.get("deployable_url")),
        by=content.text(content.member(said, "user", "username")) or "gitlab",
        at=_at(said.get("status_changed_at"), "status_changed_at", now),
    )


def _text(value: object, place: str) -> str:
    found = content.text(value, _LONG)
    if not found:
        raise RefusedError(400, f"{place}: is missing or no text.")
    return found


def _number(value: object, place: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**63:
        raise RefusedError(400, f"{place}: is missing or no number.")
    return value


def _url(*values: object) -> str:
    found = (content.text(value, 2_000) for value in values)
    return next((one for one in found if one.startswith(("https://", "http://"))), "")


def _at(value: object, place: str, now: datetime) -> datetime:
    """`2026-11-21T12:00:00Z` of GitHub, `2026-11-21 13:00:00 +0100` of GitLab."""
    text = content.text(value, 40)
    try:
        at = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-").replace(" UTC", "Z"))
        at = at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise RefusedError(400, f"{place}: {text!r} is no moment.") from None
    if not now - OLDEST <= at <= now + _AHEAD:
        raise RefusedError(400, f"{place}: {text!r} is not of the last three days; a replay?")
    return at
