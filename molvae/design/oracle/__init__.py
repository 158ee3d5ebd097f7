"""What answers with scores: a budget, a memory, and whatever computes a score, in processes that may crash."""
