package asymml.trusted.data;

import asymml.trusted.data.format.ExifOrientation;
import java.util.Arrays;
import java.util.List;

/// What a JPEG file says of itself, by its own markers, and what a codec needs of it.
///
/// @param width in pixels, at least 1
/// @param height in pixels, at least 1
/// @param model how the samples of its components are colours
/// @param components how many it has: 1, 3 or 4
/// @param orientation how its pixels lie
/// @param stream the file without application data and comments, with components called 1, 2, 3
///   ...: tables, frame, scans and the end mark, in which a codec has nothing to guess
@SuppressWarnings("ArrayRecordComponent") // Handed on at once, never compared.
record JpegFrame(
    int width,
    int height,
    JpegColour model,
    int components,
    ExifOrientation orientation,
    byte[] stream) {
  /// Whether a file begins like a JPEG file.
  static boolean isJpeg(byte[] file) {
    return file.length >= 3
        && (file[0] & 0xFF) == 0xFF
        && (file[1] & 0xFF) == 0xD8
        && (file[2] & 0xFF) == 0xFF;
  }

  /// Reads the markers of a file.
  ///
  /// @param name how to call it in errors
  /// @param file that [#isJpeg]
  static JpegFrame parse(String name, byte[] file) throws DataException {
    return new JpegMarkers(name, file).parse();
  }

  /// A component of a frame.
  ///
  /// @param id as stored, 0 to 255
  /// @param horizontal sampling factor, 1 to 4
  /// @param vertical sampling factor, 1 to 4
  record Component(int id, int horizontal, int vertical) {}

  /// Whether components have the given names.
  static boolean areCalled(List<Component> components, int... ids) {
    return Arrays.equals(components.stream().mapToInt(Component::id).toArray(), ids);
  }
}
