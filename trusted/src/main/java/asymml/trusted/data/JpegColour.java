package asymml.trusted.data;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// How the samples of a JPEG file's components are colours. The format itself does not say; JFIF
/// (ITU-T T.871), Adobe's marker (ITU-T T.872, 6.5.3) and the components' ids do. Where they
/// contradict each other or are silent, decoders differ, and the file is refused.
///
/// | components | marker | ids | model |
/// |---|---|---|---|
/// | 1 | any | any | gray |
/// | 3 | JFIF | not R, G, B | YCbCr |
/// | 3 | Adobe, transform 1 | not R, G, B | YCbCr |
/// | 3 | Adobe, transform 0, no JFIF | any | RGB |
/// | 3 | none | 1, 2, 3 or 0, 1, 2, or chroma subsampled | YCbCr |
/// | 3 | none | R, G, B | RGB |
/// | 4 | Adobe, transform 0 | any | CMYK, inverted |
/// | 4 | Adobe, transform 2 | any | YCCK, inverted |
///
/// An EXIF segment says nothing of its own: what it demands, YCbCr with the ids 1, 2, 3, is read as
/// that anyway.
enum JpegColour {
  /// Gray.
  GRAY,
  /// Luma and two chroma components of ITU-R BT.601, full range.
  YCBCR,
  /// Red, green, blue.
  RGB,
  /// Complements of cyan, magenta, yellow and black ink.
  CMYK,
  /// YCbCr of red, green and blue that are complements of inks, and the complement of black.
  YCCK;

  private static final int HALF = 1 << 15;
  private static final double SCALE = 1 << 16;

  /// The factors of JFIF 1.02, page 3, times 2^16: T.871 has more digits of those for green, but
  /// other decoders use these, and equal files should give equal pixels everywhere.
  private static final int CR_RED = fixed(1.402);

  private static final int CB_BLUE = fixed(1.772);
  private static final int CR_GREEN = fixed(0.71414);
  private static final int CB_GREEN = fixed(0.34414);

  private static int fixed(double factor) {
    return (int) Math.round(factor * SCALE);
  }

  /// Decides by the markers.
  ///
  /// @param name how to call the file in errors
  /// @param components of its frame
  /// @param jfif whether it has a JFIF segment
  /// @param adobe the transform of its Adobe segment, null if it has none
  static JpegColour of(
      String name, List<JpegFrame.Component> components, boolean jfif, @Nullable Integer adobe)
      throws DataException {
    return switch (components.size()) {
      case 1 -> GRAY;
      case 3 -> ofThree(name, components, jfif, adobe);
      case 4 -> ofFour(name, adobe);
      default ->
          throw ImageDecoder.unsupported(
              name, "is a JPEG file with " + components.size() + " components");
    };
  }

  private static JpegColour ofThree(
      String name, List<JpegFrame.Component> components, boolean jfif, @Nullable Integer adobe)
      throws DataException {
    boolean calledRgb = JpegFrame.areCalled(components, 'R', 'G', 'B');
    if (adobe != null && adobe > 1) {
      throw ambiguous(name, "its Adobe marker has the transform " + adobe);
    }
    if (adobe != null && adobe == 0 && jfif) {
      throw ambiguous(name, "its Adobe marker says RGB and its JFIF marker YCbCr");
    }
    if (calledRgb && (jfif || (adobe != null && adobe == 1))) {
      throw ambiguous(name, "its components are called R, G and B and its marker says YCbCr");
    }
    if (adobe != null) {
      return adobe == 0 ? RGB : YCBCR;
    }
    if (jfif) {
      return YCBCR;
    }
    if (calledRgb) {
      return RGB;
    }
    JpegFrame.Component first = components.getFirst();
    boolean subsampled =
        components.stream()
            .skip(1)
            .allMatch(c -> c.horizontal() * c.vertical() < first.horizontal() * first.vertical());
    if (subsampled
        || JpegFrame.areCalled(components, 1, 2, 3)
        || JpegFrame.areCalled(components, 0, 1, 2)) {
      return YCBCR;
    }
    throw ambiguous(
        name,
        "it has neither a JFIF nor an Adobe marker, and its components are called %s, %s and %s"
            .formatted(first.id(), components.get(1).id(), components.get(2).id()));
  }

  private static JpegColour ofFour(String name, @Nullable Integer adobe) throws DataException {
    if (adobe == null) {
      throw ambiguous(
          name,
          "it has four components and no Adobe marker, so inks may be stored inverted or not");
    }
    return switch (adobe) {
      case 0 -> CMYK;
      case 2 -> YCCK;
      default ->
          throw ambiguous(
              name, "it has four components and its Adobe marker the transform " + adobe);
    };
  }

  private static DataException ambiguous(String name, String why) {
    return ImageDecoder.unsupported(name, "does not say which colours it has: " + why);
  }

  /// The colours of samples.
  ///
  /// @param samples of all components, pixel by pixel
  /// @return gray or RGB, pixel by pixel; a gray image's samples themselves
  byte[] colours(byte[] samples) {
    return switch (this) {
      case GRAY, RGB -> samples;
      case YCBCR -> {
        byte[] rgb = new byte[samples.length];
        for (int p = 0; p < samples.length; p += 3) {
          putRgb(samples, p, rgb, p);
        }
        yield rgb;
      }
      case CMYK -> inks(samples);
      case YCCK -> {
        for (int p = 0; p < samples.length; p += 4) {
          putRgb(samples, p, samples, p);
          // Complements of colours are inks, and inks are stored as complements: cyan is the
          // complement of what stands for red (T.872), and its complement that red itself.
          for (int c = 0; c < 3; c++) {
            samples[p + c] = (byte) (255 - (samples[p + c] & 0xFF));
          }
        }
        yield inks(samples);
      }
    };
  }

  /// Red is what cyan and black together leave of white: `255 - min(255, C + K)`; so green by
  /// magenta and blue by yellow. The samples are the inks' complements.
  private static byte[] inks(byte[] samples) {
    byte[] rgb = new byte[samples.length / 4 * 3];
    for (int p = 0; p < samples.length / 4; p++) {
      int black = 255 - (samples[4 * p + 3] & 0xFF);
      for (int c = 0; c < 3; c++) {
        int ink = 255 - (samples[4 * p + c] & 0xFF);
        rgb[3 * p + c] = (byte) (255 - Math.min(255, ink + black));
      }
    }
    return rgb;
  }

  /// Rounded to nearest and cut to 0 .. 255.
  private static void putRgb(byte[] samples, int from, byte[] rgb, int to) {
    int luma = (samples[from] & 0xFF) << 16;
    int cb = (samples[from + 1] & 0xFF) - 128;
    int cr = (samples[from + 2] & 0xFF) - 128;
    rgb[to] = level(luma + CR_RED * cr);
    rgb[to + 1] = level(luma - CB_GREEN * cb - CR_GREEN * cr);
    rgb[to + 2] = level(luma + CB_BLUE * cb);
  }

  private static byte level(int scaled) {
    return (byte) Math.clamp((scaled + HALF) >> 16, 0, 255);
  }
}
