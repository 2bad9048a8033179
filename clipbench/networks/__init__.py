"""Networks: the architectures' towers, tokenizers, families of models, and runtimes."""
