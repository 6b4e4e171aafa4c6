"""Where the package keeps what can be had again: downloads, and results of measuring."""

import os
from pathlib import Path


def cache_folder():
    """The folder for what can be had again.

    Returns:
        Path: `$CYCLEGAN_TF_CACHE`, else `$XDG_CACHE_HOME/cyclegan_tf`, else
        `~/.cache/cyclegan_tf`. It need not exist.
    """
    if given := os.environ.get("CYCLEGAN_TF_CACHE"):
        return Path(given).expanduser()
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches) / "cyclegan_tf"
    return Path.home() / ".cache" / "cyclegan_tf"
