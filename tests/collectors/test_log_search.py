"""Count documents of a server that searches as Elasticsearch does, faults included."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from collectors.log_search import LogSearch, LogSearchConfig
from collectors.means import Means
from collectors.observation import Observation, Outcome
from collectors.resolve import Resolver
from nines.clock import SystemClock
from tests.collectors.wire import DUE, TIMEOUT, Server, answer
from tests.fakes.elasticsearch import Elasticsearch, reply, whole

STEP = timedelta(seconds=10)
LAG = timedelta(seconds=60)
METRICS: Mapping[str, Any] = {
    "requests_total": {"label": "status", "field": "status"},
    "slow_total": {"filter": {"range": {"took": {"gte": 1000}}}},
}


class Index:
    """A server, and a collector that looks at it every ten seconds."""

    def __init__(self, store: Elasticsearch, url: str) -> None:
        self.store, self._url = store, url
        self.looks = 0
        self.position: str | None = None
        self.collector = self.made()

    def made(self, **settings: object) -> LogSearch:
        written = {"log_search": self._url, "index": "logs", "metrics": METRICS, "lag": "60s"}
        config = LogSearchConfig.model_validate(written | settings)
        made = LogSearch("shop/access", config, Means(STEP, TIMEOUT, Resolver()))
        made.go_on_from(lambda: self.position)
        return made

    def write(self, seconds: float, status: int = 200, took: int = 5, count: int = 1) -> None:
        """Documents of so long after the end of what the first look searched."""
        at = round((DUE - LAG).timestamp() * 1000 + seconds * 1000)
        self.store.documents += [{"@timestamp": at, "status": status, "took": took}] * count

    async def look(self) -> Observation:
        seen = await self.collector.run(DUE + self.looks * STEP, SystemClock())
        self.looks += 1
        if seen.page is not None:
            self.position = seen.page.position
        return seen

    async def counted(self) -> dict[str, float]:
        seen = await self.look()
        assert seen.page is not None, seen.detail
        return {str(series): sample.value for series, sample in seen.page.samples.items()}


@pytest.fixture
async def index() -> AsyncIterator[Index]:
    store = Elasticsearch("/es")  # as behind a proxy
    async with Server(store.talk) as server:
        yield Index(store, f"http://127.0.0.1:{server.port}/es")


async def test_documents_are_counted_once_each_by_their_own_time(index: Index) -> None:
    index.write(-1, count=50)  # before it was first looked at
    assert await index.counted() == {"requests_total": 0, "slow_total": 0}
    index.write(0, count=3)
    index.write(9.999, 503, took=1000)
    index.write(10, count=100)  # of the look after the next
    first = await index.counted()
    second = await index.counted()

    assert first == {
        "requests_total": 0,
        "slow_total": 1,
        'requests_total{status="200"}': 3,
        'requests_total{status="503"}': 1,
    }
    assert second['requests_total{status="200"}'] == 103
    assert index.store.asked[0][0] == "post /es/logs/_search http/1.1"


async def test_what_a_failed_look_would_have_counted_the_next_one_counts(index: Index) -> None:
    await index.look()
    index.write(5, count=4)
    index.store.faults = [reply(whole({}, 5, failed=2)), reply(whole({}, timed_out=True))]
    partial = [await index.look(), await index.look()]
    index.write(25, count=2)

    assert [one.outcome for one in partial] == [Outcome.UNKNOWN] * 2
    assert partial[0].detail == "the search was answered in part: 2 of 5 shards failed"
    assert "its time was up" in partial[1].detail
    assert (await index.counted())['requests_total{status="200"}'] == 6


async def test_another_process_goes_on_where_the_first_one_was(index: Index) -> None:
    await index.look()
    index.write(5, count=4)
    assert (await index.counted())['requests_total{status="200"}'] == 4
    index.write(15, count=3)
    index.collector = index.made()
    index.looks += 5

    assert (await index.counted())['requests_total{status="200"}'] == 3


async def test_values_beyond_the_most_and_none_at_all_still_add_up(index: Index) -> None:
    await index.look()
    for status in range(250):
        index.write(5, status)
    index.write(5, 7, count=9)
    index.store.documents += [{"@timestamp": index.store.documents[0]["@timestamp"]}] * 6
    values = await index.counted()

    assert values['requests_total{status="7"}'] == 10
    assert values['requests_total{status="other"}'] == 150
    assert values["requests_total"] == 6
    assert sum(values[key] for key in values if key.startswith("requests")) == 250 + 9 + 6


async def test_values_that_come_and_go_without_end_become_other(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.log_search.MOST_SERIES", 20)
    await index.look()
    for look in range(5):
        for value in range(10):
            index.write(look * 10 + 5, look * 10 + value)
        values = await index.counted()

    assert len(values) == 21
    assert sum(values[key] for key in values if key.startswith("requests")) == 50


@pytest.mark.parametrize(
    ("said", "outcome", "detail"),
    [
        (reply({"error": "no"}, "401 Unauthorized"), Outcome.FAILED, "answered 401: no"),
        (answer(b"slow", "429 Too Many"), Outcome.UNKNOWN, "the target answered 429"),
        (answer(b"<html>"), Outcome.FAILED, "not one of Elasticsearch's or OpenSearch's"),
        (reply({"took": 1}), Outcome.FAILED, "not one of Elasticsearch's or OpenSearch's"),
        (reply(whole({"slow_total": {"doc_count": -1}})), Outcome.FAILED, "not one of Elastic"),
        (reply(whole(None)), Outcome.FAILED, "not one of Elasticsearch's or OpenSearch's"),
    ],
)
async def test_a_bad_answer_is_told_in_words(
    index: Index, said: bytes, outcome: Outcome, detail: str
) -> None:
    index.store.faults = [said]
    seen = await index.look()

    assert seen.outcome is outcome
    assert detail in seen.detail
    assert seen.page is None


async def test_an_index_that_is_not_there_is_no_count_of_nought(index: Index) -> None:
    index.collector = index.made(index="elsewhere")
    missing = await index.look()
    index.collector = index.made(index="nothing*")
    none = await index.look()

    assert missing.detail == "the target answered 404: no such index [elsewhere]"
    assert none.outcome is Outcome.UNKNOWN
    assert none.detail == "no index is called so: nothing was searched"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"index": "a b"}, "pattern"),
        ({"index": "a/../b"}, "pattern"),
        ({"metrics": {"a": {"label": "x"}}}, "go together"),
        ({"metrics": {"a": {"filter": {}}}}, "at least 1 item"),
        ({"metrics": {}}, "at least 1 item"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        LogSearchConfig.model_validate(
            {"log_search": "http://x/", "index": "logs", "metrics": METRICS, **settings}
        )
