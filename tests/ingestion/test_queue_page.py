"""The queue's page: lanes, filters, sending what is selected, out of the queue and back into it."""
