"""The synthetic corpus as shards, with faces as PNG and voices as WAV."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from affectkit.data.schema import ConversationRecord, UtteranceRecord
from affectkit.data.shards import DatasetWriter, Manifest
from affectkit.data.synthetic.corpus import SyntheticConversation, SyntheticCorpus
from affectkit.data.synthetic.licence import LICENCE
from affectkit.data.synthetic.png_bytes import png_bytes
from affectkit.data.synthetic.wav_bytes import wav_bytes
from affectkit.labels import affect_scale


def write_synthetic(
    out: str | os.PathLike[str],
    *,
    train: int = 120,
    val: int = 30,
    test: int = 30,
    seed: int = 0,
    ambiguity: float = 0.3,
    unreliability: float = 0.15,
    missing: float = 0.0,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Write a synthetic corpus as a data set of shards; equal arguments give equal bytes.

    A sample is a conversation: ``KEY.json``, and for utterance ``UUU`` a face
    ``KEY.face-UUU.png`` and a voice ``KEY.voice-UUU.wav`` unless it is missing.

    Args:
        out: Folder to make.
        train: Conversations to train on.
        val: Conversations to select by.
        test: Conversations to test on; no conversation is in two splits.
        seed: Seed of everything.
        ambiguity: See :class:`SyntheticCorpus`.
        unreliability: See :class:`SyntheticCorpus`.
        missing: See :class:`SyntheticCorpus`.
        overwrite: Replace the data set that lies at ``out``.
        progress: Called with the conversations done and to do after each.

    Returns:
        The manifest that was written.

    Raises:
        ShardError: If ``out`` exists and must not be replaced.
        ValueError: If a number is not allowed.
    """
    sizes = {"train": train, "val": val, "test": test}
    arguments = {
        **sizes,
        "seed": seed,
        "ambiguity": ambiguity,
        "unreliability": unreliability,
        "missing": missing,
    }
    template = Manifest(
        name="synthetic",
        kind="conversation",
        label_space=SyntheticCorpus(0).label_space,
        dims=affect_scale("va.unit"),
        licence=LICENCE,
        synthetic=True,
        created_by="write_synthetic(" + ", ".join(f"{k}={v}" for k, v in arguments.items()) + ")",
    )
    first = done = 0
    with DatasetWriter(out, template, overwrite=overwrite) as writer:
        for split, size in sizes.items():
            corpus = SyntheticCorpus(
                size,
                seed,
                first=first,
                ambiguity=ambiguity,
                unreliability=unreliability,
                missing=missing,
            )
            for conversation in corpus:
                writer.add_conversation(
                    split, conversation.id, _record(conversation), members=_members(conversation)
                )
                done += 1
                if progress is not None:
                    progress(done, sum(sizes.values()))
            first += size
    return writer.manifest


def _record(conversation: SyntheticConversation) -> ConversationRecord:
    utterances: list[UtteranceRecord] = [
        {
            "id": utterance.id,
            "text": utterance.text,
            "speaker": utterance.speaker,
            "label": utterance.label,
            "start": utterance.start,
            "end": utterance.end,
            "dims": [round(value, 4) for value in utterance.dims],
        }
        for utterance in conversation.utterances
    ]
    return {"id": conversation.id, "speakers": list(conversation.speakers), "utterances": utterances}


def _members(conversation: SyntheticConversation) -> Mapping[str, bytes]:
    members: dict[str, bytes] = {}
    for number, utterance in enumerate(conversation.utterances):
        if utterance.image is not None:
            members[f"face-{number:03d}.png"] = png_bytes(utterance.image)
        if utterance.waveform is not None:
            members[f"voice-{number:03d}.wav"] = wav_bytes(utterance.waveform)
    return members
