"""Networks: the architectures' towers, tokenizers, preprocessing, and what runs them."""
