"""The old names with the old results: Matterport's functions as scripts and notebooks call them.

Where the original's way is the worse one, the function keeps it and names the better one. Nothing
that trains or detects here calls them, with one exception: `MaskRCNN.detect` rounds what
Matterport's weights find as the original did. Reach them as the originals were reached, through
`mrcnn.utils` and `mrcnn.model`.
"""
