"""The help of one command: prose filled to the width of the screen, examples as they were laid out."""

from __future__ import annotations

import argparse


class CommandHelp(argparse.RawDescriptionHelpFormatter):
    """Fills a text of one line, and leaves one of several lines, such as examples, as it is."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text.strip():
            return super()._fill_text(text, width, indent)
        return argparse.HelpFormatter._fill_text(self, text, width, indent)
