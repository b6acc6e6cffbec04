"""Certificates and keys that the configuration names."""

from pathlib import Path

import pytest
import trustme

from collectors.http import HttpConfig
from tests.nines.config.files import SHOP, load_text, mistakes

HOME = "{http: https://shop.example/}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name in ("one", "two"):
        issued = authority.issue_cert(f"{name}.example")
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        issued.private_key_pem.write_to_path(tmp_path / f"{name}.key")
    (tmp_path / "text.pem").write_text("no certificate")
    return tmp_path


def with_tls(options: str) -> str:
    return SHOP.replace(HOME, f"{{http: https://shop.example/, tls: {{{options}}}}}")


def test_files_are_found_beside_the_configuration(folder: Path) -> None:
    config = load_text(folder, with_tls("ca_file: ca.pem, cert_file: one.pem, key_file: one.key"))

    home = config.services["shop"].collectors["home"]
    assert isinstance(home, HttpConfig)
    assert home.tls.ca_file == folder / "ca.pem"
    assert home.tls.key_file == folder / "one.key"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("ca_file: no.pem", "the file no.pem cannot be read: no such file or directory"),
        ("ca_file: text.pem", "the file text.pem holds no certificates in PEM form"),
        ("cert_file: one.pem, key_file: two.key", "the certificate in one.pem cannot be used"),
        ('ca_file: "a\\0b"', "its name is not valid"),
    ],
    ids=["absent", "no certificate", "another's key", "no name"],
)
def test_a_file_that_cannot_be_used_is_a_problem(folder: Path, options: str, said: str) -> None:
    found = mistakes(folder, with_tls(options))

    assert len(found) == 1
    assert said in found[0]


def test_a_tls_probe_and_a_receiver_are_looked_at_too(folder: Path) -> None:
    text = SHOP.replace(
        "    slos:\n", "      port: {tls: 'shop.example:443', ca_file: no.pem}\n    slos:\n"
    ).replace(
        "alerting: {route: {receivers: []}}",
        "alerting:\n"
        "  receivers: {hook: {webhook: {url: https://hook.example/, ca_file: text.pem}}}\n"
        "  route: {receivers: [hook]}",
    )

    assert mistakes(folder, text) == [
        "6:48: the file no.pem cannot be read: no such file or directory",
        "13:69: the file text.pem holds no certificates in PEM form",
    ]
