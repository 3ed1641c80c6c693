"""From the files that the authors publish to a model pack, without their framework."""
