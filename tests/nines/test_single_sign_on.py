"""Signing in by OpenID Connect, at a provider over TLS that is strict, and one that is at fault."""

import html
import re
import ssl
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from nines.config.access import AccessConfig
from tests.fakes.oidc_provider import CLIENT, SECRET, Provider, provider
from tests.nines.test_accounts import HOME, PAGE, World
from tests.nines.test_accounts import world as world
from tests.web.fakes import NOW
from web.access.decision import Role

CALLBACK = f"{HOME}/sign-in/oidc/callback"
AWAY = "The single sign-on does not answer as it should"
GROUPS = {
    "sre": {"role": "responder"},
    "web": {"role": "editor", "owners": ["web-team"]},
    "root": {"role": "admin"},
}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with provider(tmp_path_factory.mktemp("provider"), CALLBACK) as one:
        yield one


@pytest.fixture
def there(serving: Provider, world: World) -> Iterator[Provider]:
    """The provider as it should be, and Nines configured for it."""
    usual = {name: getattr(serving, name) for name in ("person", "key", "published")}
    serving.now = NOW.timestamp()
    serving.asked.clear()
    world.config = configured(serving)
    yield serving
    serving.person, serving.key, serving.published = usual.values()
    serving.claims, serving.tells, serving.userinfo = {}, {}, {}
    serving.algorithm, serving.only_in_userinfo, serving.decodes = "RS256", (), True


def configured(there: Provider, **more: Any) -> AccessConfig:  # noqa: ANN401 - as written
    oidc = {
        "issuer": there.issuer,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "groups": GROUPS,
        "ca_file": str(there.ca_file),
        **more,
    }
    return AccessConfig.model_validate({"oidc": oidc})


async def visit(there: Provider, url: str) -> str:
    """What a browser does at the provider; where it is sent back to."""
    context = ssl.create_default_context(cafile=str(there.ca_file))
    async with httpx.AsyncClient(verify=context) as browser:
        response = await browser.get(url)
    assert response.status_code == 302, response.text
    return response.headers["location"]


async def sign_in(
    client: httpx.AsyncClient, there: Provider, going: str = "/slos?q=a"
) -> httpx.Response:
    """The whole way, until one is back."""
    sent = await client.get("/sign-in/oidc", params={"next": going})
    assert sent.status_code == 303, sent.text
    return await client.get(await visit(there, sent.headers["location"]), headers=PAGE)


async def test_somebody_is_signed_in_with_the_roles_of_their_groups(
    world: World, there: Provider
) -> None:
    there.person = {**there.person, "groups": ["web", "sre"]}
    async with world.serving() as client:
        form = await client.get("/sign-in")
        planted = {"Cookie": "nines_session=planted"}
        before = await client.get("/api/v1/slos", headers=planted)
        back = await sign_in(client, there)
        page = await client.get("/slos", headers=PAGE)

    assert "Sign in by single sign-on" in form.text
    assert 'type="password"' not in form.text  # there is nobody who has one
    assert before.status_code == 401
    assert (back.status_code, back.headers["location"]) == (303, "/slos?q=a")
    assert "Signed in as ann@example.com (editor for web-team; responder)" in page.text
    assert world.log()[-1] == ("ann@example.com", "signed in", "ann@example.com")


async def test_discovery_and_keys_are_asked_once_and_again_after_a_while(
    world: World, there: Provider
) -> None:
    async with world.serving() as client:
        await sign_in(client, there)
        await sign_in(client, there)
        once = dict(there.asked)
        world.clock.move(timedelta(hours=1))
        there.now += 3_600
        await sign_in(client, there)

    assert once == {"discovery": 1, "jwks": 1}
    assert there.asked == {"discovery": 2, "jwks": 2}


async def test_keys_that_were_changed_are_fetched_but_not_for_every_stranger(
    world: World, there: Provider
) -> None:
    answers = []
    async with world.serving() as client:
        await sign_in(client, there)
        for seconds in (31, 0, 31):
            world.clock.move(timedelta(seconds=seconds))
            there.rotate()
            answers.append((await sign_in(client, there)).status_code)

    assert answers == [303, 403, 303]
    assert there.asked["jwks"] == 3


async def test_groups_that_only_userinfo_tells_count(world: World, there: Provider) -> None:
    there.only_in_userinfo = ("groups", "email", "email_verified")
    async with world.serving() as client:
        back = await sign_in(client, there)

    assert back.status_code == 303
    assert there.asked["userinfo"] == 1


@pytest.mark.parametrize(
    ("methods", "decodes", "status"),
    [
        (["client_secret_basic"], True, 303),
        (["client_secret_post"], True, 303),
        (["client_secret_basic", "client_secret_post"], True, 303),
        (["client_secret_basic", "client_secret_post"], False, 303),
        (["client_secret_basic"], False, 403),
    ],
    ids=["in the head", "in the body", "either", "either, misread", "misread"],
)
async def test_a_secret_of_odd_letters_is_given_as_the_provider_reads_it(
    world: World, there: Provider, methods: list[str], decodes: bool, status: int
) -> None:
    there.tells, there.decodes = {"token_endpoint_auth_methods_supported": methods}, decodes
    async with world.serving() as client:
        back = await sign_in(client, there)

    assert back.status_code == status


def _claims(**claims: object) -> Callable[[Provider], None]:
    return lambda there: there.claims.update(claims)


def _person(**person: object) -> Callable[[Provider], None]:
    def change(there: Provider) -> None:
        there.person = {**there.person, **person}

    return change


def _set(**fields: object) -> Callable[[Provider], None]:
    def change(there: Provider) -> None:
        for name, value in fields.items():
            setattr(there, name, value)

    return change


def _mixed_up(there: Provider) -> None:
    there.only_in_userinfo = ("groups",)
    there.userinfo = {"sub": "8", "groups": ["root"]}


@pytest.mark.parametrize(
    ("fault", "said", "logged"),
    [
        (_claims(nonce="another"), AWAY, "nonce"),
        (_claims(nonce=None), AWAY, "nonce"),
        (_claims(aud="another"), AWAY, "aud"),
        (_claims(aud=[CLIENT, "another"]), AWAY, "azp"),
        (_claims(aud=[CLIENT], azp="another"), AWAY, "azp"),
        (_claims(iss="https://evil.example"), AWAY, "iss"),
        (_claims(exp=int(NOW.timestamp()) - 61), AWAY, "expired"),
        (_claims(exp=None), AWAY, "exp"),
        (_claims(iat=int(NOW.timestamp()) + 120), "is 2 minutes ahead of", "in the future"),
        (_claims(iat=1e300), AWAY, "in the future"),
        (
            _claims(iat=int(NOW.timestamp()) - 3_600, exp=int(NOW.timestamp()) - 3_300),
            "is 60 minutes behind",
            "it ended at",
        ),
        (_claims(sub=None), AWAY, "sub"),
        (_claims(at_hash="another"), AWAY, "at_hash"),
        (_set(algorithm="none"), AWAY, "none"),
        (_set(algorithm="HS256"), AWAY, "HS256"),
        (Provider.be_robbed, AWAY, "signature"),
        (_mixed_up, AWAY, "somebody else"),
        (_person(groups=["lunch"]), "who is in no group", "no group"),
        (_person(groups=None), "who is in no group", "no group"),
        (_person(groups={"sre": 1}), "who is in no group", "no group"),
        (_person(email_verified=False), "was not verified", "not verified"),
        (_person(email_verified="false"), "was not verified", "not verified"),
        (_person(email=["a", "b"]), AWAY, "no name"),
        (_person(email="a\r\nSet-Cookie: x"), AWAY, "no name"),
    ],
)
async def test_what_is_not_right_signs_nobody_in(
    world: World, there: Provider, fault: Callable[[Provider], None], said: str, logged: str
) -> None:
    async with world.serving() as client:
        sent = await client.get("/sign-in/oidc")
        fault(there)
        back = await client.get(await visit(there, sent.headers["location"]))
        after = await client.get("/api/v1/slos")

    assert back.status_code == 403
    assert said in html.unescape(back.text)
    assert after.status_code == 401
    assert world.log()[-1][1] == "sign-in refused"
    found = await world.accounts().audit(before=None, limit=1, by=None, action=None)
    assert logged in str(found.records[0].after)


@pytest.mark.parametrize(
    "tells",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://127.0.0.1:1/token"},
        {"jwks_uri": None},
        {"userinfo_endpoint": "ftp://x"},
    ],
    ids=str,
)
async def test_a_provider_that_tells_nonsense_is_not_used(
    world: World, there: Provider, tells: dict[str, Any]
) -> None:
    there.tells = tells
    async with world.serving() as client:
        response = await client.get("/sign-in/oidc")

    assert response.status_code == 503
    assert AWAY in html.unescape(response.text)


async def test_a_provider_that_is_not_trusted_is_not_used(world: World, there: Provider) -> None:
    world.config = configured(there, ca_file=None)
    async with world.serving() as client:
        response = await client.get("/sign-in/oidc")

    assert response.status_code == 503


async def test_nobody_is_signed_in_by_a_link_that_somebody_else_began(
    world: World, there: Provider
) -> None:
    async with world.serving() as attacker, world.serving() as victim:
        sent = await attacker.get("/sign-in/oidc")
        link = await visit(there, sent.headers["location"])
        back = await victim.get(link)
        after = await victim.get("/api/v1/slos")

    assert back.status_code == 403
    assert "did not begin here" in back.text
    assert after.status_code == 401


async def test_an_answer_is_good_once_and_not_for_long(world: World, there: Provider) -> None:
    async with world.serving() as client:
        sent = await client.get("/sign-in/oidc")
        kept = dict(client.cookies)
        link = await visit(there, sent.headers["location"])
        first = await client.get(link)
        client.cookies.update(kept)
        again = await client.get(link)
        client.cookies.clear()
        sent = await client.get("/sign-in/oidc")
        link = await visit(there, sent.headers["location"])
        world.clock.move(timedelta(minutes=10))
        late = await client.get(link)

    assert [one.status_code for one in (first, again, late)] == [303, 403, 403]
    assert "took too long" in late.text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            "access_denied",
            "You are not signed in: at the single sign-on you, or a rule there, said",
        ),
        ("temporarily_unavailable", "The single sign-on refused to sign you in; the log says why."),
    ],
)
@pytest.mark.usefixtures("there")
async def test_what_the_provider_refuses_is_told_without_its_words(
    world: World, error: str, said: str
) -> None:
    async with world.serving() as client:
        sent = await client.get("/sign-in/oidc")
        state = httpx.URL(sent.headers["location"]).params["state"]
        told = {"state": state, "error": error, "error_description": "<script>x"}
        back = await client.get("/sign-in/oidc/callback", params=told)

    assert back.status_code == 403
    assert said in back.text
    assert "<script>x" not in back.text


async def test_whoever_was_refused_tries_again_on_the_way_to_where_they_were_going(
    world: World, there: Provider
) -> None:
    async with world.serving() as client:
        sent = await client.get("/sign-in/oidc", params={"next": "/incidents/INC0001"})
        state = httpx.URL(sent.headers["location"]).params["state"]
        told = {"state": state, "error": "access_denied"}
        back = await client.get("/sign-in/oidc/callback", params=told)
        there.person = {**there.person, "groups": ["lunch"]}
        left = await sign_in(client, there, "/incidents/INC0001")
        strange = await client.get("/sign-in/oidc/callback", params=told)

    ways = [re.findall(r'href="/sign-in/oidc\?([^"]*)"', one.text) for one in (back, left, strange)]
    assert ways == [["next=%2Fincidents%2FINC0001"], ["next=%2Fincidents%2FINC0001"], ["next=%2F"]]


@pytest.mark.parametrize("going", ["https://evil.example", "//evil.example", "/\\evil"])
async def test_one_is_led_to_no_other_site_afterwards(
    world: World, there: Provider, going: str
) -> None:
    async with world.serving() as client:
        back = await sign_in(client, there, going)

    assert back.headers["location"] == "/"


async def test_a_user_with_a_password_cannot_be_taken_over_by_name(
    world: World, there: Provider
) -> None:
    world.user("ann@example.com", Role.ADMIN)
    async with world.serving() as client:
        back = await sign_in(client, there)
        form = await client.get("/sign-in")

    assert back.status_code == 403
    assert "who signs in with a password" in back.text
    assert 'type="password"' in form.text


async def test_without_the_section_its_sessions_end(world: World, there: Provider) -> None:
    world.user("root", Role.ADMIN)
    async with world.serving() as client:
        await sign_in(client, there)
        before = await client.get("/api/v1/slos")
        world.config = AccessConfig()
        world.clock.move(timedelta(seconds=6))
        after = await client.get("/api/v1/slos")

    assert (before.status_code, after.status_code) == (200, 401)


def test_the_client_secret_is_never_printed(there: Provider) -> None:
    config = configured(there)

    assert SECRET not in repr(config)
    assert SECRET not in config.model_dump_json()
