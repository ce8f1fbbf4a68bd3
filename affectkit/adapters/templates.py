"""Sentences about a class of emotion, by who has it.

A face *shows* an emotion, a person *feels* it, a picture *evokes* it in who looks at it. Corpora label one of
the three, and sentences about another one describe other pictures.
"""

from __future__ import annotations

#: Expression on a face (FER2013, RAF-DB, AffectNet).
SEEN: tuple[str, ...] = (
    "a photo of a face showing {}.",
    "a face with an expression of {}.",
    "a close-up portrait of a person whose face shows {}.",
    "a cropped photo of a facial expression of {}.",
    "a person making a face of {}.",
)

#: What the people in the picture feel, from body and surroundings too (CAER, EMOTIC).
FELT: tuple[str, ...] = (
    "a photo of a person who feels {}.",
    "a scene in which someone is feeling {}.",
    "a person full of {}.",
    "someone whose posture and face tell of {}.",
    "a moment of {} in somebody's life.",
)

#: What the picture does to who looks at it (EmoSet, FI).
EVOKED: tuple[str, ...] = (
    "a picture that evokes {}.",
    "a photo that makes people feel {}.",
    "an image that fills the viewer with {}.",
    "a scene that stirs up {}.",
    "looking at this picture one feels {}.",
)

#: CLIP's plainest sentence.
PLAIN: tuple[str, ...] = ("a photo of a {}.",)

TEMPLATES: dict[str, tuple[str, ...]] = {"seen": SEEN, "felt": FELT, "evoked": EVOKED, "plain": PLAIN}
