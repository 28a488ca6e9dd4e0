"""`ocim report`: the page from which the numbers of a run are read, doubted and defended."""

from pipeline.report.page import write_report

__all__ = ["write_report"]
