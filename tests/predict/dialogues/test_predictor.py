"""Predictions on dialogues are those of the training pipeline."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from affectkit.data.decode import DecodeError
from affectkit.data.modules import ConversationPromptDataModule, DialogueTextDataModule
from affectkit.data.schema import ConversationRecord
from affectkit.data.store import open_store
from affectkit.predict import (
    DialoguePredictor,
    DialogueView,
    PredictError,
    PromptView,
    find_dialogues,
    open_predictor,
)
from affectkit.tasks import AffectTask, AudioTask, ConversationLLMTask, DialogueTextTask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
OPTIONS: dict[str, dict[str, object]] = {
    "DialogueTextDataModule": {"tokenizer": "tiny", "budget": 200, "past": 1, "future": 0, "names": False},
    "ConversationPromptDataModule": {
        "tokenizer": "tiny",
        "template": "plain",
        "context_window": 1,
        "max_tokens": 400,
    },
}


@pytest.fixture(scope="module")
def records(corpus: Path) -> list[ConversationRecord]:
    """The dialogues of the test split, as they are stored."""
    store = open_store(corpus, "test")
    return [json.loads(bytes(store.get(place)["json"])) for place in range(len(store))]


def written(record: ConversationRecord) -> dict[str, object]:
    """A dialogue as a person would write it, without a label and without numbers for speakers."""
    names = record["speakers"]
    turns = [{"speaker": names[one["speaker"]], "text": one["text"]} for one in record["utterances"]]
    return {"id": record["id"], "utterances": turns}


@pytest.mark.parametrize("module", list(OPTIONS))
def test_files_and_shards_give_the_same_bits(
    module: str,
    corpus: Path,
    records: list[ConversationRecord],
    tmp_path: Path,
    pipeline: Any,
    kept_run: Callable[..., Path],
) -> None:
    torch.manual_seed(0)
    prompts = module == "ConversationPromptDataModule"
    task: AffectTask = (
        ConversationLLMTask("meld7.official", "tiny", lora_rank=2)
        if prompts
        else DialogueTextTask("meld7.official", "tiny")
    )
    run = kept_run(tmp_path / "run", task, module, **OPTIONS[module])
    kind = ConversationPromptDataModule if prompts else DialogueTextDataModule
    options = cast(Any, {**OPTIONS[module], "label_space": "meld7.official", "batch_size": 4})
    expected = list(pipeline(task, kind(str(corpus), **options)).values())
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(written(one)) + "\n" for one in records))
    predictor = open_predictor(run, batch_size=4, device="cpu")
    assert isinstance(predictor, DialoguePredictor)
    talks = [
        [(str(turn["speaker"]), str(turn["text"])) for turn in cast(Any, written(one))["utterances"]]
        for one in records
    ]
    for rows in (
        list(predictor.rows(predictor.find([corpus]))),
        list(predictor.rows(predictor.find([tmp_path / "a.jsonl"]))),
        list(predictor.predict(talks)),
    ):
        assert [row.error for row in rows] == [None] * len(expected) and len(expected) > 4
        for row, logits in zip(rows, expected, strict=True):
            assert torch.equal(torch.tensor(row.logits), logits)


def test_scripts_and_subtitles_say_who_speaks(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Ann: Hi: you.\nBob: No.\n12:30 is late\n\nZoe: Alone.\n")
    items = find_dialogues([tmp_path])
    assert [(item.part, item.text) for item in items] == [
        ("line 1", "Hi: you."),
        ("line 2", "No."),
        ("line 3", "12:30 is late"),
        ("line 5", "Alone."),
    ]
    first, last = (json.loads(bytes(items[place].read()["json"])) for place in (0, 3))
    assert first["speakers"] == ["Ann", "Bob", "Speaker"] and last["speakers"] == ["Zoe"]
    assert [one["speaker"] for one in first["utterances"]] == [0, 1, 2]


def test_turns_that_lie_apart_make_one_dialogue(tmp_path: Path) -> None:
    turns = [("d", "Ann", "one"), ("e", "Bob", "two"), ("d", "Bob", "three")]
    lines = [json.dumps({"dialogue": d, "speaker": s, "text": t}) for d, s, t in turns]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    items = find_dialogues([tmp_path / "a.jsonl"])
    assert [item.text for item in items] == ["one", "three", "two"]
    record = json.loads(bytes(items[0].read()["json"]))
    assert [one["text"] for one in record["utterances"]] == ["one", "three"]


def test_lines_without_a_dialogue_are_dialogues_of_one_turn(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n{"no": "text"}\n{"text": "two"}\n')
    first, bad, last = find_dialogues([tmp_path / "a.jsonl"])
    for item, text in ((first, "one"), (last, "two")):
        assert [one["text"] for one in json.loads(bytes(item.read()["json"]))["utterances"]] == [text]
    with pytest.raises(DecodeError, match="Line 2 holds no text"):
        bad.read()


def test_a_turn_that_cannot_be_read_takes_its_dialogue_along(tmp_path: Path) -> None:
    task = DialogueTextTask("meld7.official", "tiny")
    predictor = DialoguePredictor(task, DialogueView("tiny", budget=40), device="cpu", batch_size=2)
    broken = {"id": "x", "utterances": [{"speaker": "A", "text": "hi"}, {"speaker": "B"}]}
    whole = {"id": "y", "utterances": [{"speaker": "A", "text": "hi"}]}
    (tmp_path / "a.jsonl").write_text(f"{json.dumps(broken)}\n{json.dumps(whole)}\n")
    rows = list(predictor.rows(predictor.find([tmp_path / "a.jsonl"])))
    assert [row.error is None for row in rows] == [False, False, True]
    assert [row.part for row in rows] == ["dialogue x turn 0", "dialogue x turn 1", "dialogue y turn 0"]


def test_runs_that_need_more_than_words_are_refused(tmp_path: Path, kept_run: Callable[..., Path]) -> None:
    task = AudioTask("emodb7.letters", rate=8000, num_mels=16, widths=[4, 6])
    with pytest.raises(PredictError, match="AudioTask reads audio, and dialogues give text"):
        DialoguePredictor(task, DialogueView("tiny"))
    with pytest.raises(PredictError, match="got a PromptView: give it a DialogueView"):
        DialoguePredictor(DialogueTextTask("meld7.official", "tiny"), PromptView("tiny"))
    run = kept_run(
        tmp_path,
        DialogueTextTask("meld7.official", "tiny"),
        "ConversationPromptDataModule",
        knowledge="k.jsonl",
    )
    with pytest.raises(PredictError, match="showed knowledge, which a raw dialogue does not bring"):
        open_predictor(run)
    run = kept_run(tmp_path / "b", DialogueTextTask("meld7.official", "tiny"), "DialogueTextDataModule")
    with pytest.raises(PredictError, match="names no tokenizer for DialogueTextDataModule"):
        open_predictor(run)
