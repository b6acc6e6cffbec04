"""What Elasticsearch's search API does, by its documentation, for what we ask of it.

https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-search
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tests.collectors.wire import Talk, answer

Document = Mapping[str, Any]


class Elasticsearch:
    """One index, `logs`. `faults` are answers that are given first, whatever is asked."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self.documents: list[Document] = []
        self.faults: list[bytes] = []
        self.asked: list[tuple[str, Any]] = []

    @property
    def talk(self) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0)
            body = json.loads(await reader.readexactly(length))
            path = head.split(" ")[1]
            self.asked.append((head.partition("\r\n")[0], body))
            writer.write(self.faults.pop(0) if self.faults else self._search(path, body))
            await writer.drain()
            await reader.read()

        return talk

    def _search(self, path: str, body: Any) -> bytes:  # noqa: ANN401 - JSON
        index = path.removeprefix(self._prefix).strip("/").split("/")[0]
        if index not in ("logs", "log*", "nothing*"):
            error = {"type": "index_not_found_exception", "reason": f"no such index [{index}]"}
            return reply({"error": error, "status": 404}, "404 Not Found")
        within = [one for one in self.documents if _matches(body["query"], one)]
        found = {name: _aggregate(one, within) for name, one in body["aggs"].items()}
        shards = 0 if index == "nothing*" else 1
        if not shards:
            return reply(whole(None, shards))
        return reply(whole(found, shards))


def whole(aggregations: object, shards: int = 1, failed: int = 0, **changed: object) -> Any:  # noqa: ANN401
    told = {"total": shards, "successful": shards - failed, "skipped": 0, "failed": failed}
    said = {"took": 1, "timed_out": False, "_shards": told, "hits": {"hits": []}}
    return said | ({} if aggregations is None else {"aggregations": aggregations}) | changed


def reply(body: object, status: str = "200 OK") -> bytes:
    return answer(json.dumps(body).encode(), status, "content-type: application/json\r\n")


def _matches(query: Any, document: Document) -> bool:  # noqa: ANN401 - JSON
    ((kind, rest),) = query.items()
    match kind:
        case "match_all":
            return True
        case "bool":
            return all(_matches(one, document) for one in rest["filter"])
        case "term":
            ((field, value),) = rest.items()
            return bool(document.get(field) == value)
        case "range":
            ((field, bounds),) = rest.items()
            have: Any = document.get(field)
            if have is None:
                return False
            return bool(bounds.get("gte", have) <= have < bounds.get("lt", have + 1))
        case _:
            raise AssertionError(kind)


def _aggregate(asked: Any, documents: list[Document]) -> Any:  # noqa: ANN401 - JSON
    within = [one for one in documents if _matches(asked["filter"], one)]
    found: dict[str, Any] = {"doc_count": len(within)}
    for name, below in asked.get("aggs", {}).items():
        field, size = below["terms"]["field"], below["terms"]["size"]
        counts = Counter(one[field] for one in within if field in one).most_common()
        found[name] = {
            "doc_count_error_upper_bound": 0,
            "sum_other_doc_count": sum(count for _, count in counts[size:]),
            "buckets": [{"key": key, "doc_count": count} for key, count in counts[:size]],
        }
    return found
