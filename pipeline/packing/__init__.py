"""What the pack stage is made of: gather, plan, write shards, say where they are from."""
