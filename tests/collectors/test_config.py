"""What config.yaml may say of a collector, and what it is told when it may not."""

from datetime import timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from collectors.http import HttpConfig
from collectors.kinds import CollectorConfig
from collectors.scrape import PrometheusConfig
from collectors.settings import CollectorSettings, TlsOptions
from collectors.tcp import TcpConfig
from collectors.tls import TlsConfig

ADAPTER: TypeAdapter[CollectorSettings] = TypeAdapter(CollectorConfig)
FULL = {
    "http": "https://pets.example/api/health",
    "interval": "10s",
    "timeout": "2s",
    "method": "POST",
    "headers": {"X-Api-Key": "hush-header"},
    "body": "{}",
    "follow_redirects": False,
    "bearer_token": "hush-token",
    "tls": {"server_name": "pets.example", "insecure_skip_verify": True},
    "body_limit": "512KiB",
    "expect": {
        "status": [200, "3xx"],
        "headers": {"content-type": {"regex": "json"}, "x-env": "prod"},
        "body": ["ok", "fine"],
        "body_regex": "^.",
        "json": {"$.database": True, "$.queue": {"below": 10}, "$.mode": {"one_of": ["a", None]}},
        "latency": "500ms",
        "certificate_days": 14,
    },
}


def problems(config: object) -> dict[tuple[str | int, ...], str]:
    with pytest.raises(ValidationError) as caught:
        ADAPTER.validate_python(config)
    return {error["loc"]: error["msg"] for error in caught.value.errors()}


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"http": "https://pets.example/"}, HttpConfig),
        ({"prometheus": "http://pets.example/metrics"}, PrometheusConfig),
        ({"tcp": "db.example:5432"}, TcpConfig),
        ({"tls": "[2001:db8::1]:443"}, TlsConfig),
        ({"http": "https://pets.example/", "tls": {"ca_file": "ca.pem"}}, HttpConfig),
    ],
)
def test_the_key_that_holds_the_target_is_the_kind(config: object, kind: type) -> None:
    assert type(ADAPTER.validate_python(config)) is kind


def test_what_is_left_out_has_its_default() -> None:
    config = HttpConfig.model_validate({"http": "https://pets.example/"})

    assert (config.interval, config.timeout, config.method) == (None, None, "GET")
    assert (config.follow_redirects, config.body_limit) == (True, 1 << 20)
    assert (config.tls, config.expect.status) == (TlsOptions(), ("2xx",))
    assert PrometheusConfig.model_validate({"prometheus": "http://x/"}).page_limit == 64 << 20


def test_a_configuration_survives_being_written_and_read_but_for_its_secrets() -> None:
    read = ADAPTER.validate_python(FULL)
    written = ADAPTER.dump_python(read, mode="json", by_alias=True, exclude_unset=True)

    assert written == FULL | {"headers": {"X-Api-Key": "***"}, "bearer_token": "***"}
    assert read.interval == timedelta(seconds=10)


def test_no_way_of_printing_a_configuration_tells_a_secret() -> None:
    read = ADAPTER.validate_python(FULL)

    for shown in (repr(read), str(read), ADAPTER.dump_json(read).decode(), f"{read}"):
        assert "hush" not in shown


def test_no_error_tells_a_secret() -> None:
    with pytest.raises(ValidationError) as caught:
        HttpConfig.model_validate(
            {
                "http": "https://user:hush@pets.example/",
                "bearer_token": ["hush"],
                "headers": {"X": "hush\n"},
                "basic_auth": {"username": "u", "password": {"hush": 1}},
            }
        )

    assert len(caught.value.errors()) == 4
    assert "hush" not in str(caught.value)


def test_every_problem_is_told_at_its_own_place() -> None:
    config = {
        "http": "ftp://pets.example/",
        "interval": 10,
        "retries": 3,
        "expect": {"status": "9xx", "json": {"$.a": {"above": "x"}}, "latency": "0s"},
    }

    assert problems(config) == {
        ("http",): ("Value error, 'ftp://pets.example/' begins with neither http:// nor https://"),
        ("interval",): (
            "Value error, 10 is not a duration: write a unit, such as 15s, 5m or 1h30m"
        ),
        ("retries",): "Extra inputs are not permitted",
        ("expect", "status"): ("Value error, '9xx' is not a status: write 200, [200, 204] or 2xx"),
        ("expect", "json", "$.a", "above"): "Value error, a bound is a number",
        ("expect", "latency"): "Value error, it must be longer than nothing",
    }


@pytest.mark.parametrize(
    ("config", "said"),
    [
        pytest.param(
            {},
            "redis, remote_write, smtp, sql, ssh, steps, tcp, tls, websocket holds its target",
            id="no kind",
        ),
        pytest.param({"interval": "5s"}, "a collector has a kind", id="no target"),
        pytest.param({"tls": {"ca_file": "x"}}, "a collector has a kind", id="only TLS options"),
        pytest.param({"http": "http://x/", "tcp": "x:1"}, "not http and tcp", id="two kinds"),
        pytest.param("http://x/", "a collector is a mapping", id="no mapping"),
        pytest.param({"http": "http://"}, "names no host", id="no host"),
        pytest.param({"http": "http://a b/"}, "names no host", id="a space in the host"),
        pytest.param({"http": "http://x:70000/"}, "65535", id="URL port"),
        pytest.param({"http": "http://x/#top"}, "is never sent", id="fragment"),
        pytest.param({"tcp": "db.example"}, "write host:port", id="no port"),
        pytest.param({"tcp": "db.example:0"}, "between 1 and 65535", id="port 0"),
        pytest.param({"tcp": "2001:db8::1:443"}, "write host:port", id="IPv6 without brackets"),
        pytest.param({"http": "http://x/", "body_limit": 100}, "is not a size", id="a bare size"),
        pytest.param({"http": "http://x/", "method": "FETCH"}, "'GET', 'HEAD'", id="method"),
        pytest.param(
            {"http": "http://x/", "method": "HEAD", "expect": {"body": "x"}},
            "an answer to HEAD has no body",
            id="body of HEAD",
        ),
        pytest.param(
            {"http": "http://x/", "follow_redirects": False, "expect": {"certificate_days": 1}},
            "no certificate without https",
            id="certificate of http",
        ),
        pytest.param(
            {"http": "http://x/", "bearer_token": "t", "headers": {"Authorization": "x"}},
            "only one of",
            id="two ways to sign in",
        ),
        pytest.param(
            {"http": "http://x/", "tls": {"key_file": "k"}}, "without cert_file", id="a lone key"
        ),
        pytest.param(
            {"http": "http://x/", "headers": {"a b": "c"}}, "not a header name", id="header"
        ),
        pytest.param(
            {"http": "http://x/", "bearer_token": {"file": "/run/token"}},
            "was not read",
            id="a file that the loader forgot",
        ),
        pytest.param({"http": "http://x/", "bearer_token": ""}, "is empty", id="empty secret"),
        pytest.param(
            {"http": "http://x/", "expect": {"body_regex": "(?<=x)y"}},
            "is not valid",
            id="no RE2",
        ),
        pytest.param(
            {"http": "http://x/", "expect": {"json": {"database": True}}},
            "it begins with $",
            id="no JSON path",
        ),
        pytest.param(
            {"http": "http://x/", "expect": {"json": {"$.a[": True}}},
            "not valid at its end",
            id="half a JSON path",
        ),
        pytest.param(
            {"http": "http://x/", "expect": {"json": {"$.a": {"above": 2, "below": 1}}}},
            "nothing lies above 2 and below 1",
            id="empty range",
        ),
        pytest.param(
            {"http": "http://x/", "expect": {"json": {"$.a": {"above": 2, "exists": True}}}},
            "write above and/or below",
            id="two conditions",
        ),
        pytest.param(
            {"http": "http://x/", "body_limit": "1KiB", "expect": {"size": {"at_most": "1KiB"}}},
            "must be larger than what `size` expects",
            id="a size beyond what is read",
        ),
        pytest.param(
            {"http": "http://x/", "expect": {"status": []}}, "at least one", id="no status"
        ),
    ],
)
def test_a_mistake_is_told_in_words(config: object, said: str) -> None:
    (message,) = problems(config).values()

    assert said in message


def test_the_schema_names_every_kind() -> None:
    schema = ADAPTER.json_schema()

    assert {"HttpConfig", "PrometheusConfig", "TcpConfig", "TlsConfig"} <= set(schema["$defs"])
