"""Tasks that come with TicketSmith: files as a user writes them, without privilege."""
