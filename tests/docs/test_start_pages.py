"""The pages that a newcomer reads first say what the project says elsewhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_the_table_of_extras_is_that_of_the_package() -> None:
    page = (DOCS / "installation.md").read_text(encoding="utf-8")
    heads = re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE)
    named = {name for head in heads for name in re.findall(r"`(\w+)`", head)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert named == set(project["optional-dependencies"])


def test_the_quickstart_prints_what_the_demo_advises() -> None:
    page = (DOCS / "quickstart.md").read_text(encoding="utf-8")
    source = (ROOT / "affectkit" / "cli" / "demo.py").read_text(encoding="utf-8")
    _, advice = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    (recipe,) = re.findall(r'^RECIPE = "(.*)"$', source, re.MULTILINE)
    fit = f"affectkit fit --config {recipe} --data.init_args.root {{features}}"
    said = re.findall(r'f?"  (affectkit [^"]*?|\{fit\}[^"]*?)(?:\\n)?"$', source, re.MULTILINE)
    assert len(said) == 4
    wanted = [line.replace("{fit}", fit).replace("{features}", "affectkit-demo/features") for line in said]
    assert re.sub(r" \\\n +", " ", advice).splitlines() == wanted


def test_every_model_card_links_the_page_on_ethics() -> None:
    # That it stands beside each card, by the name of its link, is tested where cards are written.
    shown = re.findall(r"\{include\} (\S+)", (DOCS / "ethics.md").read_text(encoding="utf-8"))
    assert shown == ["../affectkit/share/ethics.md"]
    page = (DOCS / shown[0]).read_text(encoding="utf-8")
    for duty in ("5(1)(f)", "Annex III", "Article 50", "## Consent", "## Gaps between groups"):
        assert duty in page
