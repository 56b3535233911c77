"""The worker's side: which call is next, and what each answer means. Only run_worker and add_key import it."""
