"""The replica: made videos in the layout of the four datasets, with known depth and parsing."""

from pipeline.replica.check import check_replica
from pipeline.replica.make import make_replica

__all__ = ["check_replica", "make_replica"]
