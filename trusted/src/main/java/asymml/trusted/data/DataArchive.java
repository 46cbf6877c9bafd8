package asymml.trusted.data;

import java.io.Closeable;
import java.io.IOException;
import java.util.List;

/// The files of a data set where they do not lie on a disk in clear. Names are private, and so is
/// what is wrong with a file: what is thrown to the user names the archive alone.
public interface DataArchive extends Closeable {
  /// How to call the archive in errors.
  ///
  /// @return a file's name
  String name();

  /// The names of all files.
  ///
  /// @return relative paths with `/`
  List<String> names();

  /// The size of a file.
  ///
  /// @param name one of [#names]
  /// @return bytes
  long size(String name);

  /// Reads a file. Several threads may read at once.
  ///
  /// @param name one of [#names]
  /// @return its content, new
  /// @throws IOException one line that names the archive and no file in it
  byte[] read(String name) throws IOException;
}
