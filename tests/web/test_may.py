"""Who may do what, decided without a server."""

import pytest

from alerting.silence import read_matchers
from web.access.decision import (
    EVERYWHERE,
    LOCAL,
    Grant,
    Kind,
    Owner,
    Permission,
    Principal,
    Role,
    may,
    may_somewhere,
    nobody,
    owners_of_matchers,
    refusal,
)

R, P = Role, Permission
PETS = "ada (responder for pets-team) may not silence"
OWNERS = {"shop": "web-team", "pets": "pets-team", "stray": None}


def somebody(*grants: Grant, kind: Kind = Kind.USER) -> Principal:
    return Principal(kind, "ada", grants)


@pytest.mark.parametrize(
    ("permission", "least"),
    [
        (P.READ, R.VIEWER),
        (P.SCRAPE, R.VIEWER),
        (P.PROBE, R.VIEWER),
        (P.HEALTH, R.VIEWER),
        (P.ACKNOWLEDGE, R.RESPONDER),
        (P.SILENCE, R.RESPONDER),
        (P.TRY, R.RESPONDER),
        (P.SEND, R.RESPONDER),
        (P.EXCLUDE, R.EDITOR),
        (P.ANNOTATE, R.EDITOR),
        (P.DEPLOY, R.EDITOR),
        (P.PROPOSE, R.EDITOR),
        (P.ADMINISTER, R.ADMIN),
    ],
)
def test_each_role_may_what_is_its_own_and_what_those_below_may(
    permission: Permission, least: Role
) -> None:
    may_do = [role for role in R if may(somebody(Grant(role)), permission, EVERYWHERE)]

    assert may_do == list(R)[list(R).index(least) :]


def test_nobody_may_anything_but_what_is_open() -> None:
    assert [one for one in P if may_somewhere(nobody(None), one)] == [P.OPEN]
    assert not may_somewhere(nobody(R.VIEWER), P.OWN)


@pytest.mark.parametrize(
    ("owner", "allowed"),
    [("web-team", True), ("pets-team", False), (None, False), (EVERYWHERE, False)],
)
def test_a_role_for_an_owner_changes_that_owners_services_alone(
    owner: Owner, allowed: bool
) -> None:
    ada = somebody(Grant(R.RESPONDER, frozenset({"web-team"})))

    assert may(ada, P.SILENCE, owner) is allowed
    assert may(ada, P.READ, owner)
    assert not may(ada, P.EXCLUDE, owner)


def test_what_concerns_everybody_cannot_be_had_for_one_owner() -> None:
    ada = somebody(Grant(R.ADMIN, frozenset({"web-team"})))

    assert [one for one in P if not may_somewhere(ada, one)] == [P.SEND, P.TRY, P.ADMINISTER]


def test_the_widest_of_several_roles_counts_for_each_owner() -> None:
    ada = somebody(Grant(R.VIEWER), Grant(R.EDITOR, frozenset({"web-team"})))

    assert may(ada, P.EXCLUDE, "web-team")
    assert not may(ada, P.ACKNOWLEDGE, "pets-team")


def test_a_role_that_would_mean_something_else_than_it_says_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="reads everything"):
        Grant(R.VIEWER, frozenset({"web-team"}))
    with pytest.raises(ValueError, match="no owner at all"):
        Grant(R.EDITOR, frozenset())


def test_only_users_have_something_of_their_own() -> None:
    assert may(somebody(Grant(R.VIEWER)), P.OWN, None)
    assert not may(somebody(Grant(R.ADMIN), kind=Kind.TOKEN), P.OWN, None)
    assert not may(LOCAL, P.OWN, None)


@pytest.mark.parametrize(
    ("matchers", "owners"),
    [
        ('service="shop"', {"web-team"}),
        ('service=~"shop|pets"', {"web-team", "pets-team"}),
        ('service="shop", severity="page"', {"web-team"}),
        ('service=~"shop|pets", owner="pets-team"', {"pets-team"}),
        ('owner="web-team"', {"web-team"}),
        ('service="stray"', {None}),
        ('owner=""', {None}),
        # What these may match cannot be told for sure.
        ('severity="page"', {EVERYWHERE}),
        ('service=~"shop.*"', {EVERYWHERE}),
        ('service=~"(shop)"', {EVERYWHERE}),
        ('service!="pets"', {EVERYWHERE}),
        ('owner!="pets-team"', {EVERYWHERE}),
        ('service="not-ours"', {EVERYWHERE}),
        ('service=~"shop|not-ours"', {EVERYWHERE}),
        ('service=~"shop|"', {EVERYWHERE}),
    ],
)
def test_whose_alerts_a_silence_may_mute(matchers: str, owners: set[Owner]) -> None:
    assert owners_of_matchers(read_matchers([matchers]), OWNERS) == owners


@pytest.mark.parametrize(
    ("principal", "owner", "said"),
    [
        (
            somebody(Grant(R.VIEWER)),
            "web-team",
            "ada (viewer) may not silence: that takes a responder.",
        ),
        (
            somebody(Grant(R.RESPONDER, frozenset({"pets-team"}))),
            "web-team",
            f"{PETS} for the services of web-team: that takes a responder of theirs.",
        ),
        (
            somebody(Grant(R.RESPONDER, frozenset({"pets-team"}))),
            EVERYWHERE,
            f"{PETS} for every service at once: that takes a responder.",
        ),
        (nobody(None), "web-team", "Sign in to silence."),
        (nobody(None, "There are no users."), "web-team", "There are no users."),
    ],
)
def test_a_refusal_says_who_lacks_what(principal: Principal, owner: Owner, said: str) -> None:
    assert refusal(principal, P.SILENCE, owner) == said
