"""Molecules without a neural network: parsing, properties, filters, validity, files, grammar. No torch."""
