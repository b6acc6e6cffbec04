"""Deployments are kept once by their key, and found by service and time, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dashboards.logbook import Wanted
from nines.storage.database import Database
from nines.storage.deployments import DeploymentRecords
from slo.deployment import Deployment, Rollout
from slo.key import KeyReusedError

T0 = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def one(name: str, at: datetime = T0, **more: str) -> Deployment:
    return Deployment(name, Rollout("shop", "v1", at, "ada", **more), T0)


def test_they_are_found_as_they_were_told(database: Database) -> None:
    records = DeploymentRecords(database)
    whole = one("a", environment="eu", commit="9f", url="https://x", origin="gitlab", key="k")
    records.deploy(whole)
    later, other = one("b", T0 + MINUTE), one("c", T0 + MINUTE)
    records.deploy(later)
    records.deploy(replace(other, rollout=replace(other.rollout, service="mail")))

    assert records.deployment("a") == whole
    assert records.deployment("z") is None
    assert [each.id for each in records.deployments(Wanted(), 9)] == ["c", "b", "a"]
    assert [each.id for each in records.deployments(Wanted("shop"), 1)] == ["b"]
    assert [each.id for each in records.deployments(Wanted(environment="eu"), 9)] == ["a"]
    assert [each.id for each in records.deployments(Wanted(start=T0 + MINUTE), 9)] == ["c", "b"]
    assert [each.id for each in records.deployments(Wanted(end=T0 + MINUTE), 9)] == ["a"]
    after = Wanted(before=(T0 + MINUTE, "c"))
    assert [each.id for each in records.deployments(after, 9)] == ["b", "a"]


def test_a_key_is_told_once(database: Database) -> None:
    records = DeploymentRecords(database)
    first = one("a", key="k", told="x")

    assert records.deploy(first) == (first, True)
    assert records.deploy(one("b", T0 + MINUTE, key="k", told="x")) == (first, False)
    with pytest.raises(KeyReusedError):
        records.deploy(one("c", key="k", told="y"))
    assert records.deployments(Wanted(), 9) == [first]


def test_old_ones_are_forgotten(database: Database) -> None:
    records = DeploymentRecords(database)
    records.deploy(one("old", T0 - 2 * MINUTE))
    records.deploy(one("new"))

    assert records.prune(T0, MINUTE) == 1
    assert [each.id for each in records.deployments(Wanted(), 9)] == ["new"]
