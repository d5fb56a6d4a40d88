"""What to do when something fails: the failure taxonomy and backoff; pure, time is an argument."""
