"""A step of a journey: what is asked, what is expected, what is kept for the steps after it."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from collectors.expectation import HttpExpect, never_judged
from collectors.pattern import JsonPathText, RegexText
from collectors.settings import CollectorSettings, RequestOptions, Strict, TlsOptions
from collectors.size import Size
from collectors.target import TELLING, parse_http_url
from slo.secret import SecretText
from slo.units import Duration

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_MOST_STEPS = 20
_MOST_CAPTURES = 20


def _address(value: str) -> str:
    if VARIABLE.fullmatch(value):
        return value
    if VARIABLE.search(urlsplit(value).netloc):
        raise ValueError("the host is written out: no answer may choose whom our secrets go to")
    parse_http_url(VARIABLE.sub("x", value))
    return value


class Capture(Strict):
    """Where in an answer a variable's value is found, and whether it may be shown."""

    json_: JsonPathText | None = Field(None, alias="json")
    regex: RegexText | None = Field(None, description="Its first group, or all of it.")
    header: str | None = None
    cookie: str | None = None
    secret: bool | None = Field(None, strict=True)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        places = (self.json_, self.regex, self.header, self.cookie)
        if sum(place is not None for place in places) != 1:
            raise ValueError("a variable is captured by one of json, regex, header and cookie")
        return self

    def hides(self, name: str) -> bool:
        """Whether the value is a secret: as written, else by where it is from and its name."""
        if self.secret is not None:
            return self.secret
        return self.cookie is not None or TELLING.search(name) is not None


class Step(RequestOptions):
    """One request of a journey."""

    name: str = Field(min_length=1, max_length=60)
    url: Annotated[str, AfterValidator(_address)]
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] | None = None
    body: SecretText | None = None
    form: Mapping[str, SecretText] | None = None
    json_: Mapping[str, SecretText] | None = Field(None, alias="json")
    expect: HttpExpect = HttpExpect()
    capture: Mapping[str, Capture] = Field(default_factory=dict, max_length=_MOST_CAPTURES)

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        bodies = [self.body, self.form, self.json_]
        if sum(body is not None for body in bodies) > 1:
            raise ValueError("a step sends one of body, form and json")
        reads = any(one.json_ is not None or one.regex is not None for one in self.capture.values())
        if self.method == "HEAD" and (self.expect.looks_at_body or reads):
            raise ValueError("an answer to HEAD has no body: expect nothing of it, or use GET")
        if self.expect.version == "2":
            raise ValueError("expect.version: a step speaks HTTP/1.1")
        for name in self.capture:
            if VARIABLE.fullmatch(f"${{{name}}}") is None:
                raise ValueError(f"{name!r} is no name of a variable: letters, digits and _")
        return self

    def uses(self) -> Iterator[str]:
        """The variables that it needs."""
        secrets = [*self.headers.values(), *(self.form or {}).values()]
        secrets += [*(self.json_ or {}).values(), self.body, self.bearer_token]  # type: ignore[list-item]
        secrets += [self.basic_auth.password] if self.basic_auth else []
        for text in [self.url, *(secret.value for secret in secrets if secret is not None)]:
            yield from VARIABLE.findall(text)


class StepsConfig(CollectorSettings):
    """Take several steps over HTTP, one after another, as a user does."""

    steps: tuple[Step, ...] = Field(min_length=1, max_length=_MOST_STEPS)
    latency: Duration | None = Field(None, description="The longest that all may take together.")
    tls: TlsOptions = TlsOptions()
    body_limit: Size = 1 << 20

    @model_validator(mode="after")
    def _is_a_way(self) -> Self:
        known: set[str] = set()
        names = [step.name for step in self.steps]
        for step in self.steps:
            if names.count(step.name) > 1:
                raise ValueError(f"two steps are named {step.name!r}")
            if (why := step.expect.beyond(self.body_limit)) is not None:
                raise ValueError(f"the step {step.name!r}: {why}")
            for name in step.uses():
                if name not in known:
                    raise ValueError(
                        f"the step {step.name!r} uses ${{{name}}}, which no step before it captures"
                    )
            known |= set(step.capture)
        return self

    def within(self, timeout: timedelta) -> Iterator[tuple[tuple[str, ...], str]]:
        for place, late in [
            (("latency",), self.latency),
            *((("steps",), step.expect.latency) for step in self.steps),
        ]:
            if late is not None and late > timeout:
                yield place, never_judged(late, timeout)
