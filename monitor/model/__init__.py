"""What a model is: its folder, prompt, labels, calibration and identity. Nothing here computes a score."""
