"""`ocim browse`: a whole bundle looked through in the browser.

`server.py` speaks HTTP with the browser of this machine alone; `site.py` answers each address, by
way of

- `catalogue.py`: the columns of all samples in memory; `query.py`: which samples an address asks
  for; `search.py`: these in order, and how many there are of each kind;
- `detail.py`: one sample, and the frame it came from; `pictures.py`: its pictures;
- `lists.py`: failures, remarks and corrections.
"""
