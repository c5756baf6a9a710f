"""On-policy learning on robots that live on from one iteration to the next."""
