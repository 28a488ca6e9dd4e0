"""A trained model as an ONNX file: `graph.py` makes, `check.py` runs, `export.py` writes it."""
