"""What a scenario file says of the simulated Kling, and how its phases follow one another."""
