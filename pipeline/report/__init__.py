"""`ocim report`: the page from which the numbers of a run are read, doubted and defended.

`page.py` puts it together, by way of

- `results.py`: results.json, checked when it is read; `scores.py`: scores.csv, by frame and video;
- `table_rows.py`: the numbers as rows of the page's tables; `videos.py`: the table of all videos;
- `histograms.py`, `rates.py` (ROC and DET) and `training.py` (losses): the curves, drawn in the
  style of `drawing.py`;
- `gallery.py`: the frames that were scored worst;
- `data.py`: what is said of the data: counts, quality, corrections, agreement with the truth.
"""

from pipeline.report.page import write_report

__all__ = ["write_report"]
