"""Memory, threads and layouts: what kernels run on."""
