"""What a real server of HTTP/2 serves to the tests."""

import json
from typing import Any


async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's own
    if scope["type"] != "http":
        raise RuntimeError("only HTTP is spoken here")
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    headers = [[name.decode(), value.decode()] for name, value in scope["headers"]]
    told = {"version": scope["http_version"], "size": size, "headers": headers}
    status, location, body = 200, [], json.dumps(told).encode()
    match scope["path"]:
        case "/moved":
            status, location = 302, [(b"location", b"/")]
        case "/big":
            body = b"x" * 300_000
        case "/gone":
            status = 503
    head = [(b"content-length", str(len(body)).encode()), *location]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
