"""Colab: where runs are kept, so that a machine that vanishes takes nothing with it."""

import sys
from pathlib import Path

from cyclegan_tf.common.errors import InputError

MOUNT = Path("/content/drive")


def runs_folder(drive=False, local="saved_models"):
    """Returns the folder for runs, on Google Drive only if the user says so.

    Args:
        drive: If True, mount Google Drive (Colab asks for permission) and keep runs there.
        local: The folder otherwise.

    Returns:
        `Path` of an existing folder.

    Raises:
        InputError: If Drive is asked for outside Colab, or it was not mounted.
    """
    if not drive:
        folder = Path(local)
    elif "google.colab" not in sys.modules:
        raise InputError("drive=True works on Colab only: here, leave it False.")
    else:
        from google.colab import drive as google_drive

        google_drive.mount(str(MOUNT))
        if not (MOUNT / "MyDrive").is_dir():
            raise InputError(f"Drive was not mounted at {MOUNT}: allow it, or set drive=False.")
        folder = MOUNT / "MyDrive" / "cyclegan_tf"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
