package asymml.interop;

import java.io.IOException;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Named arrays of a model file that may be damaged or hostile.
interface TensorFile extends AutoCloseable {
  /// The names of the arrays.
  Set<String> names();

  /// The axis lengths of an array.
  ///
  /// @return a new array
  int[] shape(String name);

  /// Reads an array.
  ///
  /// @return its values as float32, row-major
  /// @throws IOException one line, if they are no floating-point numbers or cannot be read
  float[] read(String name) throws IOException;

  /// The array that holds a parameter of the network that the file describes.
  ///
  /// @param parameter its name, as the import of the file's network calls it
  /// @return null if the file describes none, or none of this name
  default @Nullable String place(String parameter) {
    return null;
  }

  /// What the file says of itself.
  Map<String, String> metadata();

  @Override
  void close() throws IOException;
}
