package asymml.cli.options;

import picocli.CommandLine.Option;

/// In how many parts a worker gets the images of a batch.
public final class ChunkOptions {
  private static final int MOST = 16;

  @Option(
      names = "--chunks",
      paramLabel = "N",
      defaultValue = "1",
      description =
          "A worker gets its images of a batch in so many parts, and computes on one while the next"
              + " is made ready: of use where it would wait, or the line to it is slow (default:"
              + " ${DEFAULT-VALUE}).")
  private int chunks;

  /// The number of parts.
  public int number() {
    return chunks;
  }

  /// Checks the number.
  ///
  /// @param shares whether values leave under masks
  /// @throws IllegalArgumentException with the rule that it breaks
  public void check(boolean shares) {
    if (chunks < 1 || chunks > MOST) {
      throw new IllegalArgumentException("--chunks must be 1 to " + MOST + ": " + chunks);
    }
    if (shares && chunks > 1) {
      throw new IllegalArgumentException(
          "--chunks does not go with --shield shares: masks are made for a whole batch");
    }
  }
}
