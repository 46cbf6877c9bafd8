package asymml.trusted.data;

import asymml.model.Shape;
import asymml.trusted.data.format.ExifOrientation;

/// One decoded image: unsigned bytes `[H, W, C]`, 1 channel if the file was gray, else 3 (RGB).
///
/// @param shape of the image
/// @param pixels taken over, not copied
@SuppressWarnings("ArrayRecordComponent") // Handed on at once, never compared.
record DecodedImage(Shape shape, byte[] pixels) {
  /// These pixels with at least as many channels: gray is spread, colour stays.
  byte[] spread(int channels) {
    if (shape.channels() == channels) {
      return pixels;
    }
    byte[] spread = new byte[pixels.length * channels];
    for (int i = 0; i < spread.length; i++) {
      spread[i] = pixels[i / channels];
    }
    return spread;
  }

  /// These pixels turned upright.
  ///
  /// @param orientation how they lie
  /// @return this image if they are upright
  DecodedImage upright(ExifOrientation orientation) {
    if (orientation == ExifOrientation.UPRIGHT) {
      return this;
    }
    boolean swaps = orientation.swapsSides();
    int height = swaps ? shape.width() : shape.height();
    int width = swaps ? shape.height() : shape.width();
    int channels = shape.channels();
    byte[] turned = new byte[pixels.length];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int from = orientation.stored(y, x, shape.height(), shape.width()) * channels;
        System.arraycopy(pixels, from, turned, (y * width + x) * channels, channels);
      }
    }
    return new DecodedImage(new Shape(height, width, channels), turned);
  }
}
