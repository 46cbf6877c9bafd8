package asymml.verify;

import asymml.attest.seal.DataKey;
import asymml.attest.seal.SealKind;
import asymml.attest.seal.SealedTree;
import asymml.attest.seal.SealedWriter;
import asymml.model.ClearStore;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Locale;

/// What sealing costs: processor time of one thread, median of five, of sealing and reading a large
/// file, and of writing the files of a run sealed and in clear.
///
/// Arguments: bytes of a checkpoint, bytes of a ledger.
public final class SealingCost {
  private static final int LARGE = 64 << 20;
  private static final int PART = 1 << 16;
  private static final int REPEATS = 5;
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private SealingCost() {}

  private interface Work {
    void run() throws IOException;
  }

  private static double millis(int times, Work work) throws IOException {
    for (int i = 0; i < 3 * times; i++) {
      work.run();
    }
    double[] millis = new double[REPEATS];
    for (int r = 0; r < REPEATS; r++) {
      long began = THREADS.getCurrentThreadCpuTime();
      for (int i = 0; i < times; i++) {
        work.run();
      }
      millis[r] = (THREADS.getCurrentThreadCpuTime() - began) / 1e6 / times;
    }
    Arrays.sort(millis);
    return millis[REPEATS / 2];
  }

  /// Measures in a temporary folder, and removes it.
  ///
  /// @param arguments bytes of a checkpoint, bytes of a ledger
  /// @throws IOException if files cannot be written
  public static void main(String[] arguments) throws IOException {
    SecureRandom random = new SecureRandom();
    Path folder = Files.createTempDirectory("sealing-cost");
    Path tree = Files.createDirectory(folder.resolve("tree"));
    Path large = tree.resolve("large");
    Path sealed = folder.resolve("sealed");
    byte[] bytes = new byte[LARGE];
    random.nextBytes(bytes);
    Files.write(large, bytes);
    try (DataKey key = DataKey.draw(random)) {
      double seal =
          millis(
              1,
              () -> {
                Files.deleteIfExists(sealed);
                SealedTree.seal(tree, sealed, key, random);
              });
      System.out.printf(Locale.ROOT, "seal      %.0f MB/s%n", LARGE / seal / 1e3);
      try (SealedTree opened = SealedTree.open(sealed, key)) {
        double read =
            millis(
                1,
                () -> {
                  for (long at = 0; at < LARGE; at += PART) {
                    opened.read("large", at, PART);
                  }
                });
        System.out.printf(Locale.ROOT, "read      %.0f MB/s%n", LARGE / read / 1e3);
      }
      for (String argument : arguments) {
        byte[] content = new byte[Integer.parseInt(argument)];
        Path file = folder.resolve("file");
        double hidden =
            millis(
                50,
                () -> {
                  try (SealedWriter out =
                      new SealedWriter(
                          file, key, random, SealKind.CHECKPOINT, content.length, new byte[16])) {
                    out.write(content);
                    out.finish();
                  }
                });
        double clear = millis(50, () -> ClearStore.CLEAR.replace(file, content));
        System.out.printf(
            Locale.ROOT, "%s bytes: sealed %.2f ms, in clear %.2f ms%n", argument, hidden, clear);
        Files.delete(file);
      }
    }
    for (Path each : new Path[] {sealed, large, tree, folder}) {
      Files.delete(each);
    }
  }
}
