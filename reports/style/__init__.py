"""Parts that all reports share: colours, axes, wording, rendering, offline pages."""
