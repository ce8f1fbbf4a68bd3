"""A stream of turns gives what the task gives for the whole conversation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from affectkit.conversation import CONTEXTS, MODALITY_CONTEXTS
from affectkit.data.batch import AffectBatch
from affectkit.predict import ConversationStream, PredictError
from affectkit.tasks import ConversationMediaTask, ConversationTask
from affectkit.tensor_file import read_tensor_file, write_tensor_file
from affectkit.types import Encoding

INPUTS = {"audio": 3, "text": 6}
SPEAKERS = ["Joey", "Ross", "Joey", "Monica", "Ross", "Joey"]
NUMBERS = [0, 1, 0, 2, 1, 0]


def build(**options: object) -> ConversationTask:
    torch.manual_seed(0)
    task = ConversationTask("meld7.official", INPUTS, hidden_dim=8, **options)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in task.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return task.eval()


def talk(seed: int = 0) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    features = {name: torch.randn(6, width, generator=generator) for name, width in INPUTS.items()}
    present = {name: torch.rand(6, generator=generator) > 0.3 for name in INPUTS}
    present["audio"][2] = present["text"][2] = False
    return features, present


def whole(task: ConversationTask, features: dict[str, Tensor], present: dict[str, Tensor]) -> Tensor:
    batch = AffectBatch(
        inputs={name: value.unsqueeze(0) for name, value in features.items()},
        valid=torch.ones(1, dtype=torch.bool),
        masks={"utterance": torch.ones(1, 6, dtype=torch.bool)},
        present={name: value.unsqueeze(0) for name, value in present.items()},
        speaker=torch.tensor([NUMBERS]),
    )
    with torch.no_grad():
        logits = task(batch).logits
    assert isinstance(logits, Tensor)
    return logits[0]


def turn(features: dict[str, Tensor], present: dict[str, Tensor], number: int) -> dict[str, Tensor]:
    return {name: value[number] for name, value in features.items() if bool(present[name][number])}


def stream_all(stream: ConversationStream, seed: int = 0, dialogue: str = "") -> Tensor:
    features, present = talk(seed)
    found = []
    for number, speaker in enumerate(SPEAKERS):
        one = stream.add(turn(features, present, number), speaker, dialogue=dialogue)
        assert (one.turn, one.speaker, one.dialogue) == (number, speaker, dialogue)
        assert one.output.logits is not None and one.label == int(one.output.logits.argmax())
        assert one.name == max(one.probabilities, key=lambda name: one.probabilities[name])
        found.append(one.output.logits)
    return torch.stack(found)


NAMED: list[dict[str, object]] = [
    {"context_model": name} for name in ("none", *sorted({*CONTEXTS, *MODALITY_CONTEXTS}))
]
VARIED: list[dict[str, object]] = [
    {"context_model": "bc_lstm", "context_cell": "gru", "residual": "add", "context_layers": 2},
    {"context_model": "transformer", "context_options": {"window_past": 2, "speakers": "relative"}},
    {"context_model": "dialogue_rnn", "fusion": "fusion_attention", "modality_dropout": 0.5},
    {"context_model": "m2fnet", "context_options": {"window_past": 1}, "modality_dropout": 0.5},
    {"context_model": "none", "fusion": "fusion_attention", "residual": "none"},
    {"context_model": "bc_lstm", "fusion": "fusion_attention", "fusion_options": {"window_past": 1}},
    {"context_model": "dialogue_gcn", "context_options": {"window_past": 1, "attention": False}},
    {"context_model": "mmgcn", "context_options": {"window_past": 1, "num_speakers": 4}},
]


@pytest.mark.parametrize("options", NAMED + VARIED, ids=lambda options: "-".join(map(str, options.values())))
def test_turn_by_turn_equals_the_whole_conversation(options: dict[str, object]) -> None:
    if options["context_model"] in ("dialogue_gcn", "mmgcn"):
        pytest.importorskip("torch_geometric", reason="needs the extra 'graph'")
    task = build(**options)
    torch.testing.assert_close(
        stream_all(ConversationStream(task)), whole(task, *talk()), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize(
    "name", ["bc_lstm", "dialogue_gcn", "dialogue_rnn", "m2fnet", "mmgcn", "transformer"]
)
def test_saved_and_restored_it_goes_on_as_if_nothing_had_happened(name: str, tmp_path: Path) -> None:
    if name == "dialogue_gcn":
        pytest.importorskip("torch_geometric", reason="needs the extra 'graph'")
    task = build(context_model=name)
    features, present = talk()
    expected = whole(task, features, present)
    stream = ConversationStream(task)
    for number in range(3):
        stream.add(turn(features, present, number), SPEAKERS[number], dialogue="a")
    stream.add(turn(*talk(5), 0), "Rachel", dialogue="b")
    path = tmp_path / "talk.safetensors"
    stream.save(path)
    again = ConversationStream(task)
    again.add(turn(features, present, 0), "Nobody", dialogue="old")
    again.load(path)
    assert again.dialogues == ("a", "b")
    for number in range(3, 6):
        found = again.add(turn(features, present, number), SPEAKERS[number], dialogue="a")
        assert found.turn == number and found.output.logits is not None
        torch.testing.assert_close(found.output.logits, expected[number], rtol=1e-5, atol=1e-5)
    again.save(tmp_path / "again.safetensors")
    again.load(path)
    again.save(tmp_path / "same.safetensors")
    assert (tmp_path / "same.safetensors").read_bytes() == path.read_bytes()
    tensors, note = read_tensor_file(path)
    for damage, message in (
        ({"kind": "adapter"}, "is no saved conversation stream"),
        ({"dialogues": [{"name": "a"}]}, "list of conversations in .* is damaged"),
    ):
        write_tensor_file(tmp_path / "damaged.safetensors", tensors, {**note, **damage})
        with pytest.raises(PredictError, match=message):
            again.load(tmp_path / "damaged.safetensors")
        assert again.dialogues == ("a", "b")
    other = ConversationStream(build(context_model="bc_lstm", context_dim=3))
    with pytest.raises(PredictError, match="saved with other weights"):
        other.load(path)


def test_turns_as_they_were_recorded() -> None:
    """Of a task with extractors: a turn may lack any of what was recorded, or all."""
    pytest.importorskip("timm", reason="needs the extra 'vision'")
    torch.manual_seed(0)
    task = ConversationMediaTask(
        "meld7.official",
        media=["audio", "visual"],
        inputs={"text": 3},
        rate=8000,
        num_mels=16,
        widths=[4, 6],
        hidden_dim=8,
        fusion="fusion_attention",
    ).eval()
    waves, pictures, text = torch.randn(4, 900) * 0.1, torch.rand(4, 2, 3, 32, 32) * 255, torch.randn(4, 3)
    pictures = pictures.to(torch.uint8)
    has = {"audio": [True, False, True, False], "visual": [True, True, False, False]}
    has["text"] = [False, True, False, False]
    areas = torch.tensor([[900.0, 100.0], [50.0, 800.0], [1.0, 1.0], [1.0, 1.0]])
    stream = ConversationStream(task)
    found = []
    for place in range(4):
        whole = {"audio": waves[place], "visual": pictures[place], "text": text[place]}
        given = {name: x for name, x in whole.items() if has[name][place]}
        one = stream.add({**given, **({"visual_areas": areas[place]} if "visual" in given else {})}, "A")
        assert one.output.logits is not None
        found.append(one.output.logits)
    flags = {name: torch.tensor([there]) for name, there in has.items()}
    batch = AffectBatch(
        inputs={
            "audio": waves[None],
            "visual": pictures[None],
            "text": text[None],
            "visual_areas": areas[None] * flags["visual"].unsqueeze(2),
        },
        valid=torch.ones(1, dtype=torch.bool),
        masks={
            "utterance": torch.ones(1, 4, dtype=torch.bool),
            "audio": flags["audio"].unsqueeze(2).expand(1, 4, 900),
            "visual": flags["visual"].unsqueeze(2).expand(1, 4, 2),
        },
        present=flags,
        speaker=torch.zeros(1, 4, dtype=torch.int64),
    )
    with torch.no_grad():
        expected = task(batch).logits[0]
    torch.testing.assert_close(torch.stack(found), expected, rtol=1e-4, atol=1e-5)
    wrongs: list[dict[str, Any]] = [{}, {"visual_areas": [4.0]}]
    for wrong in wrongs:
        with pytest.raises(PredictError, match=r"has 2 faces.*'visual_areas'"):
            stream.add({"visual": pictures[0], **wrong}, "A")
    with pytest.raises(PredictError, match="'audio' features of the turn hold NaN"):
        stream.add({"audio": torch.full((9,), torch.nan)}, "A")


def test_conversations_at_once_do_not_touch_each_other() -> None:
    task = build(context_model="dialogue_rnn")
    stream = ConversationStream(task)
    talks = {"a": talk(0), "b": talk(1)}
    found: dict[str, list[Tensor]] = {"a": [], "b": []}
    for number, speaker in enumerate(SPEAKERS):
        for name, (features, present) in talks.items():
            one = stream.add(turn(features, present, number), speaker, dialogue=name)
            assert one.output.logits is not None
            found[name].append(one.output.logits)
    for name, given in talks.items():
        torch.testing.assert_close(torch.stack(found[name]), whole(task, *given), rtol=1e-5, atol=1e-5)
    stream.reset("a")
    assert stream.dialogues == ("b",)
    with pytest.raises(PredictError, match="no conversation 'a' in the stream: it has 'b'"):
        stream.reset("a")
    assert torch.equal(stream_all(stream, 0, "a"), torch.stack(found["a"]))
    stream.reset()
    assert len(stream.dialogues) == 0


class _Opaque(torch.nn.Module):
    out_dim = 8

    def forward(self, features: Encoding, speaker: Tensor | None = None) -> Encoding:
        return features


class _Backwards(_Opaque):
    context = "past"

    def forward(self, features: Encoding, speaker: Tensor | None = None) -> Encoding:
        assert speaker is not None
        seen = features.pooled.cumsum(1) * (1 + speaker.cumsum(1)).unsqueeze(-1)
        return features._replace(pooled=seen)


def test_a_model_of_your_own_says_whether_it_looks_back() -> None:
    task = build(context_model=_Backwards())
    torch.testing.assert_close(
        stream_all(ConversationStream(task)), whole(task, *talk()), rtol=1e-5, atol=1e-4
    )
    with pytest.raises(PredictError, match="does not say whether it looks ahead"):
        ConversationStream(build(context_model=_Opaque()))


class _Rewritten(ConversationTask):
    def fuse(self, batch: AffectBatch) -> Encoding:
        return super().fuse(batch)


def test_what_cannot_be_streamed_is_refused_in_one_sentence() -> None:
    for options in ({"context": "both"}, {"fusion": "fusion_attention", "context": "both"}):
        with pytest.raises(PredictError, match=r"looks ahead.*train it with context='past'"):
            ConversationStream(build(**options))
    with pytest.raises(PredictError, match=r"_Rewritten has a fuse\(\) of its own"):
        ConversationStream(_Rewritten("meld7.official", INPUTS))


def test_bad_turns_are_refused_and_leave_no_trace() -> None:
    stream = ConversationStream(build(context_model="transformer", context_options={"num_speakers": 2}))
    features, present = talk()
    stream.add(turn(features, present, 0), 1)
    with pytest.raises(PredictError, match="does not read 'smell', but audio, text"):
        stream.add({"smell": torch.zeros(3)}, 1)
    with pytest.raises(PredictError, match=r"'text' features of the turn have shape \(5,\).*reads \(6,\)"):
        stream.add({"text": torch.zeros(5)}, 1)
    with pytest.raises(PredictError, match="'text' features of the turn hold NaN"):
        stream.add({"text": torch.full((6,), torch.nan)}, 1)
    with pytest.raises(PredictError, match="do not say what they are"):
        stream.add(torch.zeros(6), 1)
    stream.add({}, 2)
    with pytest.raises(ValueError, match="built for 2 speakers and met a conversation of 3"):
        stream.add({}, 3)
    found = stream.add({}, 2)
    assert found.turn == 2 and stream.dialogues == ("",)
    assert all(chance == chance for chance in found.probabilities.values())


def test_one_modality_needs_no_name_and_numbers_any_form() -> None:
    torch.manual_seed(0)
    task = ConversationTask("meld7.official", {"text": 3}, hidden_dim=4)
    stream = ConversationStream(task)
    first = stream.add([1.0, 2.0, 3.0], "A", dialogue="list")
    second = stream.add(torch.tensor([1, 2, 3]), "A", dialogue="tensor")
    assert first.probabilities == second.probabilities
    assert not stream.task.training


def test_a_checkpoint_is_enough(tmp_path: Path) -> None:
    from lightning.pytorch import Trainer

    task = build(context_model="transformer", context_options={"num_heads": 2})
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, barebones=True)
    trainer.strategy.connect(task)
    path = tmp_path / "task.ckpt"
    trainer.save_checkpoint(path)
    found = stream_all(ConversationStream.from_checkpoint(path))
    assert torch.equal(found, stream_all(ConversationStream(task)))
    torch.save({"weights": torch.zeros(1)}, tmp_path / "other.ckpt")
    with pytest.raises(PredictError, match="is not one of affectkit"):
        ConversationStream.from_checkpoint(tmp_path / "other.ckpt")
    (tmp_path / "text.ckpt").write_text("no")
    with pytest.raises(PredictError, match="cannot be read as a checkpoint"):
        ConversationStream.from_checkpoint(tmp_path / "text.ckpt")


def test_a_turn_is_added_as_in_evaluation_while_the_task_trains() -> None:
    task = build(context_model="bc_lstm", dropout=0.5, modality_dropout=0.5)
    expected = stream_all(ConversationStream(task))
    stream = ConversationStream(task)
    task.train()
    task.head.eval()  # type: ignore[attr-defined]
    assert torch.equal(stream_all(stream), expected)
    # The training goes on as it was.
    assert task.training and task.fusion.training and not task.head.training  # type: ignore[attr-defined]
