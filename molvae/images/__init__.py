"""The same core on pixels; a sibling that molecules never import, nor the other way round."""
