package asymml.attest.source;

import asymml.attest.EvidenceException;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/// The kernel's file interface to the TEE of a confidential VM (Linux 6.7 and later,
/// `Documentation/ABI/testing/configfs-tsm-report`), which needs root.
public final class ConfigfsTsm implements EvidenceSource {
  private static final int REPORT_DATA = 64;
  private static final Set<String> PROVIDERS = Set.of("tdx_guest", "sev_guest");
  private static final long POLL_MILLIS = 10;
  private static final long APPEARS_MILLIS = 1000;

  private final Path reports;
  private final Duration deadline;

  /// In a file tree.
  ///
  /// @param root of the file tree, `/` but in tests
  /// @param deadline how long to wait for an answer in all
  public ConfigfsTsm(Path root, Duration deadline) {
    reports = root.resolve("sys/kernel/config/tsm/report");
    this.deadline = deadline;
  }

  /// Whether the kernel offers it.
  ///
  /// @return true if its folder is there
  public boolean isPresent() {
    return Files.isDirectory(reports);
  }

  @Override
  public String description() {
    return "configfs-tsm (" + reports + ")";
  }

  @Override
  public RawEvidence get(byte[] reportData)
      throws IOException, EvidenceException, InterruptedException {
    if (reportData.length != REPORT_DATA) {
      throw new IllegalArgumentException("report data has 64 bytes: " + reportData.length);
    }
    byte[] data = reportData.clone();
    return TimeLimit.ask(deadline, reports.toString(), () -> ask(data));
  }

  private RawEvidence ask(byte[] reportData)
      throws IOException, EvidenceException, InterruptedException {
    Path entry = reports.resolve("asymml-" + UUID.randomUUID());
    try {
      Files.createDirectory(entry);
    } catch (NoSuchFileException e) {
      throw new FileSystemException(
          reports.toString(),
          null,
          "no such folder: mount configfs (mount -t configfs none /sys/kernel/config)");
    } catch (AccessDeniedException e) {
      throw e;
    } catch (FileSystemException e) {
      throw new FileSystemException(
          entry.toString(),
          null,
          "cannot be made: %s (the kernel has no driver of a TEE)".formatted(e.getReason()));
    }
    // Removed on every path; attributes go with their folder.
    try (Closeable _ = () -> Files.delete(entry)) {
      return exchange(entry, reportData);
    }
  }

  private RawEvidence exchange(Path entry, byte[] reportData)
      throws IOException, EvidenceException, InterruptedException {
    Path generation = entry.resolve("generation");
    appears(generation);
    String provider = text(entry.resolve("provider"));
    if (!PROVIDERS.contains(provider)) {
      throw new EvidenceException(
          "%s names the provider '%s', expected tdx_guest or sev_guest"
              .formatted(entry.resolve("provider"), provider));
    }
    long first = number(generation);
    // Opened for writing alone: an attribute is neither made nor cut.
    write(entry.resolve("inblob"), reportData);
    byte[] evidence = retried(entry.resolve("outblob"));
    unchanged(generation, first);
    if (evidence.length == 0) {
      throw new EvidenceException(
          entry.resolve("outblob") + " is empty: the host's quoting service cannot be reached");
    }
    byte[] certificates = new byte[0];
    if (Files.exists(entry.resolve("auxblob"))) {
      certificates = retried(entry.resolve("auxblob"));
      unchanged(generation, first);
    }
    return new RawEvidence(provider, evidence, certificates);
  }

  private static void appears(Path file) throws IOException, InterruptedException {
    for (long waited = 0; !Files.exists(file); waited += POLL_MILLIS) {
      if (waited >= APPEARS_MILLIS) {
        throw new FileSystemException(
            file.toString(), null, "does not appear: its folder is none of configfs");
      }
      TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
    }
  }

  /// Somebody else who writes to the entry could put other data under our name.
  private static void unchanged(Path generation, long first) throws IOException, EvidenceException {
    long now = number(generation);
    if (now != first + 1) {
      throw new EvidenceException(
          "%s is %s, expected %s: somebody else wrote to it, so the evidence is discarded"
              .formatted(generation, now, first + 1));
    }
  }

  private static String text(Path file) throws IOException {
    return new String(BoundedFile.read(file), StandardCharsets.US_ASCII).strip();
  }

  private static long number(Path file) throws IOException, EvidenceException {
    String text = text(file);
    if (!text.matches("[0-9]{1,18}")) {
      throw new EvidenceException("%s is no number: '%s'".formatted(file, text));
    }
    return Long.parseLong(text);
  }

  private static boolean isBusy(IOException e) {
    return String.valueOf(e.getMessage()).contains("busy");
  }

  private void write(Path file, byte[] data) throws IOException, InterruptedException {
    while (true) {
      try (OutputStream out = Files.newOutputStream(file, StandardOpenOption.WRITE)) {
        out.write(data);
        return;
      } catch (IOException e) {
        refusedUnlessBusy(e);
      }
    }
  }

  private byte[] retried(Path file) throws IOException, InterruptedException {
    while (true) {
      try {
        return BoundedFile.read(file);
      } catch (IOException e) {
        refusedUnlessBusy(e);
      }
    }
  }

  /// Hosts limit the rate: waits, within the deadline of the caller.
  private static void refusedUnlessBusy(IOException e) throws IOException, InterruptedException {
    if (!isBusy(e)) {
      throw e;
    }
    TimeUnit.MILLISECONDS.sleep(10 * POLL_MILLIS);
  }
}
