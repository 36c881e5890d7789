"""What is asked of every region: one head a file, each with the same four verbs.

predict  pyramid and boxes -> raw outputs
targets  sampled ROIs and ground truth -> what the outputs should be, without gradient
losses   outputs and targets -> named losses, one number an image
decode   raw outputs -> what a user wants to have

Heads fold the boxes of all images into one batch, [B, R, ...] -> [B * R, ...], and back.
"""
