"""Files whatever is in them: whole or not there, the same bytes twice, known by a key.

Writing: `store.py` (whole or not at all), `hdf5.py` (the same bytes), `layers.py` (the files
between the stages), `keys.py` (what is finished), `room.py` (whether the disk has room), `lock.py`
(one writer), `tidy.py` (what killed processes left). Reading: `tree.py` (a folder of somebody
else's), `records.py` (a CSV written by hand), `urls.py` (what names an object store). Working:
`many.py` (processes), `memory.py` (what one may take).
"""
