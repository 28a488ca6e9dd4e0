"""From a trained model to scores, error rates, thresholds and the model card."""
