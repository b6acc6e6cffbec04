"""A configuration with a secret in every place that takes one, each of them known by its word."""

import base64
import re
from collections.abc import Iterator

from pydantic import BaseModel

from slo.secret import Secret

HUSH = "hush"  # each secret has it in it
KEY = "hush0pagerduty0routing0key000000"
SIGNED = "whsec_" + base64.b64encode(b"hush: twenty-four bytes or more").decode()
WORDS = (HUSH, SIGNED.removeprefix("whsec_"), base64.b64encode(b"nines:hush")[:10].decode())

CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "{url}", bucket: 1s,
         database: "sqlite:///{folder}/nines.db"}}
defaults: {{interval: 1s, timeout: 500ms}}
probe_endpoint: {{modules: blackbox.yml, allow: [127.0.0.1]}}
deployments:
  github: {{secret: hush-github}}
  gitlab: {{token: hush-gitlab}}
web:
  access:
    oidc: {{issuer: "{tls}/", client_id: nines, client_secret: hush-oidc,
           groups: {{sre: {{role: viewer}}}}}}
services:
  shop:
    owner: web-team
    collectors:
      basic: {{http: "{target}/ill", basic_auth: {{username: nines, password: hush-basic}}}}
      bearer: {{http: "{target}/ill", bearer_token: hush-bearer,
               headers: {{X-Key: hush-header}}}}
      oauth:
        http: "{target}/ill"
        oauth2: {{token_url: "{target}/ill", client_id: nines, client_secret: hush-oauth2}}
      login:
        http: "{target}/ill"
        login: {{url: "{target}/ill", form: {{password: hush-form}},
                headers: {{X-Key: hush-login-header}}, renew_on: [401]}}
      login-json:
        http: "{target}/ill"
        login: {{url: "{target}/ill", json: {{password: hush-login-json}},
                bearer_token: hush-login-bearer, renew_on: [401]}}
      way:
        steps:
          - {{name: one, url: "{target}/well", json: {{password: hush-step-json}},
             headers: {{X-Key: hush-step-header}}}}
          - {{name: two, url: "{target}/well", form: {{password: hush-step-form}},
             bearer_token: hush-step-bearer}}
          - {{name: three, url: "{target}/ill", body: hush-step-body, method: POST}}
      lines: {{tcp: "{host}", dialog: [{{send: "hush-line\\r\\n"}}, {{expect: "^hello"}}]}}
      live: {{websocket: "ws://{host}/ill", bearer_token: hush-ws,
             headers: {{X-Key: hush-ws-header}}}}
      rpc: {{grpc: "{host}", metadata: {{authorization: hush-grpc}}}}
      cache: {{redis: "{host}", password: hush-redis}}
      db: {{sql: "postgresql://{host}/shop", username: nines, password: hush-sql,
           queries: {{one: SELECT 1}}}}
      docs: {{mongodb: "{host}", username: nines, password: hush-mongodb}}
      bus: {{kafka: "{host}", username: nines, password: hush-kafka, mechanism: SCRAM-SHA-512}}
      broker: {{amqp: "{host}", username: nines, password: hush-amqp}}
      page: {{prometheus: "{target}/ill", bearer_token: hush-scrape,
             headers: {{X-Key: hush-scrape-header}}}}
      figures: {{json: "{target}/ill", bearer_token: hush-json, headers: {{X-Key: hush-json-h}},
                metrics: {{a: {{path: $.a, type: gauge}}}}}}
      asked: {{promql: "{target}/ill", bearer_token: hush-promql,
              headers: {{X-Key: hush-promql-h}},
              queries: {{a: {{query: up, type: gauge}}}}}}
      logs: {{log_search: "{target}/ill", index: a, timestamp: "@timestamp", lag: 60s,
             bearer_token: hush-logs, headers: {{X-Key: hush-logs-h}},
             metrics: {{requests_total: {{label: status, field: code}}}}}}
      sent: {{remote_write: prometheus, bearer_token: hush-write}}
      otel: {{otlp: the app, bearer_token: hush-otlp}}
      orders: {{push: the shop, bearer_token: hush-push}}
      job: {{heartbeat: {{every: 1d, token: hush-job}}}}
    slos:
      checkout: {{objective: 99%, window: 1d, sli: {{probe: basic}},
                 tiers: [{{severity: page, factor: 14.4, long: 20s, short: 5s}}]}}
discovery:
  found:
    http: "{target}/ill"
    bearer_token: hush-discovery
    service:
      name: found-{{{{city}}}}
      collectors: {{health: {{http: "http://{{{{target}}}}/health"}}}}
      slos: {{up: {{objective: 99%, sli: {{probe: health}}}}}}
alerting:
  alertmanager_api: {{token: hush-alertmanager-api}}
  heartbeat: {{url: "{target}/ill/hush-heartbeat", interval: 1s}}
  receivers:
    hook: {{webhook: {{url: "{target}/ill/hush-hook", headers: {{X-Key: hush-hook-header}},
            secret: {signed}}}}}
    pages: {{pagerduty: {{routing_key: {key}, webhook_secret: hush-pagerduty, url: "{target}"}}}}
    chat: {{slack: {{token: xoxb-hush, channel: "#sre", signing_secret: hush-slack,
            users: everyone, url: "{target}"}}}}
    mail: {{email: {{smtp: "smtp://{host}", from: a@b.example, to: [c@d.example], user: nines,
            password: hush-mail}}}}
    teams: {{teams: {{url: "{target}/ill/hush-teams"}}}}
    discord: {{discord: {{url: "{target}/ill/hush-discord"}}}}
    other: {{alertmanager: {{url: "{target}/ill/hush-am", headers: {{X-Key: hush-am-header}}}}}}
    own: {{template: {{url: "{target}/ill/hush-own", headers: {{X-Key: hush-own-header}},
           body: "{{{{ title }}}}"}}}}
  route: {{receivers: [hook, pages, chat, mail, teams, discord, other, own]}}
"""
MODULES = """
modules:
  hushed:
    prober: http
    timeout: 1s
    http:
      headers: {X-Key: hush-module-header}
      bearer_token: hush-module-bearer
      method: POST
      body: hush-module-body
  basic:
    prober: http
    http: {basic_auth: {username: nines, password: hush-module-basic}}
  authorized:
    prober: http
    http: {authorization: {type: Key, credentials: hush-module-key}}
  live:
    prober: websocket
    websocket: {headers: {X-Key: hush-module-ws}}
"""


def secrets_in(node: object, place: str) -> Iterator[tuple[str, str]]:
    """Each secret of a configuration that was read: its place by class and key, and itself."""
    match node:
        case Secret():
            yield place, node.value
        case BaseModel():
            for name in type(node).model_fields:
                yield from secrets_in(getattr(node, name), f"{type(node).__name__}.{name}")
        case dict():
            for value in node.values():
                yield from secrets_in(value, place)
        case list() | tuple():
            for value in node:
                yield from secrets_in(value, place)
        case _ if hasattr(node, "__dataclass_fields__"):
            for name in node.__dataclass_fields__:
                yield from secrets_in(getattr(node, name), f"{type(node).__name__}.{name}")
        case _ if hasattr(node, "values"):
            for value in node.values():
                yield from secrets_in(value, place)


def leaks(text: str) -> list[str]:
    """What of a secret stands in a text, with what is around it."""
    places = [one.start() for word in WORDS for one in re.finditer(re.escape(word), text)]
    return [text[max(0, place - 80) : place + 60] for place in places]
