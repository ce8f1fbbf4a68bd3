"""Where a loader stands, in plain values that do not depend on the rank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypedDict, cast

STATE_VERSION: Final = 1


class LoaderStateError(ValueError):
    """A saved position belongs to other data or another order; the message says which."""


class LoaderState(TypedDict):
    """Position of a training loader.

    ``samples`` counts over all ranks what was handed over in ``epoch``; at the end of an epoch the
    state is ``(epoch + 1, 0)``. The rest is what the order depends on.
    """

    version: int
    epoch: int
    samples: int
    n: int
    seed: int
    global_batch: int
    data: str
    plan: str


# What to say where a field of the saved state is not that of this run.
_REASONS: Final = {
    "n": ("number of samples", "resume on the data that the run began with"),
    "data": ("fingerprint of the data", "resume on the data that the run began with"),
    "seed": ("seed of the data", "set the seed that the run began with"),
    "global_batch": ("batch size over all ranks", "keep it, whatever the number of ranks"),
    "plan": (
        "fingerprint of the plan",
        "keep shuffle, window, lanes, tail, length buckets and curriculum as the run began",
    ),
}


def checked_state(state: Mapping[str, object]) -> LoaderState:
    """Check that ``state`` was written by a loader.

    Raises:
        LoaderStateError: If a field is missing or of another type, or the version is another.
    """
    for name in LoaderState.__annotations__:
        wanted = str if name in ("data", "plan") else int
        if not isinstance(state.get(name), wanted):
            raise LoaderStateError(
                f"The saved position of the loader has no {name!r} of type {wanted.__name__}: it was not "
                f"written by this library, so start the run anew."
            )
    if state["version"] != STATE_VERSION:
        raise LoaderStateError(
            f"The saved position of the loader has version {state['version']}, this library reads "
            f"{STATE_VERSION}: resume with the release that wrote it, or start the run anew."
        )
    return cast(LoaderState, dict(state))


def require_same(saved: LoaderState, here: LoaderState) -> None:
    """Compare everything but the position itself.

    Raises:
        LoaderStateError: If the saved state is that of another order; names the first difference.
    """
    for name, (thing, remedy) in _REASONS.items():
        old, new = cast(Mapping[str, object], saved)[name], cast(Mapping[str, object], here)[name]
        if old != new:
            raise LoaderStateError(f"The checkpoint's {thing} is {old}, that of this run is {new}: {remedy}.")
