"""Ways to run a sparse layer, one file each. A layer in, assembler text and the data that it reads out."""
