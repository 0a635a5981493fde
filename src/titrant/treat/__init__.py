"""What is done to traces before training, to see what in them the training needs."""
