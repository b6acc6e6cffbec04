"""A blackbox.yml beside the configuration: read strictly, with the files that it names."""

from pathlib import Path

import pytest

from collectors.blackbox.module import Module
from collectors.blackbox.values import Said
from nines.config import ConfigError, load

CONFIG = """
alerting: {route: {receivers: []}}
probe_endpoint: {modules: probes/blackbox.yml, allow: [10.0.0.0/8, shop.example]}
"""


def read(folder: Path, modules: str, config: str = CONFIG) -> dict[str, Module]:
    (folder / "probes").mkdir(exist_ok=True)
    (folder / "probes" / "blackbox.yml").write_text(modules)
    (folder / "config.yaml").write_text(config)
    endpoint = load(folder / "config.yaml", {}).probe_endpoint
    assert endpoint is not None
    return dict(endpoint.modules)


def problems(folder: Path, modules: str, config: str = CONFIG) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        read(folder, modules, config)
    return [str(problem).removeprefix(f"{folder}/") for problem in refused.value.problems]


def test_bytes_and_dialogs_are_read_as_they_are_written(tmp_path: Path) -> None:
    postgresql = """
modules:
  postgresql:
    prober: tcp
    tcp:
      query_response:
      - send: !!binary AAAACATSFi8=
      - expect_bytes: S
      - starttls: true
      - expect: "PING :([^ ]+)"
        send: "PONG ${1}"
"""
    (steps,) = [module.tcp.query_response for module in read(tmp_path, postgresql).values()]

    assert steps[0].send == Said(bytes.fromhex("0000000804d2162f"), is_binary=True)
    assert steps[3].send == Said(b"PONG ${1}", is_binary=False)


def test_every_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    wrong = """
modules:
  web:
    prober: http
    timeout: 5
    http: {valid_statuscodes: [200], fail_if_body_matches_regexp: [':[']}
  names: {prober: dns, dns: {}}
  odd: {prober: nonsense}
  bytes: {prober: tcp, tcp: {query_response: [{expect_bytes: 7}]}}
"""
    found = problems(tmp_path, wrong)

    place = "probes/blackbox.yml"
    assert f"{place}:5:14: 5 is not a duration: write it such as 500ms, 5s or 1m30s" in found
    assert (
        f"{place}:6:12: unknown key `valid_statuscodes`; did you mean `valid_status_codes`?"
        in found
    )
    assert any(one.startswith(f"{place}:6:") and "':['" in one for one in found)
    assert f"{place}:7:24: `query_name` is missing" in found
    assert any(one.startswith(f"{place}:8:17: `prober` must be 'http'") for one in found)
    assert any(one.startswith(f"{place}:9:") for one in found)


def test_no_bytes_stand_in_the_configuration_itself(tmp_path: Path) -> None:
    said = problems(tmp_path, "modules: {}", CONFIG + "x-a: !!binary AAAA\n")

    assert "the tag `!!binary` is not supported" in said[0]


def test_what_is_no_base64_is_told(tmp_path: Path) -> None:
    wrong = "modules: {a: {prober: tcp, tcp: {query_response: [{send: !!binary '?'}]}}}"

    assert "what stands behind `!!binary` is not Base64" in problems(tmp_path, wrong)[0]


def test_secrets_are_read_from_files_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "probes").mkdir()
    (tmp_path / "probes" / "word").write_text("open sesame\n")
    web = """
modules:
  basic: {prober: http, http: {basic_auth: {username: ann, password_file: word}}}
  bearer: {prober: http, http: {authorization: {credentials_file: word}}}
  token: {prober: http, http: {bearer_token_file: word}}
  header: {prober: http, http: {http_headers: {X-Key: {files: [word], values: [a]}}}}
  body: {prober: http, http: {method: POST, body_file: word}}
"""
    found = read(tmp_path, web)

    headers = {name: dict(module.http.headers) for name, module in found.items()}
    assert headers["basic"]["Authorization"].value == "Basic YW5uOm9wZW4gc2VzYW1l"
    assert headers["bearer"]["Authorization"].value == "Bearer open sesame"
    assert headers["token"]["Authorization"].value == "Bearer open sesame"
    assert headers["header"]["X-Key"].value == "a, open sesame"
    assert found["body"].http.body is not None
    assert found["body"].http.body.value == "open sesame"
    for module in found.values():
        assert "sesame" not in module.model_dump_json() + repr(module)


def test_a_file_that_is_not_there_is_told_where_it_is_named(tmp_path: Path) -> None:
    web = """
modules:
  web: {prober: http, http: {bearer_token_file: none, tls_config: {ca_file: nothing.pem}}}
"""
    assert [one.partition(" the file ")[2] for one in problems(tmp_path, web)] == [
        "none cannot be read: no such file or directory",
        "nothing.pem cannot be read: no such file or directory",
    ]


def test_a_missing_file_of_modules_is_told_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)

    with pytest.raises(ConfigError, match=r":3:27: the modules in probes/blackbox\.yml: the file"):
        load(tmp_path / "config.yaml", {})


def test_an_allowed_target_that_is_none_is_told(tmp_path: Path) -> None:
    config = CONFIG.replace("10.0.0.0/8", "10.0.0.1/8")

    assert "10.0.0.0/8 is the one around it" in problems(tmp_path, "modules: {}", config)[0]


def test_what_is_not_answered_to_and_what_misleads_is_advice(tmp_path: Path) -> None:
    several = """
modules:
  socket: {prober: unix}
  names:
    prober: dns
    dns:
      query_name: shop.example
      validate_answer_rrs: {fail_if_all_match_regexp: [a]}
"""
    read(tmp_path, several)

    socket, names = [str(one) for one in load(tmp_path / "config.yaml", {}).advice if one.line > 2]
    assert socket.endswith(
        "blackbox.yml:3:3: the module `socket` is not answered to: prober: unix is not supported "
        "by this version"
    )
    assert ":8:29: fail_if_all_match_regexp fails where not all records match" in names
