"""Where mechanisms with several rows are from."""

from __future__ import annotations

HCL = "Yang et al., AAAI 2022, arXiv:2112.11718"
PRC = "PRC-Emo, AAAI 2026, arXiv:2511.07061"
M2FNET = "Chudasama et al., CVPR 2022 workshops, arXiv:2206.02187"
DIALOGUE_RNN = "Majumder et al., AAAI 2019, arXiv:1811.00405"
CCC = "Lin, Biometrics 45(1), 1989"
CLIP_CAER = "CLIP-CAER, official code"
NEUROGAZE = "NeuroGaze-Distill, README of the official code"
COMPOUND = "Compound Multimodal Emotion Recognition in the Wild, official code, arXiv:2407.12927"
MOSEAR = "MoSEAR, ACM MM 2025, arXiv:2508.01181"
SPCL = "SPCL, EMNLP 2022, arXiv:2210.08713"
PAIRWISE = "Franceschini et al., ICPR 2022, arXiv:2207.11482"
