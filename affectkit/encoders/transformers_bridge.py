"""The bridge to transformers: its tokenizers and models, from a folder or by a hub name."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch import nn

from affectkit._optional import require

#: Name of a random text encoder, or language model, that needs no file.
TINY: Final = "tiny"
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_TINY_MARKS: Final = (
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *",.!?':-"),
    *(mark for letter in _LETTERS for mark in (letter, f"##{letter}")),
)


class TextModelSource(NamedTuple):
    """Where a tokenizer and a model of transformers are read from.

    Attributes:
        name: What transformers is given: an absolute folder, or a hub name.
        local: Whether it is a folder, which is read without the network.
        label: Its name without the place on this machine, which does not belong in a data set.
    """

    name: str
    local: bool
    label: str


def text_model_source(name_or_path: str, *, owner: str) -> TextModelSource:
    """Tell a folder from a hub name.

    Args:
        name_or_path: Local folder, a hub name, or ``"tiny"``: a small random model that reads letters.
        owner: Who wants it, for the error.

    Raises:
        FileNotFoundError: If the name is written as a path and no folder is there.
    """
    if name_or_path == TINY:
        return TextModelSource(TINY, True, TINY)
    folder = Path(name_or_path).expanduser()
    if folder.is_dir():
        # Absolute, since the process that a pickle goes to may stand in another folder.
        place = folder.resolve()
        return TextModelSource(str(place), True, place.name)
    if folder.is_absolute() or name_or_path.startswith((".", "~")):
        raise FileNotFoundError(
            f"{owner} found no folder {name_or_path!r}: "
            "give a folder with config, tokenizer and weights, or a hub name."
        )
    return TextModelSource(name_or_path, False, name_or_path)


def load_tokenizer(source: TextModelSource) -> Any:
    """Load a tokenizer that pads on the right.

    Raises:
        MissingExtraError: If transformers is not installed.
    """
    if source.name == TINY:
        return _transformers().BertTokenizerFast(vocab={mark: i for i, mark in enumerate(_TINY_MARKS)})
    tokenizer: Any = _transformers().AutoTokenizer.from_pretrained(source.name, local_files_only=source.local)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"
    return tokenizer


def load_text_model(source: TextModelSource) -> nn.Module:
    """Load a model without a head, in float32 whatever the file holds, in evaluation.

    Raises:
        MissingExtraError: If transformers is not installed.
    """
    if source.name == TINY:
        return _tiny_model().eval()
    loaded: nn.Module = _transformers().AutoModel.from_pretrained(source.name, local_files_only=source.local)
    # float32 whatever the file holds: half precision makes features depend on the batch.
    return loaded.float().eval()


def load_audio_model(source: TextModelSource) -> nn.Module:
    """Load a model of waveforms without a head, in float32; ``"tiny"`` is a small random wav2vec2.

    Raises:
        MissingExtraError: If transformers is not installed.
    """
    library: Any = require("transformers", extra="text", purpose="Encoding sound with a transformer")
    if source.name == TINY:
        config = library.Wav2Vec2Config(
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            conv_dim=(8, 8, 8),
            conv_kernel=(10, 8, 4),
            conv_stride=(5, 8, 4),
            num_feat_extract_layers=3,
            feat_extract_norm="layer",
            num_conv_pos_embeddings=8,
            num_conv_pos_embedding_groups=2,
        )
        # The same weights each time, whatever was drawn before.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            made: nn.Module = library.Wav2Vec2Model(config)
        return made
    loaded: nn.Module = library.AutoModel.from_pretrained(source.name, local_files_only=source.local)
    return loaded.float()


_CHAT: Final = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def load_language_tokenizer(source: TextModelSource) -> Any:
    """Load the tokenizer of a language model; that of ``"tiny"`` reads bytes.

    Raises:
        MissingExtraError: If transformers is not installed.
    """
    return _tiny_tokenizer() if source.name == TINY else load_tokenizer(source)


def load_language_model(source: TextModelSource, *, dtype: torch.dtype, four_bit: bool) -> nn.Module:
    """Load a causal language model; ``"tiny"`` is a small random one.

    Args:
        source: Where it is.
        dtype: Element type of its weights, and of computations with weights of four bits.
        four_bit: Whether weights are stored as normal floats of four bits, their scales quantised too.

    Raises:
        MissingExtraError: If transformers is not installed.
        ValueError: If four bits are asked for where there is no bitsandbytes or no GPU for them.
    """
    library: Any = require("transformers", extra="llm", purpose="Loading a language model")
    if four_bit and (importlib.util.find_spec("bitsandbytes") is None or not torch.cuda.is_available()):
        raise ValueError(
            "Weights of four bits need the package 'bitsandbytes' and an NVIDIA GPU, and one of them is not "
            "here: install it, or set quantization to 'none'."
        )
    if source.name == TINY:
        return _tiny_language_model(library).to(dtype)
    options: dict[str, Any] = {"dtype": dtype, "local_files_only": source.local}
    if four_bit:
        options["quantization_config"] = library.BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
        # Weights of four bits are made on the GPU that keeps them: the one of this rank.
        options["device_map"] = {"": int(os.environ.get("LOCAL_RANK", "0"))}
    loaded: nn.Module = library.AutoModelForCausalLM.from_pretrained(source.name, **options)
    return loaded


def _tiny_tokenizer() -> Any:
    """Every byte is a token; no text is unknown."""
    library: Any = require("transformers", extra="llm", purpose="Making a tokenizer")
    parts: Any = require("tokenizers", extra="llm", purpose="Making a tokenizer")
    marks = ("<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
    alphabet = sorted(parts.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate((*marks, *alphabet))}
    tokenizer: Any = parts.Tokenizer(parts.models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = parts.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = parts.decoders.ByteLevel()
    return library.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=marks[0],
        eos_token=marks[1],
        additional_special_tokens=list(marks[2:]),
        chat_template=_CHAT,
        padding_side="right",
    )


def _tiny_language_model(library: Any) -> nn.Module:
    """Two layers, 32 wide, always with the same random weights."""
    config: Any = library.Qwen2Config(
        vocab_size=264,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        # Ten times the usual: the frozen last layer of so narrow a model could hardly prefer any token.
        initializer_range=0.2,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=1,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: nn.Module = library.Qwen2ForCausalLM(config)
    return model


def _tiny_model() -> nn.Module:
    library = _transformers()
    config = library.BertConfig(
        vocab_size=len(_TINY_MARKS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=512,
    )
    # The same weights each time, whatever was drawn before.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: nn.Module = library.BertModel(config)
    return model


def _transformers(*, purpose: str = "Encoding text with a transformer") -> Any:
    return require("transformers", extra="text", purpose=purpose)
