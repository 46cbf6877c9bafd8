package asymml.spark;

import asymml.trusted.data.DataLimits;
import asymml.trusted.data.Decoding;
import java.io.Serializable;
import org.jspecify.annotations.Nullable;

/// A [Decoding] as tasks carry it.
///
/// @param imagePixels the most pixels of an image
/// @param imageSize what images are scaled to, 0 for as they are
/// @param window of samples of 16 bits as `LOW:HIGH`; null where there is none
record ImageForm(int imagePixels, int imageSize, @Nullable String window) implements Serializable {
  private static final long serialVersionUID = 1;

  static ImageForm of(Decoding decoding) {
    return new ImageForm(
        decoding.limits().imagePixels(),
        decoding.imageSize(),
        decoding.window() == null ? null : decoding.window().toString());
  }

  Decoding decoding() {
    return new Decoding(
        new DataLimits(imagePixels),
        imageSize,
        Long.MAX_VALUE,
        window == null ? null : Decoding.Window.parse(window));
  }
}
