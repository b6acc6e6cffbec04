"""What the pictures' addresses need of a running demo, and what its people do there."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from playwright.async_api import APIRequestContext

from nines.clock import SystemClock
from nines.demo.inbox import Inbox
from nines.passwords import Passwords
from nines.service import Service
from nines.storage.accounts import AccountRecords, Doer, User
from web.access.decision import Grant, Role

NAME, PASSWORD = "ada", "correct horse battery"
# (release, of what, how many minutes ago)
_RELEASES = (
    ("v3.2.0", "petuniverse", 60 * 63),
    ("v3.2.1", "petuniverse", 60 * 20),
    ("2026.11.4", "mewayz", 25),
)


async def add_user(service: Service) -> None:
    """An admin, as `nines user add` would."""
    now = SystemClock().now()
    hashed = Passwords().hash_now(PASSWORD)
    user = User(NAME, hashed, (Grant(Role.ADMIN),), now)
    records = AccountRecords(service.database)
    await service.threads.write(lambda: records.add_user(user, Doer("nines user", now)))


class People:
    """Whoever is signed in by these cookies, at work."""

    def __init__(self, request: APIRequestContext, url: str) -> None:
        self._request = request
        self._url = url

    async def work(self) -> Mapping[str, str]:
        """Do what leaves something to be seen; gives the ids of what was made."""
        now = SystemClock().now()
        for version, service, ago in _RELEASES:
            at = (now - timedelta(minutes=ago)).isoformat()
            told = {"service": service, "version": version, "environment": "production"}
            await self._post("/api/v1/deployments", {**told, "at": at, "by": "ci"})
        await self._post(
            "/api/v1/annotations",
            {
                "service": "petuniverse",
                "slo": "bookings",
                "text": "A partner's calendar is asked less often",
                "start": (now - timedelta(days=6, hours=2)).isoformat(),
                "by": NAME,
            },
        )
        silence = await self._post(
            "/api/v1/silences",
            {
                "matchers": ['service="petuniverse"', 'severity="ticket"'],
                "duration": "2h",
                "reason": "The pool is made larger this afternoon",
                "author": NAME,
            },
        )
        await self._post(
            "/api/v1/exclusions",
            {
                "service": "saverly",
                "start": (now + timedelta(days=2)).isoformat(),
                "duration": "3h",
                "reason": "Kafka moves to new disks",
                "public": "Coupons may be redeemed late",
                "author": NAME,
            },
        )
        exclusion = await self._post(
            "/api/v1/exclusions",
            {
                "service": "mewayz",
                "slo": "fast",
                "start": (now - timedelta(days=5)).isoformat(),
                "duration": "2h",
                "reason": "A load test, agreed with the team",
                "author": NAME,
            },
        )
        telling = await self._post(
            "/api/v1/status/incidents",
            {
                "title": "Mewayz cannot be reached",
                "impact": "major",
                "status": "investigating",
                "text": "Since a few minutes Mewayz does not answer. We are looking into it.",
                "components": {"app": "major_outage"},
                "by": NAME,
            },
        )
        await self._make_token()
        return {
            "silence": silence["silence"]["id"],
            "exclusion": exclusion["exclusion"]["id"],
            "telling": telling["id"],
        }

    async def find(self, inbox: Inbox, open_incident: str) -> Mapping[str, str]:
        """The rest of what addresses need."""
        now = SystemClock().now()
        resolved = await self._get("/api/v1/incidents?state=resolved&service=petuniverse&limit=50")
        told = await self._get("/api/v1/status/incidents")
        ended = [one["id"] for one in told["incidents"] if one["resolved_at"]]
        links = [
            found.group()
            for mail in inbox.mails
            for found in re.finditer(r"/callbacks/mail/\S+", mail.text)
        ]
        return {
            "incident": open_incident,
            "resolved": resolved["incidents"][0]["id"],
            "told": ended[-1],
            "mail_link": links[-1],
            "month": f"{now - timedelta(days=1):%Y-%m}",
            "past": f"{now - timedelta(days=2, hours=14):%Y-%m-%dT%H:%M}Z",
        }

    async def _make_token(self) -> None:
        form = {"name": "deploy pipeline", "role": "editor", "owners": "pets-team", "days": "90"}
        answered = await self._request.post(
            f"{self._url}/account/tokens", form=form, headers={"Origin": self._url}
        )
        if not answered.ok:
            raise RuntimeError(f"/account/tokens answers {answered.status}")

    async def _post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        answered = await self._request.post(
            f"{self._url}{path}", data=body, headers={"Origin": self._url}
        )
        if not answered.ok:
            raise RuntimeError(f"{path} answers {answered.status}: {await answered.text()}")
        made: dict[str, Any] = await answered.json()
        return made

    async def _get(self, path: str) -> dict[str, Any]:
        answered = await self._request.get(f"{self._url}{path}")
        found: dict[str, Any] = await answered.json()
        return found
