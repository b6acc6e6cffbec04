"""GitHub and GitLab tell of releases; forgers, replays and garbage change nothing."""

import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.callbacks.refusal import RefusedError
from alerting.callbacks.release import read_github, read_gitlab
from nines.config.deployments import DeploymentsConfig
from nines.deploy_hooks import DeployHooks
from tests.web.fakes import NOW, FakeSource
from web.app import create_app
from web.settings import WebSettings

HUSH, QUIET = "hush", "quiet"
CONFIG = DeploymentsConfig.model_validate(
    {
        "github": {"secret": "hush"},
        "gitlab": {"token": "quiet"},
        "repositories": {"acme/shop": ["shop"]},
        "environments": ["production"],
    }
)
GITHUB: dict[str, Any] = {
    "deployment_status": {
        "id": 9,
        "state": "success",
        "environment": "production",
        "environment_url": "https://shop.example",
        "creator": {"login": "ada"},
        "created_at": "2026-11-21T11:58:00Z",
    },
    "deployment": {"id": 7, "ref": "v2.4.1", "sha": "9fceb02", "environment": "production"},
    "repository": {"full_name": "acme/shop"},
}
GITLAB: dict[str, Any] = {
    "object_kind": "deployment",
    "status": "success",
    "status_changed_at": "2026-11-21 12:58:00 +0100",
    "deployment_id": 15,
    "environment": "production",
    "project": {"path_with_namespace": "acme/shop"},
    "ref": "v2.4.1",
    "short_sha": "9fceb02",
    "commit_url": "https://gitlab.example/acme/shop/-/commit/9fceb02",
    "user": {"username": "grace"},
}


@pytest.fixture
async def hooked(source: FakeSource) -> AsyncIterator[httpx.AsyncClient]:
    hooks = DeployHooks(lambda: CONFIG, source.logbook(), lambda: NOW)
    app = create_app(source, settings=WebSettings(now=lambda: NOW), hooks=hooks)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9919") as asking:
        yield asking


async def github(
    client: httpx.AsyncClient, said: object = GITHUB, secret: str = HUSH, **headers: str
) -> httpx.Response:
    body = json.dumps(said).encode()
    signed = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    told = {"X-Hub-Signature-256": signed, "X-GitHub-Event": "deployment_status"} | headers
    return await client.post("/callbacks/github", content=body, headers=told)


async def gitlab(
    client: httpx.AsyncClient, said: object = GITLAB, token: str = QUIET
) -> httpx.Response:
    return await client.post("/callbacks/gitlab", json=said, headers={"X-Gitlab-Token": token})


async def test_a_release_is_put_on_record_once_however_often_it_is_sent(
    source: FakeSource, hooked: httpx.AsyncClient
) -> None:
    first = await github(hooked)
    again = await github(hooked, **{"X-GitHub-Delivery": "another"})
    theirs, repeated = await gitlab(hooked), await gitlab(hooked)

    assert first.json() == {"detail": "On record: shop v2.4.1."}
    assert again.json() == repeated.json() == {"detail": "On record already: shop v2.4.1."}
    assert theirs.status_code == 200
    by_github, by_gitlab = (one.rollout for one in source.deployed.kept)
    assert (by_github.by, by_github.origin, by_github.commit) == ("ada", "github", "9fceb02")
    assert by_github.url == "https://shop.example"
    assert (by_gitlab.by, by_gitlab.origin, by_gitlab.at) == ("grace", "gitlab", by_github.at)
    assert by_gitlab.at == NOW - timedelta(minutes=2, seconds=7)


async def test_whoever_does_not_know_the_secret_changes_nothing(
    source: FakeSource, hooked: httpx.AsyncClient
) -> None:
    changed = json.dumps(GITHUB | {"repository": {"full_name": "acme/pets"}}).encode()
    signed = (await github(hooked, {}, secret="hush")).request.headers["x-hub-signature-256"]
    answers = [
        await github(hooked, secret="guess"),
        await github(hooked, **{"X-Hub-Signature-256": ""}),
        await hooked.post(
            "/callbacks/github",
            content=changed,
            headers=[(b"X-Hub-Signature-256", b"sha256=\xfc\xff")],
        ),
        await hooked.post(
            "/callbacks/github", content=changed, headers={"X-Hub-Signature-256": signed}
        ),
        await gitlab(hooked, token="guess"),
        await gitlab(hooked, token=""),
    ]

    assert [one.status_code for one in answers] == [401] * 6
    assert source.deployed.kept == []
    assert "hush" not in "".join(one.text for one in answers)


async def test_what_is_no_release_is_left_alone(
    source: FakeSource, hooked: httpx.AsyncClient
) -> None:
    status = GITHUB["deployment_status"]
    answers = [
        await github(hooked, {"zen": "Keep it logically awesome."}, **{"X-GitHub-Event": "ping"}),
        *[
            await github(hooked, GITHUB | {"deployment_status": status | {"state": state}})
            for state in ("pending", "in_progress", "failure", "error", "inactive")
        ],
        await github(hooked, GITHUB | {"deployment_status": status | {"environment": "staging"}}),
        await gitlab(hooked, GITLAB | {"status": "running"}),
        await gitlab(hooked, GITLAB | {"object_kind": "push"}),
    ]

    assert [one.status_code for one in answers] == [200] * 9
    assert source.deployed.kept == []


async def test_an_old_one_an_unknown_one_and_garbage_are_refused(
    source: FakeSource, hooked: httpx.AsyncClient
) -> None:
    old = GITHUB["deployment_status"] | {"created_at": "2026-11-18T11:58:00Z"}
    answers = [
        await github(hooked, GITHUB | {"deployment_status": old}),
        await github(hooked, GITHUB | {"repository": {"full_name": "acme/pets"}}),
        await github(hooked, GITHUB | {"deployment": {"id": "7", "ref": "v1"}}),
        await github(hooked, [1]),
        await gitlab(hooked, GITLAB | {"status_changed_at": "2026-13-21 12:58:00 +0100"}),
    ]

    assert [one.status_code for one in answers] == [400, 422, 400, 400, 400]
    assert all("places" not in one.json() and one.json()["detail"] for one in answers)
    assert source.deployed.kept == []


async def test_where_none_is_configured_none_is_taken(client: httpx.AsyncClient) -> None:
    assert (await github(client)).status_code == 404
    assert (await gitlab(client)).status_code == 404


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=10,
)


@given(value=ANYTHING, key=st.sampled_from(sorted(GITHUB)), other=st.sampled_from(sorted(GITLAB)))
def test_any_value_anywhere_is_read_or_refused(value: object, key: str, other: str) -> None:
    for read, said in (
        (read_github, GITHUB | {key: value}),
        (read_gitlab, GITLAB | {other: value}),
    ):
        with contextlib.suppress(RefusedError):
            read(json.dumps(said).encode(), NOW)
