"""From videos to the bundle, and what looks at it; docs/design.md says where everything is."""
