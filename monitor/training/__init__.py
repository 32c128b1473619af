"""QLoRA fine-tuning, pretraining, and their recipes."""
