"""Signing in at a provider that other people wrote: idpyoidc, over TLS, in its own process."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from nines.config.access import AccessConfig
from tests.identity.running import CLIENT, OTHER, SECRET, Identity, identity
from tests.nines.test_accounts import HOME, PAGE, SILENCE, World, bearing
from tests.nines.test_accounts import world as world

CALLBACK = f"{HOME}/sign-in/oidc/callback"
GROUPS = {
    "readers": {"role": "viewer"},
    "sre": {"role": "responder"},
    "web": {"role": "editor", "owners": ["shop-team"]},
    "root": {"role": "admin"},
}
AWAY = "The single sign-on does not answer as it should"
AN_HOUR = 3_600
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Identity]:
    with identity(tmp_path_factory.mktemp("identity"), CALLBACK) as one:
        one.start()
        yield one


@pytest.fixture
def there(serving: Identity, world: World) -> Iterator[Identity]:
    """The provider as it is, and Nines configured for it; both clocks are right."""
    world.clock.set(datetime.now(UTC))
    world.config = configured(serving)
    serving.people(ann=["sre"])
    yield serving
    serving.faults()


@pytest.fixture
def other(tmp_path_factory: pytest.TempPathFactory, world: World) -> Iterator[Identity]:
    """Another one, not started, that the test may set up as it likes."""
    with identity(tmp_path_factory.mktemp("other"), CALLBACK) as one:
        one.people(ann=["sre"])
        world.clock.set(datetime.now(UTC))
        world.config = configured(one)
        yield one


def configured(there: Identity, **more: Any) -> AccessConfig:  # noqa: ANN401 - as written
    oidc = {
        "issuer": there.issuer,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "groups": GROUPS,
        "ca_file": str(there.ca_file),
        **more,
    }
    return AccessConfig.model_validate({"oidc": oidc})


async def begin(client: httpx.AsyncClient, going: str = "/slos?q=a") -> str:
    """Where Nines sends somebody."""
    sent = await client.get("/sign-in/oidc", params={"next": going})
    assert sent.status_code == 303, html.unescape(sent.text)
    return str(sent.headers["location"])


async def sign_in(
    client: httpx.AsyncClient, there: Identity, name: str = "ann", going: str = "/slos?q=a"
) -> httpx.Response:
    """The whole way, until one is back."""
    return await client.get(there.visit(await begin(client, going), name), headers=PAGE)


async def may(client: httpx.AsyncClient) -> tuple[int, ...]:
    """How reading, silencing each team's service, and the audit log are answered."""
    read = await client.get("/api/v1/slos")
    wanted = [{**SILENCE, "matchers": [f'service="{one}"']} for one in ("shop", "petuniverse-api")]
    silenced = [await client.post("/api/v1/silences", json=one) for one in wanted]
    audit = await client.get("/api/v1/audit")
    return (read.status_code, *(one.status_code for one in silenced), audit.status_code)


async def why(world: World) -> str:
    """What the audit log says of the refusal."""
    found = await world.accounts().audit(before=None, limit=1, by=None, action=None)
    assert found.records[0].action == "sign-in refused"
    return str(found.records[0].after)


async def test_somebody_signs_in_by_code_with_pkce_state_and_nonce(
    world: World, there: Identity
) -> None:
    there.people(ann=["web", "sre"])
    async with world.serving() as client:
        asked = httpx.URL(await begin(client)).params
        back = await sign_in(client, there)
        page = await client.get("/slos", headers=PAGE)

    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert {"state", "nonce", "code_challenge"} <= asked.keys()
    assert (back.status_code, back.headers["location"]) == (303, "/slos?q=a")
    assert "Signed in as ann@example.com (editor for shop-team; responder)" in page.text
    assert world.log()[-1] == ("ann@example.com", "signed in", "ann@example.com")


@pytest.mark.parametrize("algorithm", ["PS256", "ES256"])
async def test_other_signatures_and_groups_in_the_id_token_are_understood(
    world: World, other: Identity, algorithm: str
) -> None:
    other.start(algorithm=algorithm, in_id_token=True)
    async with world.serving() as client:
        back = await sign_in(client, other)

    assert back.status_code == 303
    assert other.asked("/userinfo") == 0


@pytest.mark.parametrize(
    ("groups", "answers"),
    [
        (["readers"], (200, 403, 403, 403)),
        (["sre"], (200, 201, 201, 403)),
        (["web", "lunch"], (200, 201, 403, 403)),
        (["root"], (200, 201, 201, 200)),
    ],
    ids=["viewer", "responder", "editor of one owner", "admin"],
)
async def test_groups_are_roles(
    world: World, there: Identity, groups: list[str], answers: tuple[int, ...]
) -> None:
    there.people(ann=groups)
    async with world.serving() as client:
        await sign_in(client, there)

        assert await may(client) == answers


async def test_groups_that_changed_count_from_the_next_sign_in(
    world: World, there: Identity
) -> None:
    there.people(ann=["root"])
    async with world.serving() as client:
        await sign_in(client, there)
        there.people(ann=["readers"])
        before = await may(client)
        await sign_in(client, there)
        after = await may(client)
        there.people(ann=["lunch"])
        left = await sign_in(client, there)

    assert (before, after) == ((200, 201, 201, 200), (200, 403, 403, 403))
    assert left.status_code == 403
    assert "You are ann@example.com, who is in no group that may do anything here." in left.text


async def test_whoever_signs_out_is_out_and_the_provider_asks_again(
    world: World, there: Identity
) -> None:
    async with world.serving() as client:
        await sign_in(client, there)
        kept = client.cookies["nines_session"]
        out = await client.post("/sign-out")
        after = await client.get("/api/v1/slos")
        again = await client.get("/api/v1/slos", headers=bearing(kept))
        back = await sign_in(client, there)

    assert (out.status_code, out.headers["location"]) == (303, "/sign-in")
    assert (after.status_code, again.status_code, back.status_code) == (401, 401, 303)


async def test_keys_may_be_changed_between_two_sign_ins(world: World, other: Identity) -> None:
    other.start()
    async with world.serving() as client:
        first = await sign_in(client, other)
        other.rotate()
        world.clock.move(timedelta(seconds=31))
        second = await sign_in(client, other)

    assert (first.status_code, second.status_code) == (303, 303)


@pytest.mark.parametrize(
    ("claims", "logged"),
    [
        ({"aud": ["another"]}, "is for ['another'], not for 'nines'"),
        ({"iss": "https://id.example.net"}, "is of 'https://id.example.net', not of 'https://loc"),
        ({"exp": 1_700_000_000}, "ended at 2023-11-14T22:13:20Z"),
        ({"nonce": "of another sign-in"}, "nonce"),
    ],
    ids=["foreign audience", "foreign issuer", "expired", "of another sign-in"],
)
async def test_a_token_that_is_not_for_us_now_is_refused(
    world: World, there: Identity, claims: dict[str, object], logged: str
) -> None:
    there.faults(**claims)
    async with world.serving() as client:
        back = await sign_in(client, there)
        after = await client.get("/api/v1/slos")

    assert (back.status_code, after.status_code) == (403, 401)
    assert AWAY in back.text
    assert logged in await why(world)


@pytest.mark.parametrize(
    ("off", "said"),
    [
        (-AN_HOUR, "(59|60) minutes behind the one here"),
        (AN_HOUR, "(60|61) minutes ahead of the one here"),
    ],
    ids=["behind", "ahead"],
)
async def test_a_clock_that_is_an_hour_off_is_said(
    world: World, other: Identity, off: int, said: str
) -> None:
    other.start(ahead_seconds=off)
    async with world.serving() as client:
        back = await sign_in(client, other)
        after = await client.get("/api/v1/slos")

    assert (back.status_code, after.status_code) == (403, 401)
    assert re.search(f"The clock of the single sign-on is {said}", back.text)


async def test_a_code_that_was_given_to_another_application_is_worth_nothing(
    world: World, there: Identity
) -> None:
    async with world.serving() as client:
        asked = httpx.URL(await begin(client))
        foreign = str(asked.copy_set_param("client_id", OTHER))
        back = await client.get(there.visit(foreign, "ann"), headers=PAGE)

    assert back.status_code == 403
    assert "/token answers 400 invalid_grant" in await why(world)


async def test_a_code_of_somebody_elses_sign_in_is_worth_nothing(
    world: World, there: Identity
) -> None:
    async with world.serving() as thief, world.serving() as victim:
        stolen = httpx.URL(there.visit(await begin(victim), "ann")).params["code"]
        mine = httpx.URL(there.visit(await begin(thief), "ann"))
        back = await thief.get(str(mine.copy_set_param("code", stolen)), headers=PAGE)

    assert back.status_code == 403
    assert "/token answers 400 invalid_grant" in await why(world)  # it looked at the verifier


async def test_an_answer_of_another_provider_is_refused_and_its_code_given_to_nobody(
    world: World, there: Identity, other: Identity
) -> None:
    other.start()
    world.config = configured(there)
    before = there.asked("/token")
    async with world.serving() as client:
        query = httpx.URL(await begin(client)).query.decode()
        back = await client.get(other.visit(f"/authorization?{query}", "ann"), headers=PAGE)

    assert back.status_code == 403
    assert f"the answer is of another issuer, '{other.issuer}'" in await why(world)
    assert (there.asked("/token"), other.asked("/token")) == (before, 0)


async def test_whoever_refuses_there_is_told_plainly_that_nothing_happened(
    world: World, there: Identity
) -> None:
    async with world.serving() as client:
        back = await client.get(there.visit(await begin(client), "ann", refuse=True), headers=PAGE)
        after = await client.get("/api/v1/slos")

    assert (back.status_code, after.status_code) == (403, 401)
    assert (
        "You are not signed in: at the single sign-on you, or a rule there, said no." in back.text
    )
    assert "access_denied" in await why(world)


async def test_a_provider_that_is_down_when_nines_starts_is_used_once_it_is_there(
    world: World, other: Identity
) -> None:
    async with world.serving() as client:
        form = await client.get("/sign-in")
        refused = await client.get("/sign-in/oidc")
        other.start()
        back = await sign_in(client, other)

    assert (form.status_code, refused.status_code, back.status_code) == (200, 503, 303)
    assert AWAY in refused.text
    assert "Try again later." in refused.text


async def test_a_provider_that_goes_down_while_somebody_signs_in_signs_nobody_out(
    world: World, other: Identity
) -> None:
    other.start()
    async with world.serving() as client, world.serving() as late:
        await sign_in(client, other)
        answer = other.visit(await begin(late), "ann")
        other.stop()
        back = await late.get(answer, headers=PAGE)
        meanwhile = await client.get("/api/v1/slos")
        other.start()
        again = await sign_in(late, other)

    assert (back.status_code, meanwhile.status_code, again.status_code) == (403, 200, 303)
    assert AWAY in back.text


async def test_a_session_that_was_there_before_is_never_the_one_afterwards(
    world: World, there: Identity
) -> None:
    there.people(ann=["sre"], bob=["root"])
    async with world.serving() as client:
        client.cookies.set("nines_session", "planted", domain="127.0.0.1")
        await sign_in(client, there)
        first = client.cookies["nines_session"]
        await sign_in(client, there, "bob")
        second = client.cookies["nines_session"]
        old = [
            (await client.get("/api/v1/slos", headers=bearing(one))).status_code
            for one in ("planted", first)
        ]

    assert len({"planted", first, second}) == 3
    assert old == [401, 401]


@pytest.mark.parametrize(
    "going", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
async def test_one_is_led_to_no_other_site_afterwards(
    world: World, there: Identity, going: str
) -> None:
    async with world.serving() as client:
        back = await sign_in(client, there, going=going)

    assert (back.status_code, back.headers["location"]) == (303, "/")
