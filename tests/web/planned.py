"""What the tests of exclusions and silences have in common: forms, pages, and what is wrong."""

import html

import httpx

EXCLUDE = {
    "what": "shop/checkout",
    "start": "2026-11-21T11:00Z",
    "duration": "2h",
    "reason": "a new <database>",
    "name": "ada",
    "action": "add",
}
SILENCE = {
    "matchers": 'service="shop"',
    "duration": "2h",
    "reason": "a new <database>",
    "name": "ada",
    "action": "add",
}


async def page(client: httpx.AsyncClient, path: str, status: int = 200) -> str:
    response = await client.get(path)
    assert response.status_code == status, response.text
    return html.unescape(response.text)


def assert_wrong(response: httpx.Response, field: str, said: str) -> None:
    """The form came back with this said at this field, and at no other."""
    text = html.unescape(response.text)
    assert response.status_code == 400
    assert said in text
    assert text.count('aria-invalid="true"') == 1
    at = text.index('aria-invalid="true"')
    assert f'id="{field}"' in text[text.rindex("<input", 0, at) : at]


def assert_refused(response: httpx.Response, place: str, said: str) -> None:
    """A request was refused with this said of this place, and of no other."""
    assert response.status_code in (400, 422)
    body = response.json()
    assert [one["place"] for one in body["places"]] == [place]
    assert said in body["places"][0]["problem"]
