package asymml.spark;

import asymml.trusted.data.DataLimits;
import asymml.trusted.data.Decoding;
import java.io.Serializable;

/// A [Decoding] as tasks carry it.
///
/// @param imagePixels the most pixels of an image
/// @param imageSize what images are scaled to, 0 for as they are
/// @param low of the window of samples of 16 bits
/// @param high of that window; 0 where there is none
record FileForm(int imagePixels, int imageSize, int low, int high) implements Serializable {
  private static final long serialVersionUID = 1;

  static FileForm of(Decoding decoding) {
    Decoding.Window window = decoding.window();
    return new FileForm(
        decoding.limits().imagePixels(),
        decoding.imageSize(),
        window == null ? 0 : window.low(),
        window == null ? 0 : window.high());
  }

  Decoding decoding() {
    return new Decoding(
        new DataLimits(imagePixels),
        imageSize,
        Long.MAX_VALUE,
        high == 0 ? null : new Decoding.Window(low, high));
  }
}
