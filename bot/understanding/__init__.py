"""What a message means: language, intent, entities, mood."""
