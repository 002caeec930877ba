"""Result files: what their bytes are, and the addresses at which they are served for a while."""
