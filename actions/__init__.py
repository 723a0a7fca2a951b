"""Actions on the shop's systems, served by rasa-sdk."""
