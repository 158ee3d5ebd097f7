"""What a run is, whatever it computes: configuration, folder, files, downloads, device, progress, panels. No VAE."""
