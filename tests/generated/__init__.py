"""The generated pages of `docs/generated/`: what they say, writing them, and the test that they are fresh."""
