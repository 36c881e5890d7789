"""What is asked of every region: one head a file, each with the same four verbs.

predict  pyramid and boxes -> raw outputs; features worth sharing go into `streams`, a dict by
         name [B, R, h, w, channels], where the heads that come later find them
targets  sampled ROIs and ground truth -> what the outputs should be, without gradient
losses   outputs and targets -> named losses, one number an image
decode   raw outputs -> what a user wants to have

A head with a verb `choose` trains on some of the positive ROIs only, and says on which. One with
`best_only` describes the best KEYPOINT_MAX_INSTANCES detections of an image, not all.

Heads fold the boxes of all images into one batch, [B, R, ...] -> [B * R, ...], and back.
"""
