"""From a bundle to the batches of a step, augmentation included."""
