"""Random numbers that belong to a sample in an epoch, not to the process that reads it."""

from __future__ import annotations

import struct
from hashlib import blake2b

import torch


def sample_seed(seed: int, *, epoch: int, position: int) -> int:
    """Seed of one sample's augmentation, a stable hash of ``(seed, epoch, position)``.

    The same picture is cropped alike in any worker, on any rank and after a resume.

    Args:
        seed: Seed of the run.
        epoch: Epoch, from 0.
        position: Place of the sample in its store.

    Examples:
        >>> sample_seed(0, epoch=0, position=7) == sample_seed(0, epoch=1, position=7)
        False
    """
    digest = blake2b(struct.pack("<qqq", seed, epoch, position), digest_size=8).digest()
    # 63 bits: ``torch.Generator.manual_seed`` takes a signed number
    return int.from_bytes(digest, "little") >> 1


def sample_generator(seed: int, *, epoch: int, position: int) -> torch.Generator:
    """Generator on the CPU that is seeded by :func:`sample_seed`."""
    generator = torch.Generator()
    generator.manual_seed(sample_seed(seed, epoch=epoch, position=position))
    return generator
