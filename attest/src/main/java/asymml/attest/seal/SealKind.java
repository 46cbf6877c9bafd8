package asymml.attest.seal;

import java.util.Arrays;
import java.util.Optional;

/// What was sealed.
public enum SealKind {
  /// One file.
  FILE(1),
  /// A folder with its files.
  TREE(2);

  private final int code;

  SealKind(int code) {
    this.code = code;
  }

  /// How headers write it.
  int code() {
    return code;
  }

  static Optional<SealKind> of(int code) {
    return Arrays.stream(values()).filter(kind -> kind.code == code).findFirst();
  }
}
