"""Docking with AutoDock Vina: settings, receptor, ligand, the docking itself, and what is shown of it."""
