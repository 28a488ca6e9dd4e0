"""The parts of the pack stage, which is `pipeline/pack.py`.

`gather.py` reads what the other stages left, `plan.py` says which shards there are to be,
`shard.py` writes one, and `provenance.py` says what made them.
"""
