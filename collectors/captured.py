"""What a journey has captured so far: filled into its next requests, and hidden where secret."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from urllib.parse import quote

import orjson

from collectors.expect import Answer
from collectors.json_values import read_document
from collectors.step import VARIABLE, Capture
from slo.secret import HIDDEN, Secret

_LONGEST = 16 * 1024  # characters of a captured value
_SHORTEST = 4  # characters; a shorter one would hide words that are no secret
_TOKEN = re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]*){1,4}")  # JSON Web Tokens
_TOLD = re.compile(
    r"""(["']?[\w-]*(?:token|secret|passw|session|csrf|api_?key)[\w-]*["']?\s*[:=]\s*["']?)"""
    r"""[^"'\s,;&}]+""",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Captured:
    """Values by name, and what of all that the journey knows is not to be shown."""

    values: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)

    def keep(self, name: str, capture: Capture, answer: Answer, jar: CookieJar) -> str | None:
        """Take a value out of an answer; why it could not be, None when it was."""
        value, where = find(capture, answer, jar)
        if value is None:
            return f"{where} is not in the answer, so that ${{{name}}} has no value"
        if len(value) > _LONGEST or any(sign in value for sign in "\r\n\0"):
            return f"{where} is longer than 16 KiB or holds a line break: it is no ${{{name}}}"
        self.values[name] = value
        if capture.hides(name):
            self.hide([value])
        return None

    def hide(self, secrets: Iterable[str]) -> None:
        """Show none of these, nor as they stand in addresses."""
        for secret in secrets:
            if len(secret) >= _SHORTEST:
                self.hidden |= {secret, quote(secret), quote(secret, safe="")}

    def shown(self, text: str) -> str:
        """The text without secrets, and without what looks like one."""
        for secret in sorted(self.hidden, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return _TOLD.sub(rf"\1{HIDDEN}", _TOKEN.sub(HIDDEN, text))

    def fill(self, text: str) -> str:
        return VARIABLE.sub(lambda match: self.values[match[1]], text)

    def fill_url(self, url: str) -> str:
        """A whole address as it was captured; within one, a value stays where it stands."""
        if VARIABLE.fullmatch(url):
            return self.fill(url)
        return VARIABLE.sub(lambda match: quote(self.values[match[1]], safe=""), url)

    def fill_secret(self, secret: Secret) -> Secret:
        return Secret(self.fill(secret.value))

    def fill_header(self, secret: Secret) -> Secret:
        """Raises ValueError: what was captured cannot stand in a header."""
        filled = self.fill_secret(secret)
        if not filled.value.isascii():
            raise ValueError("a value that was captured holds characters that no header can bear")
        return filled


def find(capture: Capture, answer: Answer, jar: CookieJar) -> tuple[str | None, str]:
    """What is captured of an answer, None where it is not there; and where it was looked for."""
    if capture.header is not None:
        return answer.headers.get(capture.header), f"the header {capture.header}"
    if capture.cookie is not None:
        values = [cookie.value for cookie in jar if cookie.name == capture.cookie]
        return (values[-1] if values else None), f"the cookie {capture.cookie}"
    if capture.regex is not None:
        text = answer.body.data.decode(errors="replace")
        return capture.regex.first(text), f"a match of {capture.regex}"
    where = str(capture.json_)
    try:
        document = read_document(answer.body.data)
        values = capture.json_.values(document) if capture.json_ is not None else []  # type: ignore[assignment]
    except ValueError:  # or nested too deeply for a path
        return None, f"{where} (the body is no JSON)"
    value: object = values[0] if len(values) == 1 else None
    if isinstance(value, str):
        return value, where
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (orjson.dumps(value).decode() if is_number else None), where
