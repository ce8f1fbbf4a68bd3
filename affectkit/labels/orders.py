"""The label orders of the field, as data: one row for each order that public code really uses.

The numbers differ between well-known repositories for the same data set, so each order has its own
name and its source. ``verified=False`` marks an order that was reported but not yet read in a named
source. Two entries are missing on purpose: MSP-Podcast stores letter codes without an index order,
and SpeechBrain's IEMOCAP recipe assigns indices at run time.
"""

from __future__ import annotations

from affectkit.labels.space import LabelSpace

_FROM_ONE = "the files count from 1: subtract one"
_COMPOUND = (
    "happily surprised",
    "happily disgusted",
    "sadly fearful",
    "sadly angry",
    "sadly surprised",
    "sadly disgusted",
    "fearfully angry",
    "fearfully surprised",
    "angrily surprised",
    "angrily disgusted",
    "disgustedly surprised",
)
_MAFW_MORE = ("contempt", "anxiety", "helplessness", "disappointment")
_MIKELS = ("amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sadness")
_EMOTIC = (
    "affection",
    "anger",
    "annoyance",
    "anticipation",
    "aversion",
    "confidence",
    "disapproval",
    "disconnection",
    "disquietment",
    "doubt/confusion",
    "embarrassment",
    "engagement",
    "esteem",
    "excitement",
    "fatigue",
    "fear",
    "happiness",
    "pain",
    "peace",
    "pleasure",
    "sadness",
    "sensitivity",
    "suffering",
    "surprise",
    "sympathy",
    "yearning",
)
_GOEMOTIONS = (
    "admiration",
    "amusement",
    "anger",
    "annoyance",
    "approval",
    "caring",
    "confusion",
    "curiosity",
    "desire",
    "disappointment",
    "disapproval",
    "disgust",
    "embarrassment",
    "excitement",
    "fear",
    "gratitude",
    "grief",
    "joy",
    "love",
    "nervousness",
    "optimism",
    "pride",
    "realization",
    "relief",
    "remorse",
    "sadness",
    "surprise",
    "neutral",
)
_AFFECTNET_SOURCE = "face-analysis/emonet:emonet/data/affecnet.py, yaoing/DAN:demo.py, ihp-lab/LibreFace"
_ALPHABETICAL_SOURCE = (
    "sb-ai-lab/EmotiEffLib:emotiefflib/facial_analysis.py, facetorch:conf/analyzer/predictor/fer"
)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ORDERS: tuple[LabelSpace, ...] = (
    LabelSpace(
        "affectnet11.official",
        (*_words("neutral happy sad surprise fear disgust anger contempt none uncertain"), "no-face"),
        source=_AFFECTNET_SOURCE,
        note="the raw annotation; 8 to 10 are no emotions",
    ),
    LabelSpace(
        "affectnet8.official",
        _words("neutral happy sad surprise fear disgust anger contempt"),
        source=_AFFECTNET_SOURCE,
    ),
    LabelSpace(
        "affectnet7.official",
        _words("neutral happy sad surprise fear disgust anger"),
        source="PanosAntoniadis/emotion-gcn:pickle_annotations_affectnet.py, zczcwh/POSTER:test_affect.py",
        note="contempt is dropped",
    ),
    LabelSpace(
        "affectnet8.alphabetical",
        _words("anger contempt disgust fear happiness neutral sadness surprise"),
        source=_ALPHABETICAL_SOURCE,
    ),
    LabelSpace(
        "affectnet7.alphabetical",
        _words("anger disgust fear happiness neutral sadness surprise"),
        source=_ALPHABETICAL_SOURCE,
    ),
    LabelSpace(
        "affectnet5.emonet",
        _words("neutral happy sad surprise fear"),
        source="face-analysis/emonet:emonet/data/affecnet.py",
        note='raw anger is merged into fear: merge={"anger": "fear"}',
    ),
    LabelSpace(
        "affwild8.abaw",
        _words("neutral anger disgust fear happiness sadness surprise other"),
        source="public code of the ABAW challenges",
        note="-1 in the files means ignore",
    ),
    LabelSpace(
        "affwild7.abaw2020",
        _words("neutral anger disgust fear happiness sadness surprise"),
        source="public code of the ABAW challenges, 2020 edition",
        note="-1 in the files means ignore",
    ),
    LabelSpace(
        "afew7.alphabetical",
        _words("angry disgust fear happy neutral sad surprise"),
        source="reported for AFEW and SFEW",
        verified=False,
    ),
    LabelSpace(
        "artemis9.official",
        (*_MIKELS, "something else"),
        source="public code of ArtEmis",
    ),
    LabelSpace(
        "caer7.alphabetical",
        _words("angry disgust fear happy neutral sad surprise"),
        source="reported for CAER and CAER-S",
        verified=False,
    ),
    LabelSpace(
        "cexprdb7.abaw",
        (
            "fearfully surprised",
            "happily surprised",
            "sadly surprised",
            "disgustedly surprised",
            "angrily surprised",
            "sadly fearful",
            "sadly angry",
        ),
        source="public code of the ABAW compound challenge (C-EXPR-DB)",
    ),
    LabelSpace(
        "ckplus8.common",
        _words("neutral anger contempt disgust fear happy sadness surprise"),
        source="public code for CK+",
    ),
    LabelSpace(
        "cremad6.hicmae",
        _words("anger disgust fear happiness neutral sadness"),
        source="sunlicai/HiCMAE:preprocess/creamd_av.py; codes in emo-box/EmoBox:data/cremad/label_map.json",
        note="file codes ANG, DIS, FEA, HAP, NEU, SAD",
    ),
    LabelSpace(
        "dailydialog7.official",
        _words("no_emotion happiness sadness surprise anger fear disgust"),
        source="declare-lab/conv-emotion:TL-ERC/dailydialog_preprocess.py",
        note="COSMIC leaves index 1, not 0, out of micro F1: its order presumably differs",
    ),
    LabelSpace(
        "dfew7.official",
        _words("happiness sadness neutral anger surprise disgust fear"),
        source="DFER-CLIP:models/Text.py, MAE-DFER:preprocess/dfew.py",
        note=_FROM_ONE,
    ),
    LabelSpace(
        "emodb7.letters",
        _words("anger boredom disgust fear happiness sadness neutral"),
        source="the letters W L E A F T N of the EMO-DB file names",
        note="letter 6 of the file name",
        aliases=(
            ("w", "anger"),
            ("l", "boredom"),
            ("e", "disgust"),
            ("a", "fear"),
            ("f", "happiness"),
            ("t", "sadness"),
            ("n", "neutral"),
        ),
    ),
    LabelSpace(
        "emorynlp7.cosmic",
        _words("joyful mad peaceful neutral sad powerful scared"),
        source="declare-lab/conv-emotion:COSMIC/erc-training/dataloader.py",
    ),
    LabelSpace("emoset8.official", _MIKELS, source="reported to be the order of FI", verified=False),
    LabelSpace("emotic26.official", _EMOTIC, source="public code for EMOTIC", kind="multilabel"),
    LabelSpace(
        "emotion2vec9.plus",
        _words("angry disgusted fearful happy neutral other sad surprised unknown"),
        source="ddlBoJack/emotion2vec:README.md",
        note="labels that start with 'unuse' are filtered by FunASR",
    ),
    LabelSpace(
        "emotiontalk7.official",
        _words("neutral happy sad angry surprised disgusted fearful"),
        source="NKU-HLT/EmotionTalk: mm.csv joined with mm_label.npz, equal in all 19,250 rows",
        note="the list in its toolkit/globals.py is that of MER and does not fit",
    ),
    LabelSpace(
        "fer7.official",
        _words("angry disgust fear happy sad surprise neutral"),
        source="serengil/deepface:deepface/models/demography/Emotion.py, cosanlab/py-feat:feat/utils",
        note="FER2013",
    ),
    LabelSpace(
        "ferplus10.official",
        (*_words("neutral happiness surprise sadness anger disgust fear contempt unknown"), "non-face"),
        source="microsoft/FERPlus:src/ferplus.py, fer2013new.csv",
        note="the ten vote columns, the last is NF",
    ),
    LabelSpace(
        "ferplus8.official",
        _words("neutral happiness surprise sadness anger disgust fear contempt"),
        source="microsoft/FERPlus:src/train.py",
    ),
    LabelSpace(
        "ferv39k7.mae_dfer",
        _words("happy sad neutral angry surprise disgust fear"),
        source="MAE-DFER:preprocess/ferv39k.py",
    ),
    LabelSpace("fi8.official", _MIKELS, source="public code for FI (Flickr and Instagram)"),
    LabelSpace(
        "goemotions28.official",
        _GOEMOTIONS,
        source="monologg/GoEmotions-pytorch",
        kind="multilabel",
    ),
    LabelSpace(
        "goemotions7.ekman",
        _words("anger disgust fear joy neutral sadness surprise"),
        source="monologg/GoEmotions-pytorch:data/ekman/labels.txt",
        kind="multilabel",
    ),
    LabelSpace(
        "iemocap6.erc",
        _words("happy sad neutral angry excited frustrated"),
        source="declare-lab/conv-emotion: COSMIC/erc-training/dataloader.py, DialogueGCN/dataloader.py",
        note="codes hap, sad, neu, ang, exc, fru",
    ),
    LabelSpace(
        "iemocap4.merbench",
        _words("happy sad neutral angry"),
        source="MERTools:MERBench/toolkit/dataloader/crossdis.py",
    ),
    LabelSpace(
        "iemocap4.emotion2vec",
        _words("angry happy neutral sad"),
        source="ddlBoJack/emotion2vec:iemocap_downstream/main.py",
        note="excited is merged into happy (5,531 utterances)",
    ),
    LabelSpace(
        "iemocap4.emobox",
        _words("happy sad angry neutral"),
        source="emo-box/EmoBox:README.md",
        note="excited is merged into happy",
    ),
    LabelSpace(
        "mafw11.mae_dfer",
        (*_words("anger disgust fear happiness neutral sadness surprise"), *_MAFW_MORE),
        source="MAE-DFER:preprocess/mafw.py, sunlicai/HiCMAE:preprocess/mafw_av.py",
    ),
    LabelSpace(
        "mafw11.dfer_clip",
        (*_words("happiness sadness neutral anger surprise disgust fear"), *_MAFW_MORE),
        source="DFER-CLIP:models/Text.py, annotation/MAFW_set_1_test.txt",
    ),
    LabelSpace(
        "meld3.sentiment",
        _words("neutral positive negative"),
        source="declare-lab/MELD:README.md",
        note="the sentiment of MELD; differs from sentiment3.mmsa",
    ),
    LabelSpace(
        "meld7.official",
        _words("neutral surprise fear sadness joy disgust anger"),
        source="declare-lab/MELD:README.md, declare-lab/conv-emotion:DialogueRNN/dataloader.py",
    ),
    LabelSpace(
        "meld7.merbench",
        _words("anger joy sadness neutral disgust fear surprise"),
        source="MERTools:MERBench/toolkit/preprocess/meld.py",
    ),
    LabelSpace(
        "meld7.wild",
        _words("neutral joy surprise anger sadness disgust fear"),
        source="tzuyun88/MELD-Multimodal-Emotion-Analysis:utils/label_map.py",
    ),
    LabelSpace(
        "mer6.official",
        _words("neutral angry happy sad worried surprise"),
        source="MERTools: MERBench, MER2024, MER2025_Track1, MER2026_Track1 (toolkit/globals.py)",
        note="MER2023 to MER2026",
    ),
    LabelSpace(
        "merr9.emotion_llama",
        _words("neutral angry happy sad worried surprise fear contempt doubt"),
        source="Emotion-LLaMA:minigpt4/datasets/datasets/first_face.py",
    ),
    LabelSpace(
        "mosei6.sdk",
        _words("happy sad anger surprise disgust fear"),
        source="CMU-MultimodalSDK:mmsdk/mmdatasdk/dataset/standard_datasets/CMU_MOSEI/README.md",
        kind="multilabel",
        note="columns 1 to 6 of the vector, column 0 is the sentiment; intensities 0 to 3",
    ),
    LabelSpace(
        "raer5.clip_caer",
        _words("neutrality enjoyment confusion fatigue distraction"),
        source="zgsfer/CLIP-CAER:dataloader/video_dataloader.py and the page of RAER",
        note=_FROM_ONE,
    ),
    LabelSpace(
        "rafdb7.official",
        _words("surprise fear disgust happiness sadness anger neutral"),
        source="yaoing/DAN:rafdb.py, zczcwh/POSTER:data_preprocessing/dataset_raf.py",
        note=_FROM_ONE,
    ),
    LabelSpace(
        "rafdb11.compound",
        _COMPOUND,
        source="public code for RAF-DB compound",
        note="other code uses 14 classes: check the file",
    ),
    LabelSpace(
        "ravdess8.official",
        _words("neutral calm happy sad angry fearful disgust surprised"),
        source="emo-box/EmoBox:EmoBox/preprocess/scripts/ravdess.py",
        note="file codes 01 to 08: subtract one",
    ),
    LabelSpace(
        "sentiment2.mosi",
        _words("negative positive"),
        source="declare-lab/multimodal-deep-learning:bc-LSTM/data (compared with its transcripts)",
        note="the binary label of CMU-MOSI",
    ),
    LabelSpace(
        "sentiment3.mmsa",
        _words("negative neutral positive"),
        source="thuiar/MMSA:README.md, src/MMSA/utils/metricsTop.py",
        note="MOSI, MOSEI, CH-SIMS; differs from meld3.sentiment",
    ),
    LabelSpace(
        "visualness2.timed",
        ("non-visual", "visual"),
        source="the two classes of TIP-CLIP's sentences (TIMED)",
        verified=False,
        note="their scores were split by two thresholds",
    ),
)
