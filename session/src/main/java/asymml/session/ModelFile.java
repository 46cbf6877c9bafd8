package asymml.session;

import asymml.interop.OnnxImport;
import asymml.model.Architecture;
import asymml.model.FileReason;
import asymml.model.ModelDescription;
import asymml.model.Zoo;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/// The setting `model`: a name of the zoo, a file that describes a network, or its description.
public final class ModelFile {
  private ModelFile() {}

  /// Reads the setting, and the file that it names.
  ///
  /// @param text a name, a path that ends in `.onnx`, `.yaml` or `.yml`, or a description
  /// @return the architecture
  /// @throws IllegalArgumentException one line, if it is none, or the file cannot be used
  public static Architecture architecture(String text) {
    if (text.contains("\n") || Zoo.names().contains(text)) {
      return Architecture.of(text);
    }
    String lower = text.toLowerCase(Locale.ROOT);
    try {
      if (lower.endsWith(".onnx")) {
        return Architecture.of(OnnxImport.read(Path.of(text)));
      }
      if (lower.endsWith(".yaml") || lower.endsWith(".yml")) {
        return Architecture.of(description(Path.of(text)));
      }
    } catch (IOException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
    throw new IllegalArgumentException(
        "'%s' is none of %s, and no .onnx or .yaml file"
            .formatted(text, String.join(", ", Zoo.names())));
  }

  private static ModelDescription description(Path file) throws IOException {
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new IOException("cannot read model file " + file + ": it is not a regular file");
    }
    byte[] bytes;
    try (InputStream in = Files.newInputStream(file)) {
      bytes = in.readNBytes(ModelDescription.MOST_CHARACTERS + 1);
    } catch (IOException e) {
      throw new IOException("cannot read model file " + file + ": " + FileReason.of(e), e);
    }
    try {
      return ModelDescription.parse(new String(bytes, StandardCharsets.UTF_8));
    } catch (IllegalArgumentException e) {
      throw new IOException("cannot use model file " + file + ": " + e.getMessage(), e);
    }
  }
}
