"""What is done on an incident's page besides taking it: notes, and not waiting to escalate."""

import html
from dataclasses import replace
from datetime import timedelta

import httpx

from alerting.incident import IncidentState
from tests.web.fakes import FakeSource

OPEN, OVER = "/incidents/INC0001", "/incidents/INC0002"


async def told(client: httpx.AsyncClient, path: str, **fields: str) -> str:
    """What the page says after a form was sent."""
    answer = await client.post(path, data=fields)
    assert answer.status_code == 303, answer.text
    return html.unescape((await client.get(answer.headers["location"])).text)


async def test_a_note_stands_in_the_timeline_with_its_author(client: httpx.AsyncClient) -> None:
    page = await told(client, f"{OPEN}/notes", text="rolled <back>\r\nto 1.4", name="ada")

    assert "Written down in the timeline. Nobody is told of it." in page
    assert "ada: rolled <back> to 1.4" in page
    assert "<back>" not in (await client.get(OPEN)).text


async def test_what_is_over_takes_notes_too(client: httpx.AsyncClient) -> None:
    assert "ada: it was the cache" in await told(
        client, f"{OVER}/notes", text="it was the cache", name="ada"
    )


async def test_an_empty_note_and_one_of_nobody_are_refused(client: httpx.AsyncClient) -> None:
    empty = await client.post(f"{OPEN}/notes", data={"text": " ", "name": "ada"})
    nobodys = await client.post(f"{OPEN}/notes", data={"text": "x"})

    assert (empty.status_code, nobodys.status_code) == (400, 400)
    assert "Write the note first; nothing was written down." in empty.text
    assert "Say who you are first; nothing was written down." in nobodys.text


async def test_a_note_that_was_refused_is_still_in_its_field(client: httpx.AsyncClient) -> None:
    sent = {"text": "rolled <back>", "name": "  "}
    refused = html.unescape((await client.post(f"{OPEN}/notes", data=sent)).text)

    assert 'placeholder="what you saw or did" value="rolled <back>"' in refused
    assert refused.count('aria-invalid="true" aria-describedby="note-why"') == 1
    assert "Acknowledge" in refused  # it is the incident's page


async def test_until_somebody_is_told_the_page_does_not_say_so(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    assert "Last told:" in (await client.get(OPEN)).text
    source.details["INC0001"] = replace(source.details["INC0001"], notifications=())

    text = (await client.get(OPEN)).text

    assert "Last told:" not in text
    assert "Nobody was told yet: " in text
    assert "a route waits for others to join" in text


async def test_escalating_is_done_in_a_name_and_says_what_came_of_it(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    nameless = await client.post(f"{OPEN}/escalate")
    done = await told(client, f"{OPEN}/escalate", name="ada")
    source.next_step = ()
    nobody = await told(client, f"{OPEN}/escalate", name="ada")

    assert nameless.headers["location"] == f"{OPEN}?notice=name#name"
    assert source.escalated == [("INC0001", "ada")] * 2
    assert "Escalated: whom the next step reaches is told now." in done
    assert "The route names nobody further: escalating changed nothing." in nobody


async def test_what_is_over_offers_no_escalation(client: httpx.AsyncClient) -> None:
    assert "Escalate now" in (await client.get(OPEN)).text
    assert "Escalate now" not in (await client.get(OVER)).text


async def test_of_an_incident_that_is_not_there_nothing_is_written(
    client: httpx.AsyncClient,
) -> None:
    for act in ("notes", "escalate"):
        answer = await client.post(f"/incidents/NONE/{act}", data={"text": "x", "name": "ada"})
        assert answer.status_code == 404


async def test_what_was_open_elsewhere_when_it_began_is_named(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    began = source.details["INC0001"].incident.opened_at
    other = source.details["INC0002"]
    incident = replace(
        other.incident,
        service="db",
        state=IncidentState.TRIGGERED,
        resolved_at=None,
        opened_at=began - timedelta(minutes=5),
    )
    source.details["INC0002"] = replace(other, incident=incident)

    page = (await client.get(OPEN)).text

    assert "Open already: db" in page
    assert 'href="/incidents/INC0002"' in page
