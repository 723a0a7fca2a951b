"""What shoppers see and do in the widget: headless Chromium before a whole Kefu."""
