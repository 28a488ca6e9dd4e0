"""What the crop stage does with one video: find faces, choose the person, cut, keep."""
