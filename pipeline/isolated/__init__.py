"""Videos are decoded and their faces found in a child process, so that one that crashes it, never
ends or takes all memory costs itself alone.

`process.py` starts and watches a child, `child.py` is what runs in it, `videos.py` keeps children
and says what becomes of a video that cost one.
"""

from pipeline.isolated.videos import Isolated, cropper

__all__ = ["Isolated", "cropper"]
