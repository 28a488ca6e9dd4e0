"""`ocim explain`: the paper's figures of one's own runs, side by side.

`explain.py` leads from models and a bundle to the files, by way of

- `runs.py`: the models, opened and named apart; `samples.py`: which samples they are asked about;
- `internals.py`: what of each method's networks can be looked at; `outputs.py`: what a run's
  networks give for the samples, with `gradcam.py`, `tsne.py` and `metrics.py` for its numbers;
- `findings.py`: the options, and all that was found, as explain.json says it; `remarks.py`: what a
  reader should know besides;
- `figures.py`: the four figures and their captions, drawn by `drawing.py` on a `canvas.py` of
  matplotlib, at the places of `layout.py`.
"""
