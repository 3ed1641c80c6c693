"""Read published networks, to judge a swap while it is taught or to ship in a pack."""
