"""From texts to probabilities: loading, batching, the Llama network, kernels."""
