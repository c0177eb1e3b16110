"""What is written from saved scores for people to read: printed tables, the one page of everything, model card, register."""
