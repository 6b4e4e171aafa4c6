"""Types that the signatures of the public API share."""

import os
from typing import TypeAlias

#: A file or a folder.
Path: TypeAlias = str | os.PathLike[str]
#: `(height, width)` in pixels, or one number for both.
Size: TypeAlias = int | tuple[int, int]
#: `(low, high)`.
Range: TypeAlias = tuple[float, float]
#: Something of both domains, or one of A and one of B.
Ranges: TypeAlias = Range | tuple[Range, Range]
Channels: TypeAlias = int | tuple[int, int]
