"""What both reports share: colours, axes, wording, rendering, offline pages."""
