package asymml.trusted.data;

import asymml.model.Shape;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.util.stream.IntStream;

/// One decoded image: unsigned bytes `[H, W, C]`, 1 channel if the file was gray, else 3 (RGB).
///
/// @param shape of the image
/// @param pixels taken over, not copied
@SuppressWarnings("ArrayRecordComponent") // Handed on at once, never compared.
record DecodedImage(Shape shape, byte[] pixels) {
  private static final int OPAQUE = 255;

  /// Converts what a platform reader returned. Samples of 16 bits are rounded to 8. An alpha
  /// channel is dropped if it is opaque throughout, and refused otherwise: what lies behind is
  /// unknown.
  static DecodedImage of(String name, BufferedImage image) throws DataException {
    if (image.getColorModel() instanceof ComponentColorModel model) {
      int type = model.getColorSpace().getType();
      if (type == ColorSpace.TYPE_RGB || type == ColorSpace.TYPE_GRAY) {
        return ofSamples(name, image.getRaster(), model);
      }
    }
    return ofColours(name, image);
  }

  /// Reads the samples themselves. Gray must not go through `getRGB`, which takes Java's gray to be
  /// linear light and would brighten it.
  private static DecodedImage ofSamples(String name, Raster raster, ComponentColorModel model)
      throws DataException {
    int channels = model.getNumColorComponents();
    int bands = raster.getNumBands();
    int width = raster.getWidth();
    int height = raster.getHeight();
    int bits = model.getComponentSize(0);
    byte[] pixels = new byte[height * width * channels];
    if (bits == Byte.SIZE && raster.getTransferType() == DataBuffer.TYPE_BYTE) {
      byte[] samples = (byte[]) raster.getDataElements(0, 0, width, height, null);
      for (int p = 0; p < height * width; p++) {
        System.arraycopy(samples, p * bands, pixels, p * channels, channels);
        if (bands > channels) {
          requireOpaque(name, samples[p * bands + channels] & 0xFF);
        }
      }
    } else {
      int top = (1 << bits) - 1;
      int[] samples = raster.getPixels(0, 0, width, height, (int[]) null);
      for (int p = 0; p < height * width; p++) {
        for (int c = 0; c < bands; c++) {
          int value = (int) ((samples[p * bands + c] * 255L + top / 2) / top);
          if (c < channels) {
            pixels[p * channels + c] = (byte) value;
          } else {
            requireOpaque(name, value);
          }
        }
      }
    }
    return new DecodedImage(new Shape(height, width, channels), pixels);
  }

  /// Palettes and whatever else: by the sRGB colour of each pixel.
  private static DecodedImage ofColours(String name, BufferedImage image) throws DataException {
    int width = image.getWidth();
    int height = image.getHeight();
    int channels = image.getColorModel() instanceof IndexColorModel m && isGray(m) ? 1 : 3;
    int[] colours = image.getRGB(0, 0, width, height, null, 0, width);
    byte[] pixels = new byte[colours.length * channels];
    for (int p = 0; p < colours.length; p++) {
      requireOpaque(name, colours[p] >>> 24);
      for (int c = 0; c < channels; c++) {
        pixels[p * channels + c] = (byte) (colours[p] >> (16 - 8 * c));
      }
    }
    return new DecodedImage(new Shape(height, width, channels), pixels);
  }

  private static boolean isGray(IndexColorModel palette) {
    return IntStream.range(0, palette.getMapSize())
        .allMatch(i ->
            palette.getRed(i) == palette.getGreen(i) && palette.getRed(i) == palette.getBlue(i));
  }

  private static void requireOpaque(String name, int alpha) throws DataException {
    if (alpha != OPAQUE) {
      throw new DataException(
          name + " has transparent pixels; flatten it onto a background colour");
    }
  }

  /// These pixels with a given number of channels: gray is spread, colour is not reduced.
  byte[] withChannels(String name, int channels, String reference) throws DataException {
    if (shape.channels() == channels) {
      return pixels;
    }
    if (shape.channels() != 1) {
      throw new DataException(
          "%s has %d colour channels, but %s %d; convert it to gray"
              .formatted(name, shape.channels(), reference, channels));
    }
    byte[] spread = new byte[pixels.length * channels];
    for (int i = 0; i < spread.length; i++) {
      spread[i] = pixels[i / channels];
    }
    return spread;
  }
}
