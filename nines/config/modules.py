"""Read a blackbox.yml: its modules with the files that they name, or every mistake with its place.

`${1}` belongs to a module's own dialogs, so no variable of the environment is filled in.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path as FilePath

from pydantic import ValidationError

from collectors.blackbox.allowed import read_allowed
from collectors.blackbox.module import BlackboxFile, HttpSection, Module
from collectors.blackbox.probe import Endpoint
from collectors.settings import BasicAuth
from nines.config.document import Document, Path, read_yaml
from nines.config.expansion import MAX_SECRET_BYTES, read_secret
from nines.config.probe_endpoint import ProbeEndpoint
from nines.config.problem import ConfigError, Problem
from nines.config.shape import Shape
from nines.config.source import read_bytes
from nines.config.tls_files import with_tls_files
from nines.config.validation import Finding, translated
from slo.secret import Secret

_MOST_BYTES = 16 * 1024 * 1024  # of a body_file


@dataclass(slots=True)
class Said:
    """What is wrong: in the file of modules, and where config.yaml names it; and what is advice."""

    problems: list[Problem] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    advice: list[Problem] = field(default_factory=list)


def probe_endpoint(
    written: ProbeEndpoint | None, directory: FilePath
) -> tuple[Endpoint | None, Said]:
    """What /probe answers to; None where nothing is written of it."""
    said = Said()
    if written is None:
        return None, said
    file = directory / written.modules
    try:
        content = read_bytes(file)
    except ConfigError as error:
        sentence = "; ".join(problem.sentence for problem in error.problems)
        words = f"the modules in {written.modules}: {sentence}"
        said.findings.append(Finding(("probe_endpoint", "modules"), words))
        return None, said
    document, said.problems = read_yaml(content, str(file), binary=True)
    if said.problems:
        return None, said
    data = _without_nothing(document.data)
    if not isinstance(data, dict):
        said.problems += _placed(document, [Finding((), "a blackbox.yml holds `modules`")])
        return None, said
    try:
        modules = dict(BlackboxFile.model_validate(data).modules)
    except ValidationError as error:
        found = translated(error.errors(include_url=False), data, _shape())
        said.problems += _placed(document, found)
        return None, said
    for name, module in modules.items():
        modules[name], at_fault = _with_files(module, file.parent)
        found = [Finding(("modules", name, *path), words) for path, words in at_fault]
        said.problems += _placed(document, found)
        said.advice += _placed(document, list(_advice(name, module)))
    return Endpoint(modules, read_allowed(written.allow)), said


def _placed(document: Document, found: list[Finding]) -> list[Problem]:
    return [Problem.at(document.place(one.path, key=one.on_key), one.sentence) for one in found]


def _advice(name: str, module: Module) -> Iterator[Finding]:
    at: Path = ("modules", name)
    if module.lacking is not None:
        words = f"the module `{name}` is not answered to: {module.lacking}"
        yield Finding(at, words, on_key=True)
    if module.prober == "dns" and module.dns is not None:
        for section in ("answer", "authority", "additional"):
            key = f"validate_{section}_rrs"
            if getattr(module.dns, key).fail_if_all_match_regexp:
                yield Finding(
                    (*at, "dns", key, "fail_if_all_match_regexp"),
                    "fail_if_all_match_regexp fails where not all records match, as it does in "
                    "blackbox_exporter: the reverse of its name",
                    on_key=True,
                )


_Faults = list[tuple[Path, str]]


def _with_files(module: Module, directory: FilePath) -> tuple[Module, _Faults]:
    """The module with what its files hold; the keys at fault, each with a sentence."""
    faults: _Faults = []
    changed: dict[str, object] = {}
    for name in ("http", "tcp", "dns"):
        section = getattr(module, name)
        if section is None:
            continue
        tls, at_fault = with_tls_files(section.tls_config, directory)
        faults += [((name, "tls_config", key), words) for key, words in at_fault]
        changed[name] = section.model_copy(update={"tls_config": tls})
    http, at_fault_here = _http(module.http, directory)
    faults += [(("http", *path), words) for path, words in at_fault_here]
    changed["http"] = changed["http"].model_copy(update=http)  # type: ignore[attr-defined]
    return module.model_copy(update=changed), faults


def _http(section: HttpSection, directory: FilePath) -> tuple[dict[str, object], _Faults]:
    """Every header to send, and the body."""
    files = _Files(directory)
    headers = dict(section.headers)
    for name, values in section.http_headers.items():
        texts = [*values.values, *(secret.value for secret in values.secrets)]
        texts += [
            files.text(file, None, "http_headers", name, "files", at)
            for at, file in enumerate(values.files)
        ]
        headers[name] = Secret(", ".join(texts))
    signed = _signed(section, files)
    if signed is not None:
        headers["Authorization"] = Secret(signed)
    for name, value in headers.items():
        if not value.value.isascii() or any(sign in value.value for sign in "\r\n\0"):
            key = "http_headers" if name in section.http_headers else "headers"
            files.faults.append(
                ((key, name), f"the header {name} holds characters that cannot be sent")
            )
    body = section.body
    if section.body_file is not None:
        body = Secret(files.text(section.body_file, None, "body_file", most_bytes=_MOST_BYTES))
    return {"headers": headers, "body": body}, files.faults


def _signed(section: HttpSection, files: "_Files") -> str | None:
    """The Authorization header; None where nobody signs in."""
    if (basic := section.basic_auth) is not None:
        user = files.text(basic.username_file, None, "basic_auth", "username_file")
        password = files.text(basic.password_file, basic.password, "basic_auth", "password_file")
        return BasicAuth(username=user or basic.username, password=Secret(password)).header
    if (other := section.authorization) is not None:
        token = files.text(
            other.credentials_file, other.credentials, "authorization", "credentials_file"
        )
        return f"{other.type} {token}"
    if section.bearer_token is not None or section.bearer_token_file is not None:
        token = files.text(section.bearer_token_file, section.bearer_token, "bearer_token_file")
        return f"Bearer {token}"
    return None


class _Files:
    """Reads what a section names, and remembers what could not be read."""

    def __init__(self, directory: FilePath) -> None:
        self._directory = directory
        self.faults: _Faults = []

    def text(
        self,
        file: FilePath | None,
        written: Secret | None,
        *path: str | int,
        most_bytes: int = MAX_SECRET_BYTES,
    ) -> str:
        """What the file holds; what is written instead without one; "" where that is nothing."""
        if file is None:
            return written.value if written is not None else ""
        text, ailment = read_secret(self._directory / file, most_bytes)
        if ailment is not None:
            self.faults.append((path, f"the file {file} {ailment}"))
        return text


def _without_nothing(data: object) -> object:
    """The data without keys that are empty: to the peer they are not written."""
    if isinstance(data, dict):
        return {key: _without_nothing(value) for key, value in data.items() if value is not None}
    if isinstance(data, list):
        return [_without_nothing(item) for item in data]
    return data


@cache
def _shape() -> Shape:
    return Shape(BlackboxFile.model_json_schema())
