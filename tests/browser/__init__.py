"""What only a real browser can answer: keyboard, contrast, layout, and scripts under our content policy."""
