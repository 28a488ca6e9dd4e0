"""The text that lies beside a replica."""

README = """\
# A made replica of OULU-NPU, CASIA-FASD, Replay-Attack and MSU-MFSD

Made by `ocim replica --subjects {subjects} --seed {seed}`. No frame of the real datasets is in it.

**Scores on this data mean nothing about real attacks.** It exists so that every stage can be run,
timed and tested without the datasets, which nobody may pass on.

- `oulu/`, `casia/`, `replay/`, `msu/` have the folders and file names of the real datasets, and
  real, decodable videos of one to two seconds.
- Every face is drawn from one photograph (scikit-image's astronaut: Eileen Collins, NASA, public
  domain) on a 3-D face mesh, with other proportions, colours, light and motion for each subject.
  The rooms are other photographs that scikit-image carries.
- Attacks are recaptures of whole live frames: prints with a pale border, halftone and a narrow
  gamut; screens with a black bezel, washed-out colours, a blue cast and grey moire.
- Each dataset has its own cameras, rooms, light and codec. Live and spoof videos of one camera
  share codec, frame rate, and the spread of length, size, brightness and sharpness;
  `ocim replica --check DIR` measures what can be told from those alone.
- Official lists and face positions lie where the real ones do: `oulu/Protocols/` and eye positions
  beside the videos, `replay/protocols/` and `replay/face-locations/`, and MSU's subject lists.
- Beside each live video `NAME.npz` holds the truth of every frame inside the face box: `box`
  (x0, y0, x1, y1 in upright frame pixels), `depth` (0 to 1, nearest 1, background 0), `parsing`
  (classes 0 to 12) and `landmarks` (468 x 3, frame pixels, centres at +0.5).

What that truth can show: the mesh that draws the faces is the mesh that finds them. Agreement with
it measures landmarks, alignment and geometry, not how real the depth is.
"""
