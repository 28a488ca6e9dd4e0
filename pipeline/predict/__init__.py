"""`ocim predict`: scores of pictures and videos that are in no bundle.

`run.py` scores one file after the other, by way of `inputs.py` (which files), `scorer.py` (the
model and its threshold), `file.py` (the frames, faces and scores of one file) and `output.py`
(what is printed and written of them: lines for people, JSON, CSV).
"""
