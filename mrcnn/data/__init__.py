"""The data road: photos and annotations in, batches of NumPy arrays out. No Keras here."""
