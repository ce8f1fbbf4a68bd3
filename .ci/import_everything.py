"""Import every module of the installed package; an optional package must not be needed for that."""

from __future__ import annotations

import importlib
import pkgutil

import affectkit

count = 0
for module in pkgutil.walk_packages(affectkit.__path__, prefix="affectkit."):
    if module.name != "affectkit.__main__":
        importlib.import_module(module.name)
        count += 1
print(f"imported {count} modules of affectkit {affectkit.__version__} from {affectkit.__path__[0]}")
