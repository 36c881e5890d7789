"""From pixels to the pyramid: ResNet and the feature pyramid network."""
