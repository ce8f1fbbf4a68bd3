"""A language model as a task: what it learns, what it keeps, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, cast

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from torch import Tensor

from affectkit.conversation.prompts import PromptTemplate
from affectkit.curriculum import BabyStepCurriculum, WeightedShiftDifficulty
from affectkit.data.batch import AffectBatch
from affectkit.data.modules import ConversationPromptDataModule
from affectkit.encoders.transformers_bridge import load_language_model, text_model_source
from affectkit.labels import LabelSpaceMismatchError
from affectkit.tasks import BaseMismatchError, ConversationLLMTask
from affectkit.tasks.answer_loss import ANSWER
from affectkit.types import AffectOutput, LossTerms

pytest.importorskip("peft", reason="needs the extra 'llm'")
# Lightning still calls what newer releases of others deprecate.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

SPACE = "meld7.official"
#: Every byte is a token of the tiny model.
SHORT = PromptTemplate(
    system="{context}\n\n{demonstrations}\n\n{labels}",
    user="{question}",
    wording={"question": "{utterance}?"},
)


def task(**options: Any) -> ConversationLLMTask:
    torch.manual_seed(0)
    return ConversationLLMTask(SPACE, "tiny", **{"lora_rank": 2, "lora_dropout": 0.0, **options})


def data(root: str, **options: Any) -> ConversationPromptDataModule:
    given: dict[str, Any] = {"template": SHORT, "context_window": 1, "batch_size": 4, **options}
    return ConversationPromptDataModule(root, "tiny", **given)


def trainer(folder: Path, **options: Any) -> Trainer:
    return Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=folder,
        **{"max_epochs": 1, **options},
    )


def updates(module: ConversationLLMTask) -> dict[str, Tensor]:
    return {n: p.detach().clone() for n, p in module.named_parameters() if p.requires_grad}


@pytest.fixture(scope="module")
def trained(conversations: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[ConversationLLMTask, Path]:
    """A task after two epochs of a curriculum, and its checkpoint."""
    folder = tmp_path_factory.mktemp("llm")
    module = task(lr=0.02, noise=5.0)
    curriculum = BabyStepCurriculum(WeightedShiftDifficulty(label_space=SPACE), buckets=2)
    run = trainer(folder, max_epochs=2, accumulate_grad_batches=2, gradient_clip_val=0.3)
    run.fit(module, data(conversations, curriculum=curriculum, demonstrations=1))
    run.save_checkpoint(folder / "last.ckpt")
    return module.eval(), folder / "last.ckpt"


def test_training_makes_the_right_answers_likelier(
    trained: tuple[ConversationLLMTask, Path], conversations: str
) -> None:
    before, after = task().eval(), trained[0]
    losses = []
    for module in (before, after):
        total = weight = 0.0
        for batch in data(conversations, demonstrations=1).examples_dataloader():
            with torch.no_grad():
                terms = module.compute_loss(batch, module(batch))
            total, weight = total + float(terms.total * terms.weight), weight + float(terms.weight)
        losses.append(total / weight)
    assert losses[1] < 0.7 * losses[0]


def test_a_checkpoint_holds_the_updates_and_gives_the_same_answers(
    trained: tuple[ConversationLLMTask, Path], conversations: str
) -> None:
    module, path = trained
    stored = torch.load(path, weights_only=True)
    assert set(updates(module)) == {name for name in stored["state_dict"] if "model" in name}
    assert stored["affectkit"]["label_space"]["name"] == SPACE and stored["affectkit"]["injected"] == []
    again = ConversationLLMTask.load_from_checkpoint(path).eval()
    batch = next(iter(data(conversations).test_dataloader()))
    with torch.no_grad():
        one, two = module(batch), again(batch)
        untrained = task().eval()(batch)
    assert torch.equal(one.logits, two.logits) and not torch.allclose(one.logits, untrained.logits)


def test_a_checkpoint_on_other_weights_or_layers_is_refused(
    trained: tuple[ConversationLLMTask, Path], tmp_path: Path
) -> None:
    module, path = trained
    source = text_model_source("tiny", owner="a test")
    other: Any = load_language_model(source, dtype=torch.float32, four_bit=False)
    with torch.no_grad():
        other.lm_head.weight.add_(1e-3)
    other.save_pretrained(tmp_path / "other")
    module.tokenizer.tokenizer.save_pretrained(tmp_path / "other")
    with pytest.raises(BaseMismatchError, match=r"base 'tiny'.*base here is 'other'.*language_model=FOLDER"):
        ConversationLLMTask.load_from_checkpoint(path, language_model=str(tmp_path / "other"))
    for targets in (["q_proj"], ["q_proj", "lm_head"]):
        with pytest.raises(BaseMismatchError, match="updates of different layers"):
            ConversationLLMTask.load_from_checkpoint(path, lora_targets=targets)
    with pytest.raises(LabelSpaceMismatchError, match="different orders"):
        ConversationLLMTask.load_from_checkpoint(path, label_space="meld7.merbench")


def test_a_local_folder_is_the_same_model(
    trained: tuple[ConversationLLMTask, Path], conversations: str, tmp_path: Path
) -> None:
    module, path = trained
    base: Any = load_language_model(
        text_model_source("tiny", owner="a test"), dtype=torch.float32, four_bit=False
    )
    base.save_pretrained(tmp_path / "model")
    module.tokenizer.tokenizer.save_pretrained(tmp_path / "model")
    local = ConversationLLMTask.load_from_checkpoint(path, language_model=str(tmp_path / "model")).eval()
    batch = next(iter(data(conversations).test_dataloader()))
    with torch.no_grad():
        torch.testing.assert_close(local(batch).logits, module(batch).logits, rtol=0, atol=1e-6)


class _Forked(Protocol):
    def __call__(
        self, function: Callable[..., None], *arguments: object, ranks: int = 1
    ) -> list[int | None]: ...


def _steps(root: str, file: str, ranks: int, batch_size: int, accumulated: int) -> None:
    """Three optimizer steps of four utterances, however these are shared out."""
    module = task(lr=0.01, schedule="constant", warmup=0.0)
    strategy = DDPStrategy(process_group_backend="gloo") if ranks > 1 else SingleDeviceStrategy("cpu")
    options: dict[str, Any] = {"accumulate_grad_batches": accumulated, "devices": ranks, "strategy": strategy}
    run = trainer(Path(file).parent, max_steps=3, max_epochs=-1, **options)
    # A batch of one has no neighbours and no padding, so this compares that as well.
    run.fit(module, data(root, batch_size=batch_size))
    if run.is_global_zero:
        torch.save(updates(module), file)


@pytest.mark.distributed
def test_ranks_and_accumulated_batches_are_one_batch(
    conversations: str, tmp_path: Path, forked: _Forked
) -> None:
    found: list[dict[str, Tensor]] = []
    for ranks, batch_size, accumulated in ((1, 4, 1), (1, 1, 4), (2, 4, 1), (2, 2, 2)):
        file = str(tmp_path / f"{ranks}x{accumulated}.pt")
        assert set(forked(_steps, conversations, file, ranks, batch_size, accumulated, ranks=ranks)) == {0}
        found.append(torch.load(file, weights_only=True))
    start = updates(task())
    assert any(not torch.equal(start[name], value) for name, value in found[0].items())
    for other in found[1:]:
        for name, value in found[0].items():
            torch.testing.assert_close(other[name], value, rtol=1e-3, atol=2e-5)


def test_a_resumed_training_goes_on_as_if_unbroken(conversations: str, tmp_path: Path) -> None:
    """Across the stages of a curriculum, with dropout and noise on."""

    def fit(epochs: int, checkpoint: Path | None = None) -> tuple[Trainer, ConversationLLMTask]:
        module = task(lr=0.01, schedule="constant", warmup=0.0, lora_dropout=0.1, noise=5.0)
        curriculum = BabyStepCurriculum(WeightedShiftDifficulty(label_space=SPACE), buckets=2)
        run = trainer(tmp_path, max_epochs=epochs)
        run.fit(module, data(conversations, curriculum=curriculum), ckpt_path=checkpoint, weights_only=True)
        return run, module

    first, begun = fit(1)
    first.save_checkpoint(tmp_path / "first.ckpt")
    _, unbroken = fit(2)
    _, resumed = fit(2, tmp_path / "first.ckpt")
    half = updates(begun)
    for name, value in updates(unbroken).items():
        assert torch.equal(updates(resumed)[name], value) and not torch.equal(half[name], value)


def test_the_test_scores_every_utterance_and_says_what_prompts_show(
    trained: tuple[ConversationLLMTask, Path], conversations: str, tmp_path: Path
) -> None:
    module = trained[0]
    run = trainer(tmp_path)
    shown = data(conversations, demonstrations=1, context="both")
    (scores,) = run.test(module, shown, verbose=False)
    total = weight = right = 0.0
    for batch in shown.test_dataloader():
        label = batch.target.label
        assert label is not None and batch.target.weight is not None
        known = (label >= 0) & (batch.target.weight > 0)
        with torch.no_grad():
            logits = module(batch).logits
        right += float((logits.argmax(dim=1) == label)[known].sum())
        total += float(known.sum())
        weight += float(batch.target.weight.sum())
    assert scores["test/accuracy"] == pytest.approx(right / total) and weight > total
    facts = module.report_facts()
    assert (facts["context"], facts["demonstrations"], facts["language_model"]) == ("both", 1, "tiny")
    predictions = run.predict(module, shown)
    assert predictions is not None
    assert sum(len(cast(Any, one).keys) for one in predictions) == weight


def test_free_answers_are_counted_and_refusals_are_never_right(
    conversations: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = task(free_answers=True).eval()
    labels = all_labels(data(conversations))
    words = module.label_words
    said: list[str] = []
    for number, label in enumerate(labels):
        if number < 4:
            # A first batch without any right answer or refusal, in which both counts are alike.
            said.append(words[((label or 0) + 1) % 7])
        else:
            said.append(("Joy!", "joy or anger", "I cannot say")[number % 3])
    calls: list[int] = []

    def write(ids: Tensor, mask: Tensor | None, *, max_tokens: int) -> list[list[int]]:
        assert mask is not None and max_tokens > len("neutral")
        numbers = range(len(calls), len(calls) + len(ids))
        calls.extend(numbers)
        return [module.tokenizer.answer(said[number])[:-1] for number in numbers]

    monkeypatch.setattr(module.scorer, "write", write)
    (scores,) = trainer(tmp_path).test(module, data(conversations), verbose=False)
    real = [(text, label) for text, label in zip(said, labels) if label is not None and label >= 0]
    right = sum(text == "Joy!" and words[label] == "joy" for text, label in real)
    refused = sum(text in ("joy or anger", "I cannot say") for text, _ in real)
    assert scores["test/free_accuracy"] == pytest.approx(right / len(real))
    assert scores["test/refused"] == pytest.approx(refused / len(real)) and refused != right


def all_labels(module: ConversationPromptDataModule) -> list[int | None]:
    """Label of every row as it comes, None on rows that only fill the last batch."""
    found: list[int | None] = []
    for batch in module.test_dataloader():
        assert batch.target.label is not None and batch.target.weight is not None
        rows = zip(batch.target.label.tolist(), batch.target.weight.tolist())
        found += [label if counts else None for label, counts in rows]
    return found


def test_updates_are_written_as_peft_does(
    trained: tuple[ConversationLLMTask, Path], conversations: str, tmp_path: Path
) -> None:
    peft: Any = pytest.importorskip("peft")
    module = trained[0]
    module.save_adapter(tmp_path / "adapter")
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()
    source = text_model_source("tiny", owner="a test")
    base = load_language_model(source, dtype=torch.float32, four_bit=False)
    elsewhere: Any = peft.PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    batch = next(iter(data(conversations).test_dataloader()))
    ids, mask = batch.inputs["prompt"], batch.masks["prompt"]
    with torch.no_grad():
        one = elsewhere(input_ids=ids, attention_mask=mask.long()).logits
        two = cast(Any, module.scorer.model)(input_ids=ids, attention_mask=mask.long()).logits
    torch.testing.assert_close(one[mask], two[mask], rtol=0, atol=1e-6)


def test_one_method_of_a_subclass_changes_one_thing(conversations: str) -> None:
    class Doubled(ConversationLLMTask):
        def compute_loss(self, batch: AffectBatch, output: AffectOutput) -> LossTerms:
            terms = super().compute_loss(batch, output)
            return terms._replace(total=2 * terms.total)

    torch.manual_seed(0)
    mine = Doubled(SPACE, "tiny", lora_rank=2, lora_dropout=0.0)
    theirs = task()
    batch = next(iter(data(conversations).train_dataloader()))
    one, two = (module.compute_loss(batch, module(batch)) for module in (mine, theirs))
    torch.testing.assert_close(one.total, 2 * two.total)
    assert theirs(batch).logits is None and ANSWER in (theirs(batch).extra or {})


def test_words_and_tokens_must_be_those_of_the_prompts(conversations: str, tmp_path: Path) -> None:
    words = [f"w{place}" for place in range(7)]
    with pytest.raises(ValueError, match=r"answers with neutral.*but the prompts name w0"):
        trainer(tmp_path).test(task(), data(conversations, label_words=words), verbose=False)
    tokenizer = task().tokenizer.tokenizer
    tokenizer.chat_template = "{{ messages[0].content }}"
    tokenizer.save_pretrained(tmp_path / "other")
    prompts = ConversationPromptDataModule(conversations, str(tmp_path / "other"))
    with pytest.raises(ValueError, match="prompts were made for 'other'"):
        trainer(tmp_path).test(task(), prompts, verbose=False)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="score='sum'"):
        task(score="sum")
    with pytest.raises(ValueError, match="1 label_words for the 7 labels"):
        task(label_words=["joy"])
    with pytest.raises(ValueError, match="beginning of answer"):
        task(label_words=["joy"] * 7)
    if not torch.cuda.is_available():
        with pytest.raises(
            ValueError, match="Weights of four bits need the package 'bitsandbytes' and an NVIDIA"
        ):
            task(quantization="nf4")


def test_bfloat16_weights_have_updates_in_float32(conversations: str) -> None:
    module = task(weights_dtype="bfloat16").train()
    kinds = {name.rpartition(".lora_")[1]: p.dtype for name, p in module.named_parameters()}
    assert kinds == {"": torch.bfloat16, ".lora_": torch.float32}
    batch = next(iter(data(conversations).train_dataloader()))
    terms = module.compute_loss(batch, module(batch))
    torch.autograd.backward(terms.total)
    assert terms.total.dtype == torch.float32
    for parameter in updates(module).values():
        assert parameter.dtype == torch.float32
    with torch.no_grad():
        assert module.eval()(batch).logits.dtype == torch.float32
