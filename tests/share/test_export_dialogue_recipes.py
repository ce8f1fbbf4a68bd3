"""Every recipe of stored conversations, tiny, to torch.export and ONNX.

Whoever is in no row of ``affectkit.share.UNEXPORTABLE`` must give an equal file in both formats.
"""

from __future__ import annotations

from affectkit.recipes import recipes
from affectkit.share import ExportReport
from affectkit.share.export_task import ExportForm

#: bc-LSTM, by itself and under a curriculum, and what else had been an obstacle once.
REQUIRED = {"dialogue_rnn_tiny", "erc_curriculum_tiny", "mmgcn_tiny"}


def test_a_recipe_is_exported_or_says_what_stops_it(
    recipe: str, form: ExportForm, exported: ExportReport | None
) -> None:
    if exported is None:
        assert recipe not in REQUIRED
        return
    assert exported.parity.rows == (1, 5)
    assert exported.parity.difference <= exported.parity.tolerance < 1e-2
    assert exported.outputs and exported.size == exported.path.stat().st_size


def test_what_must_work_is_among_the_recipes() -> None:
    assert {recipe.name for recipe in recipes()} >= REQUIRED
