"""The steps that forms on orders share: which order, which items, which variants, which payment method."""
