"""`ocim plan`: what a run will take, before it is started: videos, frames, samples, bytes and time.

Read `plan.py` first: it plans a dataset from its headers (`headers.py`), the work and bytes of each
partition (`work.py`, by `amounts.py` and `sizes.py`), what is there already (`finished.py`) and the
rates of a machine (`rates.py`). `measure.py` takes the rates of this one, by the stages that
`timed.py` times. `output.py` is the plan in lines for people, and as JSON.
"""
