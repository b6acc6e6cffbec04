"""Signing in, sessions, tokens and the audit log: the pages and the API over a real database."""

import asyncio
import html
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher

from nines.accounts import Accounts
from nines.config.access import AccessConfig, SessionConfig
from nines.credentials import TOKEN_PREFIX, hashed, new_token
from nines.passwords import Passwords
from nines.storage.accounts import AccountRecords, Doer, User
from nines.storage.database import Database, migrate, open_database
from nines.storage.errors import StorageError
from nines.threads import StorageThreads
from tests.fakes.clock import FakeClock
from tests.web.fakes import NOW, FakeSource
from web.access.decision import Grant, Role
from web.access.port import Credentials
from web.app import create_app
from web.settings import WebSettings

SECRET = "correct horse battery"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HOME = "http://127.0.0.1:9919"
OURS = {"Sec-Fetch-Site": "same-origin"}
PAGE = {"Accept": "text/html"}
TEAM = "web-team"
SILENCE = {
    "matchers": ['service="shop"'],
    "duration": "1h",
    "reason": "a new database",
    "author": "somebody else",
}


class Counting(Passwords):
    """Quick, and knows how often it was asked."""

    def __init__(self) -> None:
        super().__init__(QUICK)
        self.asked = 0

    async def is_right(self, hash_: str | None, password: str) -> bool:
        self.asked += 1
        return await super().is_right(hash_, password)


@dataclass
class World:
    """One application with users of every role; each has the same password."""

    database: Database
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    config: AccessConfig = field(default_factory=AccessConfig)
    threads: StorageThreads = field(default_factory=StorageThreads)
    passwords: Counting = field(default_factory=Counting)
    source: FakeSource = field(default_factory=FakeSource)
    external_url: str = HOME
    listen: str = "127.0.0.1"

    @property
    def records(self) -> AccountRecords:
        return AccountRecords(self.database)

    @property
    def doer(self) -> Doer:
        return Doer("test", self.clock.now())

    def user(self, name: str, role: Role, *owners: str) -> None:
        grant = Grant(role, frozenset(owners) or None)
        kept = self.passwords.hash_now(SECRET)
        assert self.records.add_user(User(name, kept, (grant,), self.clock.now()), self.doer)

    def token(self, role: Role, *owners: str, lasts: timedelta = timedelta(days=1)) -> str:
        grant = Grant(role, frozenset(owners) or None)
        secret, token = new_token("ci", (grant,), "ada", self.clock.now(), lasts)
        self.records.add_token(token, self.doer)
        return secret

    def accounts(self) -> Accounts:
        return Accounts(
            database=self.database,
            threads=self.threads,
            config=lambda: self.config,
            on_loopback=self.listen == "127.0.0.1",
            clock=self.clock,
            passwords=self.passwords,
            external_url=self.external_url,
            look_every=0.05,
        )

    @asynccontextmanager
    async def serving(
        self, accounts: Accounts | None = None, peer: str = "127.0.0.1"
    ) -> AsyncIterator[httpx.AsyncClient]:
        """A browser, as far as one is needed."""
        settings = WebSettings(
            now=self.clock.now, external_url=self.external_url, listen=self.listen
        )
        app = create_app(self.source, settings=settings, access=accounts or self.accounts())
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(peer, 1))
        base = self.external_url if self.listen == "127.0.0.1" else HOME
        async with httpx.AsyncClient(transport=transport, base_url=base, headers=OURS) as client:
            yield client

    def log(self) -> list[tuple[str, str, str]]:
        """Who did what to what, oldest first."""
        from nines.storage.audit import AuditRecords

        found, _ = AuditRecords(self.database).page(before=None, limit=250, by=None, action=None)
        return [(one.by, one.action, one.subject) for one in reversed(found)]


@pytest.fixture
def world(tmp_path: Path, migrated_sqlite_file: Path) -> Iterator[World]:
    file = tmp_path / "nines.db"
    file.write_bytes(migrated_sqlite_file.read_bytes())
    database = open_database(f"sqlite:///{file}")
    world = World(database)
    yield world
    world.threads.close()
    world.passwords.close()
    database.close()


def bearing(secret: str, name: str = "nines_session") -> dict[str, str]:
    """With this cookie."""
    return {"Cookie": f"{name}={secret}"}


async def sign_in(
    client: httpx.AsyncClient, name: str = "ada", password: str = SECRET, going: str = "/slos"
) -> httpx.Response:
    return await client.post(
        "/sign-in", data={"name": name, "password": password, "next": going}, headers=PAGE
    )


async def test_signing_in_leads_back_and_gives_a_cookie_that_scripts_cannot_read(
    world: World,
) -> None:
    world.user("ada", Role.RESPONDER)
    async with world.serving() as client:
        before = await client.get("/slos", headers=PAGE)
        response = await sign_in(client)
        page = await client.get("/slos", headers=PAGE)

    assert before.headers["location"] == "/sign-in?next=/slos"
    assert (response.status_code, response.headers["location"]) == (303, "/slos")
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("nines_session=")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert page.status_code == 200
    assert "Signed in as ada (responder)" in page.text
    assert ("ada", "signed in", "ada") in world.log()


async def test_over_tls_the_cookie_is_this_hosts_alone(world: World) -> None:
    world.user("ada", Role.VIEWER)
    world.external_url = "https://slo.example"
    async with world.serving() as client:
        cookie = (await sign_in(client)).headers["set-cookie"]
        kept = client.cookies["__Host-nines_session"]
        client.cookies.clear()
        by_another_name = await client.get("/api/v1/slos", headers=bearing(kept))
        by_its_own = await client.get(
            "/api/v1/slos", headers={"Cookie": f"__Host-nines_session={kept}"}
        )

    assert cookie.startswith("__Host-nines_session=")
    assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert (by_another_name.status_code, by_its_own.status_code) == (401, 200)


async def test_a_session_that_was_there_before_is_never_the_one_afterwards(world: World) -> None:
    world.user("ada", Role.VIEWER)
    async with world.serving() as client:
        planted = {"Cookie": "nines_session=planted"}
        response = await client.post(
            "/sign-in", data={"name": "ada", "password": SECRET}, headers=planted
        )
        first = response.cookies["nines_session"]
        again = await client.post(
            "/sign-in",
            data={"name": "ada", "password": SECRET},
            headers=bearing(first),
        )
        second = again.cookies["nines_session"]
        client.cookies.clear()
        answers = [
            (await client.get("/api/v1/slos", headers=bearing(one))).status_code
            for one in ("planted", first, second)
        ]

    assert answers == [401, 401, 200]


async def test_nothing_secret_stands_in_the_database(world: World, tmp_path: Path) -> None:
    world.user("ada", Role.ADMIN)
    token = world.token(Role.VIEWER)
    async with world.serving() as client:
        await sign_in(client)
        session = client.cookies["nines_session"]
    with closing(sqlite3.connect(tmp_path / "nines.db")) as connection:
        everything = "\n".join(connection.iterdump())

    assert hashed(session) in everything
    assert hashed(token) in everything
    for secret in (SECRET, session, token, token.removeprefix(TOKEN_PREFIX)):
        assert secret not in everything


@pytest.mark.parametrize(
    ("name", "password"), [("ada", "wrong password"), ("eve", SECRET), ("off", SECRET), ("", "")]
)
async def test_who_is_not_right_is_told_the_same_and_waits_as_long(
    world: World, name: str, password: str
) -> None:
    world.user("ada", Role.VIEWER)
    world.user("off", Role.ADMIN)
    world.records.set_disabled("off", world.doer, disabled=True)
    async with world.serving() as client:
        response = await sign_in(client, name, password)

    assert response.status_code == 401
    assert "Name or password is not right." in response.text
    assert "set-cookie" not in response.headers
    assert world.passwords.asked == 1
    assert world.log()[-1] == (name, "sign-in refused", name)


async def test_a_name_and_an_address_may_be_tried_only_so_often(world: World) -> None:
    world.user("ada", Role.VIEWER)
    async with world.serving() as client:
        tries = [(await sign_in(client, "ada", "wrong")).status_code for _ in range(6)]
        while_shut = await sign_in(client)
        other = [(await sign_in(client, f"u{n}", "wrong")).status_code for n in range(5)]
        world.clock.move(timedelta(minutes=1))
        later = await sign_in(client)

    assert tries == [401] * 5 + [429]
    assert while_shut.status_code == 429
    assert "tried too often" in while_shut.text
    assert other == [401] * 3 + [429] * 2  # ten from one address
    assert later.status_code == 303


async def test_an_address_is_what_the_proxy_says_whatever_the_client_said_before(
    world: World,
) -> None:
    async with world.serving() as client:
        tries = []
        for number in range(12):
            forged = [("X-Forwarded-For", f"198.51.100.{number}"), ("X-Forwarded-For", "192.0.2.7")]
            client.headers = httpx.Headers([*OURS.items(), *forged])
            tries.append((await sign_in(client, f"u{number}", "wrong")).status_code)

    assert tries == [401] * 10 + [429] * 2


@pytest.mark.parametrize(
    ("passes", "status"),
    [(timedelta(hours=11), 200), (timedelta(hours=13), 401), (timedelta(days=8), 401)],
)
async def test_a_session_that_is_not_used_ends(
    world: World, passes: timedelta, status: int
) -> None:
    world.user("ada", Role.VIEWER)
    async with world.serving() as client:
        await sign_in(client)
        world.clock.move(passes)
        assert (await client.get("/api/v1/slos")).status_code == status


async def test_a_session_that_is_used_all_the_time_ends_too(world: World) -> None:
    world.user("ada", Role.VIEWER)
    world.config = AccessConfig(
        session=SessionConfig(idle=timedelta(hours=2), absolute=timedelta(hours=6))
    )
    accounts, answers = world.accounts(), []
    async with world.serving(accounts) as client:
        await sign_in(client)
        for _ in range(7):
            world.clock.move(timedelta(hours=1))
            answers.append((await client.get("/api/v1/slos")).status_code)
            await asyncio.gather(*accounts._principals._writing)

    assert answers == [200] * 5 + [401] * 2


async def test_signing_out_ends_it_also_for_who_kept_the_cookie(world: World) -> None:
    world.user("ada", Role.VIEWER)
    async with world.serving() as client:
        await sign_in(client)
        kept = client.cookies["nines_session"]
        response = await client.post("/sign-out")
        client.cookies.clear()
        answer = await client.get("/api/v1/slos", headers=bearing(kept))

    assert response.headers["location"] == "/sign-in"
    assert answer.status_code == 401
    assert world.log()[-1] == ("ada", "signed out", "ada")


async def test_who_is_disabled_elsewhere_is_out_within_seconds(world: World) -> None:
    world.user("ada", Role.ADMIN)
    token = world.token(Role.VIEWER)
    async with world.serving() as client:
        await sign_in(client)
        bearer = {"Authorization": f"Bearer {token}"}
        before = [await client.get("/api/v1/slos", headers=one) for one in ({}, bearer)]
        world.records.set_disabled("ada", world.doer, disabled=True)
        world.clock.move(timedelta(seconds=6))
        after = [await client.get("/api/v1/slos", headers=one) for one in ({}, bearer)]

    assert [one.status_code for one in (*before, *after)] == [200, 200, 401, 401]


async def test_a_changed_password_ends_all_other_sessions(world: World) -> None:
    world.user("ada", Role.VIEWER)
    accounts = world.accounts()
    async with world.serving(accounts) as here, world.serving(accounts) as there:
        await sign_in(here)
        await sign_in(there)
        wrong = await here.post(
            "/account/password", data={"old": "no", "new": "x" * 12, "again": "x" * 12}
        )
        short = await here.post(
            "/account/password", data={"old": SECRET, "new": "x" * 11, "again": "x" * 11}
        )
        done = await here.post(
            "/account/password", data={"old": SECRET, "new": "x" * 12, "again": "x" * 12}
        )
        answers = [(await one.get("/api/v1/slos")).status_code for one in (here, there)]

    assert "The old password is not right." in wrong.text
    assert "at least 12 characters" in short.text
    assert done.status_code == 303
    assert answers == [200, 401]


# --- other sites ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Origin": HOME}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),  # a session, and nothing that says where it comes from
    ],
    ids=str,
)
async def test_a_session_is_not_taken_from_another_site(
    world: World, headers: dict[str, str], status: int
) -> None:
    world.user("ada", Role.RESPONDER)
    async with world.serving() as client:
        await sign_in(client)
        del client.headers["Sec-Fetch-Site"]
        response = await client.post("/api/v1/silences", json=SILENCE, headers=headers)

    assert response.status_code == status
    made = [one.author for one in world.source.silences() if one.reason == SILENCE["reason"]]
    assert made == (["ada"] if status == 201 else [])


async def test_another_site_cannot_sign_somebody_in(world: World) -> None:
    world.user("ada", Role.VIEWER)
    async with world.serving() as client:
        response = await client.post(
            "/sign-in",
            data={"name": "ada", "password": SECRET},
            headers={"Sec-Fetch-Site": "cross-site"},
        )

    assert response.status_code == 403
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "going",
    [
        *("https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example"),
        *("/\t/evil.example", "javascript:alert(1)", "evil", "/ok\r\nSet-Cookie: a=b", "/\x00"),
        *("///evil.example", "http:evil.example", "/%0d%0a\nX: y"),
    ],
)
async def test_signing_in_leads_to_no_other_site_and_writes_no_header(
    world: World, going: str
) -> None:
    world.user("ada", Role.VIEWER)
    async with world.serving() as client:
        response = await sign_in(client, going=going)
        form = await client.get("/sign-in", params={"next": going})

    assert response.headers["location"] == "/"
    assert response.headers.get_list("set-cookie")[1:] == []
    assert 'name="next" value="/"' in form.text


async def test_what_people_write_is_never_markup(world: World) -> None:
    markup = '"><script>alert(1)</script>'
    world.user("ada", Role.ADMIN)
    async with world.serving() as client:
        refused = await sign_in(client, markup, "wrong", going=f"/{markup}")
        await sign_in(client)
        made = await client.post(
            "/account/tokens", data={"name": markup, "role": "viewer", "days": "1", "owners": ""}
        )
        account = await client.get("/account")
        log = await client.get("/audit", params={"by": "", "action": ""})
        asked = await client.get("/audit", params={"by": markup})

    for page in (refused, made, account, log, asked):
        assert "<script>alert" not in page.text
        assert "<script>alert" in html.unescape(page.text)


# --- who may what --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("matchers", "owner", "status"),
    [
        ('service="shop"', TEAM, 201),
        ('service="petuniverse-api"', TEAM, 403),
        ('severity="page"', TEAM, 403),
        ('severity="page"', None, 201),
    ],
)
async def test_nobody_silences_another_teams_pager(
    world: World, matchers: str, owner: str | None, status: int
) -> None:
    owners = {card.name: card.owner for card in world.source.services()}
    assert owners["petuniverse-api"] != owners["shop"]
    mine = [] if owner is None else [str(owners["shop"])]
    token = world.token(Role.RESPONDER, *mine)
    world.user("ada", Role.ADMIN)
    async with world.serving() as client:
        response = await client.post(
            "/api/v1/silences",
            json=SILENCE | {"matchers": [matchers]},
            headers={"Authorization": f"Bearer {token}"},
        )

    assert response.status_code == status, response.text
    made = [one.author for one in world.source.silences() if one.reason == SILENCE["reason"]]
    assert made == (["ci (token of ada)"] if status == 201 else [])


async def test_a_change_bears_the_name_of_who_signed_in_whatever_a_form_says(
    world: World,
) -> None:
    world.user("ada", Role.RESPONDER)
    async with world.serving() as client:
        await sign_in(client)
        page = await client.get("/incidents/INC0001")
        await client.post("/incidents/INC0001/acknowledge", data={"name": "eve"})
        await client.post("/receivers/oncall/canary", data={"name": "eve"})

    assert 'id="name"' not in page.text
    assert world.source.details["INC0001"].incident.acknowledged_by == "ada"
    assert [one for one in world.log() if one[0] == "eve"] == []


async def test_an_acknowledgement_for_another_owner_is_refused(world: World) -> None:
    service = world.source.details["INC0001"].incident.service
    world.user("ada", Role.RESPONDER, "nobody-of-theirs")
    async with world.serving() as client:
        await sign_in(client)
        response = await client.post("/incidents/INC0001/acknowledge", data={}, headers=PAGE)

    owner = next(card.owner for card in world.source.services() if card.name == service)
    assert response.status_code == 403
    assert f"may not acknowledge for the services of {owner}" in html.unescape(response.text)
    assert world.source.details["INC0001"].incident.acknowledged_by is None


# --- tokens --------------------------------------------------------------------------------------


async def test_a_token_is_shown_once_used_and_revoked(world: World) -> None:
    world.user("ada", Role.EDITOR)
    async with world.serving() as client:
        await sign_in(client)
        made = await client.post(
            "/account/tokens",
            data={"name": "deploys", "role": "editor", "days": "30", "owners": TEAM},
        )
        secret = made.text.split('class="mono">')[1].split("<")[0]
        bearer = {"Authorization": f"Bearer {secret}"}
        used = await client.get("/api/v1/slos", headers=bearer)
        page = await client.get("/account")
        token_id = page.text.split("/account/tokens/")[1].split("/")[0]
        await client.post(f"/account/tokens/{token_id}/revoke")
        after = await client.get("/api/v1/slos", headers=bearer)

    assert secret.startswith(TOKEN_PREFIX)
    assert secret not in page.text
    assert f"editor for {TEAM}" in page.text
    assert (used.status_code, after.status_code) == (200, 401)
    assert after.json()["detail"] == "This token is not known, or no longer valid."
    assert [one[1] for one in world.log()[-2:]] == ["token made", "token revoked"]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"role": "admin"}, "a token may not be admin"),
        ({"role": "editor", "owners": ""}, "a token may not be editor."),
        ({"role": "editor", "owners": "pets-team"}, "a token may not be editor for pets-team"),
        ({"role": "viewer", "owners": TEAM}, "a viewer reads everything"),
        ({"role": "king"}, "A role is one of"),
        ({"days": "0"}, "whole number of days"),
        ({"days": "9999"}, "366 days at most"),
        ({"name": ""}, "Name the token"),
    ],
)
async def test_nobody_gives_a_token_more_than_they_have(
    world: World, sent: dict[str, str], said: str
) -> None:
    world.user("ada", Role.EDITOR, TEAM)
    usual = {"name": "ci", "role": "editor", "days": "1", "owners": TEAM}
    async with world.serving() as client:
        await sign_in(client)
        response = await client.post("/account/tokens", data=usual | sent)

    assert response.status_code == 400
    assert said in html.unescape(response.text)
    assert world.records.tokens() == []


async def test_a_token_ends_and_an_unknown_one_is_refused(world: World) -> None:
    world.user("ada", Role.ADMIN)
    token = world.token(Role.VIEWER, lasts=timedelta(hours=1))
    async with world.serving() as client:
        answers = []
        for given in (token, f"{token}x", "another"):
            headers = {"Authorization": f"Bearer {given}"}
            answers.append((await client.get("/api/v1/slos", headers=headers)).status_code)
        world.clock.move(timedelta(hours=1))
        late = await client.get("/api/v1/slos", headers={"Authorization": f"bearer {token}"})

    assert answers == [200, 401, 401]
    assert late.status_code == 401


async def test_somebody_else_cannot_revoke_a_token_but_an_admin_can(world: World) -> None:
    world.user("ada", Role.EDITOR)
    world.user("bob", Role.EDITOR)
    world.user("root", Role.ADMIN)
    world.token(Role.VIEWER)
    (token,) = world.records.tokens()
    accounts, answers = world.accounts(), []
    for name in ("bob", "root"):
        async with world.serving(accounts) as client:
            await sign_in(client, name)
            answer = await client.post(f"/account/tokens/{token.id}/revoke")
            answers.append(answer.status_code)

    assert answers == [404, 303]


# --- machines ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/metrics", "/-/healthy", "/-/ready"])
async def test_prometheus_may_scrape_without_signing_in_unless_that_is_configured(
    world: World, path: str
) -> None:
    world.user("ada", Role.ADMIN)
    token = world.token(Role.VIEWER)
    async with world.serving() as client:
        open_to_all = await client.get(path)
        world.config = AccessConfig(metrics="signed_in", health="signed_in")
        closed = await client.get(path)
        by_token = await client.get(path, headers={"Authorization": f"Bearer {token}"})

    answers = [one.status_code for one in (open_to_all, closed, by_token)]
    assert answers == [200, 401, 200]


async def test_anonymous_reading_is_a_setting(world: World) -> None:
    world.user("ada", Role.ADMIN)
    world.config = AccessConfig(anonymous="viewer")
    async with world.serving() as client:
        page = await client.get("/slos", headers=PAGE)
        change = await client.post("/api/v1/silences", json=SILENCE)
        log = await client.get("/api/v1/audit")

    assert page.status_code == 200
    assert "Not signed in" in page.text
    assert (change.status_code, log.status_code) == (401, 401)


# --- before there are users ----------------------------------------------------------------------


async def test_without_users_everybody_on_this_machine_may_do_all_and_is_told_so(
    world: World,
) -> None:
    async with world.serving() as client:
        page = await client.get("/", headers=PAGE)
        made = await client.post("/api/v1/silences", json=SILENCE)

    assert "everybody on this machine may change everything" in page.text
    assert made.status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "192.0.2.1"},
        {"X-Forwarded-Proto": "https"},
        {"Forwarded": "for=192.0.2.1"},
        {"Via": "1.1 cache"},
        {"Host": "slo.example"},
    ],
    ids=str,
)
async def test_what_a_proxy_brings_is_not_from_this_machine(
    world: World, headers: dict[str, str]
) -> None:
    world.external_url = "https://slo.example"
    async with world.serving() as client:
        made = await client.post(
            "/api/v1/silences", json=SILENCE, headers={"Host": "127.0.0.1"} | headers
        )

    assert made.status_code == 403
    assert "Nines has no users yet" in made.json()["detail"]
    assert [one for one in world.source.silences() if one.reason == SILENCE["reason"]] == []


async def test_beyond_this_machine_nothing_is_changed_before_the_first_admin_is_made(
    world: World,
) -> None:
    world.listen = "0.0.0.0"
    accounts = world.accounts()
    token = await accounts.open()
    assert token is not None
    first = {"name": "Root", "password": SECRET}
    async with world.serving(accounts, "192.0.2.7") as client:
        hint = await client.get("/", headers=PAGE, follow_redirects=True)
        change = await client.post("/api/v1/silences", json=SILENCE)
        guessed = await client.post("/setup", data=first | {"token": "guess"})
        weak = await client.post("/setup", data=first | {"token": token, "password": "short"})
        done = await client.post("/setup", data=first | {"token": token})
        changed = await client.post("/api/v1/silences", json=SILENCE)
        again = await client.post("/setup", data=first | {"token": token, "name": "eve"})

    assert "Nobody can sign in yet" in hint.text
    assert change.status_code == 403
    assert "listens beyond this machine and has no users yet" in change.json()["detail"]
    assert [one.status_code for one in (guessed, weak, done, again)] == [400, 400, 303, 400]
    assert changed.status_code == 201
    assert [user.name for user in world.records.users()] == ["root"]


async def test_a_user_made_on_the_command_line_closes_the_door_within_seconds(
    world: World,
) -> None:
    async with world.serving() as client:
        before = await client.get("/api/v1/slos")
        world.user("ada", Role.ADMIN)
        world.clock.move(timedelta(seconds=3))
        after = await client.get("/api/v1/slos")

    assert (before.status_code, after.status_code) == (200, 401)


def away_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Storage does not say any more who somebody is."""

    def away(*_: object) -> None:
        raise StorageError("The database did not answer.")

    for what in ("session", "token"):
        monkeypatch.setattr(AccountRecords, what, away)


async def test_whoever_was_signed_in_goes_on_reading_while_storage_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.user("ada", Role.ADMIN)

    def away(*_: object) -> None:
        raise StorageError("The database did not answer.")

    async with world.serving() as client:
        await sign_in(client)
        assert (await client.get("/slos", headers=PAGE)).status_code == 200
        world.clock.move(timedelta(minutes=10))
        monkeypatch.setattr(AccountRecords, "session", away)
        for _ in range(3):
            reading = await client.get("/slos", headers=PAGE)
            assert "Signed in as ada (admin)" in reading.text
            world.clock.move(timedelta(hours=1))
        changing = await client.post("/api/v1/silences", json=SILENCE)
        stranger = await client.get("/api/v1/slos", headers=bearing("somebody-else"))
        world.clock.move(timedelta(days=8))  # no session lasts that long
        ended = await client.get("/api/v1/slos")

    assert (changing.status_code, stranger.status_code, ended.status_code) == (503, 503, 503)


async def test_storage_that_was_away_is_asked_again_before_anybody_is_believed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.user("ada", Role.VIEWER)

    def away(*_: object) -> None:
        raise StorageError("The database did not answer.")

    async with world.serving() as client:
        await sign_in(client)
        assert (await client.get("/api/v1/slos")).status_code == 200
        with monkeypatch.context() as outage:
            outage.setattr(AccountRecords, "session", away)
            world.clock.move(timedelta(minutes=1))
            assert (await client.get("/api/v1/slos")).status_code == 200
        world.records.set_disabled("ada", world.doer, disabled=True)
        assert (await client.get("/api/v1/slos")).status_code == 401
        monkeypatch.setattr(AccountRecords, "session", away)
        world.clock.move(timedelta(minutes=1))
        assert (await client.get("/api/v1/slos")).status_code == 401


async def test_a_session_that_nobody_used_for_long_is_not_believed_when_storage_goes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.user("ada", Role.VIEWER)

    def away(*_: object) -> None:
        raise StorageError("The database did not answer.")

    async with world.serving() as client:
        await sign_in(client)
        assert (await client.get("/api/v1/slos")).status_code == 200
        world.clock.move(timedelta(minutes=16))
        monkeypatch.setattr(AccountRecords, "session", away)

        assert (await client.get("/api/v1/slos")).status_code == 503


async def test_a_session_that_nobody_uses_ends_while_storage_is_away_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.user("ada", Role.VIEWER)
    world.config = AccessConfig(
        session=SessionConfig(idle=timedelta(minutes=30), absolute=timedelta(days=7))
    )
    async with world.serving() as client:
        await sign_in(client)
        assert (await client.get("/api/v1/slos")).status_code == 200
        away_from(monkeypatch)
        answers = []
        for minutes in (10, 25, 25, 31, 1):
            world.clock.move(timedelta(minutes=minutes))
            answers.append((await client.get("/api/v1/slos")).status_code)

    assert answers == [200, 200, 200, 503, 503]


async def test_what_was_revoked_on_the_command_line_is_not_believed_once_storage_goes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.user("ada", Role.ADMIN)
    world.user("bob", Role.VIEWER)
    revoked, kept = world.token(Role.VIEWER), world.token(Role.VIEWER)
    accounts = world.accounts()
    await accounts.open()
    async with world.serving(accounts) as client:
        await sign_in(client, "bob")
        assert (await client.get("/api/v1/slos")).status_code == 200
        for one in (revoked, kept):
            by = {"Authorization": f"Bearer {one}"}
            assert (await client.get("/api/v1/slos", headers=by)).status_code == 200
        ids = {one.hash: one.id for one in world.records.tokens()}
        world.records.revoke_token(ids[hashed(revoked)], world.doer)
        world.records.set_disabled("bob", world.doer, disabled=True)
        await asyncio.sleep(0.3)  # it has looked again, though nobody asked
        away_from(monkeypatch)
        world.clock.move(timedelta(minutes=1))
        by_session = await client.get("/api/v1/slos")
        by_token, beside = [
            await client.get("/api/v1/slos", headers={"Authorization": f"Bearer {one}"})
            for one in (revoked, kept)
        ]
    await accounts.close()

    assert (by_session.status_code, by_token.status_code, beside.status_code) == (503, 503, 200)


async def test_who_was_signed_in_goes_on_reading_though_others_came_and_went_before_storage(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.user("ada", Role.ADMIN)
    world.user("bob", Role.VIEWER)
    accounts = world.accounts()
    async with world.serving(accounts) as ada, world.serving(accounts) as bob:
        await sign_in(ada)
        assert (await ada.get("/api/v1/slos")).status_code == 200
        await sign_in(bob, "bob")
        assert (await bob.get("/api/v1/slos")).status_code == 200
        left = bob.cookies["nines_session"]
        await bob.post("/sign-out")
        away_from(monkeypatch)
        world.clock.move(timedelta(minutes=1))
        stays = await ada.get("/api/v1/slos")
        bob.cookies.set("nines_session", left)
        gone = await bob.get("/api/v1/slos")

    assert (stays.status_code, gone.status_code) == (200, 503)


async def test_whoever_signs_out_while_storage_is_away_is_not_believed_any_longer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.user("ada", Role.ADMIN)
    async with world.serving() as client:
        await sign_in(client)
        assert (await client.get("/api/v1/slos")).status_code == 200
        away_from(monkeypatch)
        world.clock.move(timedelta(minutes=1))
        before = await client.get("/api/v1/slos")
        out = await client.post("/sign-out")
        after = await client.get("/api/v1/slos")

    assert (before.status_code, out.status_code, after.status_code) == (200, 503, 503)


async def test_what_was_looked_up_while_it_was_revoked_is_not_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.user("ada", Role.VIEWER)
    accounts = world.accounts()
    signed_in = await accounts.sign_in("ada", SECRET, "", None)
    assert signed_in is not None
    looked, ended = threading.Event(), threading.Event()
    session = AccountRecords.session

    def slow(records: AccountRecords, hash_: str) -> object:
        found = session(records, hash_)
        looked.set()
        ended.wait(10)
        return found

    with monkeypatch.context() as slowly:
        slowly.setattr(AccountRecords, "session", slow)
        asking = asyncio.ensure_future(accounts.who(Credentials(session=signed_in.secret)))
        await asyncio.to_thread(looked.wait, 10)
    await accounts.sign_out(signed_in.secret)
    ended.set()
    assert (await asking).name == "ada"  # who asked before it ended

    assert (await accounts.who(Credentials(session=signed_in.secret))).name == ""
    away_from(monkeypatch)
    world.clock.move(timedelta(minutes=1))
    assert (await accounts.who(Credentials(session=signed_in.secret), reads=True)).name == ""


# --- streams and the log -------------------------------------------------------------------------


async def ends(accounts: Accounts, secret: str, act: Callable[[], Awaitable[None] | None]) -> None:
    """What a stream of this session waits for comes after `act`, and not before."""
    principal = await accounts.who(Credentials(session=secret))
    over = asyncio.ensure_future(accounts.over(principal))
    await asyncio.sleep(0.12)  # it has looked again meanwhile
    assert not over.done()
    acting = act()
    if acting is not None:
        await acting
    async with asyncio.timeout(10):
        await over


async def test_a_stream_ends_with_its_session(world: World) -> None:
    world.user("ada", Role.VIEWER)
    accounts = world.accounts()

    async def one() -> str:
        signed_in = await accounts.sign_in("ada", SECRET, "", None)
        assert signed_in is not None
        return signed_in.secret

    secret = await one()
    await ends(accounts, secret, lambda: accounts.sign_out(secret))
    await ends(accounts, await one(), lambda: world.clock.move(timedelta(days=8)))

    def disable() -> None:
        world.records.set_disabled("ada", world.doer, disabled=True)
        world.clock.move(timedelta(seconds=6))

    await ends(accounts, await one(), disable)


async def test_the_log_is_read_a_page_at_a_time_by_whom_and_of_what(world: World) -> None:
    world.user("root", Role.ADMIN)
    for number in range(7):
        world.records.record(Doer(f"u{number % 2}", world.clock.now()), "tried", str(number))
    token = world.token(Role.ADMIN)
    async with world.serving() as client:
        client.headers["Authorization"] = f"Bearer {token}"
        seen, cursor = [], None
        while True:
            query = {"action": "tried", "limit": "3"} | ({"cursor": cursor} if cursor else {})
            answer = (await client.get("/api/v1/audit", params=query)).json()
            seen += [one["subject"] for one in answer["records"]]
            cursor = answer["next_cursor"]
            if cursor is None:
                break
        by_one = (await client.get("/api/v1/audit", params={"by": "u1"})).json()["records"]
        bad = await client.get("/api/v1/audit", params={"cursor": "W10"})
        page = await client.get("/audit", params={"action": "tried"})

    assert seen == ["6", "5", "4", "3", "2", "1", "0"]
    assert [one["subject"] for one in by_one] == ["5", "3", "1"]
    assert bad.status_code == 400
    assert page.status_code == 200


async def test_the_log_tells_from_where_each_change_came(world: World) -> None:
    from nines.storage.audit import AuditRecords

    world.user("ada", Role.ADMIN)
    async with world.serving(peer="192.0.2.7") as client:
        await sign_in(client)
        await client.post("/account/tokens", data={"name": "ci", "role": "viewer", "days": "3"})
        await client.post("/receivers/oncall/canary")
        incident = (await client.get("/api/v1/incidents")).json()["incidents"][0]["id"]
        noted = await client.post(f"/incidents/{incident}/notes", data={"text": "It is the disk."})
        await client.post("/sign-out")
    found, _ = AuditRecords(world.database).page(before=None, limit=9, by="ada", action=None)
    told = {one.action: one for one in found}

    assert noted.status_code == 303
    assert {"signed in", "token made", "incident noted", "signed out"} <= set(told)
    assert {one.address for one in found} == {"192.0.2.7"}
    assert "It is the disk." in (told["incident noted"].after or "")


def test_the_schema_is_there(world: World) -> None:
    migrate(world.database)

    assert not world.records.has_users()
