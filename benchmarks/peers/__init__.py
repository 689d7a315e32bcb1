"""Other engines on ARM cores, running the networks that armlet compiles, under armlet's counter."""
