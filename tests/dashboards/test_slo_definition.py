"""An SLO's definition as YAML says what was taken up, and can be read back."""

import json

from ruamel.yaml import YAML

from dashboards.slo_definition import definition_text
from slo.versions import Definition
from tests.web.fakes import NOW

TEXT = json.dumps(
    {
        "objective": ["99.9%", "99.99%"],
        "window": ["30d", "month Asia/Tokyo"],
        "sli": {"collector": "m", "bad": ['x{code=~"5..", path!="/a: b"}'], "total": ["x"]},
        "tiers": [{"severity": "page", "spent": "2%", "long": "1h", "short": "5m"}],
    }
)


def test_it_reads_like_a_file_and_says_the_same() -> None:
    text = definition_text(Definition("shop/no", 1, TEXT, "mark", NOW))

    assert text.splitlines()[:4] == [
        "services:",
        "  shop:",
        "    slos:",
        "      no:",
    ]
    assert "        objective: [99.9%, 99.99%]\n" in text
    read = YAML(typ="safe", pure=True).load(text)
    assert read == {"services": {"shop": {"slos": {"no": json.loads(TEXT)}}}}
