package asymml.cli.options;

import picocli.CommandLine.Option;

/// In how many parts a worker gets the images of a batch.
public final class ChunkOptions {
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
}
