"""`ocim run`: every partition a task on the workers of dask.distributed, then the bundle.

Read `run.py` first: it is the whole run. `connect.py` gives it a client of Dask, `partitions.py`
the tasks, and `submit.py` sends them: no more at a time than `window.py` lets, to the workers that
`watch.py` counts. `task.py` is what a worker does with one, once it has found itself fit
(`agree.py`) for a configuration whose paths hold on every machine (`absolute.py`).

What people and logs are told: `screen.py` and `progress.py` on the terminal, `logs.py` as JSON
lines; `quiet.py` keeps Dask's own pages off both. `stopping.py`: a signal ends the workers as well.
"""
