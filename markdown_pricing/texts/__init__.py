"""Words for people: numbers and days in sentences, texts from the data, messages."""
