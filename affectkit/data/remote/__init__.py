"""Remote files, brought once into a bounded cache on the local disk."""

from __future__ import annotations

from affectkit.data.remote.error import RemoteError
from affectkit.data.remote.file_cache import FileCache
from affectkit.data.remote.remote_folder import RemoteFolder, is_remote

__all__ = ("FileCache", "RemoteError", "RemoteFolder", "is_remote")
