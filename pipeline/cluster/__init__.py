"""`ocim run`: every partition a task on the workers of dask.distributed, then the bundle."""
