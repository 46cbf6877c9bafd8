package asymml.verify;

import asymml.kernels.ConvShape;

/// Layers whose costs differ in kind: early and late maps of VGG16 and ResNet-20 at 32x32, and a
/// fully connected layer.
public enum LayerShape {
  /// VGG16's second convolution.
  VGG16_EARLY(new ConvShape(32, 32, 32, 64, 64, 3, 3, 1, 1)),
  /// VGG16 in the middle.
  VGG16_MIDDLE(new ConvShape(32, 8, 8, 256, 256, 3, 3, 1, 1)),
  /// VGG16's last convolutions.
  VGG16_LATE(new ConvShape(32, 2, 2, 512, 512, 3, 3, 1, 1)),
  /// VGG16's classifier.
  VGG16_CLASSIFIER(ConvShape.linear(32, 512, 10)),
  /// ResNet-20's first stage.
  RESNET20_EARLY(new ConvShape(128, 32, 32, 16, 16, 3, 3, 1, 1)),
  /// ResNet-20's last stage.
  RESNET20_LATE(new ConvShape(128, 8, 8, 64, 64, 3, 3, 1, 1));

  @SuppressWarnings("ImmutableEnumChecker") // a record of numbers
  private final ConvShape shape;

  LayerShape(ConvShape shape) {
    this.shape = shape;
  }

  /// The layer's sizes.
  ///
  /// @return batch, maps, channels and kernel
  public ConvShape shape() {
    return shape;
  }
}
