"""The worker: claims pages, has them decoded and read by its children, keeps the results."""
