"""Entry of `python -m devnet`, which `./dev` runs."""

print("devnet")
