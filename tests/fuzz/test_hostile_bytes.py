"""Fuzzers: whatever stands in a file, it is read, or refused by a ``ShardError``; nothing else happens.

Each starts from a sound file, because random bytes get no further than the first check. The number
of tries is that of the environment variable AFFECTKIT_FUZZ_EXAMPLES.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from safetensors.torch import save as save_tensors
from torch import Tensor

from affectkit.data.decode import Audio, decode_member
from affectkit.data.schema import (
    ConversationRecord,
    ShardError,
    canonical_json,
    conversation_record,
    parse_json,
)
from affectkit.data.shards import DatasetWriter, FeatureSpec, Licence, Manifest, ShardStore, open_shards
from affectkit.data.shards.shard_index import open_index
from affectkit.data.shards.tar_scan import scan_tar
from affectkit.labels import AffectScale, label_space

fuzz = settings(
    max_examples=int(os.environ.get("AFFECTKIT_FUZZ_EXAMPLES", "120")),
    deadline=None,
    # files are written anew for each try
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

#: Numbers at which sizes, offsets and counts go wrong.
EDGES = [0, 1, -1, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**62, 2**63 - 1, -(2**63)]


@st.composite
def damage(draw: st.DrawFn, sound: bytes) -> bytes:
    """Some edits of ``sound``: bytes changed, cut out, put in, repeated, or set to an edge number."""
    data = bytearray(sound)
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(("flip", "digit", "cut", "insert", "repeat", "number", "truncate")))
        # most of what is checked stands in the head of a file
        reach = draw(st.sampled_from((64, 600, 1 << 30)))
        at = draw(st.integers(0, max(0, min(reach, len(data)) - 1)))
        span = draw(st.integers(1, 40))
        if kind == "flip" and data:
            data[at] = draw(st.integers(0, 255))
        elif kind == "digit" and data:
            data[at] = draw(st.sampled_from(b'0123456789-.eE[]{}",:\0 '))
        elif kind == "cut":
            del data[at : at + span]
        elif kind == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=40))
        elif kind == "repeat":
            data[at:at] = data[at : at + span]
        elif kind == "number":
            wide, order = draw(st.sampled_from((2, 4, 8))), draw(st.sampled_from(("little", "big")))
            number = draw(st.sampled_from(EDGES)) % 2 ** (8 * wide)
            data[at : at + wide] = number.to_bytes(wide, "little" if order == "little" else "big")
        else:
            del data[at:]
    return bytes(data)


def leaves(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Paths of all values inside parsed JSON."""
    found = [path] if path else []
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        found += leaves(item, (*path, key))
    return found


HOSTILE_TEXT = st.sampled_from(["../x.tar", "/etc/x.tar", "a/x.tar", "a\0b", "", "x.tar", "test", "\ud800"])
ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from(EDGES)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | HOSTILE_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def other_json(draw: st.DrawFn, sound: object) -> object:
    """``sound`` with some values replaced (half of them by their like), removed, or something added."""
    value: object = json.loads(json.dumps(sound))
    for _ in range(draw(st.integers(1, 3))):
        *folders, last = draw(st.sampled_from(leaves(value) or [("",)]))
        place = value
        for key in folders:
            place = place[key]  # type: ignore[index]
        kind = draw(st.sampled_from(("replace", "remove", "add")))
        if isinstance(place, dict):
            name = str(last) if kind != "add" else draw(st.text(max_size=4))
            old = place.pop(name, None)
            like: st.SearchStrategy[object] = HOSTILE_TEXT if isinstance(old, str) else st.sampled_from(EDGES)
            if kind != "remove":
                place[name] = draw(like if draw(st.booleans()) else ANY_JSON)
        elif isinstance(place, list) and isinstance(last, int):
            place[last : last + (kind != "add")] = [] if kind == "remove" else [draw(ANY_JSON)]
    return value


# ---------------------------------------------------------------------------------------- sound files


def record(number: int) -> ConversationRecord:
    return {
        "id": f"c{number}",
        "speakers": ["a", "b"],
        "utterances": [
            {
                "id": str(i),
                "text": "yes",
                "speaker": i % 2,
                "label": None if i == 1 else i,
                "start": 0.5,
                "end": None,
                "dims": [0.25, None],
                "extra": {},
            }
            for i in range(3)
        ],
        "meta": {"season": 1},
    }


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set, written once; a test that changes a file puts it back."""
    root = tmp_path_factory.mktemp("fuzz") / "set"
    template = Manifest(
        name="fuzz",
        kind="conversation",
        label_space=label_space("meld7.official"),
        dims=AffectScale("va.fuzz", ("valence", "arousal"), low=-1.0, high=1.0),
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
        features={"text": FeatureSpec(2, "float32", "none")},
    )
    with DatasetWriter(root, template, shard_samples=3) as writer:
        for split in ("train", "val"):
            for number in range(4):
                features = {"text": torch.zeros(3, 2)}
                writer.add_conversation(split, f"c{number}", record(number), features=features)
    return root


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    pixels = np.arange(24 * 20 * 3, dtype=np.uint8).reshape(24, 20, 3)
    Image.fromarray(pixels).save(file, format=kind)
    return file.getvalue()


def array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.arange(12, dtype=np.float32).reshape(3, 4))
    return file.getvalue()


def sound(kind: str) -> bytes:
    soundfile = pytest.importorskip("soundfile", reason="the fuzzer of sounds needs the extra 'audio'")
    file = io.BytesIO()
    soundfile.write(file, np.linspace(-0.5, 0.5, 400), 8000, format=kind)
    return file.getvalue()


DECODERS: dict[str, Callable[[], bytes]] = {
    "json": lambda: canonical_json(record(0)),
    "txt": "naïve ☺".encode,
    "cls": lambda: b"12",
    "npy": array,
    "safetensors": lambda: save_tensors({"text": torch.zeros(3, 4), "text.present": torch.ones(3) > 0}),
    "jpg": lambda: picture("JPEG"),
    "png": lambda: picture("PNG"),
    "webp": lambda: picture("WEBP"),
    "wav": lambda: sound("WAV"),
    "flac": lambda: sound("FLAC"),
}


# -------------------------------------------------------------------------------------------- fuzzers


@pytest.mark.parametrize("kind", sorted(DECODERS))
def test_decoders(kind: str) -> None:
    whole = DECODERS[kind]()
    decode_member(kind, whole)

    @fuzz
    @given(damage(whole))
    def decodes_or_refuses(data: bytes) -> None:
        try:
            value = decode_member(kind, data)
        except ShardError:
            return
        for tensor in value.values() if isinstance(value, dict) and kind == "safetensors" else (value,):
            if isinstance(tensor, Audio):
                tensor = tensor.waveform
            if isinstance(tensor, Tensor):
                assert not tensor.numel() or tensor.reshape(-1)[-1].isfinite().item() in (True, False)
        if kind == "json":
            canonical_json(value)

    decodes_or_refuses()


def test_records_of_conversations() -> None:
    @fuzz
    @given(other_json(record(0)))
    def reads_or_refuses(value: object) -> None:
        try:
            checked = conversation_record(value)
        except ShardError:
            return
        for utterance in checked["utterances"]:
            assert 0 <= utterance["speaker"] < len(checked["speakers"])
            assert utterance["label"] is None or utterance["label"] >= 0

    reads_or_refuses()


@pytest.mark.parametrize("how", ["bytes", "values", "names"])
def test_manifests(shards: Path, how: str) -> None:
    whole = (shards / "manifest.json").read_bytes()
    values = other_json(parse_json(whole)).map(lambda value: json.dumps(value).encode())
    # the names of shards are opened, so they get tries of their own
    name = st.text("./\\ab\0", max_size=5).map(lambda text: json.dumps(f"{text}.tar").encode())
    names = name.map(lambda text: whole.replace(b'"train-00000.tar"', text))

    @fuzz
    @given({"bytes": damage(whole), "values": values, "names": names}[how])
    def reads_or_refuses(data: bytes) -> None:
        try:
            manifest = Manifest.from_json(data)
        except ShardError:
            return
        for entry in manifest.shards:
            assert Path(entry.name).name == entry.name and not entry.name.startswith(".")
        again = Manifest.from_json(manifest.to_json())
        assert again.to_json() == manifest.to_json()

    reads_or_refuses()


def readable(store: ShardStore, room: int) -> None:
    """Read everything: inside the file, by keys that are text."""
    for position in range(len(store)):
        assert store.key(position)
        assert sum(len(data) for data in store.get(position).values()) <= room


@pytest.mark.parametrize("how", ["bytes", "arrays"])
def test_indexes(shards: Path, how: str) -> None:
    path = shards / "train-00000.tar.idx"
    whole = path.read_bytes()
    head = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])["__metadata__"]
    tables = load_arrays(whole)

    @st.composite
    def other_arrays(draw: st.DrawFn) -> bytes:
        changed = {name: table.copy() for name, table in tables.items()}
        name = draw(st.sampled_from(sorted(name for name, table in changed.items() if table.size)))
        table = changed[name].reshape(-1)
        at = draw(st.integers(0, table.size - 1))
        if table.dtype == np.int64:
            table[at] = draw(st.sampled_from([*EDGES, int(table[at]) + 1, int(table[at]) - 1]))
        else:
            table[at] = draw(st.integers(0, 255))
        if draw(st.booleans()):
            changed[name] = changed[name][: draw(st.integers(0, len(changed[name])))]
        return save_arrays(changed, metadata=head)

    @fuzz
    @given(damage(whole) if how == "bytes" else other_arrays())
    def opens_or_refuses(data: bytes) -> None:
        path.write_bytes(data)
        try:
            try:
                index = open_index(path)
            except ShardError:
                return
            for sample in range(len(index)):
                index.key(sample)
                for _, offset, size in index.members(sample):
                    assert 0 <= offset <= offset + size <= index.entry.bytes
            with suppress(ShardError):
                readable(open_shards(shards, "train"), (shards / "train-00000.tar").stat().st_size)
        finally:
            path.write_bytes(whole)

    opens_or_refuses()


def mended(data: bytes) -> bytes:
    """The checksums of all headers made right again, so that the damage behind them is reached."""
    tar = bytearray(data)
    for at in range(0, len(tar) - 511, 512):
        if tar[at + 257 : at + 262] == b"ustar":
            tar[at + 148 : at + 156] = b" " * 8
            tar[at + 148 : at + 156] = b"%06o\0 " % sum(tar[at : at + 512])
    return bytes(tar)


@pytest.mark.parametrize("how", ["bytes", "mended"])
def test_tars(shards: Path, how: str) -> None:
    path = shards / "train-00000.tar"
    whole = path.read_bytes()

    @fuzz
    @given(damage(whole) if how == "bytes" else damage(whole).map(mended))
    def scans_or_refuses(data: bytes) -> None:
        path.write_bytes(data)
        try:
            with suppress(ShardError):
                for member in scan_tar(path):
                    assert 0 < member.offset <= member.offset + member.size <= len(data)
            assume(data != whole)
            # changed bytes never pass the check of every byte
            with pytest.raises(ShardError):
                open_shards(shards, "train", verify="sha256")
            with suppress(ShardError):
                readable(open_shards(shards, "train", verify="headers"), len(data))
        finally:
            path.write_bytes(whole)

    scans_or_refuses()


def test_tars_with_extended_headers(tmp_path: Path) -> None:
    path = tmp_path / "long.tar"
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        with tarfile.open(path, "w", format=form) as archive:
            for name in ("k" * 130 + ".txt", "é.json"):
                info = tarfile.TarInfo(name)
                info.size = 5
                archive.addfile(info, io.BytesIO(b"12345"))
        whole = path.read_bytes()[:8192]

        def scans_or_refuses(data: bytes) -> None:
            path.write_bytes(data)
            with suppress(ShardError):
                for member in scan_tar(path):
                    assert 0 < member.offset <= member.offset + member.size <= len(data)

        fuzz(given(damage(whole))(scans_or_refuses))()
        fuzz(given(damage(whole).map(mended))(scans_or_refuses))()


def test_the_fuzzer_reaches_what_lies_behind_the_first_check() -> None:
    """A guard of the guards: damaged files are not all refused, and not all for one reason."""
    reasons: set[str] = set()
    read = 0

    @settings(max_examples=150, deadline=None, database=None, derandomize=True)
    @given(damage(picture("JPEG")))
    def count(data: bytes) -> None:
        nonlocal read
        try:
            decode_member("jpg", data)
            read += 1
        except ShardError as error:
            reasons.add(str(error).partition("(")[2][:20])

    count()
    assert read > 5 and len(reasons) > 3, (read, reasons)
