"""Machine code, generated at run time. Knows numbers and memory; knows no tensors."""
