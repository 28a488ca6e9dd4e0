"""What the crop stage (`pipeline/crop.py`) does with one video: find faces, choose, cut, keep.

Read `crop_video.py` first: it is one video from file to samples. `faces.py` and `shipped.py` find
the faces of a frame, `people.py` chooses whose they are, `samples.py` cuts and measures, `spool.py`
keeps the cuts on disk. `crop_job.py` is what all videos of a dataset have in common.
"""
