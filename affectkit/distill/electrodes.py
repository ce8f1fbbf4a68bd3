"""Where electrodes of the 10-20 system and its extensions lie on the head."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional as F

_DREAMER_14 = "AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4"
_TEN_TWENTY_19 = "Fp1 Fp2 F7 F3 Fz F4 F8 T7 C3 Cz C4 T8 P7 P3 Pz P4 P8 O1 O2"
_BIOSEMI_64 = """
Fp1 AF7 AF3 F1 F3 F5 F7 FT7 FC5 FC3 FC1 C1 C3 C5 T7 TP7 CP5 CP3 CP1 P1 P3 P5 P7 P9 PO7 PO3 O1 Iz Oz
POz Pz CPz Fpz Fp2 AF8 AF4 AFz Fz F2 F4 F6 F8 FT8 FC6 FC4 FC2 FCz Cz C2 C4 C6 T8 TP8 CP6 CP4 CP2 P2
P4 P6 P8 P10 PO8 PO4 O2
"""

#: Electrodes by name of a layout, in the order in which recordings hold them.
ELECTRODE_LAYOUTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "dreamer14": tuple(_DREAMER_14.split()),
        "ten_twenty19": tuple(_TEN_TWENTY_19.split()),
        "biosemi64": tuple(_BIOSEMI_64.split()),
    }
)

#: Steps of a tenth of the way from nasion (0) over the vertex (5) to inion (10).
_ROWS = MappingProxyType(
    {"N": 0, "FP": 1, "AF": 2, "F": 3, "FC": 4, "FT": 4, "C": 5, "T": 5}
    | {"CP": 6, "TP": 6, "P": 7, "PO": 8, "O": 9, "I": 10}
)
_RENAMED = MappingProxyType({"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"})


def layout_electrodes(layout: str | Sequence[str]) -> tuple[str, ...]:
    """Names of the electrodes of a layout; names themselves are passed on.

    Raises:
        ValueError: If no layout has the name.
    """
    if not isinstance(layout, str):
        return tuple(layout)
    found = ELECTRODE_LAYOUTS.get(layout)
    if found is None:
        raise ValueError(
            f"No electrode layout is called {layout!r}: use one of {', '.join(sorted(ELECTRODE_LAYOUTS))}, "
            "or give the names of the electrodes."
        )
    return found


def electrode_positions(layout: str | Sequence[str]) -> Tensor:
    r"""Places (E, 2) of electrodes seen from above, x to the right and y to the nose, float64.

    On a sphere, the midline and the ring of Fpz, T7, Oz and T8 are cut into tenths; the electrodes of a
    row lie at equal steps on the circle through its ends on the ring and its middle. The sphere is laid
    flat by keeping directions and distances from Cz; 1 is the line through nasion, ears and inion.

    Args:
        layout: Name of a layout, or names of electrodes, in any case; T3 to T6 are read as T7, T8, P7, P8.

    Raises:
        ValueError: If the layout or an electrode is unknown.

    References:
        Robert Oostenveld, Peter Praamstra. The five percent electrode system for high-resolution EEG and
        ERP measurements. Clinical Neurophysiology 112(4), 2001.

    Examples:
        >>> electrode_positions(["Cz", "T8", "Fz", "O1"]).round(decimals=2).abs().tolist()
        [[0.0, 0.0], [0.8, 0.0], [0.0, 0.4], [0.25, 0.76]]
    """
    return torch.stack([_flat(_on_sphere(name)) for name in layout_electrodes(layout)])


def _on_sphere(name: str) -> Tensor:
    known = re.fullmatch(r"([A-Z]+?)(Z|10|[1-9])", _RENAMED.get(name.upper(), name.upper()))
    row = None if known is None else _ROWS.get(known[1])
    if known is None or row is None:
        raise ValueError(
            f"{name!r} is no electrode of the 10-20 system or its extensions: name the scalp electrodes of "
            "the recording, e.g. 'F3', and leave references out."
        )
    if known[2] == "Z":
        return _direction(90.0 - 18.0 * row, 0.0)
    number = int(known[2])
    side = -1.0 if number % 2 else 1.0
    # 1 and 2 are one step from the midline, 3 and 4 two, ...
    step = (number + 1) // 2
    if row in (1, 9):
        return _direction(72.0, side * (18.0 if row == 1 else 162.0))
    if step > 4:
        return _direction(90.0, side * 18.0 * row)
    end, middle = _direction(72.0, side * 18.0 * row), _direction(90.0 - 18.0 * row, 0.0)
    other = _direction(72.0, -side * 18.0 * row)
    axis = F.normalize(torch.linalg.cross(end - middle, other - middle), dim=0)
    centre = axis * (axis @ middle)
    from_centre = middle - centre
    to_end = (end - centre) - from_centre * ((end - centre) @ from_centre) / from_centre.square().sum()
    turn = torch.atan2(to_end.norm(), (end - centre) @ from_centre / from_centre.norm()) * step / 4
    across = F.normalize(to_end, dim=0) * from_centre.norm()
    point: Tensor = centre + from_centre * torch.cos(turn) + across * torch.sin(turn)
    return point


def _direction(inclination: float, azimuth: float) -> Tensor:
    """Unit vector at degrees from the vertex (negative: behind it) and degrees from the nose."""
    down, around = torch.deg2rad(torch.tensor([inclination, azimuth], dtype=torch.float64)).unbind()
    return torch.stack([down.sin() * around.sin(), down.sin() * around.cos(), down.cos()])


def _flat(point: Tensor) -> Tensor:
    reach = point[:2].norm()
    inclination = torch.atan2(reach, point[2])
    flat: Tensor = point[:2] / reach.clamp(min=1e-12) * inclination / (torch.pi / 2)
    return flat
