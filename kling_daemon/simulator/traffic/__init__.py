"""What a client and Kling said to each other: recorded without secrets, and played again."""
