"""Ask a running Nines by its API, and say in a sentence why there is no answer."""

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from nines.cli.problems import NO, WRONG_USE

_TIMEOUT_SECONDS = 10.0


class AskError(Exception):
    """The server gave no answer that helps; `code` is the exit code, the message a sentence."""

    def __init__(self, sentence: str, code: int = NO) -> None:
        super().__init__(sentence)
        self.code = code


def server_at(server: str) -> httpx.Client:
    """A client of the Nines at this address, with the token in NINES_TOKEN if there is one.

    Raises AskError for what is no address.
    """
    if not server.startswith(("http://", "https://")):
        raise AskError(f"{server!r} is not an address: write http://host:port", WRONG_USE)
    # Never an option of the command: those stand in the list of processes.
    token = os.environ.get("NINES_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else None
    return httpx.Client(base_url=server.rstrip("/"), timeout=_TIMEOUT_SECONDS, headers=headers)


def get(client: httpx.Client, path: str, query: Mapping[str, str | int]) -> dict[str, Any]:
    """The answer to a question. Raises AskError."""
    return _asked(client, "GET", path, params=dict(query))


def there_is(client: httpx.Client, service: str) -> None:
    """Nothing found of a service is no answer where there is no such service. Raises AskError."""
    get(client, f"/api/v1/services/{quote(service, safe='')}", {})


def get_text(client: httpx.Client, path: str) -> str:
    """The answer to a question that is answered by a text. Raises AskError."""
    response = _answered(client, "GET", path)
    if response.is_error:
        raise _refusal(response, _read(client, path, response))
    return response.text


def get_bytes(client: httpx.Client, path: str, query: Mapping[str, str | int]) -> bytes:
    """The answer to a question that is answered by a file. Raises AskError."""
    response = _answered(client, "GET", path, params=dict(query))
    if response.is_error:
        raise _refusal(response, _read(client, path, response))
    return response.content


def post(
    client: httpx.Client,
    path: str,
    body: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The answer to a request. Raises AskError."""
    return _asked(client, "POST", path, json=dict(body), headers=dict(headers or {}))


def _asked(client: httpx.Client, method: str, path: str, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - httpx's own
    response = _answered(client, method, path, **request)
    answer = _read(client, path, response)
    if response.is_error:
        raise _refusal(response, answer)
    return answer


def _answered(client: httpx.Client, method: str, path: str, **request: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
    try:
        return client.request(method, path, **request)
    except httpx.HTTPError as error:
        reason = str(error) or "it did not answer"
        raise AskError(f"no Nines answers at {client.base_url}: {reason}") from error
    except httpx.InvalidURL as error:
        raise AskError(f"the address of the server is not valid: {error}", WRONG_USE) from error


def _read(client: httpx.Client, path: str, response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError as error:
        raise AskError(f"{client.base_url} answered {path} with no JSON: is it Nines?") from error
    if not isinstance(answer, dict):
        raise AskError(f"{client.base_url} answered {path} unlike Nines does")
    return answer


def _refusal(response: httpx.Response, answer: Mapping[str, Any]) -> AskError:
    said = answer.get("detail") or answer.get("title") or f"status {response.status_code}"
    # A request that makes no sense is wrong use of the command that made it.
    return AskError(str(said), WRONG_USE if response.status_code in (400, 422) else NO)


def clock(at: str) -> str:
    """A moment of an answer, for people."""
    return f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M:%S} UTC"
