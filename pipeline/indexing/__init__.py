"""What is done with the index of a dataset, which is `pipeline/index.py`.

`corrections.py` corrects it by hand, a correction being what `correction_fields.py` says, and
`counts.py` counts it against the published list.
"""
