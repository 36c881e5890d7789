"""CSPN, the cascaded stacked pyramid network: landmarks of one garment that is cut out already."""
