"""Tell any HTTP API in its own form: address and body are templates of the configuration."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field, JsonValue, model_validator

from alerting.notification import AttemptOutcome, DeliveryError, Handle, Message, Receipt
from alerting.receivers import answers
from alerting.receivers.address import http_address
from alerting.receivers.door import AddressConfig, Answer, Door
from alerting.receivers.headers import Headers, plain
from alerting.receivers.source import Source
from alerting.receivers.writer import WordsError, Writer
from slo.secret import Secret, SecretText


def _address(secret: Secret) -> Secret:
    fixed, brace, _ = secret.value.partition("{")
    http_address(fixed)
    if brace and fixed.count("/") < 3:
        raise ValueError("the host of an address is fixed: a template may begin after its path's /")
    return secret


Status = Annotated[int, Field(ge=300, le=599)]


class TemplateConfig(AddressConfig):
    """`template:` in config.yaml. Either `json`, whose texts are templates, or `body`."""

    url: Annotated[SecretText, AfterValidator(_address)] = Field(
        description="Where to send; a template after the host's /. Counts as a secret."
    )
    method: Literal["POST", "PUT", "PATCH"] = Field("POST", description="How to send.")
    headers: Headers = Field(
        default_factory=dict, description="Sent with each request; the values count as secrets."
    )
    payload: dict[str, JsonValue] | None = Field(
        None, alias="json", description="The body as JSON; each text in it is a template."
    )
    body: str | None = Field(None, min_length=1, description="The body as one template.")
    retry: tuple[Status, ...] = Field((), description="Statuses that ask for another try.")
    permanent: tuple[Status, ...] = Field((), description="Statuses that end all trying.")

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if (self.payload is None) == (self.body is None):
            raise ValueError("write either json or body")
        if both := set(self.retry) & set(self.permanent):
            raise ValueError(f"{min(both)} stands both under retry and under permanent")
        return self

    @property
    def templates(self) -> Iterator[tuple[str, Source]]:
        """Every template with the key that it stands under."""
        yield "url", Source(self.url.value)
        if self.body is not None:
            yield "body", Source(self.body)
        for text in _texts(self.payload):
            yield "json", Source(text)


class Rendered(NamedTuple):
    """What is sent, and what was wrong with a template of it."""

    url: str
    content: bytes
    problem: str | None


class TemplateReceiver:
    """One address of an API. Whether what comes twice is told twice is up to the templates."""

    def __init__(self, config: TemplateConfig) -> None:
        self._config = config
        self._door = Door("The API", config, *plain(config.headers).values())
        self._writers = {source.text: Writer(source) for _, source in config.templates}

    async def deliver(self, message: Message, *, handle: Handle, attempt: int) -> Receipt:
        """Send once; any 2xx is a yes. A text that fails is the message's title instead."""
        del handle, attempt  # the templates have the incident's id
        url, content, problem = self.rendered(message)
        kind = "text/plain; charset=utf-8" if self._config.body else "application/json"
        headers = {"content-type": kind}
        headers |= {name.lower(): value for name, value in plain(self._config.headers).items()}
        answer = await self._door.send(self._config.method, url, content, headers)
        if not answer.taken:
            raise self._refused(answer)
        said = f"{self._door.who} answered {answer.status}"
        return Receipt(said, answer.status, problem=problem)

    async def close(self) -> None:
        """Nothing is kept open between two deliveries."""

    def rendered(self, message: Message) -> Rendered:
        """The request. Raises DeliveryError when there is no address to send it to."""
        problems: list[str] = []

        def text(written: str) -> str:
            try:
                return self._writers[written].whole(message)
            except WordsError as error:
                problems.append(str(error))
                return message.title

        url = self._url(message)
        if self._config.body is not None:
            content = text(self._config.body).encode()
        else:
            content = json.dumps(_filled(self._config.payload, text)).encode()
        words = f"said in the built-in words: {problems[0]}" if problems else None
        return Rendered(url, content, words)

    def _url(self, message: Message) -> str:
        written = self._config.url.value
        try:
            return http_address(self._writers[written].whole(message))
        except (WordsError, ValueError) as error:
            raise DeliveryError(
                f"{self._door.who}: its address cannot be made: {error}",
                outcome=AttemptOutcome.PERMANENT,
            ) from error

    def _refused(self, answer: Answer) -> DeliveryError:
        error = self._door.refused(answer)
        if answer.status in self._config.retry:
            error.outcome, error.parks = AttemptOutcome.RETRY, False
            error.retry_after = answers.retry_after(answer.headers)
        elif answer.status in self._config.permanent:
            error.outcome = AttemptOutcome.PERMANENT
        return error


def build(config: TemplateConfig, *, external_url: str) -> TemplateReceiver:
    """The receiver. Raises ValueError when a file it needs, or a template, cannot be used."""
    del external_url  # messages bring their addresses
    try:
        return TemplateReceiver(config)
    except WordsError as error:
        raise ValueError(str(error)) from error


def _filled(value: object, text: Callable[[str], str]) -> object:
    """The value with each text in it replaced."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, list):
        return [_filled(each, text) for each in value]
    if isinstance(value, Mapping):
        return {key: _filled(each, text) for key, each in value.items()}
    return value


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
