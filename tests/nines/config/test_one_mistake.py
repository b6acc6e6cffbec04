"""Each file in tests/configs holds one mistake; what must be said of it stands at its top."""

import re
from pathlib import Path

import pytest

from nines.config import ConfigError, load

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(CONFIGS.glob("*.yaml"))
SAID = re.compile(rb"# (\d+:\d+: .*)")


def expected(file: Path) -> list[str]:
    """The sentences in the comments at the file's top."""
    found = []
    for line in file.read_bytes().splitlines():
        match = SAID.fullmatch(line)
        if match is None:
            break
        found.append(match[1].decode())
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_mistake_is_said_in_these_words_at_this_place(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(file, {})

    said = [
        f"{problem.line}:{problem.column}: {problem.sentence.replace(str(file), '{file}')}"
        for problem in caught.value.problems
    ]
    assert said == expected(file)
    assert len(said) == 1
    assert caught.value.problems[0].path == str(file)


def test_there_is_a_file_for_every_group_of_mistakes() -> None:
    groups = {file.stem.split("-")[0] for file in FILES}

    assert groups >= {
        *("key", "type", "duration", "percent", "window", "selector", "url", "regex", "json"),
        *("collector", "reference", "sli", "slo", "tier", "name", "label", "server", "env"),
        *("secret", "yaml", "file", "derived"),
    }
