"""What every variational autoencoder shares; knows no molecules, pixels or Gaussian processes."""
