"""Finding the same garment again: the similarity, an index of garments, and its stores."""
