package asymml.trusted.data;

import asymml.model.Shape;

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
}
