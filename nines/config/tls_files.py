"""Find the certificates and keys that the configuration names, and see that they can be used."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from collectors.certificate import Trust

_KEYS = ("ca_file", "cert_file", "key_file")
Options = TypeVar("Options", bound=BaseModel)


def with_tls_files(options: Options, directory: Path) -> tuple[Options, list[tuple[str, str]]]:
    """The options with paths that start from `directory`; the keys at fault, each with a sentence.

    Options without any such key come back as they are.
    """
    written = {key: path for key in _KEYS if (path := getattr(options, key, None)) is not None}
    if not written:
        return options, []
    found = {key: directory / path for key, path in written.items()}
    at_fault = [
        (key, f"the file {written[key]} cannot be read: {ailment}")
        for key, path in found.items()
        if (ailment := _unreadable(path)) is not None
    ]
    if not at_fault:
        at_fault = _unusable(written, found)
    return options.model_copy(update=found), at_fault


def _unreadable(path: Path) -> str | None:
    try:
        with path.open("rb"):
            return None
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        return (getattr(error, "strerror", None) or "its name is not valid").lower()


def _unusable(written: dict[str, Path], found: dict[str, Path]) -> list[tuple[str, str]]:
    at_fault = []
    if "ca_file" in found:
        try:
            Trust(ca_file=found["ca_file"])
        except ValueError:
            sentence = f"the file {written['ca_file']} holds no certificates in PEM form"
            at_fault.append(("ca_file", sentence))
    if "cert_file" in found:
        try:
            Trust(cert_file=found["cert_file"], key_file=found.get("key_file"), verify=False)
        except ValueError:
            sentence = (
                f"the certificate in {written['cert_file']} cannot be used: it and its key must "
                "fit together, in PEM form, and the key must not be encrypted"
            )
            at_fault.append(("cert_file", sentence))
    return at_fault
