"""From pixels to features: ResNet with the feature pyramid network, and VGG16."""
