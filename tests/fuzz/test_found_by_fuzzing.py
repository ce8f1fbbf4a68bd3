"""What a fuzzer found once."""

from __future__ import annotations

import pytest

from affectkit.data.schema import ShardError, parse_json


@pytest.mark.parametrize("text", [rb'"\ud800"', rb'{"a": ["\uDFFF\ud800"]}', rb'{"\udc00": 1}'])
def test_half_a_character_is_refused(text: bytes) -> None:
    # it used to be read, and to fail where the manifest was written or a line was printed
    with pytest.raises(ShardError, match="surrogates"):
        parse_json(text)


def test_whole_pairs_and_plain_backslashes_are_read() -> None:
    assert parse_json(rb'["\ud83d\ude00", "\\ud800", "\u00e9"]') == ["\N{GRINNING FACE}", r"\ud800", "é"]
