"""Write a taught network, and published ones, as files of a pack."""
