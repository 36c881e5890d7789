"""The old names with the old results: Matterport's functions as scripts and notebooks call them.

Nothing that trains or detects here calls them: where the original's way is the worse one, the
function keeps it and names the better one. Reach them as the originals were reached, through
`mrcnn.utils` and `mrcnn.model`.
"""
